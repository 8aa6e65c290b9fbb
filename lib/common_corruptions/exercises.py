"""Checks for the exercises of chapter 06."""

import math
from collections.abc import Callable

import torch

from lib.exercises import Hint, called, check, number, seal

GREY = torch.full((500, 500), 0.5, dtype=torch.float64)
QUARTER = torch.where(torch.arange(500) < 125, 0.9, 0.1).expand(500, 500).double()  # a quarter is bright
NOISE = (  # pixels, photons, the standard deviation of the channel, and a hint where this is the first answer that is wrong
    (GREY, 100, 1.0, "take one grey and a channel_std of 1. What is the variance of a Poisson number, and what that of m / r?"),
    (GREY, 100, 0.25, "normalised pixels were divided by their channel's standard deviation. What does that do to a change?"),
    (GREY / 5, 1000, 0.4, "right for one grey and one number of photons, but wrong for others: all three arguments count."),
    (QUARTER, 60, 0.2, "right for one grey, but not for bright and dark together: what is averaged, and when comes the root?"),
)


@check
def check_shot_noise(shot_noise_size: Callable) -> None:
    """Exercise 1: `shot_noise_size(pixels, photons, channel_std)`, which is compared with noise that is drawn."""
    chance = torch.Generator().manual_seed(0)
    for pixels, photons, channel_std, hint in NOISE:
        answer = number(called(shot_noise_size, pixels.clone(), photons, channel_std), "return one number for all pixels.")
        change = torch.poisson(photons * pixels, chance) / photons - pixels
        if not math.isclose(answer, float(change.square().mean().sqrt()) / channel_std, rel_tol=0.01):
            raise Hint(hint)


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
