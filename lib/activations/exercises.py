"""Checks for the exercises of chapter 08."""

import math
from collections.abc import Callable

from lib.exercises import Hint, called, check, number, seal

SEALED_SHARES = "bf9e507369710cd6"
SEALED_DISTANCES = "1b37b7ed36f7e882"


@check
def check_silent_share(silent_share: Callable) -> None:
    """Exercise 1: `silent_share(units)`, the mean share of networks at initialisation, in percent, that an image silences."""
    one, *others = (number(called(silent_share, units), "return a percentage.") for units in (1, 2, 3, 7))
    if not 0 <= one <= 100:
        raise Hint("a share is between 0 and 100 percent.")
    if not math.isclose(one, 50, rel_tol=1e-6):
        raise Hint("begin with one unit. Its weights and its bias are as likely as the same with the other sign: what follows?")
    if seal(*others) != SEALED_SHARES:
        raise Hint(
            "one unit is right. Given what comes from below, do two units, with weights of their own, know of each other?"
        )


@check
def check_largest_distance(largest_distance: Callable) -> None:
    """Exercise 2: `largest_distance(classes)`, root mean square, of centroids where both coordinates have variance 1."""
    two, *others = (number(called(largest_distance, classes)) for classes in (2, 3, 10, 40))
    if not two > 0:
        raise Hint("a distance is positive.")
    if not math.isclose(two, 8**0.5, rel_tol=1e-6):
        raise Hint("begin with two classes, each in a single point: how far from zero is each coordinate if its variance is 1?")
    if seal(*others) != SEALED_DISTANCES:
        raise Hint(
            "two classes are right. For more: the mean squared distance of two *different* ones, over all pairs, is what?"
        )
