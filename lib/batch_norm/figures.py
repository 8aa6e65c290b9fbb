"""The pictures of chapter 01."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib import report, theory
from lib.batch_norm import circles
from lib.batch_norm.claims import at, deep
from lib.batch_norm.gradients import BATCH_SIZES, FIRST, LAST
from lib.verdicts import Estimate
from lib.widgets import LiveFigure

BLUE, ORANGE = "#00527a", "#c25a00"
CLASSES = (("inner circle", BLUE, "o"), ("outer circle", ORANGE, "^"))
NORMS = {"batch": ("batch norm", BLUE, "-", "s"), "none": ("no batch norm", ORANGE, "--", "o")}


def circles_panels(
    norm: str,
    seed: int,
    layers: tuple[int, ...] = (0, 2, 14),
    *,
    factor: float = 1,
    stretched: bool = False,
    batch_size: int = circles.BATCH_SIZE,
) -> Figure:
    """Figures 1 and 5: two mini-batches of two circles at some layers, in the two principal components.

    Colour and shape tell the class, hollow the first mini-batch, filled the second or, of smaller ones, all others. `factor` multiplies the components of all but the
    input; with `stretched`, both components are centred and have one spread.
    """
    batches, labels = circles.circles(seed, batch_size)
    outputs = circles.representations(circles.network(norm, seed), batches)
    figure, axes = plt.subplots(1, len(layers), figsize=(3.5 * len(layers), 4.2), squeeze=False, layout="constrained")
    for axis, layer in zip(axes.flat, layers, strict=True):
        if stretched:
            points = circles.stretch(outputs[layer].flatten(0, 1)).view_as(batches)
        else:
            points = circles.principal_components(outputs[layer]) * (factor if layer else 1)
        _points(axis, points, labels)
        axis.set_title(f"Layer {layer}" if layer else "Input")
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize="small")
    plt.close(figure)
    return figure


def _points(axis: Axes, points: torch.Tensor, labels: torch.Tensor) -> None:
    others = "second mini-batch" if len(points) == 2 else "other mini-batches"
    for which, part, filled in (("first mini-batch", slice(1), False), (others, slice(1, None), True)):
        for label, (name, colour, marker) in enumerate(CLASSES):
            x, y = points[part][labels[part] == label].T
            fill = colour if filled else "none"
            axis.scatter(x, y, marker=marker, facecolors=fill, edgecolors=colour, s=30, label=f"{name}, {which}")
    axis.set_aspect("equal", adjustable="datalim")
    axis.tick_params(labelsize="small")
    axis.margins(0.08)


OVER_LAYERS = (
    ("neighbours shown", "nearest neighbour of the right class,\nas shown (%)"),
    ("neighbours stretched", "nearest neighbour of the right class,\nstretched (%)"),
    ("neighbours stretched within", "nearest neighbour of the right class,\neach mini-batch stretched by itself (%)"),
    ("distance correlation", "distance correlation\nof input and layer"),
    ("roundness", "roundness of a mini-batch:\nsecond over first component"),
    ("nonlocality", "how far a mini-batch moves when one\nof its points is replaced (%)"),
)


def over_layers(results: pd.DataFrame, scale: str) -> Figure:
    """Every metric of the circles against the layer: mean over seeds, a band for the 95 % t-interval."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 6.2), sharex=True, layout="constrained")
    for axis, (metric, title) in zip(axes.flat, OVER_LAYERS, strict=True):
        for norm, (name, colour, line, marker) in NORMS.items():
            found = [Estimate.of(report.values(results, metric, scale, **at(norm, layer))) for layer in circles.LAYERS]
            low, high = np.array([estimate.interval for estimate in found]).T
            means = [estimate.mean for estimate in found]
            axis.plot(circles.LAYERS, means, line, color=colour, marker=marker, markersize=3, label=name)
            axis.fill_between(circles.LAYERS, low, high, color=colour, alpha=0.2, linewidth=0)
        if "%" in title and "neighbour" in title:
            axis.axhline(50, color="grey", linewidth=0.8, linestyle=":")
        axis.set_title(title, fontsize="small")
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("layer")
    handles, names = axes.flat[0].get_legend_handles_labels()
    seeds = found[0].n
    figure.legend(handles, names, loc="outside lower center", ncols=2, title=f"{scale} scale, {seeds} seeds", fontsize="small")
    plt.close(figure)
    return figure


def gradient_growth(results: pd.DataFrame, scale: str, moments: dict[int, torch.Tensor]) -> Figure:
    """Second moments of gradients by layer in one ReLU network, for each batch size; growth rates against the batch size."""
    figure, (by_layer, rates) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    colours = plt.colormaps["viridis"](np.linspace(0, 0.85, len(moments)))
    for (size, found), colour, marker in zip(moments.items(), colours, "osDv^P", strict=True):
        relative = found / found[-1]
        by_layer.semilogy(range(1, len(found) + 1), relative, color=colour, marker=marker, markersize=4, label=f"B = {size}")
    by_layer.axvspan(FIRST, LAST, color="grey", alpha=0.12, linewidth=0)
    by_layer.set(xlabel="layer", ylabel="second moment of the gradient, top layer = 1", title="one ReLU network")
    by_layer.legend(fontsize="small")

    sizes = np.geomspace(5.5, 160, 200)
    styles = {"relu": ("ReLU", BLUE, "s", "-"), "linear": ("linear", ORANGE, "o", "--")}
    for activation, (name, colour, marker, line) in styles.items():
        found = [Estimate.of(report.values(results, "growth", scale, **deep(activation, size))) for size in BATCH_SIZES]
        rates.plot(sizes, theory.gradient_growth(sizes, activation), line, color=colour, label=f"{name}, formula")
        means, widths = [estimate.mean for estimate in found], [estimate.half_width for estimate in found]
        style = {"fmt": marker, "color": colour, "markerfacecolor": "white", "capsize": 3}
        rates.errorbar(BATCH_SIZES, means, yerr=widths, label=f"{name}, measured", **style)
    rates.plot(sizes, theory.gradient_growth_as_plotted(sizes), ":", color="black", label="ReLU, as in the paper's Figure 2")
    rates.axhline(theory.GRADIENT_GROWTH_LIMIT, color="grey", linewidth=0.8, linestyle="-.", label="limit, π/(π - 1)")
    rates.set_xscale("log", base=2)
    rates.set_xticks(BATCH_SIZES, BATCH_SIZES)
    rates.set(xlabel="batch size B", ylabel="growth a layer", title=f"{scale} scale, {found[0].n} seeds")
    rates.legend(fontsize="small")
    for axis in (by_layer, rates):
        axis.grid(alpha=0.3)
    plt.close(figure)
    return figure


class Explorer(LiveFigure):
    """The circles at any layer: with sliders in a live notebook, as a picture of some layers in a page."""

    def __init__(self, layers: tuple[int, ...] = (1, 5, 20, 31), seed: int = 0):
        live = ipywidgets.interactive(
            _explore,
            layer=ipywidgets.IntSlider(layers[0], min(circles.LAYERS), max(circles.LAYERS), continuous_update=False),
            batch_norm=ipywidgets.Checkbox(True, description="batch norm"),
            stretched=ipywidgets.Checkbox(False, description="stretched"),
            batch_size=ipywidgets.Dropdown(
                options=(8, 16, circles.BATCH_SIZE), value=circles.BATCH_SIZE, description="batch size"
            ),
            seed=ipywidgets.IntSlider(seed, 0, 50, continuous_update=False),
        )
        alt = f"Two mini-batches of two circles at layers {', '.join(map(str, layers))} of a network with batch norm."
        super().__init__(live, circles_panels("batch", seed, layers), alt)


def _explore(layer: int, batch_norm: bool, stretched: bool, batch_size: int, seed: int) -> None:
    norm = "batch" if batch_norm else "none"
    display(circles_panels(norm, seed, (0, layer), stretched=stretched, batch_size=batch_size))
