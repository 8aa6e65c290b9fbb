"""The numbers the paper reports: every table cell and every number in its prose, with their printed digits.

They are kept in `paper_results.jsonl`, one a line: `table` ("6", or "prose"), `row` and `column` that say which, `value`
and `error` (the printed ±) as printed, `unit`, and `status`: "as_printed"; "read_from_figure", off the colours of a map, with the
error of reading; or what had to be restored where the text extraction of the paper lost something, with a `note`.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reported:
    """A number of the paper: `value` ± `error`, None where none is printed, in `unit`; `printed` as the reader sees it.

    The paper calls its ± the standard error of the mean (section 3).
    """

    value: float
    error: float | None
    unit: str
    printed: str


@functools.cache
def _records() -> list[dict]:
    lines = Path(__file__).with_name("paper_results.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def reported(table: str, column: str, **row) -> Reported:
    """The one number in `column` of `table` ("6", "11", …, "prose") whose row has these entries.

    Raises KeyError when there is none (or it did not survive the extraction of the text), ValueError when several match.
    """
    found = [
        r
        for r in _records()
        if r["table"] == table and r["column"] == column and row.items() <= r["row"].items() and r["value"] is not None
    ]
    if len(found) != 1:
        error = ValueError if found else KeyError
        raise error(f"{len(found)} numbers of the paper match table {table!r}, column {column!r}, row {row}")
    value, error = found[0]["value"], found[0]["error"]
    return Reported(
        float(value),
        None if error is None else float(error),
        found[0]["unit"],
        value if error is None else f"{value} ± {error}",
    )


def stated(claim: str) -> Reported:
    """A number of the paper's prose, by the claim it belongs to."""
    return reported("prose", "value", claim=claim)
