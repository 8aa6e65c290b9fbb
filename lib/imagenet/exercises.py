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
    """Exercise 1: `standard_error(first, second, images)` of the difference of two accuracies in percent."""

    def answer(*case) -> float:
        return number(called(standard_error, *case), "return one number, in points of accuracy.")

    answers = {case: answer(*case) for case in ((50.0, 0.0, 1), (45.0, 42.9, 2), (88.0, 12.0, 3), (100.0, 100.0, 3))}
    (first, *_), right = answers.values(), {case: _spread(*case) for case in answers}
    if not abs(first - right[50.0, 0.0, 1]) < 1e-6:
        raise Hint(
            "start with one accuracy: it is the mean of as many numbers as there are images, each 0 or 100. "
            "What is their variance, and what that of their mean?"
        )
    if not all(abs(answers[case] - right[case]) < 1e-6 for case in answers):
        raise Hint("one accuracy is right. Of a difference of two independent numbers the variances add, not the errors.")
    if not math.isclose(2 * answer(45.0, 42.9, 2048), answer(45.0, 42.9, 512), rel_tol=1e-6):
        raise Hint("with a few images it is right. How should four times as many change it?")


def _spread(first: float, second: float, images: int) -> float:
    """The standard deviation of the difference, from all ways in which so few images can be right or wrong, counted out."""
    ways = np.array(list(itertools.product((0, 1), repeat=2 * images)))
    chance_of_right = np.repeat([first / 100, second / 100], images)
    chances = np.where(ways == 1, chance_of_right, 1 - chance_of_right).prod(1)
    differences = 100 * (ways[:, :images].mean(1) - ways[:, images:].mean(1))
    return float(np.sqrt(np.average((differences - np.average(differences, weights=chances)) ** 2, weights=chances)))


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
