"""Checks for the exercises of chapter 03."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import report
from lib.exercises import Hint, called, check, check_difference, number
from lib.imagenet.claims import attacked, trained


@check
def check_standard_error(standard_error: Callable) -> None:
    """Exercise 1: `standard_error(only_first, only_second, images)` of the difference of two accuracies on the same images."""

    def answer(*case: int) -> float:
        return number(called(standard_error, *case), "return one number, in points of accuracy.")

    def right(*case: int) -> bool:
        return abs(answer(*case) - _spread(*case)) < 1e-6

    if not right(1, 1, 4):
        raise Hint(
            "start with as many images right in the first case alone as in the second alone. The difference of accuracies is "
            "the mean of one number for each image: 100, -100 or 0. What is the variance of these numbers (divide by how many "
            "there are), and what that of their mean?"
        )
    if not all(right(*case) for case in ((2, 0, 3), (2, 1, 4), (0, 3, 5), (0, 0, 2))):
        raise Hint(
            "where as many images are right in the first case alone as in the second alone, your error is right. Elsewhere the "
            "mean of 100, -100 and 0 over the images is not zero, and their variance is taken around it."
        )
    if not math.isclose(answer(1024, 512, 2048) * 512**0.5, answer(2, 1, 4), rel_tol=1e-6):
        raise Hint("with a few images it is right. How should 512 times as many change it?")


def _spread(only_first: int, only_second: int, images: int) -> float:
    """The standard deviation of the difference, from all ways to draw as many images again from these, counted out."""
    each = np.repeat([100.0, -100.0, 0.0], [only_first, only_second, images - only_first - only_second])
    return float(np.mean(list(itertools.product(each, repeat=images)), axis=1).std())


SEALED_GAINS = {"none": "ff6a938420063272", "batch": "6505b9115b255901"}


@check
def check_choice_of_source(results: pd.DataFrame, scale: str, gain_without, gain_with) -> None:
    """Exercise 2: the points of accuracy that an attacker takes more with the source VGG8 without batch norm than with it.

    On VGG11 of another seed, without and with batch norm.
    """
    kept = {
        f"what VGG11, norm {target!r}, keeps under the attack from VGG8, norm {source!r}": report.values(
            results, attacked(11, target), scale, **trained(8, source)
        ).mean()
        for target in SEALED_GAINS
        for source in SEALED_GAINS
    }
    for target, gain in (("none", gain_without), ("batch", gain_with)):
        hint = (
            f"on the target VGG11, norm {target!r}: what the attacker takes is what the target does not keep. "
            "Compare the two sources on this target alone. Which of them is to be ahead for the gain to be positive?"
        )
        check_difference(gain, kept, SEALED_GAINS[target], hint)
