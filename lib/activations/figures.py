"""The pictures of chapter 08."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from lib.activations.animation import COLOURS
from lib.activations.experiments import EARLY, FIGURE
from lib.activations.frames import EMPTY, SEED, Frames
from lib.activations.geometry import AXES, UNTRAINED

NORMS = {"none": ("without batch norm", "#c25a00", "--"), "batch": ("with batch norm", "#00527a", "-")}


def stills(frames: Frames, scale: str, own_axes: bool = False) -> Figure:
    """The figure of the paper: both networks at the beginning, in the middle and at the end; or each in axes of its own."""
    across = len(frames.stills)
    figure, axes = plt.subplots(2, across, figsize=(3.4 * across, 7), squeeze=False, layout="constrained")
    for net, (name, *_) in enumerate(NORMS.values()):
        for column, frame in enumerate(frames.stills):
            axis, epoch = axes[net][column], frames.epochs[frame]
            box = frames.boxes[net][frame] if own_axes else np.array([-AXES, -AXES, 2 * AXES])
            _plane(axis, frames.maps[int(own_axes)][net][column], box, frames.centroids[net][frame])
            axis.set_title(f"{name}, {f'epoch {epoch}' if epoch else 'untrained'}", fontsize="small")
    figure.supxlabel(f"{scale} scale, seed {SEED}", fontsize="small")
    plt.close(figure)
    return figure


def _plane(axis: Axes, classes: np.ndarray, box: np.ndarray, centroids: np.ndarray) -> None:
    left, bottom, side = box
    right, top = left + side, bottom + side
    axis.fill_between(
        [left, max(left, min(0, right))], bottom, max(bottom, min(0, top)), color="#e6e9ee", linewidth=0, zorder=0
    )
    shown = np.ma.masked_equal(classes, EMPTY)
    colours = ListedColormap(COLOURS)
    place = {"origin": "lower", "extent": (left, right, bottom, top), "interpolation": "nearest", "zorder": 1}
    axis.imshow(shown, cmap=colours, vmin=0, vmax=len(COLOURS) - 1, **place)
    halo = [patheffects.withStroke(linewidth=3, foreground="white")]
    for label, centre in enumerate(centroids):
        x, y = np.clip(centre, box[:2] + 0.03 * side, box[:2] + 0.97 * side)
        style = {"ha": "center", "va": "center", "fontsize": 12, "fontweight": "bold", "path_effects": halo}
        axis.text(x, y, str(label), color="black", **style)
    axis.tick_params(labelsize="x-small")


OVER_EPOCHS = (
    ("loss", "training loss (nats)"),
    ("accuracy train", "accuracy of the network,\ntraining set (%)"),
    ("neighbours", "class told by the ten\nnearest neighbours (%)"),
    ("distance", "mean distance\nof class centroids"),
    ("relative distance", "distance of centroids\nover spread within classes"),
    ("silent", "images for which\nboth units are silent (%)"),
)


def over_epochs(results: pd.DataFrame, scale: str) -> Figure:
    """Every metric against the epoch, a line for each network of this scale."""
    chosen = results[
        (results["scale"] == scale) & results["experiment"].isin([FIGURE, EARLY]) & (results["moment"] != UNTRAINED)
    ]
    figure, axes = plt.subplots(2, 3, figsize=(10, 6.4), sharex=True, layout="constrained")
    for axis, (metric, title) in zip(axes.flat, OVER_EPOCHS, strict=True):
        for norm, (name, colour, line) in NORMS.items():
            own = chosen[chosen["norm"] == norm].sort_values("epochs").drop_duplicates(["seed", "epoch"], keep="last")
            for i, (_, film) in enumerate(own.sort_values("epoch").groupby("seed")):
                label = name if i == 0 else None
                axis.plot(film["epoch"], film[metric].astype(float), line, color=colour, linewidth=1.2, alpha=0.8, label=label)
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xlim(0, chosen["epoch"].max())
        axis.set_title(title, fontsize="small")
        axis.grid(alpha=0.3)
    ticks = [tick for tick in (0, 1, 5, 20, 100, 500) if tick <= chosen["epoch"].max()]
    for axis in axes[1]:
        axis.set_xticks(ticks, ticks)
        axis.set_xlabel("epoch")
    handles, names = axes.flat[0].get_legend_handles_labels()
    seeds = chosen["seed"].nunique()
    title = f"{scale} scale, {seeds} {'seed' if seeds == 1 else 'seeds'}"
    figure.legend(handles, names, loc="outside lower center", ncols=2, title=title, fontsize="small")
    plt.close(figure)
    return figure
