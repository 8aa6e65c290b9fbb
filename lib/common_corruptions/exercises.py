"""Checks for the exercises of chapter 06."""

import math
from collections.abc import Callable

from lib.exercises import Hint, called, check, number, seal

GAUSSIAN = (0.04, 0.06, 0.08, 0.09, 0.10)  # standard deviation of Gaussian noise by severity, for pixels in [0, 1]
OTHERS = (0.02, 0.10, 0.12, 0.30, 0.50)  # of no benchmark
NOISE = {  # on normalised pixels, and the standard deviation of the channel
    GAUSSIAN: ((0.2, 0.2), (0.31, 0.2), (0.5, 0.2), (0.25, 0.36), (0.25, 0.31), (1.0, 0.2), (0.1, 0.2)),
    OTHERS: ((1.0, 0.25), (0.235, 0.2), (0.25, 0.26)),
}


@check
def check_same_noise(nearest_severity: Callable) -> None:
    """Exercise 1: `nearest_severity(normalized, channel_std, sigmas)`, of Gaussian noise as strong as noise on normalised pixels."""
    for sigmas, cases in NOISE.items():
        for normalized, channel_std in cases:
            answer = number(called(nearest_severity, normalized, channel_std, sigmas), "return one severity, from 1 to 5.")
            if answer not in range(1, 6):
                raise Hint(
                    "a severity is a whole number from 1 to 5; the first of the standard deviations is that of severity 1."
                )
            if not _is_nearest(int(answer), normalized * channel_std, sigmas):
                raise Hint(_what_is_wrong(int(answer), normalized * channel_std, sigmas))


def _is_nearest(severity: int, noise: float, sigmas: tuple[float, ...]) -> bool:
    distances = [abs(sigma - noise) for sigma in sigmas]
    return math.isclose(distances[severity - 1], min(distances), abs_tol=1e-12)


def _what_is_wrong(severity: int, noise: float, sigmas: tuple[float, ...]) -> str:
    if sigmas is not GAUSSIAN and _is_nearest(severity, noise, GAUSSIAN):
        return "the standard deviations of the severities are an argument. What if they are others than those of the benchmark?"
    chosen = sigmas[severity - 1]
    if not any(min(noise, chosen) < sigma < max(noise, chosen) for sigma in sigmas):
        return (
            "your severity is a neighbour of the right one. The nearest is asked for, which may lie above the noise or below it, "
            "by the difference of the two standard deviations."
        )
    return "normalised pixels were divided by the standard deviation of their channel. How large is the noise before that?"


SEALED_UNEVEN = "926efecc4224a3cd"


@check
def check_mce(mce: Callable) -> None:
    """Exercise 2: `mce(errors, reference)`, for dictionaries of lists of five errors by corruption."""
    errors = {"fog": [10.0, 12.0, 15.0, 20.0, 38.0], "snow": [20.0, 22.0, 25.0, 30.0, 33.0]}
    reference = {"fog": [20.0, 24.0, 30.0, 40.0, 76.0], "snow": [20.0, 22.0, 25.0, 30.0, 33.0]}
    if not math.isclose(number(called(mce, errors, errors)), 100, rel_tol=1e-9):
        raise Hint("a network that is its own reference has an mCE of 100 percent.")
    if not math.isclose(number(called(mce, errors, reference)), 75, rel_tol=1e-9):
        raise Hint(
            "half the reference's errors on one of two corruptions, the same on the other: what is the mean of the two ratios?"
        )
    uneven = {"fog": [1.0, 1.0, 1.0, 1.0, 96.0], "snow": [50.0] * 5}
    if seal(number(called(mce, uneven, reference))) != SEALED_UNEVEN:
        raise Hint("sum over the five severities before you divide, and average over corruptions after it.")
    thrice = {"frost": [30.0] * 5, "pixelate": [5.0] * 5, "spatter": [20.0] * 5}
    once = {"frost": [10.0] * 5, "pixelate": [10.0] * 5, "spatter": [20.0] * 5}
    if not math.isclose(number(called(mce, thrice, once)), 150, rel_tol=1e-9):
        raise Hint("of three corruptions, the mean is over three: C is how many there are, and every one of them counts.")
