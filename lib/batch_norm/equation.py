"""Batch norm written out (the paper's equation 1)."""

import torch
from torch import Tensor


def batch_norm(h: Tensor, gamma=1.0, beta=0.0, c: float = 1e-5) -> Tensor:
    """Equation 1 in training mode, of a mini-batch h (B, D).

    gamma and beta: (D,) or one number for all features.
    """
    mean = h.mean(0)
    variance = (h - mean).square().mean(0)
    return gamma * (h - mean) / (variance + c).sqrt() + beta


def running_averages(batches: Tensor, momentum: float | None) -> tuple[Tensor, Tensor]:
    """What evaluation mode normalises by after these mini-batches (T, B, D): a mean and a variance (D,).

    A momentum of 0.1 moves them a tenth of the way to each mini-batch's; None gives all mini-batches equal weight. The
    variance of a mini-batch is here divided by B - 1, as in torch, though by B where the mini-batch is normalised.
    """
    mean, variance = torch.zeros_like(batches[0, 0]), torch.ones_like(batches[0, 0])
    for step, h in enumerate(batches, start=1):
        weight = 1 / step if momentum is None else momentum
        mean = (1 - weight) * mean + weight * h.mean(0)
        variance = (1 - weight) * variance + weight * h.var(0)
    return mean, variance
