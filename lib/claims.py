"""The paper's claims, sentence by sentence, each with how it is measured and the rule that judges it.

A claim is measured by a function of `get(metric, arm)`, which gives one value a seed of the networks with the settings
of `arm`. Verdicts follow from `lib.verdicts` alone. Each chapter's claims stand in a module of its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lib import report, verdicts
from lib.paper import Reported
from lib.report import Measure
from lib.verdicts import Estimate


@dataclass(frozen=True)
class Claim:
    """`text` says it in our words, `source` where the paper does; `measure` gives one value a seed.

    `judge` takes (values, scale) and returns the verdict; `paper` is the paper's own number as shown.
    """

    text: str
    source: str
    paper: str
    measure: Measure
    judge: Callable[[pd.Series, str], str]


def judged(claim: Claim, results: pd.DataFrame, scale: str) -> tuple[Estimate, str]:
    """What was found at a scale, and the verdict on the claim."""
    was_run = len(results) and scale in report.scales_of(results)
    found = report.measured(claim.measure, results, scale) if was_run else pd.Series(dtype=float)
    return Estimate.of(found), claim.judge(found, scale)


class Folded(report.Table):
    """Claims of which nothing was run: folded below a line that says so."""

    @property
    def title(self) -> str:
        return f"{len(self.rows)} statements, not run so far"

    def markdown(self) -> str:
        return f"::::{{admonition}} {{numref}}`{self.name}`: {self.title}\n:class: dropdown\n\n{super().markdown()}\n::::"

    def html(self) -> str:
        return f"<details><summary>{self.title}</summary>{super().html()}</details>"


def table(claims: list[Claim], results: pd.DataFrame, name: str, caption: str) -> report.Table:
    """Every claim with the paper's number, ours and the verdict at each scale that was run."""
    rows, values = [], 0
    for claim in claims:
        row = {"claim": f"{claim.text} ({claim.source})", "paper": claim.paper}
        for scale in report.scales_of(results):
            found, verdict = judged(claim, results, scale)
            row |= {f"ours, {scale}": report.number(found), f"verdict, {scale}": verdict}
            values += found.n
        rows.append(row)
    arms = report.arms(claim.measure for claim in claims) if values else []
    caption = f"{caption} Ours – {report.sources(results, arms)}."
    kind = report.Table if values else Folded
    return kind(name, caption, pd.DataFrame(rows), "claims", report.rows_of(results, arms))


def effect(paper: Reported) -> dict:
    return {"paper": paper.printed, "judge": lambda found, scale: verdicts.of_effect(found, paper, scale)}


def direction(paper: Reported) -> dict:
    """For an effect that the paper measured in another way: its sign alone is judged, at every scale."""

    def judge(found: pd.Series, scale: str) -> str:
        verdict = verdicts.of_effect(found, paper, scale)
        return verdicts.DIRECTION if verdict == verdicts.REPRODUCED else verdict

    return {"paper": paper.printed, "judge": judge}


def positive(paper: str = "positive") -> dict:
    """For an effect without a number of the paper's, of which it says (shown as `paper`) that it is positive."""
    return direction(Reported(1.0, None, "", paper))


def negative(paper: str = "negative") -> dict:
    return direction(Reported(-1.0, None, "", paper))


def number(paper: Reported) -> dict:
    return {"paper": paper.printed, "judge": lambda found, scale: verdicts.of_number(found, paper, scale)}


def equality(paper: str, target: float, margin: float) -> dict:
    shown = f"{paper} (judged: {target:g} ± {margin:g})"
    return {"paper": shown, "judge": lambda found, scale: verdicts.of_equality(found, target, margin, scale)}


def difference(a: Measure, b: Measure) -> Measure:
    """Seed by seed."""
    return lambda get: a(get) - b(get)


def minus(a: Reported, b: Reported) -> Reported:
    """The difference of two numbers of the paper, with their errors combined."""
    decimals = max(len(r.printed.split(" ")[0].partition(".")[2]) for r in (a, b))
    value = a.value - b.value
    if a.error is None and b.error is None:
        return Reported(value, None, a.unit, f"{value:.{decimals}f}")
    error = math.hypot(a.error or 0.0, b.error or 0.0)
    return Reported(value, error, a.unit, f"{value:.{decimals}f} ± {error:.{decimals}f}")
