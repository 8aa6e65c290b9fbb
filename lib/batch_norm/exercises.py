"""Checks for the exercises of chapter 01."""

import math
from collections.abc import Callable

import numpy as np
import torch

from lib.batch_norm.equation import batch_norm
from lib.exercises import RIGHT, not_yet


def check_backward(backward: Callable) -> str:
    """Exercise 1: `backward(h, g)` for one feature, h and g (B,): the gradient of the loss with respect to h."""
    chance = torch.Generator().manual_seed(0)
    h, g = (torch.randn(8, generator=chance, dtype=torch.float64) for _ in range(2))
    try:
        answer = backward(h.clone(), g.clone())
    except Exception as error:  # whatever a reader's code raises is part of the answer
        return not_yet(f"your function raises {type(error).__name__}: {error}")
    if not (isinstance(answer, torch.Tensor) and answer.shape == h.shape):
        return not_yet("return one number for each sample, a tensor of the shape of h.")
    answer, z = answer.detach().double(), batch_norm(h[:, None])[:, 0]
    if abs(float(answer.sum())) > 1e-4:
        return not_yet("adding one constant to all of h changes no output. What must the gradient sum to?")
    if abs(float(answer @ z)) > 1e-3:
        return not_yet("stretching h about its mean changes no output either. In which direction is the gradient then zero?")
    leaf = h[:, None].requires_grad_()
    (right,) = torch.autograd.grad(batch_norm(leaf), leaf, g[:, None])
    if not torch.allclose(answer, right[:, 0], atol=1e-4):
        return not_yet("the directions are right, size or sign is not: by what is h - mean divided on the way forward?")
    return RIGHT


def check_limit(limit: Callable) -> str:
    """Exercise 2: `limit(slope)`, the growth of gradients a layer for large batches, φ(z) = max(z, slope·z)."""
    slopes = (1.0, 0.0, 0.1, 0.25, 0.5, 0.9)
    try:
        answers = {slope: limit(slope) for slope in slopes}
    except Exception as error:  # whatever a reader's code raises is part of the answer
        return not_yet(f"your function raises {type(error).__name__}: {error}")
    if not all(isinstance(answer, int | float | np.number) for answer in answers.values()):
        return not_yet("return one number.")
    if not math.isclose(answers[1.0], 1, rel_tol=1e-6):
        return not_yet("with slope 1 the network is linear. What is its growth for large batches?")
    if not math.isclose(answers[0.0], math.pi / (math.pi - 1), rel_tol=1e-6):
        return not_yet("with slope 0 it is the ReLU, whose limit is in the text.")
    if not all(math.isclose(answers[slope], _growth_limit(slope), rel_tol=1e-6) for slope in slopes):
        return not_yet("the ends are right. Between them: what are the mean squares of φ(z) and φ'(z), and the mean of φ(z)?")
    return RIGHT


def _growth_limit(slope: float) -> float:
    second = (1 + slope**2) / 2
    return second / (second - (1 - slope) ** 2 / (2 * math.pi))
