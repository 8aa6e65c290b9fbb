"""The built pages in a real browser: offline, in light and dark, on a phone, by keyboard, on paper, and accessible."""

import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, page, watched  # noqa: F401
from bs4 import BeautifulSoup

from lib import book, one_page

PAGES = [path.relative_to(book.ROOT).with_suffix(".html").as_posix() for path in book.pages()]
EVERY_PAGE = [*PAGES, "genindex.html", "search.html", one_page.NAME]
SCREENS = {
    "desk-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 360, "height": 640}, "color_scheme": "dark", "has_touch": True},
}
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    # Both are about the roles that docutils gives a bibliography and its entries, which do no harm.
    "rules": {"aria-deprecated-role": {"enabled": False}, "aria-required-children": {"enabled": False}},
    "resultTypes": ["violations"],
    "preload": False,  # of style sheets, which a page on a disk may not read
}
# What is built alike in places alike, such as rows of a table, is alike: all but the first of each kind leave the page, or the
# contrast of every word, and a way by keyboard through every link, would take minutes.
THIN_OUT = """() => {
    const seen = new Set(), own = e => `${e.tagName} ${e.className} ${e.getAttributeNames()} ${Boolean(e.textContent.trim())}`;
    const kept = "img, canvas, input, select, button, summary, dt, dd";
    const whole = "button, select, summary, svg, .cell_output:has(canvas)";
    const shape = e => e.tagName == "math" ? "math" : `${own(e)} (${[...new Set([...e.children].map(shape))]})`;
    const thin_out = (element, place) => {
        for (const child of [...element.children]) {
            const kind = `${place} > ${shape(child)}`;
            const stays = child.matches(`:is(${kept}), :has(${kept})`);
            if (seen.has(kind) && !stays) child.remove();
            else if (!child.matches(whole)) thin_out(child, `${place} > ${own(child)}`);
            seen.add(kind);
        }
    };
    thin_out(document.body, "");
}"""
FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']"


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The pages of the notebooks as they are, with their stored outputs."""
    root = tmp_path_factory.mktemp("book")
    book.copy_sources(root)
    return book.render(root).parent


@pytest.fixture(scope="module")
def soups(html):
    names = [path.relative_to(html).as_posix() for path in html.rglob("*.html") if "_static" not in path.parts]
    return {name: BeautifulSoup((html / name).read_text(), "html.parser") for name in names}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_asks_for_nothing_and_fits_the_screen(browser, html, name, screen):  # noqa: F811
    with watched(browser, **SCREENS[screen]) as page:  # noqa: F811
        page.goto((html / name).as_uri())
        width = SCREENS[screen]["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, too_wide(page, width)
        if name != one_page.NAME:
            assert page.evaluate("document.documentElement.dataset.theme") == SCREENS[screen]["color_scheme"]


def too_wide(page, width):  # noqa: F811
    """The elements that reach beyond the screen and do not scroll by themselves, the inmost first."""
    script = """width => [...document.querySelectorAll("body *")]
        .filter(e => e.getBoundingClientRect().right > width && !e.closest(".pst-scrollable-table-container, pre"))
        .map(e => e.outerHTML.slice(0, 200)).reverse().slice(0, 5)"""
    return "\n".join(page.evaluate(script, width))


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(browser, html, name, screen):  # noqa: F811
    """Alternative texts, names of controls, contrast (WCAG 2.1 AA)."""
    with watched(browser, **SCREENS[screen]) as page:  # noqa: F811
        page.goto((html / name).as_uri())
        page.evaluate(THIN_OUT)
        found = Axe().run(page, options=AXE).response["violations"]
        nodes = [f"{rule['id']}: {node['html'][:200]}\n{node['failureSummary']}" for rule in found for node in rule["nodes"]]
        assert not nodes, "\n".join(nodes[:10])


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(page, html, name):  # noqa: F811
    page.goto((html / name).as_uri())
    page.evaluate(THIN_OUT)
    # The list of contents unfolds where the reader is, while the test runs; unfolded from the start, it is as any other list.
    page.add_style_tag(content=".page-toc ul { display: block !important }")
    page.evaluate(f"""() => {{
        window.expected = new Set([...document.querySelectorAll("{FOCUSABLE}")].filter(
            e => e.tabIndex >= 0 && e.checkVisibility({{visibilityProperty: true}}) && !e.disabled));
        window.expected.forEach(e => e.type == "radio" && !e.checked && window.expected.delete(e));
        window.unmarked = [];
        document.addEventListener("focusin", event => {{
            const style = getComputedStyle(event.target);
            if (style.outlineStyle == "none" && style.boxShadow == "none") unmarked.push(event.target.outerHTML);
            window.expected.delete(event.target);
        }});
    }}""")
    for _ in range(page.evaluate("window.expected.size") + 20):
        page.keyboard.press("Tab")
    # Boxes that no longer scroll are no controls.
    missed = "[...window.expected].filter(e => e.tabIndex >= 0 && e.checkVisibility()).map(e => e.outerHTML)"
    assert page.evaluate(missed) == []
    assert page.evaluate("window.unmarked") == []


SLIDERS = {  # page: a slider on it, and what says its value beside it
    "book/04-depth.html": (".depth-explorer input[type=range]", ".depth-explorer output"),
    "book/06-corruptions.html": (".severities input[type=range]", ".severities output"),
    "book/08-activations.html": (".film input[type=range]", ".film-epoch"),
}


@pytest.mark.parametrize("name", SLIDERS)
def test_a_slider_moves_by_keyboard_mouse_and_touch(browser, html, name):  # noqa: F811
    slider, value = SLIDERS[name]
    with watched(browser, viewport={"width": 360, "height": 640}, has_touch=True) as page:  # noqa: F811
        page.goto((html / name).as_uri())
        control, shown = page.locator(slider).first, page.locator(value).first
        control.scroll_into_view_if_needed()
        control.focus()
        said = [shown.inner_text()]
        for key in ("End", "ArrowLeft", "Home"):
            page.keyboard.press(key)
            said.append(shown.inner_text())
        assert len(set(said[1:])) == 3
        box = control.bounding_box()
        middle, end = ((box["x"] + part * box["width"], box["y"] + box["height"] / 2) for part in (0.5, 0.9))
        page.touchscreen.tap(*middle)
        said.append(shown.inner_text())
        page.mouse.click(*end)
        said.append(shown.inner_text())
        assert len(set(said[3:])) == 3


def test_the_claims_are_filtered_by_touch_on_a_phone(browser, html):  # noqa: F811
    with watched(browser, viewport={"width": 360, "height": 640}, has_touch=True) as page:  # noqa: F811
        page.goto((html / "book" / "claims.html").as_uri())
        words, count = page.locator(".dashboard input[name=words]"), page.locator(".dashboard output")
        rows = page.locator(".dashboard tbody tr")

        def shown():
            said, every = map(int, re.findall(r"\d+", count.inner_text()))
            assert rows.locator("visible=true").count() == said and every == rows.count()
            return said

        headlines = shown()
        words.tap()
        page.keyboard.type("BIM-linf")
        few = shown()
        page.locator(".dashboard select[name=show]").select_option("all statements")
        assert 0 < few < headlines < rows.count() > shown() > few
        page.locator(".dashboard button").tap()
        page.wait_for_function(f"document.querySelector('.dashboard output').textContent.startsWith('{rows.count()} of')")
        assert shown() == rows.count()


def test_the_claims_are_all_there_without_scripts_and_on_the_one_page(browser, html):  # noqa: F811
    for name, scripts in (("book/claims.html", False), (one_page.NAME, True)):
        with watched(browser, java_script_enabled=scripts) as page:  # noqa: F811
            page.goto((html / name).as_uri())
            rows = page.locator(".dashboard tbody tr")
            marked = rows.locator("visible=true").filter(has_text="headline claim").count()
            assert 0 < marked < rows.count() == rows.locator("visible=true").count()
            assert not page.locator(".dashboard form:visible").count()


def test_the_search_finds_a_page_without_a_server(page, html):  # noqa: F811
    page.goto((html / "search.html").as_uri() + "?q=Simon-Gabriel")
    found = page.locator("#search-results li a").first
    found.wait_for()
    links = page.locator("#search-results li a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert any(link.startswith("book/05-input-dimension.html") for link in links)


def test_every_link_within_the_book_leads_somewhere(html, soups):
    ids = {name: {tag["id"] for tag in soup.select("[id]")} for name, soup in soups.items()}
    broken = []
    for name, soup in soups.items():
        for link in soup.select("a[href], img[src], link[href], script[src]"):
            parts = urlsplit(link.get("href") or link.get("src"))
            if parts.scheme or parts.netloc:
                continue
            target = (html / name).parent / unquote(parts.path) if parts.path else html / name
            target = target.resolve()
            known = ids.get(target.relative_to(html.resolve()).as_posix()) if target.suffix == ".html" else None
            if not target.exists() or (parts.fragment and known is not None and unquote(parts.fragment) not in known):
                broken.append(f"{name}: {link}")
    assert not broken, "\n".join(broken[:10])


def test_every_picture_says_what_it_shows(soups):
    pictures = [(name, image) for name, soup in soups.items() for image in soup.select("article img")]
    assert pictures
    for name, image in pictures:
        assert len(image.get("alt", "")) > 20 and "/" not in image["alt"], (name, image["alt"])


def test_the_one_page_holds_every_page_once(soups):
    ids = Counter(tag["id"] for tag in soups[one_page.NAME].select("[id]"))
    assert max(ids.values()) == 1
    assert len(soups[one_page.NAME].select("article")) == len(PAGES)
    assert len(soups[one_page.NAME].select("article figure")) == sum(
        len(soups[name].select("article figure")) for name in PAGES
    )
    assert not soups[one_page.NAME].select("article details:not([open])")


def test_a_book_that_is_not_built_is_not_printed(tmp_path):
    with pytest.raises(one_page.PrintError, match="make book"):
        one_page.pdf(tmp_path, tmp_path / "book.pdf")


def test_printing_without_a_browser_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / one_page.NAME).touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(one_page.PrintError, match="apt-get install chromium"):
        one_page.pdf(tmp_path, tmp_path / "book.pdf")


def test_a_page_is_printed(browser, tmp_path):  # noqa: F811
    (tmp_path / one_page.NAME).write_text("<title>A book</title><h1>Chapter</h1>")
    assert one_page.pdf(tmp_path, tmp_path / "paper" / "book.pdf").read_bytes().startswith(b"%PDF")
