"""The rows as a table of the book that a small script filters, and as text."""

from html import escape

from lib.dashboard.rows import BEYOND, INCONCLUSIVE, PAPER, TABLE, UNCOVERED, Found, Row
from lib.table import unbroken
from lib.verdicts import DIRECTION, NOT_REPRODUCED, REPRODUCED

# Beside the words, never in their place.
SYMBOLS = {REPRODUCED: "●", DIRECTION: "◐", "reproduced in part": "◐", NOT_REPRODUCED: "✕", INCONCLUSIVE: "?"}
KINDS = {
    PAPER: "claims of the paper",
    BEYOND: "statements beyond it",
    TABLE: "whole tables",
    UNCOVERED: "not covered",
}
SCRIPT = "../_static/claims.js"
SHOW = (
    '<label>Show <select name="show"><option value="headlines">headline claims</option>'
    '<option value="" selected>all statements</option></select></label>'
)


class Dashboard:
    """All rows: in a page as one table with filters, which is complete without them; in a terminal as text."""

    def __init__(self, rows: list[Row]):
        self.rows = rows
        self.scales = list(dict.fromkeys(scale for row in rows for scale in row.found))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": self.html(), "text/plain": f"{len(self.rows)} rows; as text: python -m lib claims"}

    def html(self) -> str:
        """Without blank lines, so that it may stand in Markdown."""
        heads = ["What is claimed, where", "Paper", *(f"Ours, {scale} scale" for scale in self.scales)]
        lines = ['<div class="dashboard">', self._filters()]
        lines += ['<div class="dashboard-box" role="region" aria-label="All claims" tabindex="0">', '<table role="table">']
        lines += ['<thead role="rowgroup">', f'<tr role="row">{"".join(_cell(h, "th", "columnheader") for h in heads)}</tr>']
        lines += ["</thead>", '<tbody role="rowgroup">', *(self._row(row, heads) for row in self.rows), "</tbody>", "</table>"]
        return "\n".join([*lines, "</div>", f'<script src="{SCRIPT}"></script>', "</div>"])

    def _filters(self) -> str:
        """Hidden until the script shows them: without it they would do nothing. As they are here, they show all rows."""
        chapters = list(dict.fromkeys(row.chapter for row in self.rows if row.chapter))
        selects = [SHOW, _select("chapter", "Chapter", {chapter: _title(chapter) for chapter in chapters})]
        selects += [_select("kind", "Kind", {kind: KINDS[kind] for kind in dict.fromkeys(row.kind for row in self.rows)})]
        for scale in self.scales:
            verdicts = dict.fromkeys(row.found[scale].kind for row in self.rows if scale in row.found)
            selects.append(_select(scale, f"Verdict, {scale} scale", {verdict: verdict for verdict in verdicts}))
        text = '<label>Words <input type="search" name="words"></label>'
        ends = '<button type="reset">Show all</button><output aria-live="polite"></output>'
        return f'<form class="dashboard-filters" autocomplete="off" hidden>{"".join(selects)}{text}{ends}</form>'

    def _row(self, row: Row, heads: list[str]) -> str:
        cells = [_cell(_claim(row), "th", "rowheader", heads[0]), _cell(escape(unbroken(row.paper)), label=heads[1])]
        if row.kind == UNCOVERED:
            reason = f"{_verdict(UNCOVERED)}: {escape(row.reason)}"
            cells.append(_cell(reason, label="Ours", span=len(self.scales)))
        else:
            cells += [_cell(_found(row.found[scale]), label=label) for scale, label in zip(self.scales, heads[2:], strict=True)]
        data = {"show": "headlines"} if row.headline else {}
        data |= {"chapter": row.chapter, "kind": row.kind} | {scale: found.kind for scale, found in row.found.items()}
        attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
        return f'<tr role="row" id="{row.anchor}"{attributes}>{"".join(cells)}</tr>'

    def text(self) -> str:
        """For a terminal: a paragraph a row, under the heading of its chapter; a headline has a star."""
        lines, chapter = [], None
        for row in self.rows:
            if row.chapter != chapter:
                chapter = row.chapter
                lines += ["", _title(chapter) if chapter else "not covered", ""]
            star = "*" if row.headline else " "
            lines.append(f"{star} {row.subject}: {row.text} ({row.source})" + (f": {row.paper}" if row.paper != "–" else ""))
            lines += [f"      {row.reason}"] if row.reason else []
            for scale, found in row.found.items():
                lines.append(f"      {scale} scale: {' – '.join([found.verdict, *_details(found)])}")
            lines += [f"      {command}" for command in row.commands]
        return "\n".join(lines).lstrip("\n")


def _title(chapter: str) -> str:
    """`05 input dimension`"""
    return chapter.replace("-", " ")


def _details(found: Found) -> list[str]:
    """What stands behind a verdict, where anything was run."""
    seeds = f"{found.seeds} {'seed' if found.seeds == 1 else 'seeds'}"
    return [part for part in (found.ours, seeds, found.device) if part != "–"] if found.seeds else []


def _claim(row: Row) -> str:
    """What is claimed about what and where, with the row's own address, the chapter and the command that computes it once more."""
    chapter = f' · <a href="{row.chapter}.html">{escape(_title(row.chapter))}</a>' if row.chapter else ""
    anchor = f'<a class="anchor" href="#{row.anchor}" aria-label="Link to this claim">#</a>'
    commands = "<br>".join(f"<code>{escape(command)}</code>" for command in row.commands)
    again = f"<details><summary>command</summary>{commands}</details>" if commands else ""
    claim = escape(f"{row.subject}: {row.text}")
    headline = "<strong>headline claim</strong> · " if row.headline else ""
    return f'{claim} {anchor}<div class="source">{headline}{escape(row.source)}{chapter}</div>{again}'


def _found(found: Found) -> str:
    details = escape(unbroken(", ".join(_details(found))))
    return _verdict(found.verdict, found.kind) + (f"<div>{details}</div>" if details else "")


def _verdict(words: str, kind: str = "") -> str:
    symbol = f'<span aria-hidden="true">{SYMBOLS.get(kind, "–")}</span> '
    return f'<span class="verdict">{symbol}{escape(words)}</span>'


def _cell(content: str, tag: str = "td", role: str = "cell", label: str = "", span: int = 1) -> str:
    scope = {"columnheader": ' scope="col"', "rowheader": ' scope="row"'}.get(role, "")
    extra = (f' data-label="{escape(label)}"' if label else "") + (f' colspan="{span}"' if span > 1 else "")
    return f'<{tag} role="{role}"{scope}{extra}>{content}</{tag}>'


def _select(name: str, label: str, options: dict[str, str]) -> str:
    listed = "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in options.items())
    return f'<label>{escape(label)} <select name="{name}"><option value="">all</option>{listed}</select></label>'
