"""Checks for the exercises of chapter 03."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import report
from lib.exercises import RIGHT, not_yet
from lib.imagenet.claims import attacked, trained


def check_standard_error(standard_error: Callable) -> str:
    """Exercise 1: `standard_error(first, second, images)` of the difference of two accuracies in percent."""

    def right(first: float, second: float, images: int) -> float:
        return math.sqrt((first * (100 - first) + second * (100 - second)) / images)

    cases = ((50.0, 0.0, 100), (45.0, 42.9, 2048), (88.0, 12.0, 2048), (100.0, 100.0, 50_000))
    try:
        answers = [standard_error(*case) for case in cases]
    except Exception as error:  # whatever a reader's code raises is part of the answer
        return not_yet(f"your function raises {type(error).__name__}: {error}")
    if not all(isinstance(answer, int | float | np.floating) for answer in answers):
        return not_yet("return one number, in points of accuracy.")
    if not abs(answers[0] - right(*cases[0])) < 1e-6:
        return not_yet(
            "start with one accuracy: it is the mean of as many numbers as there are images, each 0 or 100. "
            "What is their variance, and what that of their mean?"
        )
    if not all(abs(answer - right(*case)) < 1e-6 for answer, case in zip(answers, cases, strict=True)):
        return not_yet("one accuracy is right. Of a difference of two independent numbers the variances add, not the errors.")
    return RIGHT


def check_choice_of_source(results: pd.DataFrame, scale: str, gain_without, gain_with) -> str:
    """Exercise 2: the points of accuracy that an attacker takes more with the source VGG8 without batch norm than with it.

    On VGG11 of another seed, without and with batch norm.
    """
    answers = {"none": gain_without, "batch": gain_with}
    if not all(isinstance(answer, int | float | np.floating) for answer in answers.values()):
        return not_yet("give two numbers, in points of accuracy; report.values(...).mean() is one.")
    for norm, answer in answers.items():
        normalized, plain = (
            report.values(results, attacked(11, norm), scale, **trained(8, source)).mean() for source in ("batch", "none")
        )
        if math.isnan(normalized - plain):
            return not_yet("these attacks were not run at this scale.")
        if not abs(answer - (normalized - plain)) <= 0.05:
            return not_yet(
                f"the target VGG11, norm {norm!r}: the accuracy it keeps under the attack from VGG8 with batch norm, "
                "less what it keeps under that from VGG8 without. Both sources attack the same target."
            )
    return RIGHT
