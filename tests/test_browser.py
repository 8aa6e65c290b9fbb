"""A watched page notices what it is there to notice."""

import pytest
from browser import browser, chromium, page, watched  # noqa: F401


def test_a_quiet_page_passes(page):
    page.goto("data:text/html,<title>quiet</title><script>console.log('hello'); console.warn('there')</script>")
    assert page.title() == "quiet"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('wrong')", "wrong"),
        ("console.error('Got invalid theme mode: blue')", "blue"),
        ("null.x", "null"),
        ("new Image().src = 'http://127.0.0.1:9/picture'", "it asks for http://127.0.0.1:9/picture"),
    ],
)
def test_errors_and_requests_fail(browser, script, complaint):
    with pytest.raises(AssertionError, match=complaint), watched(browser) as page:
        page.goto(f"data:text/html,<script>{script}</script>")


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_without_a_browser(ci, outcome, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install chromium"):
        chromium()
