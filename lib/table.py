"""Tables that a book can number and refer to, live Jupyter can show and a terminal can print."""

import math
from dataclasses import dataclass

import pandas as pd

from lib import origin
from lib.verdicts import Estimate


def number(estimate: Estimate) -> str:
    """Mean ± standard error of the mean, to the first digit of the error; – where nothing was run."""
    if estimate.n == 0:
        return "–"
    if estimate.n == 1:
        return f"{estimate.mean:.2f}"
    decimals = min(4, max(0, -math.floor(math.log10(estimate.sem)))) if estimate.sem > 0 else 2
    mean = round(estimate.mean, decimals) + 0.0  # no minus before a zero
    return f"{mean:.{decimals}f} ± {estimate.sem:.{decimals}f}"


@dataclass
class Table:
    """A table for the book (numbered, cross-referenced by `name`), for live Jupyter, and for plain text.

    `results` are the rows of the results frame that it was made from: where they come from folds out below it, but not in
    plain text, which tests compare. `css_class` names a style of the book's style sheet.
    """

    name: str
    caption: str
    rows: pd.DataFrame
    css_class: str = ""
    results: pd.DataFrame | None = None

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": self.markdown(), "text/html": self.html(), "text/plain": self.plain()}

    def markdown(self) -> str:
        lines = [f":::{{list-table}} {self.caption}", f":name: {self.name}", ":header-rows: 1"]
        lines += [f":class: {self.css_class}", ""] if self.css_class else [""]
        for cells in [list(self.rows.columns), *self.rows.itertuples(index=False)]:
            lines += [f"{'*' if i == 0 else ' '} - {unbroken(str(cell))}" for i, cell in enumerate(cells)]
        return "\n".join([*lines, ":::", *(["", self.origin()] if self.origin() else [])])

    def html(self) -> str:
        return f"<p>{self.caption}</p>" + self.rows.to_html(index=False) + self.origin()

    def origin(self) -> str:
        """Where the numbers come from, as HTML; empty where they come from no records."""
        return "" if self.results is None or self.results.empty else origin.html(origin.table(self.results))

    def plain(self) -> str:
        return f"{self.caption}\n\n{self.rows.to_string(index=False)}"


def unbroken(cell: str) -> str:
    """With spaces at which no line breaks where a number or a setting would be torn apart."""
    for mark in (" ± ", " = ", " px", "ours, "):
        cell = cell.replace(mark, mark.replace(" ", "\N{NO-BREAK SPACE}"))
    return cell
