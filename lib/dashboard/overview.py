"""The paper's main statement in one picture: what batch norm costs on noise and under attack, the paper's numbers beside ours."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.claims import minus
from lib.dashboard.chapters import CHAPTERS
from lib.dashboard.rows import PUBLISHED
from lib.empirical_results import claims as empirical
from lib.empirical_results import experiments as attacks
from lib.input_dimension import claims as input_dimension
from lib.paper import Reported, reported
from lib.report import OUR_STYLE, PAPER_STYLE, Measure, dot, measured
from lib.verdicts import Estimate

TITLES = ("cost on noise, points of accuracy", "cost under BIM, l-inf, points of accuracy")
BELOW = {"paper": 0.05, "laptop": 0.25}  # the middle of a row
STYLES = {"paper": OUR_STYLE, "laptop": OUR_STYLE | {"markerfacecolor": "white", "linestyle": "--"}}


@dataclass(frozen=True)
class Cost:
    """The cost of batch norm in one table: `name`, the chapter, and for each of TITLES the paper's number and ours, in points."""

    name: str
    chapter: str
    paper: tuple[Reported, ...]
    ours: tuple[Measure, ...]


def _of_vgg(name: str, table: str, **row) -> Cost:
    ours = (empirical.cost_of_batch_norm(empirical.accuracy(e), f"table-0{table}") for e in (attacks.NOISE, attacks.BIM))
    return Cost(f"{name} (Table {table})", "02", _in_print(table, ("Noise", "BIM-linf"), **row), tuple(ours))


def _of_mlp(size: int) -> Cost:
    ours = (input_dimension.cost_of_batch_norm(metric, size) for metric in (input_dimension.NOISE, input_dimension.BIM))
    paper = _in_print("6", ("Noise", "eps=0.1"), sqrt_d=size)
    return Cost(f"MLP on MNIST, {size} px (Table 6)", "05", paper, tuple(ours))


def _in_print(table: str, columns: tuple[str, ...], **row) -> tuple[Reported, ...]:
    return tuple(minus(reported(table, c, BN=False, **row), reported(table, c, BN=True, **row)) for c in columns)


COSTS = (
    _of_vgg("VGG8 on SVHN", "1"),
    _of_vgg("VGG8 on CIFAR-10", "2"),
    _of_vgg("VGG8 on CIFAR-10, larger\nlearning rate with batch norm", "4", L=8),
    *map(_of_mlp, (28, 56, 84)),
)


def estimates() -> list[dict[str, tuple[Estimate, ...]]]:
    """For each of COSTS, at every published scale, what was found for each of TITLES."""
    results = {
        chapter.number: chapter.results(PUBLISHED) for chapter in CHAPTERS if chapter.number in {c.chapter for c in COSTS}
    }
    return [
        {scale: tuple(Estimate.of(measured(m, results[cost.chapter], scale)) for m in cost.ours) for scale in PUBLISHED}
        for cost in COSTS
    ]


def cost_of_batch_norm() -> Figure:
    """Each of COSTS as a dot with its interval: the paper's ± 2 printed errors, ours a 95 % t-interval at each scale it was run at."""
    found = estimates()
    figure, axes = plt.subplots(1, len(TITLES), figsize=(10, 4), sharey=True, layout="constrained")
    for i, (axis, title) in enumerate(zip(axes, TITLES, strict=True)):
        for position, (cost, ours) in enumerate(zip(COSTS, found, strict=True)):
            _row(axis, position, cost.paper[i], {scale: estimates[i] for scale, estimates in ours.items() if estimates[i].n})
        axis.axvline(0, color="black", linewidth=1)
        axis.set_title(title, fontsize="medium")
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(COSTS)), [cost.name for cost in COSTS])
    axes[0].set_ylim(len(COSTS) - 0.5, -0.5)
    ours = [plt.Line2D([], [], **style, label=f"ours, {scale} scale") for scale, style in STYLES.items()]
    figure.legend(handles=[plt.Line2D([], [], **PAPER_STYLE), *ours], loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def _row(axis: Axes, position: int, paper: Reported, ours: dict[str, Estimate]) -> None:
    dot(axis, paper.value, 2 * (paper.error or 0), position - 0.2, PAPER_STYLE)
    for scale, estimate in ours.items():
        dot(axis, estimate.mean, np.nan_to_num(estimate.half_width), position + BELOW[scale], STYLES[scale])
