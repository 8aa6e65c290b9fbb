"""Gradients of deep fully connected networks with batch norm at initialisation, measured (Yang et al. 2019)."""

import math
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"relu": F.relu, "linear": torch.nn.Identity()}
LAYERS = 24
FIRST, LAST = 4, 20  # growth is measured between these layers: near either end gradients are still settling
BATCH_SIZES = (6, 8, 16, 32, 64, 128)


def random_weights(width: int, generator: torch.Generator, layers: int = LAYERS) -> list[Tensor]:
    """Weights (width, width) of every layer from N(0, 1/width). Their scale is of no account: batch norm takes it away."""
    return [torch.randn(width, width, generator=generator) / math.sqrt(width) for _ in range(layers)]


def second_moments(weights: list[Tensor], batch_size: int, activation: Activation, generator: torch.Generator) -> Tensor:
    """Mean squared gradient with respect to the outputs of each layer, (layers,), of one mini-batch.

    A layer is activation(batch norm(W x)), without scale, shift and bias. The input is Gaussian, and so is the gradient at the
    last layer, in place of that of a loss.
    """
    outputs = [torch.randn(batch_size, len(weights[0]), generator=generator, requires_grad=True)]
    for weight in weights:
        outputs.append(activation(F.batch_norm(outputs[-1] @ weight, None, None, training=True)))
    gradient = torch.randn(outputs[-1].shape, generator=generator)
    gradients = torch.autograd.grad(outputs[-1], outputs[1:], gradient)
    return torch.stack([g.square().mean() for g in gradients])


def growth(moments: Tensor) -> float:
    """The factor by which second moments (layers,) grow a layer on the way down, geometric mean from LAST to FIRST."""
    return float((moments[FIRST - 1] / moments[LAST - 1]) ** (1 / (LAST - FIRST)))


def measure(seed: int, width: int) -> pd.DataFrame:
    """A row for each activation and batch size; all have the weights of one seed."""
    generator = torch.Generator().manual_seed(seed)
    weights = random_weights(width, generator)
    rows = [
        {"activation": name, "batch_size": size, "growth": growth(second_moments(weights, size, activation, generator))}
        for name, activation in ACTIVATIONS.items()
        for size in BATCH_SIZES
    ]
    return pd.DataFrame(rows)
