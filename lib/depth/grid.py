"""The grid of depths and batch sizes as a data frame: where a network lies to the line of Figure 2, and which count.

Two rules, made before any run. A network *without* batch norm has failed if it diverged or is right on fewer than 20 % of the
clean test images, twice chance; as in the paper's Figure 2 it is left out, and counted. Of networks *with* batch norm none is
left out: whether they train is the question. One that diverged counts as right by chance.
"""

import math

import numpy as np
import pandas as pd

from lib import report, theory
from lib.depth.experiments import depth_scale

CLEAN, NOISE, BIM = ACCURACIES = [f"accuracy {name}" for name in ("clean", "noise-1", "bim-linf-0.1")]
CHANCE, FAILED = 10.0, 20.0  # percent
LOW, NEAR, ABOVE = ZONES = ("low", "near", "above")
LOW_PART = 2 / 3  # of the line
TRAINED = 80.0  # percent: the clean accuracy by which we say up to which depth networks train
CELL = ["scale", "hidden", "batch_size", "seed"]
GAIN, LONGER_GAIN = "batch norm's gain: ", "gain of longer training: "  # before the name of a metric


def line(batch_size: float) -> float:
    """The depth at which the line of Figure 2 lies, with the right derivative."""
    return float(theory.trainable_depth(theory.gradient_growth(batch_size)))


def zone(depth: int, batch_size: int) -> str:
    """Where a depth lies to the line: "low" up to two thirds of it, "near" up to it, or "above"."""
    part = depth / line(batch_size)
    return LOW if part <= LOW_PART else NEAR if part <= 1 else ABOVE


def prepared(results: pd.DataFrame) -> pd.DataFrame:
    """Results of `report.collect` by the rules above, with more columns.

    `zone` and `failed`; `complete`: whether networks of this norm, batch size and seed were run at all depths of the scale, without
    which the depth they reach cannot be told. In percent points `batch norm's gain: …` of networks with batch norm over those without,
    and `gain of longer training: …` of Figure 3b over Figure 3a; of one network over the other with the same depth, batch size and
    seed, and so only where both count.
    """
    grid = results.copy()
    zones = [zone(depth, size) for depth, size in zip(grid["hidden"], grid["batch_size"], strict=True)]
    plain, diverged = grid["norm"] == "none", grid["diverged_at"].notna()
    grid = grid.assign(zone=zones, complete=False, failed=plain & (diverged | (grid[CLEAN] < FAILED)))
    columns = grid.groupby(["scale", "experiment", "norm", "batch_size", "seed"])
    for (scale, *_), column in columns.groups.items():
        grid.loc[column, "complete"] = {*depth_scale(scale).depths} <= {*grid.loc[column, "hidden"]}
    grid.loc[diverged & ~plain, ACCURACIES] = CHANCE
    grid.loc[grid["failed"], ACCURACIES] = math.nan
    grid = _less(grid, ["experiment", *CELL], grid["norm"] == "batch", plain, GAIN)
    long = grid["experiment"] == "figure-03"
    return _less(grid, ["norm", *CELL], long, ~long, LONGER_GAIN)


def _less(grid: pd.DataFrame, cell: list[str], of: pd.Series, those: pd.Series, name: str) -> pd.DataFrame:
    """With columns, on the rows `of`, for how much their accuracies exceed those of `those` with the same `cell`."""
    gains = grid[of].set_index(cell)[ACCURACIES].sub(grid[those].set_index(cell)[ACCURACIES]).add_prefix(name)
    return grid.merge(
        gains.loc[grid[of].set_index(cell).index].set_axis(grid[of].index), "left", left_index=True, right_index=True
    )


def largest_scale(results: pd.DataFrame, experiment: str) -> str:
    """The largest scale at which anything of an experiment was run."""
    return report.scales_of(results[results["experiment"] == experiment])[0]


def depth_reached(accuracies: pd.Series) -> float:
    """The depth at which clean accuracies (indexed by depth) fall below 80 %: the deepest such place, interpolated.

    NaN where they do not: where all networks train, or none.
    """
    found = accuracies.dropna().sort_index()
    falls = np.flatnonzero((found.to_numpy()[:-1] >= TRAINED) & (found.to_numpy()[1:] < TRAINED))
    if not len(falls):
        return math.nan
    (above, below), (low, high) = found.iloc[falls[-1] :][:2], found.index[falls[-1] :][:2]
    return low + (high - low) * (above - TRAINED) / (above - below)
