"""A headless Chromium for the tests of the built pages.

A test module uses it by `from browser import browser, page  # noqa: F401`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lib.one_page import BROWSERS

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOCAL = ("file:", "data:", "blob:", "about:")


def chromium() -> str:
    """The path of the browser. Without one the test is skipped; in continuous integration (variable CI) it fails."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        complain = pytest.fail if os.environ.get("CI") else pytest.skip
        complain(f"no browser: none of {', '.join(BROWSERS)} is installed (on Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: it ends with it, since its event loop would be in the way of the notebooks' kernels."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A fresh page, 1280 pixels wide, watched as below."""
    with watched(browser) as page:
        yield page


@contextmanager
def watched(browser: Browser, **options) -> Iterator[Page]:
    """A page with options of `Browser.new_context`, such as `has_touch=True` or `viewport={"width": 360, "height": 640}`.

    At the end, AssertionError if anything was written to the console as an error, thrown and not caught, or requested from
    elsewhere than this disk.
    """
    context = browser.new_context(**options)
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(error.message))
    context.on("request", lambda r: None if r.url.startswith(LOCAL) else problems.append(f"it asks for {r.url}"))
    yield page
    context.close()
    assert not problems, f"the page has problems: {problems}"
