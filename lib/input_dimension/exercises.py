"""Checks for the exercises of chapter 05."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from lib import attacks, report
from lib.exercises import RIGHT, not_yet
from lib.input_dimension import claims


def check_worst_case_loss(worst_case_loss: Callable) -> str:
    """Exercise 1: `worst_case_loss(w, b, x, y, epsilon)` for w (D,), b float, x (N, D), y ±1 (N,)."""
    chance = torch.Generator().manual_seed(0)
    w, x = torch.randn(20, generator=chance), torch.randn(50, 20, generator=chance)
    b, y = 0.3, torch.where(torch.arange(50) % 2 == 0, 1.0, -1.0)
    try:
        answers = {epsilon: worst_case_loss(w, b, x, y, epsilon) for epsilon in (0.0, 0.1)}
    except Exception as error:  # whatever a reader's code raises is part of the answer
        return not_yet(f"your function raises {type(error).__name__}: {error}")
    if not all(isinstance(answer, torch.Tensor) and answer.shape == y.shape for answer in answers.values()):
        return not_yet("return one loss for each x, a tensor of the shape of y.")
    answers = {epsilon: answer.float() for epsilon, answer in answers.items()}
    if not torch.allclose(answers[0.0], F.softplus(-y * (x @ w + b)), atol=1e-5):
        return not_yet("with epsilon 0 it must be the softplus loss ζ(-y(w·x + b)) of equation 2.")
    adversarial = attacks.fgsm(_two_logits(w, b), x, (y > 0).long(), epsilon=0.1)
    if not torch.allclose(answers[0.1], F.softplus(-y * (adversarial @ w + b)), atol=1e-5):
        return not_yet("each pixel moves by epsilon against y·w. By how much does w·x change in total? Which norm of w is it?")
    return RIGHT


def _two_logits(w: torch.Tensor, b: float) -> attacks.Model:
    """A softmax classifier whose logits differ by w·x + b."""
    return lambda x: torch.stack([-(x @ w + b) / 2, (x @ w + b) / 2], -1)


def check_two_factors(results: pd.DataFrame, scale: str, batch_norm, image_size) -> str:
    """Exercise 2: the points of accuracy under BIM lost to batch norm and to enlarging (28 → 56 px).

    Each lost with the other factor as in the first network: at 28 pixels, and without batch norm.
    """
    answers = {"batch norm": batch_norm, "image size": image_size}
    if not all(isinstance(answer, int | float | np.floating) for answer in answers.values()):
        return not_yet("give two numbers, in points of accuracy; report.values(...).mean() is one.")
    right = {
        "batch norm": (claims.mlp(28), claims.mlp(28, "batch")),
        "image size": (claims.mlp(28), claims.mlp(56)),
    }
    for name, arms in right.items():
        before, after = (report.values(results, claims.BIM, scale, **arm).mean() for arm in arms)
        if math.isnan(before - after):
            return not_yet("these networks were not run: both 28 and 56 must be among the sizes.")
        if not abs(answers[name] - (before - after)) <= 0.05:
            return not_yet(f"to isolate {name}, compare two networks that differ in it alone. Start from 28 px without batch norm.")
    return RIGHT
