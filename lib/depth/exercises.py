"""Checks for the exercises of chapter 04."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import theory
from lib.depth.claims import FIGURE_2
from lib.depth.grid import CLEAN, TRAINED, line
from lib.exercises import Hint, called, check, described, number


@check
def check_layers(layers: Callable) -> None:
    """Exercise 1: `layers(growth, ratio)`, over how many layers gradients grow by `ratio`, if by `growth` in each."""
    for growth, ratio in ((2.0, 8.0), (1.5, 1e7), (10.0, 10.0), (1.02, 3.0)):
        found = number(called(layers, growth, ratio))
        reached = growth**found if found < 1e4 else math.inf
        if not math.isclose(reached, ratio, rel_tol=1e-6):
            raise Hint(
                f"growing by {growth:g} in each of your {found:g} layers, gradients have grown by {reached:g}, not by {ratio:g}. "
                "Growth multiplies from layer to layer; what makes sums of products?"
            )


LIMIT = float(theory.trainable_depth(theory.GRADIENT_GROWTH_LIMIT))


@check
def check_smallest_batch(smallest_batch: Callable) -> None:
    """Exercise 2: `smallest_batch(depth)`, the smallest batch size whose line reaches `depth`, or None if none does."""
    for depth in (12, 20, 30.5, 35, 40, 41, line(500)):
        answer = called(smallest_batch, depth)
        size = number(answer, f"for {depth} layers there is a batch size; return a whole number.")
        if size != int(size) or size < theory.SMALLEST_BATCH:
            raise Hint(f"for {depth} layers you answer {size:g}; batch sizes are whole numbers from {theory.SMALLEST_BATCH}.")
        if not line(size) >= depth:
            raise Hint(f"with batches of {size:g} the line is at {line(size):.2f}, below {depth}.")
        if size > theory.SMALLEST_BATCH and line(size - 1) >= depth:
            raise Hint(f"batches of {size:g} do for {depth} layers, and so do batches of {size - 1:g}.")
    beyond = called(smallest_batch, LIMIT + 1)
    if beyond is not None:
        raise Hint(f"for {LIMIT + 1:.1f} layers you answer {described(beyond)}. What is the line for ever larger batches?")


def wrong_side(results: pd.DataFrame, scale: str, constant: float) -> int:
    """How many cells of the grid lie on the wrong side of the line of this constant.

    Cells with batch norm, the mean over seeds: at the line or below it they should train, to a clean accuracy of 80 %, and
    above it they should not. Raises Hint where there are no such cells.
    """
    grid = results[(results["scale"] == scale) & (results["experiment"] == FIGURE_2) & (results["norm"] == "batch")]
    if grid.empty:
        raise Hint(f"at the scale {scale!r} no network of this grid with batch norm was run: no line is better than another.")
    clean = grid.groupby(["hidden", "batch_size"])[CLEAN].mean().reset_index()
    lines = theory.trainable_depth(theory.gradient_growth(clean["batch_size"]), constant)
    return int(((clean["hidden"] <= lines) != (clean[CLEAN] >= TRAINED)).sum())


@check
def check_constant(results: pd.DataFrame, scale: str, constant: float) -> None:
    """Exercise 3: the constant whose line puts the fewest cells on the wrong side."""
    given = number(constant, "give one number, the constant in place of 16.")
    best = min(wrong_side(results, scale, candidate) for candidate in np.arange(0, 60, 0.05))
    found = wrong_side(results, scale, given)
    if found > best:
        raise Hint(f"{found} cells lie on the wrong side of your line; there is a constant that leaves fewer.")
