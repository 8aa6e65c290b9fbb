"""Checks for the exercises of chapter 07."""

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor

from lib.batch_norm.equation import running_averages
from lib.exercises import Hint, called, check, described, number
from lib.spheres.points import bayes_accuracy, noisy, spheres
from lib.spheres.training import circles, learn
from lib.spheres.watching import accuracy, margins


def _behind(batches: int, momentum: float | None) -> float:
    """How far a running mean is behind the mean of the last mini-batch, if each mean is 1 higher than the one before."""
    means = torch.arange(1.0, batches + 1, dtype=torch.float64)
    average, _ = running_averages(means[:, None, None].expand(-1, 2, 1), momentum)
    return batches - float(average)


@check
def check_lags(exponential_lag: Callable, cumulative_lag: Callable) -> None:
    """Exercise 1: how far each kind of running average is behind a mean that rises by 1 with every mini-batch."""
    for momentum in (0.1, 0.5, 0.01):
        lag = number(called(exponential_lag, momentum))
        if abs(lag - _behind(2000, momentum)) > 1e-3:
            raise Hint(
                f"exponential_lag({momentum}) is not right yet. In the long run the average rises by 1 with every mini-batch "
                "too. How far must it be behind, if it closes only a part of the distance each time?"
            )
    for batches in (1, 10, 4000):
        lag = number(called(cumulative_lag, batches))
        if abs(lag - _behind(batches, None)) > 1e-3:
            raise Hint(f"cumulative_lag({batches}) is not right yet. What is the mean of all the means there have been?")


_broken = functools.cache(lambda: learn(None))


@check
def check_repair(repair: Callable) -> None:
    """Exercise 2: `repair(network, points)` makes a network right in evaluation mode and leaves its weights alone."""
    network, (points, labels) = copy.deepcopy(_broken()), circles(0)
    called(repair, network, points.clone())
    before, after = dict(_broken().named_parameters()), dict(network.named_parameters())
    if before.keys() != after.keys() or any(
        after[name].dtype != right.dtype or not torch.equal(after[name], right) for name, right in before.items()
    ):
        raise Hint("the weights have changed. They are right as they are; what else does a network in evaluation mode use?")
    network.eval()
    # One circle after the other: what a network makes of a point must not hang on the points beside it.
    outputs = torch.cat([margins(network, points[labels == label]) for label in (0, 1)])
    if not bool(accuracy(outputs, labels) == 100):
        raise Hint(
            f"in evaluation mode, one circle at a time, {float(accuracy(outputs, labels)):.0f} % of the training points are "
            "right. Which mini-batches do the running averages remember, and how does a layer of batch norm forget them?"
        )


CASES = ((2, 0.005), (50, 0.005), (500, 0.005), (500, 0.01))  # dimensions, and variances of the noise


@check
def check_outer(outer: Callable) -> None:
    """Exercise 3: `outer(points, variance)`, which noisy points are of the outer sphere, in any dimension."""
    for dimension, variance in CASES:
        chance = torch.Generator().manual_seed(dimension)
        clean, labels = spheres(4000, chance, dimension)
        points = noisy(clean, chance, variance)
        # One sphere after the other: what is said of a point must not hang on the points beside it.
        answers = [_bools(called(outer, points[labels == label].clone(), variance), 4000) for label in (0, 1)]
        right = 100 * float((torch.cat(answers) == (labels == 1)).double().mean())
        if right < bayes_accuracy(variance, dimension) - 1:
            raise Hint(
                f"in {dimension} dimensions, with noise of variance {variance}, one sphere at a time, {right:.1f} % are right, "
                "and more is possible. Only the length of a point can tell. What does noise add, on average, to its square?"
            )


def _bools(answer: object, points: int) -> Tensor:
    """The answer as bool (points,); raises Hint if it is anything else."""
    if not (isinstance(answer, Tensor) and answer.dtype == torch.bool and answer.shape == (points,)):
        asked = "return True or False for each point, a tensor of the shape (N,)."
        raise Hint(f"your function returns {described(answer)}: {asked}")
    return answer
