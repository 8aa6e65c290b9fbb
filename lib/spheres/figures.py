"""The pictures of chapter 07."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from lib import report
from lib.batch_norm.circles import RADII
from lib.spheres.claims import at
from lib.spheres.experiments import FAST, SLOW
from lib.spheres.points import EXTENT, unpacked
from lib.spheres.tables import NETWORKS
from lib.spheres.training import GAMMAS
from lib.widgets import LiveFigure

BLUE, ORANGE, GREEN, PURPLE, BLACK = "#00527a", "#c25a00", "#1a7a3c", "#7a3b9e", "#222222"
STYLES = {  # colour, line, marker
    "none": (BLACK, "-", "o"),
    "cumulative": (ORANGE, "--", "^"),
    "exponential": (BLUE, "--", "s"),
    "exact": (GREEN, ":", "D"),
    "batch": (GREEN, ":", "D"),
    "cumulative means": (PURPLE, "-.", "v"),
    "cumulative variances": (GREEN, ":", "D"),
}


def _curve(axis: Axes, results: pd.DataFrame, scale: str, norm: str, lr: float, metric: str, style: str, label: str) -> None:
    """Mean over seeds against the epoch, with a band from the lowest seed to the highest."""
    found = results[(results["scale"] == scale) & (results["norm"] == norm) & (results["lr"] == lr)]
    found = found[found["gamma"] == GAMMAS[0]]
    if metric not in found or found.empty:
        return
    found = found.groupby("epoch")[metric].agg(["mean", "min", "max"])
    colour, line, marker = STYLES[style]
    axis.plot(found.index, found["mean"], line, color=colour, marker=marker, markersize=4, markevery=8, label=label)
    axis.fill_between(found.index, found["min"], found["max"], color=colour, alpha=0.15, linewidth=0)


def curves(results: pd.DataFrame, scale: str) -> Figure:
    """Figure 6: the loss in training, and the training accuracy with each way to evaluate batch norm."""
    rates = [lr for lr in (FAST, SLOW) if lr in set(results.loc[results["scale"] == scale, "lr"])]
    figure, axes = plt.subplots(2, len(rates), figsize=(5 * len(rates), 6.6), sharex=True, squeeze=False, layout="constrained")
    for (top, bottom), lr in zip(axes.T, rates, strict=True):
        _curve(top, results, scale, "none", lr, "loss", "none", "no batch norm")
        _curve(top, results, scale, "batch", lr, "loss", "batch", "batch norm, mini-batches, in training")
        _curve(bottom, results, scale, "none", lr, "accuracy none", "none", "no batch norm")
        _curve(bottom, results, scale, "batch", lr, "accuracy batch", "batch", "batch norm, mini-batches, in training")
        for statistics in ("exponential", "cumulative"):
            _curve(bottom, results, scale, "batch", lr, f"accuracy {statistics}", statistics, NETWORKS[statistics][1])
        top.set_title(f"η = {lr:g}")
        bottom.set_xlabel("epoch")
    axes[0][0].set_ylabel("loss in training (nats)")
    axes[1][0].set_ylabel("training accuracy (%)")
    return _finished(figure, axes, results, scale)


def lagging(results: pd.DataFrame, scale: str) -> Figure:
    """Why the cumulative average fails at η = 0.01: what lags, what that does to the output, and to the accuracy."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 4.2), squeeze=False, layout="constrained")
    lag, shift, accuracy = axes[0]
    names = {"cumulative": "cumulative averages", "exponential": "exponential averages"}
    for kind, label in names.items():
        _curve(lag, results, scale, "batch", FAST, f"lag {kind} 2", kind, label)
    parts = {
        "cumulative means": "cumulative means, exact variances",
        "cumulative variances": "exact means, cumulative variances",
    }
    for statistics, label in (names | parts).items():
        _curve(shift, results, scale, "batch", FAST, f"shift {statistics}", statistics, label)
        _curve(accuracy, results, scale, "batch", FAST, f"accuracy {statistics}", statistics, label)
    lag.set_ylabel("running means, second layer: distance\nfrom the exact ones (standard deviations)")
    shift.set_ylabel("shift of the output\n(standard deviations of the output)")
    shift.set_ylim(-1.5, 3)
    accuracy.set_ylabel("training accuracy (%)")
    for axis in axes[0]:
        axis.set_xlabel("epoch")
    return _finished(figure, axes[:, 1:], results, scale)


def _finished(figure: Figure, axes: np.ndarray, results: pd.DataFrame, scale: str) -> Figure:
    handles, names = axes.flat[-1].get_legend_handles_labels()
    seeds = results.loc[results["scale"] == scale, "seed"].nunique()
    title = f"{scale} scale, {seeds} seeds"
    figure.legend(handles, names, loc="outside lower center", ncols=axes.shape[1], title=title, fontsize="small")
    for axis in figure.axes:
        axis.grid(alpha=0.3)
    plt.close(figure)
    return figure


def maps(results: pd.DataFrame, scale: str, lr: float = FAST, seed: int = 0) -> Figure:
    """Where the networks of a seed draw the line, at each epoch that has a map, without and with batch norm."""
    shown = ("none", "exponential", "cumulative")
    epochs = _mapped(results, scale, lr)
    size = (1.75 * len(epochs) + 0.6, 1.75 * len(shown) + 0.5)
    figure, axes = plt.subplots(len(shown), len(epochs), figsize=size, squeeze=False, layout="constrained")
    for row, statistics in zip(axes, shown, strict=True):
        for axis, epoch in zip(row, epochs, strict=True):
            _map(axis, results, scale, statistics, lr, epoch, seed)
        row[0].set_ylabel(NETWORKS[statistics][1].replace(", ", ",\n"), fontsize="small")
    for axis, epoch in zip(axes[0], epochs, strict=True):
        axis.set_title(f"epoch {epoch}", fontsize="small")
    plt.close(figure)
    return figure


def _mapped(results: pd.DataFrame, scale: str, lr: float) -> list[int]:
    found = results[(results["scale"] == scale) & (results["lr"] == lr) & results["map none"].notna()]
    return sorted(found["epoch"].unique())


def _map(axis: Axes, results: pd.DataFrame, scale: str, statistics: str, lr: float, epoch: int, seed: int) -> None:
    """What is taken for the outer class is hatched; the circles are drawn, the inner one dashed."""
    arm = {"scale": scale, "seed": seed} | at(NETWORKS[statistics][0], lr, epoch=epoch)
    found = results[(results[list(arm)] == pd.Series(arm)).all(axis=1)][f"map {statistics}"]
    outer = np.flipud(unpacked(found.item())).astype(float)
    place = np.linspace(-EXTENT, EXTENT, len(outer))
    axis.imshow(
        outer, extent=(-EXTENT, EXTENT) * 2, origin="lower", cmap=ListedColormap(["#d6e6f0", "#fbe3cf"]), vmin=0, vmax=1
    )
    if 0 < outer.mean() < 1:
        axis.contour(place, place, outer, levels=[0.5], colors="black", linewidths=0.8)
    with plt.rc_context({"hatch.linewidth": 0.3, "hatch.color": "grey"}):
        axis.contourf(place, place, outer, levels=[0.5, 1.5], colors="none", hatches=["////"])
    angle = np.linspace(0, 2 * np.pi, 200)
    for radius, colour, line in zip(RADII, (BLUE, ORANGE), ("--", "-"), strict=True):
        axis.plot(radius * np.cos(angle), radius * np.sin(angle), line, color=colour, linewidth=1.2)
    axis.set(xticks=[], yticks=[], aspect="equal")


class Explorer(LiveFigure):
    """The decisions of every network at each epoch with a map: with controls in a live notebook, as a picture in a page."""

    def __init__(self, results: pd.DataFrame, scale: str):
        self.results, self.scale = results, scale
        rates = [lr for lr in (FAST, SLOW) if _mapped(results, scale, lr)]
        slow = rates[-1]
        epochs = _mapped(results, scale, slow)
        alt = (
            f"Decisions at η = {slow:g} after epochs {', '.join(map(str, epochs))}: without batch norm, and with it with "
            "exponential and cumulative averages. Hatched: taken for the outer circle."
        )
        chosen = results[results["scale"] == scale]
        live = ipywidgets.interactive(
            self._draw,
            lr=ipywidgets.ToggleButtons(options=rates, value=slow, description="η"),
            network=ipywidgets.Dropdown(options={label: statistics for statistics, (_, label) in NETWORKS.items()}),
            epoch=ipywidgets.SelectionSlider(options=epochs, continuous_update=False),
            seed=ipywidgets.IntSlider(0, int(chosen["seed"].min()), int(chosen["seed"].max()), continuous_update=False),
        )
        super().__init__(live, maps(results, scale, slow), alt)

    def _draw(self, lr: float, network: str, epoch: int, seed: int) -> None:
        figure, axis = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
        _map(axis, self.results, self.scale, network, lr, epoch, seed)
        accuracy = report.values(self.results, f"accuracy {network}", self.scale, **at(NETWORKS[network][0], lr, epoch=epoch))
        axis.set_title(f"{accuracy[seed]:.1f} % of the training points are right", fontsize="medium")
        plt.close(figure)
        display(figure)
