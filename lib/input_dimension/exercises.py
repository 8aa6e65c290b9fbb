"""Checks for the exercises of chapter 05."""

from collections.abc import Callable

import pandas as pd
import torch
from torch.nn import functional as F

from lib import attacks, report
from lib.exercises import Hint, called, check, check_difference, described
from lib.input_dimension import claims


@check
def check_worst_case_loss(worst_case_loss: Callable) -> None:
    """Exercise 1: `worst_case_loss(w, b, x, y, epsilon)` for w (D,), b float, x (N, D), y ±1 (N,)."""
    chance = torch.Generator().manual_seed(0)
    w, x = torch.randn(20, generator=chance), torch.randn(50, 20, generator=chance)
    b, y = 0.3, torch.where(torch.arange(50) % 2 == 0, 1.0, -1.0)
    answers = {epsilon: called(worst_case_loss, w.clone(), b, x.clone(), y.clone(), epsilon) for epsilon in (0.0, 0.1)}
    for answer in answers.values():
        if not (isinstance(answer, torch.Tensor) and answer.shape == y.shape):
            raise Hint(f"your function returns {described(answer)}: return one loss for each x, a tensor of the shape of y.")
    answers = {epsilon: answer.float() for epsilon, answer in answers.items()}
    if not torch.allclose(answers[0.0], F.softplus(-y * (x @ w + b)), atol=1e-5):
        raise Hint("with epsilon 0 it must be the softplus loss ζ(-y(w·x + b)) of equation 2.")
    adversarial = attacks.fgsm(_two_logits(w, b), x, (y > 0).long(), epsilon=0.1)
    if not torch.allclose(answers[0.1], F.softplus(-y * (adversarial @ w + b)), atol=1e-5):
        raise Hint("each pixel moves by epsilon against y·w. By how much does w·x change in total? Which norm of w is it?")


def _two_logits(w: torch.Tensor, b: float) -> attacks.Model:
    """A softmax classifier whose logits differ by w·x + b."""
    return lambda x: torch.stack([-(x @ w + b) / 2, (x @ w + b) / 2], -1)


SEALED_FACTORS = {"batch norm": "c4e10b360c0dddca", "enlarging": "56df9d1df1e9a272"}


@check
def check_two_factors(results: pd.DataFrame, scale: str, batch_norm, enlarging) -> None:
    """Exercise 2: the points of accuracy under BIM lost to batch norm and to enlarging (28 → 56 px).

    Each lost with the other factor as in the first network: at 28 pixels, and without batch norm.
    """
    accuracies = {
        f"{size} px, norm {norm!r}": report.values(results, claims.BIM, scale, **claims.mlp(size, norm)).mean()
        for size in (28, 56)
        for norm in ("none", "batch")
    }
    for factor, answer in (("batch norm", batch_norm), ("enlarging", enlarging)):
        hint = f"to isolate {factor}, compare two networks that differ in it alone. Start from 28 px without batch norm."
        check_difference(answer, accuracies, SEALED_FACTORS[factor], hint)
