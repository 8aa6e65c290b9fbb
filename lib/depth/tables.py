"""The tables of chapter 04."""

import pandas as pd

from lib import report
from lib.depth import claims
from lib.depth.claims import FIGURE_2, READ_DEPTHS, READ_SIZES, arm, growth_layers, log_ratio, over, reached, read_column
from lib.depth.grid import ABOVE, BIM, CLEAN, FAILED, LOW, NEAR, NOISE, depth_reached, line
from lib.paper import Reported, reported
from lib.report import Column, Comparison, Table, by_scale, values

COLUMNS = {"Clean": CLEAN, "Noise": NOISE}
PARTS = {LOW: "up to two thirds of the line", NEAR: "from there to the line", ABOVE: "above the line"}


def read_off(results: pd.DataFrame) -> Comparison:
    """What was read off the paper's Figure 2 beside ours, networks with batch norm."""
    rows = {f"{depth}\N{NO-BREAK SPACE}layers": arm("batch", hidden=depth) for depth in READ_DEPTHS}
    return Comparison(results, rows, [_column(*column, size) for column in COLUMNS.items() for size in READ_SIZES])


def _column(title: str, metric: str, size: int) -> Column:
    def find(results: pd.DataFrame, scale: str, settings: dict) -> pd.Series:
        return values(results, metric, scale, batch_size=size, **settings)

    def paper(settings: dict) -> Reported:
        return reported("figure-2", title, BN=True, L=settings["hidden"], B=size)

    return Column(f"{title}, B = {size}", find, paper)


def parts(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Means over the three parts of the grid, with and without batch norm."""
    metrics = {"clean": CLEAN, "noise": NOISE, "BIM": BIM}
    rows = {
        f"{words}, {label}": {title: over(metric, norm, zone=part) for title, metric in metrics.items()}
        for part, words in PARTS.items()
        for norm, label in report.NORMS.items()
    }
    return by_scale(results, name, caption, rows)


def depths_reached(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Up to which depth networks with batch norm train, for each batch size, and by what gradients have grown over it.

    That of the paper is by the colours of its figure.
    """

    def label(size: int) -> str:
        return f"B = {size}, line at {line(size):.1f}"

    sizes = sorted({*READ_SIZES, *results[results["experiment"] == FIGURE_2]["batch_size"]})
    rows = {label(size): {"depth reached": reached(size), "depth x ln λ": log_ratio(size)} for size in sizes}
    printed = {}
    for size in READ_SIZES:
        depth = depth_reached(read_column("Clean", size))
        printed[label(size)] = {"depth reached": f"{depth:.0f}", "depth x ln λ": f"{depth / growth_layers(size):.1f}"}
    return by_scale(results, name, caption, rows, printed)


def failed(results: pd.DataFrame, name: str, caption: str) -> Table:
    """How many networks were run, and how many fell under the rule of `lib.depth.grid`."""
    rows = []
    for scale in report.scales_of(results):
        for experiment, found in results[results["scale"] == scale].groupby("experiment"):
            plain, normed = (found[found["norm"] == norm] for norm in ("none", "batch"))
            rows.append(
                {
                    "scale": scale,
                    "experiment": experiment,
                    "without batch norm": len(plain),
                    "failed, left out": int(plain["failed"].sum()),
                    "with batch norm": len(normed),
                    f"below {FAILED:g} %, kept": int((normed[CLEAN] < FAILED).sum()),
                }
            )
    used = [arm(norm, experiment) for norm in ("none", "batch") for experiment in (FIGURE_2, claims.FIGURE_3)]
    caption = f"{caption} {report.sources(results, used)}."
    return Table(name, caption, pd.DataFrame(rows), results=report.rows_of(results, used))
