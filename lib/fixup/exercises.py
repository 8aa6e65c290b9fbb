"""Checks for the exercises of chapter 02b."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from lib import data
from lib.exercises import Hint, called, check, described, number
from lib.fixup.experiments import NORMALIZATION

STEP = 1e-6  # of SGD, so small that what it does is its first order


def change_of_one_step(scale: float, blocks: int, layers: int) -> float:
    """How far one step of SGD moves the output of a residual network of one number, as a multiple of the learning rate.

    Each of the `blocks` adds to its input that input times the product of `layers` weights, of which the last is zero and
    the others are `scale`. The loss is the output, the input is 1.
    """
    weights = torch.full((blocks, layers), float(scale), dtype=torch.float64)
    weights[:, -1] = 0
    weights.requires_grad_()

    def output() -> torch.Tensor:
        return (1 + weights.prod(1)).prod()

    before = output()
    (gradient,) = torch.autograd.grad(before, weights)
    with torch.no_grad():
        weights -= STEP * gradient
        return abs(output() - before).item() / STEP


@check
def check_fixup_scale(fixup_scale: Callable) -> None:
    """Exercise 1: `fixup_scale(blocks, layers)`, the size of the weights that are not zero, such that depth does not matter."""
    cases = [(blocks, layers) for layers in (2, 3, 4) for blocks in (1, 4, 16, 64)]
    scales = {case: number(called(fixup_scale, *case), "return one positive number.") for case in cases}
    if not all(scale > 0 for scale in scales.values()):
        raise Hint(f"your function returns {min(scales.values()):g}: return one positive number.")
    changes = {case: change_of_one_step(scale, *case) for case, scale in scales.items()}
    for (blocks, layers), change in changes.items():
        if not 0 < change < math.inf:
            raise Hint(
                f"with a scale of {scales[blocks, layers]:.3g}, {blocks} blocks and {layers} layers in each, a step of SGD moves the "
                f"output by {change:g} times the learning rate: such weights are far too {'small' if change == 0 else 'large'}."
            )
    for (fewer, layers), (more, same) in pairwise(cases):
        ratio = changes[more, same] / changes[fewer, layers]
        if layers == same and not math.isclose(ratio, 1, rel_tol=1e-3):
            raise Hint(
                f"with your scale, and {layers} layers in a block, a step of SGD moves the output of {more} blocks {ratio:.3g} "
                f"times as far as that of {fewer}. By how much does it move one block's last weight, and the output with it?"
            )
    if not all(math.isclose(change, 1, rel_tol=1e-3) for change in changes.values()):
        raise Hint("depth no longer matters, but a step of learning rate η should move the output by η.")


@check
def check_same_pixels(same_pixels: Callable) -> None:
    """Exercise 2: `same_pixels(epsilon, source, target)`, one epsilon for each channel."""
    pairs = [("cifar10", NORMALIZATION), (NORMALIZATION, "cifar10"), ("svhn", "imagenet")]
    answers = {pair: _of_channels(called(same_pixels, 0.03, *pair)) for pair in pairs}
    for (source, target), answer in answers.items():
        before, after = (np.array(data.NORMALIZATION[name][1]) for name in (source, target))
        if np.allclose(answer * before, 0.03 * after, rtol=1e-4):
            raise Hint("it is the other way round: where a standard deviation is larger, one unit is more of the grey scale.")
        if not np.allclose(answer * after, 0.03 * before, rtol=1e-4):
            raise Hint(
                f"{source} → {target}: how much of the grey scale is epsilon in each channel under the first normalisation? "
                "How many units of the second is that?"
            )


def _of_channels(answer: object) -> np.ndarray:
    """The answer as three numbers; raises Hint if it is anything else."""
    try:
        found = np.array([float(epsilon) for epsilon in answer])
    except (TypeError, ValueError):
        raise Hint(f"your function returns {described(answer)}: return one number for each channel, in a list.") from None
    if found.shape != (3,):
        raise Hint(f"your function returns {described(answer)}: there are three channels, and an epsilon for each.")
    return found
