"""Checks for the exercises of chapter 02."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from lib import report
from lib.empirical_results.claims import accuracy, vgg
from lib.empirical_results.experiments import BIM, CLEAN, curve
from lib.exercises import Hint, called, check, number


@check
def check_containing_ball(l2_radius: Callable) -> None:
    """Exercise 1: `l2_radius(epsilon, shape)`, of the smallest l2 ball around an image that contains the l-inf ball."""
    shapes = ((3, 32, 32), (1, 28, 28), (3, 224, 224))
    doubled, *answers = (number(called(l2_radius, *case)) for case in ((0.06, shapes[0]), *((0.03, shape) for shape in shapes)))
    if not math.isclose(doubled, 2 * answers[0], rel_tol=1e-6):
        raise Hint("twice the epsilon must give twice the radius.")
    for answer, shape in zip(answers, shapes, strict=True):
        distances = _some_points_of_the_cube(0.03, math.prod(shape)).norm(dim=1)
        if not math.isclose(answer, float(distances.max()), rel_tol=1e-5):
            raise Hint("which points of the l-inf ball are farthest from its centre? How far, with 3,072 coordinates?")


def _some_points_of_the_cube(epsilon: float, dimension: int) -> torch.Tensor:
    """Of [-epsilon, epsilon]^dimension: some of its inside, and of its surface."""
    inside = epsilon * (2 * torch.rand(4, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1)
    return torch.cat([inside, epsilon * inside.sign()])


@check
def check_half_epsilon(results: pd.DataFrame, scale: str, without, with_it) -> None:
    """Exercise 2: the epsilon that halves the accuracy, without and with batch norm, to 2 % of it."""
    points = sorted((CLEAN, BIM, *curve(scale)), key=lambda evaluation: evaluation.epsilon)
    epsilons = np.array([point.epsilon for point in points])
    for norm, given in (("none", without), ("batch", with_it)):
        answer = number(given, "give two numbers, in normalised pixels.")
        means = np.array([report.values(results, accuracy(p), scale, **vgg("table-02", norm)).mean() for p in points])
        half = means[0] / 2
        if not (means <= half).any():
            raise Hint(
                'at this scale the curve does not fall to half its clean value; put "laptop" for chosen.scale, whose published '
                "records are in `results` as well."
            )
        earlier, later = np.interp([0.98 * answer, 1.02 * answer], epsilons, means)
        if not (earlier >= half >= later and (means[epsilons < 0.98 * answer] > half).all()):
            raise Hint(
                "find the two points of the curve between which the mean over seeds passes half of the clean accuracy *of that "
                "network*, and go linearly from one to the other."
            )
