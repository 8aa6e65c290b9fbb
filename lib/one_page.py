"""The whole book as one page, for printing and for reading in one go, and as a PDF file printed from it by Chromium."""

import os
import posixpath
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from lib.errors import UserError

NAME = "whole-book.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Links to one's own place; what is too long for paper; filters that would hide rows.
ONLY_ON_SCREEN = "a.headerlink, .api-source, details.origin, .dashboard > form, .dashboard > script"


class PrintError(UserError):
    """The PDF file cannot be made; the message says what is missing."""


def write(html: Path, pages: list[Path]) -> Path:
    """Write `whole-book.html` beside the built pages, given as paths relative to the folder `html`, in their order."""
    names = [page.as_posix() for page in pages]
    soups = {name: BeautifulSoup((html / name).read_text(), "html.parser") for name in names}
    articles = {name: soup.select_one("article.bd-article") for name, soup in soups.items()}
    ids = Counter(tag["id"] for article in articles.values() for tag in article.select("[id]"))

    def anchor(name: str, fragment: str) -> str:
        """The id in the one page of what has the id `fragment` in a page; of the page itself where that is empty."""
        if fragment and ids[fragment] == 1:
            return fragment
        return "--".join(filter(None, (name.removesuffix(".html").replace("/", "-"), fragment)))

    for name, article in articles.items():
        article["id"] = anchor(name, "")
        for tag in article.select(ONLY_ON_SCREEN):
            tag.decompose()
        for tag in article.select("details"):
            tag["open"] = ""
        taken = {article["id"]}
        for tag in article.select("[id]"):  # the article itself is not among them
            tag["id"] = anchor(name, tag["id"])
            if tag["id"] in taken:  # sphinx-exercise gives the contents of all exercises of a page one id
                del tag["id"]
            else:
                taken.add(tag["id"])
        for tag in article.select("[href], [src]"):
            _redirect(tag, name, articles, anchor)

    first = soups[names[0]]
    title = first.select_one("title").text.partition(" — ")[2]
    for tag in (styles := first.head.select("link[rel=stylesheet]")):
        _redirect(tag, names[0], articles, anchor)
    contents = "".join(f'<li><a href="#{anchor(n, "")}">{_title(article)}</a></li>' for n, article in articles.items())
    (html / NAME).write_text(
        f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{"".join(map(str, styles))}
</head>
<body class="one-page">
<main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<header><h1>{title}</h1><nav aria-label="Contents"><ol>{contents}</ol></nav></header>
{"".join(map(str, articles.values()))}
</div></div></main>
</body>
</html>
"""
    )
    return html / NAME


def _title(article: Tag) -> str:
    return article.select_one("h1").decode_contents()


def _redirect(tag: Tag, name: str, articles: dict[str, Tag], anchor) -> None:
    """Make a link or a source that is relative to the page `name` one of the one page, which stands at the top."""
    key = "href" if "href" in tag.attrs else "src"
    parts = urlsplit(tag[key])
    if parts.scheme or parts.netloc:
        return
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), parts.path)) if parts.path else name
    if target in articles:
        tag[key] = f"#{anchor(target, parts.fragment)}"
    else:
        tag[key] = parts._replace(path=target).geturl()


def pdf(html: Path, path: Path) -> Path:
    """Print the one page to a file. Raises PrintError where there is no page, or no Chromium or Chrome."""
    if not (html / NAME).is_file():
        raise PrintError(f"there is no {html / NAME} to print; build the book first, with `make book`")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        raise PrintError(
            f"printing needs a browser, and none of {', '.join(BROWSERS)} is installed (on Debian: apt-get install chromium). "
            f"Or open {html / NAME} in any other, and print it to a file"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-pdf-header-footer"]
        options += ["--generate-pdf-document-outline", f"--user-data-dir={profile}", f"--print-to-pdf={path}"]
        if os.geteuid() == 0:  # in a container; Chromium refuses to sandbox itself for root
            options.append("--no-sandbox")
        command = [browser, *options, (html / NAME).as_uri()]
        done = subprocess.run(command, capture_output=True, text=True)
    if not path.is_file():
        raise PrintError(f"{browser} has not written {path}:\n{done.stderr}")
    return path
