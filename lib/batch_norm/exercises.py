"""Checks for the exercises of chapter 01."""

import math
from collections.abc import Callable

import torch

from lib.batch_norm.equation import batch_norm
from lib.exercises import Hint, called, check, described, number, seal


@check
def check_backward(backward: Callable) -> None:
    """Exercise 1: `backward(h, g)` for one feature, h and g (B,): the gradient of the loss with respect to h."""
    chance = torch.Generator().manual_seed(0)
    h, g = (torch.randn(8, generator=chance, dtype=torch.float64) for _ in range(2))
    answer = called(backward, h.clone(), g.clone())
    if not (isinstance(answer, torch.Tensor) and answer.shape == h.shape and answer.is_floating_point()):
        raise Hint(f"your function returns {described(answer)}: return one number for each sample, a tensor of the shape of h.")
    answer, z = answer.detach().double(), batch_norm(h[:, None])[:, 0]
    if not abs(float(answer.sum())) <= 1e-4:
        raise Hint("adding one constant to all of h changes no output. What must the gradient sum to?")
    if not abs(float(answer @ z)) <= 1e-3:
        raise Hint("stretching h about its mean changes no output either. In which direction is the gradient then zero?")
    leaf = h[:, None].requires_grad_()
    (right,) = torch.autograd.grad(batch_norm(leaf), leaf, g[:, None])
    if not torch.allclose(answer, right[:, 0], atol=1e-4):
        raise Hint("the directions are right, size or sign is not: by what is h - mean divided on the way forward?")


SLOPES = (0.1, 0.25, 0.5, 0.9)
SEALED_LIMITS = "9009b249aae787b6"


@check
def check_limit(limit: Callable) -> None:
    """Exercise 2: `limit(slope)`, the growth of gradients a layer for large batches, φ(z) = max(z, slope·z)."""
    linear, relu, *others = (number(called(limit, slope)) for slope in (1.0, 0.0, *SLOPES))
    if not math.isclose(linear, 1, rel_tol=1e-6):
        raise Hint("with slope 1 the network is linear. What is its growth for large batches?")
    if not math.isclose(relu, math.pi / (math.pi - 1), rel_tol=1e-6):
        raise Hint("with slope 0 it is the ReLU, whose limit is in the text.")
    if seal(*others) != SEALED_LIMITS:
        raise Hint("the ends are right. Between them: what are the mean squares of φ(z) and φ'(z), and the mean of φ(z)?")
