"""Checks for the exercises of chapter 02."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import report
from lib.empirical_results.claims import accuracy, vgg
from lib.empirical_results.experiments import BIM, CLEAN, curve
from lib.exercises import RIGHT, not_yet


def check_containing_ball(l2_radius: Callable) -> str:
    """Exercise 1: `l2_radius(epsilon, shape)`, of the smallest l2 ball around an image that contains the l-inf ball."""
    try:
        answers = {shape: l2_radius(0.03, shape) for shape in ((3, 32, 32), (1, 28, 28), (3, 224, 224))}
        doubled = l2_radius(0.06, (3, 32, 32))
    except Exception as error:  # whatever a reader's code raises is part of the answer
        return not_yet(f"your function raises {type(error).__name__}: {error}")
    if not all(isinstance(answer, int | float | np.number) for answer in (*answers.values(), doubled)):
        return not_yet("return one number.")
    if not math.isclose(doubled, 2 * answers[3, 32, 32], rel_tol=1e-6):
        return not_yet("twice the epsilon must give twice the radius.")
    if not all(math.isclose(r, 0.03 * math.sqrt(math.prod(shape)), rel_tol=1e-6) for shape, r in answers.items()):
        return not_yet("which points of the l-inf ball are farthest from its centre? How far, with 3,072 coordinates?")
    return RIGHT


def half_epsilon(results: pd.DataFrame, scale: str, norm: str) -> float:
    """The epsilon at which the mean accuracy over seeds falls to half of the clean one, NaN where the curve does not."""
    points = sorted((CLEAN, BIM, *curve(scale)), key=lambda evaluation: evaluation.epsilon)
    means = [report.values(results, accuracy(e), scale, **vgg("table-02", norm)).mean() for e in points]
    below = next((i for i, mean in enumerate(means) if mean <= means[0] / 2), None)
    if not below:
        return math.nan
    ends = slice(below - 1, below + 1)
    return float(np.interp(-means[0] / 2, [-mean for mean in means[ends]], [e.epsilon for e in points[ends]]))


def check_half_epsilon(results: pd.DataFrame, scale: str, without, with_it) -> str:
    """Exercise 2: the epsilon that halves the accuracy, without and with batch norm."""
    for norm, answer in (("none", without), ("batch", with_it)):
        if not isinstance(answer, int | float | np.number):
            return not_yet("give two numbers, in normalised pixels.")
        right = half_epsilon(results, scale, norm)
        if math.isnan(right):
            return not_yet("at this scale the curve does not fall to half its clean value; take one with more seeds or epochs.")
        if not abs(answer - right) <= 0.02 * right + 1e-4:
            return not_yet(
                "find the two points of the curve between which the mean over seeds passes half of the clean accuracy *of that "
                "network*, and go linearly from one to the other."
            )
    return RIGHT
