"""The pictures of chapter 04."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from lib import report, theory
from lib.depth.claims import FIGURE_2
from lib.depth.experiments import depth_scale
from lib.depth.grid import BIM, CLEAN, NOISE, TRAINED
from lib.report import NORMS
from lib.verdicts import Estimate

BLUE, ORANGE = "#00527a", "#c25a00"
PANELS = {CLEAN: "clean", NOISE: "noise", BIM: "BIM"}
LINES = {  # label: growth of gradients, style
    "as in the paper": (theory.gradient_growth_as_plotted, {"color": ORANGE, "linestyle": ":"}),
    "with the right derivative": (theory.gradient_growth, {"color": "black", "linestyle": "--"}),
}


def heat_maps(results: pd.DataFrame, scale: str, experiment: str = FIGURE_2) -> Figure:
    """Figures 2 and 3: accuracy in percent over batch size and depth, mean over the seeds that count.

    The number is in the cell, with how many networks failed below it; hatched cells of the scale's grid were not run.
    """
    grid, planned = results[(results["scale"] == scale) & (results["experiment"] == experiment)], depth_scale(scale)
    depths = sorted({*planned.depths, *grid["hidden"]})
    sizes = sorted({*(planned.batch_sizes if experiment == FIGURE_2 else planned.longer), *grid["batch_size"]})
    size = (10, 2 + 0.8 * len(depths))
    figure, axes = plt.subplots(2, 3, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")
    for row, (norm, label) in zip(axes, NORMS.items(), strict=True):
        for axis, (metric, title) in zip(row, PANELS.items(), strict=True):
            image = _panel(axis, grid[grid["norm"] == norm], metric, depths, sizes)
            axis.set_title(f"{title}, {label}", fontsize="medium")
            if norm == "batch":
                _lines(axis, depths, sizes)
    figure.supylabel("depth (hidden layers)", fontsize="medium")
    for axis in axes[1]:
        axis.set_xlabel("batch size")
    figure.colorbar(image, ax=axes, label="accuracy (%)", shrink=0.7)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, title="16 / ln λ")
    plt.close(figure)
    return figure


def _panel(axis: Axes, grid: pd.DataFrame, metric: str, depths: list[int], sizes: list[int]):
    cells = grid.pivot_table(metric, "hidden", "batch_size", "mean", dropna=False).reindex(index=depths, columns=sizes)
    failed = grid.pivot_table("failed", "hidden", "batch_size", "sum").reindex(index=depths, columns=sizes)
    image = axis.imshow(cells, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=100)
    for y, x in np.ndindex(cells.shape):
        value, lost = cells.iat[y, x], failed.iat[y, x]
        if np.isnan(lost):
            axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="white", edgecolor="grey", hatch="///", linewidth=0))
            continue
        lines = [*([] if np.isnan(value) else [f"{value:.0f}"]), *([f"{int(lost)} failed"] if lost else [])]
        colour, outline = ("white", "black") if value < 55 else ("black", "white")
        apart = [withStroke(linewidth=2.5, foreground=outline, alpha=0.6)]  # from a line that runs through
        axis.text(x, y, "\n".join(lines), ha="center", va="center", fontsize="small", color=colour, path_effects=apart)
    axis.set_xticks(range(len(sizes)), sizes)
    axis.set_yticks(range(len(depths)), depths)
    return image


def _lines(axis: Axes, depths: list[int], sizes: list[int]) -> None:
    """The lines of Figure 2: between the centres of cells as the logarithm of the batch size is; outlined to stand out."""
    x = np.linspace(-0.5, len(sizes) - 0.5, 200)
    at = np.exp(np.interp(x, range(len(sizes)), np.log(sizes)))
    for label, (growth, style) in LINES.items():
        y = np.interp(theory.trainable_depth(growth(at)), depths, range(len(depths)), left=np.nan, right=np.nan)
        axis.plot(x, y, color="white", linewidth=4, alpha=0.8)
        axis.plot(x, y, linewidth=2, label=label, **style)
    axis.set_xlim(x[0], x[-1])


def collapse(results: pd.DataFrame, scale: str) -> Figure:
    """Clean accuracy with batch norm against the depth (left) and against what gradients grow by over it (right)."""
    grid = results[(results["scale"] == scale) & (results["experiment"] == FIGURE_2) & (results["norm"] == "batch")]
    sizes = sorted(grid["batch_size"].unique())
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    colours = plt.colormaps["viridis"](np.linspace(0, 0.85, len(sizes)))
    for size, colour, marker in zip(sizes, colours, "osDv^P*Xphd<>8" * 2, strict=False):
        found = grid[grid["batch_size"] == size].groupby("hidden")[CLEAN].apply(Estimate.of)
        depths = found.index.to_numpy()
        means, widths = ([getattr(e, name) for e in found] for name in ("mean", "half_width"))
        layers = theory.trainable_depth(theory.gradient_growth(size), 1.0)
        for axis, x in zip(axes, (depths, depths / layers), strict=True):
            style = {"color": colour, "marker": marker, "markersize": 5, "capsize": 2}
            axis.errorbar(x, means, yerr=np.nan_to_num(widths), label=f"B = {size}", **style)
    axes[0].set(xlabel="depth (hidden layers)", ylabel="clean accuracy with batch norm (%)")
    axes[1].set(xlabel="depth x ln λ: log of the growth of gradients")
    axes[1].axvline(theory.FITTED_LOG_RATIO, color="black", linestyle="--", label="16, the paper's constant")
    for axis in axes:
        axis.axhline(TRAINED, color="grey", linewidth=0.8, linestyle="-.")
        axis.grid(alpha=0.3)
    axes[1].legend(fontsize="small")
    plt.close(figure)
    return figure


def line_measured(growth: pd.DataFrame, scale: str) -> Figure:
    """The line of Figure 2 by both formulas, and by the growth of gradients measured in chapter 01."""
    sizes = np.geomspace(5, 250, 200)
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for label, (formula, style) in LINES.items():
        axis.plot(sizes, theory.trainable_depth(formula(sizes)), label=label, **style)
    relu = growth[growth["activation"] == "relu"]
    measured = sorted(relu["batch_size"].unique())
    found = [Estimate.of(theory.trainable_depth(report.values(relu, "growth", scale, batch_size=size))) for size in measured]
    means, widths = [e.mean for e in found], [e.half_width for e in found]
    axis.errorbar(
        measured, means, yerr=widths, fmt="s", color=BLUE, capsize=3, markerfacecolor="white", label="measured growth"
    )
    limit = float(theory.trainable_depth(theory.GRADIENT_GROWTH_LIMIT))
    axis.axhline(limit, color="grey", linewidth=0.8, linestyle="-.", label="limit of large batches")
    axis.set_xscale("log")
    axis.set_xticks([5, 10, 25, 50, 100, 250], [5, 10, 25, 50, 100, 250], minor=False)
    axis.minorticks_off()
    axis.set(xlabel="batch size", ylabel="16 / ln λ (layers)")
    axis.grid(alpha=0.3)
    axis.legend()
    plt.close(figure)
    return figure


def gradients(moments: dict[tuple[str, int], tuple[Tensor, Tensor]]) -> Figure:
    """Second moments of gradients by layer, of networks by norm and batch size, before training and after one step."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for ((norm, size), pair), marker in zip(moments.items(), "osD^vP", strict=False):
        colour, line = (BLUE, "-") if norm == "batch" else (ORANGE, "--")
        for axis, found in zip(axes, pair, strict=True):
            style = {"color": colour, "linestyle": line, "marker": marker, "markersize": 4, "markevery": 6}
            axis.semilogy(range(1, len(found) + 1), found / found[-1], label=f"{NORMS[norm]}, B = {size}", **style)
    for axis, title in zip(axes, ("before training", "after one step of SGD"), strict=True):
        axis.axhline(np.exp(theory.FITTED_LOG_RATIO), color="black", linewidth=0.8, linestyle=":", label="e¹⁶")
        axis.set(title=title, xlabel="hidden layer")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("second moment of the gradient, last layer = 1")
    axes[1].legend(fontsize="small")
    plt.close(figure)
    return figure
