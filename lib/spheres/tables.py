"""The tables of chapter 07."""

import math

import pandas as pd

from lib import report
from lib.report import Table, number
from lib.spheres.claims import ALL, NOISY, at
from lib.spheres.experiments import FAST, SLOW
from lib.spheres.points import bayes_accuracy
from lib.spheres.training import GAMMAS
from lib.verdicts import Estimate

NETWORKS = {  # statistics that networks are evaluated with: norm, and how a table calls it
    "cumulative": ("batch", "batch norm, cumulative averages"),
    "exponential": ("batch", "batch norm, exponential averages"),
    "exact": ("batch", "batch norm, exact statistics"),
    "none": ("none", "no batch norm"),
}


def reached(results: pd.DataFrame, name: str, caption: str) -> Table:
    """For how many networks all training points are right: at some epoch, and after the last."""
    lines, arms = [], [at(norm, lr) for lr in (FAST, SLOW) for norm in ("batch", "none")]
    for lr in (FAST, SLOW):
        for statistics, (norm, label) in NETWORKS.items():
            for scale in report.scales_of(results):
                last = report.values(results, f"accuracy {statistics}", scale, **at(norm, lr))
                if last.empty:
                    continue
                first = report.values(results, f"first {statistics}", scale, **at(norm, lr))
                lines.append(
                    {
                        "η": f"{lr:g}",
                        "row": label,
                        "source": f"ours, {scale}",
                        "after some epoch": f"{len(first)} of {len(last)}",
                        "first such epoch": number(Estimate.of(first)),
                        "after the last epoch": f"{int((last == ALL).sum())} of {len(last)}",
                    }
                )
    caption = f"{caption} Mean ± standard error over the networks that do – {report.sources(results, arms)}."
    return Table(name, caption, pd.DataFrame(lines), results=report.rows_of(results, arms))


def noise(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Accuracy on noisy test points at the lower learning rate: the paper's and ours, with intervals, and the best possible."""
    arms = [at(*arm) for arm in (("batch", SLOW), ("none", SLOW), ("batch", SLOW, "uniform"))]
    lines = [
        {"row": label, "source": "paper", "epoch": "not said", "accuracy": NOISY[norm].printed}
        for norm, label in (("batch", "batch norm"), ("none", "no batch norm"))
    ]
    for gamma in GAMMAS:
        for statistics, (norm, label) in NETWORKS.items():
            for scale in report.scales_of(results):
                arm = at(norm, SLOW, gamma)
                last = report.values(results, f"noisy {statistics}", scale, **arm)
                right = report.values(results, f"accuracy {statistics}", scale, **arm) == ALL
                first = report.values(results, f"noisy at first {statistics}", scale, **arm)
                start = "" if gamma == GAMMAS[0] else f", γ {gamma}"
                for when, found in (("last", last[right]), ("first with all right", first)):
                    if len(found):
                        line = {"row": label + start, "source": f"ours, {scale}", "epoch": when}
                        lines.append(line | _with_interval(found))
    lines.append({"row": "the best classifier", "source": "formula", "accuracy": f"{bayes_accuracy():.2f}"})
    said = (
        f"Networks trained at η = {SLOW:g} with all training points right; mean ± standard error, 95 % intervals of the mean "
        f"and of one more network, cut off at {ALL} %"
    )
    caption = f"{caption} {said} – {report.sources(results, arms)}."
    return Table(name, caption, pd.DataFrame(lines).fillna(""), results=report.rows_of(results, arms))


def _with_interval(found: pd.Series) -> dict[str, str]:
    estimate = Estimate.of(found)
    return {
        "accuracy": number(estimate),
        "95 % interval": _shown(estimate.interval, estimate),
        "95 % interval, one more network": _shown(prediction_interval(estimate), estimate),
        "networks": str(estimate.n),
    }


def _shown(interval: tuple[float, float], estimate: Estimate) -> str:
    low, high = interval
    return f"{low:.2f} to {min(high, ALL):.2f}" if estimate.n > 1 else "–"


def prediction_interval(estimate: Estimate) -> tuple[float, float]:
    """Where one more network would lie with a probability of 95 %, were they normally distributed: mean ± t s √(1 + 1/n)."""
    half_width = estimate.half_width * math.sqrt(estimate.n + 1)  # the standard deviation is √n standard errors
    return estimate.mean - half_width, estimate.mean + half_width
