"""The tables of chapter 07."""

import itertools
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
    """Accuracy on noisy test points, the paper's and ours, with intervals, and the best that is possible."""
    arms = [at(*arm) for lr in (FAST, SLOW) for arm in (("batch", lr), ("none", lr), ("batch", lr, "uniform"))]
    lines = [
        {"η": f"{SLOW:g}", "row": label, "source": "paper", "epoch": "not said", "accuracy": NOISY[norm].printed}
        for norm, label in (("batch", "batch norm"), ("none", "no batch norm"))
    ]
    for lr, gamma in itertools.product((SLOW, FAST), GAMMAS):
        for statistics, (norm, label) in NETWORKS.items():
            for scale in report.scales_of(results):
                arm = at(norm, lr, gamma)
                last = report.values(results, f"noisy {statistics}", scale, **arm)
                right = report.values(results, f"accuracy {statistics}", scale, **arm) == ALL
                first = report.values(results, f"noisy at first {statistics}", scale, **arm)
                start = "" if gamma == GAMMAS[0] else f", γ {gamma}"
                for when, found in (("last", last[right]), ("first with all right", first)):
                    if len(found):
                        line = {"η": f"{lr:g}", "row": label + start, "source": f"ours, {scale}", "epoch": when}
                        lines.append(line | _with_interval(found))
    lines.append({"η": "", "row": "the best classifier", "source": "formula", "accuracy": f"{bayes_accuracy():.2f}"})
    said = "Networks with all training points right; mean ± standard error, 95 % intervals of the mean and of one more network"
    caption = f"{caption} {said} – {report.sources(results, arms)}."
    return Table(name, caption, pd.DataFrame(lines).fillna(""), results=report.rows_of(results, arms))


def _with_interval(found: pd.Series) -> dict[str, str]:
    estimate = Estimate.of(found)
    low, high = estimate.interval
    interval = f"{low:.2f} to {high:.2f}" if estimate.n > 1 else "–"
    low, high = prediction_interval(estimate)
    single = f"{low:.2f} to {high:.2f}" if estimate.n > 1 else "–"
    return {
        "accuracy": number(estimate),
        "95 % interval": interval,
        "95 % interval, one more network": single,
        "networks": str(estimate.n),
    }


def prediction_interval(estimate: Estimate) -> tuple[float, float]:
    """Where one more network would lie with a probability of 95 %, were they normally distributed: mean ± t s √(1 + 1/n)."""
    half_width = estimate.half_width * math.sqrt(estimate.n + 1)  # the standard deviation is √n standard errors
    return estimate.mean - half_width, estimate.mean + half_width
