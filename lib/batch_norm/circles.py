"""Two circles through a deep linear network at initialisation (the paper's Figures 1 and 5), and what is left of them.

Architecture, data and seeding follow the notebook the authors published. A *layer* is the output of a linear layer: 0 is
the input, 1 the output of the first linear layer, k that of the linear layer of block k - 1.
"""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

POINTS, RADII = 32, (1.0, 1.3)
BATCH_SIZE = 32
BLOCKS, WIDTH = 30, 10
LAYERS = range(BLOCKS + 2)  # with the input, without the output
NORMS = ("batch", "none")


def circles(seed: int, batch_size: int = BATCH_SIZE) -> tuple[Tensor, Tensor]:
    """Mini-batches of points (2, 32, 2) on two concentric circles, float64, and their labels (2, 32), 0 for the inner one.

    32 equally spaced points a circle; the seed says how the 64 are shuffled before they are split. Mini-batches of another
    size, a divisor of 64, are more or fewer than two.
    """
    angles = 2 * math.pi * torch.arange(POINTS, dtype=torch.float64) / POINTS
    circle = torch.stack([angles.cos(), angles.sin()], 1)
    points, labels = torch.cat([radius * circle for radius in RADII]), torch.arange(2).repeat_interleave(POINTS)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(points)))
    return points[order].view(-1, batch_size, 2), labels[order].view(-1, batch_size)


def network(norm: str, seed: int) -> nn.Sequential:
    """Linear(2, 10), 30 blocks of batch norm ("batch") or nothing ("none") and Linear(10, 10), Linear(10, 2); float64.

    torch's default initialisation, drawn in float32 and the same for either norm, and training mode: each mini-batch is
    normalised by itself. In float64 because without batch norm the circles shrink, from layer to layer, towards what
    float32 rounds away.
    """
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}; allowed: {', '.join(NORMS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        blocks = (
            nn.Sequential(nn.BatchNorm1d(WIDTH, momentum=None) if norm == "batch" else nn.Identity(), nn.Linear(WIDTH, WIDTH))
            for _ in range(BLOCKS)
        )
        # Built, and so drawn, in this order.
        return nn.Sequential(nn.Linear(2, WIDTH), *blocks, nn.Linear(WIDTH, 2)).double().train()


@torch.no_grad()
def representations(network: nn.Sequential, batches: Tensor) -> list[Tensor]:
    """The input and the layers of mini-batches (N, 32, 2), each mini-batch alone: one (N, 32, D) for each of LAYERS."""
    layers = [batches]
    for module in network[:-1]:
        layers.append(torch.stack([module(batch) for batch in layers[-1]]))
    return layers


def principal_components(layer: Tensor) -> Tensor:
    """The two principal components, fitted on both mini-batches together, of a layer (2, 32, D): (2, 32, 2), not centred."""
    points = layer.flatten(0, 1)
    _, _, directions = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    return layer @ directions[:2].T


def distance_correlation(x: Tensor, y: Tensor) -> float:
    """The sample distance correlation of N paired points x (N, D), y (N, E) (Székely, Rizzo and Bakirov 2007), from 0 to 1.

    1 where all distances are kept up to a factor. Not 0 for unrelated points: it has a positive bias.
    """
    a, b = _centred(torch.cdist(x, x)), _centred(torch.cdist(y, y))
    return float((a * b).mean().clamp(min=0) / (a.square().mean() * b.square().mean()).sqrt()) ** 0.5


def _centred(distances: Tensor) -> Tensor:
    return distances - distances.mean(0) - distances.mean(1, keepdim=True) + distances.mean()


def nearest_neighbours(points: Tensor, labels: Tensor, among: str = "all") -> float:
    """Percent of the points (2, 32, D) whose nearest other point has their label (2, 32).

    `among`: "all" points, those "within" the same mini-batch, or those "across", in the other one.
    """
    points, labels = points.flatten(0, 1), labels.flatten()
    batch = torch.arange(2).repeat_interleave(BATCH_SIZE)
    same = batch[:, None] == batch
    excluded = {"all": torch.zeros_like(same), "within": ~same, "across": same}[among]
    excluded = excluded | torch.eye(len(points), dtype=torch.bool)
    nearest = torch.cdist(points, points).masked_fill(excluded, math.inf).argmin(1)
    return 100 * float((labels[nearest] == labels).double().mean())


def stretch(points: Tensor) -> Tensor:
    """The two principal components of N points (N, D), centred and each stretched to one spread: (N, 2).

    Up to a rotation, what it gives for points in a plane is the same after every affine map that keeps them in a plane.
    """
    return torch.linalg.svd(points - points.mean(0), full_matrices=False).U[:, :2]


def roundness(layer: Tensor) -> float:
    """Second over first principal standard deviation of a mini-batch (2, 32, D), mean of the two: 1 round, 0 a line."""
    spread = torch.linalg.svdvals(layer - layer.mean(1, keepdim=True))
    return float((spread[:, 1] / spread[:, 0]).mean())


def nonlocality(network: nn.Sequential, batch: Tensor) -> list[float]:
    """How far the rest of a mini-batch (32, 2) moves when one point is replaced, in percent of its spread, for each of LAYERS.

    Each point in turn is replaced by the opposite one of its circle. Root mean squares over points and replacements.
    """
    replaced = batch.repeat(len(batch), 1, 1)
    replaced[range(len(batch)), range(len(batch))] *= -1
    others = ~torch.eye(len(batch), dtype=torch.bool)
    found = []
    for before, after in zip(representations(network, batch[None]), representations(network, replaced), strict=True):
        moved = (after - before)[others].square().sum(1).mean()
        spread = (before - before.mean(1, keepdim=True)).square().sum(2).mean()
        found.append(100 * float((moved / spread).sqrt()))
    return found


def measure(seed: int) -> pd.DataFrame:
    """What is left of the circles: a row for each norm and layer, a column for each metric."""
    batches, labels = circles(seed)
    rows = []
    for norm in NORMS:
        net = network(norm, seed)
        layers = representations(net, batches)
        for number, (layer, moved) in enumerate(zip(layers, nonlocality(net, batches[0]), strict=True)):
            points = layer.flatten(0, 1)
            each = torch.stack([stretch(batch) for batch in layer])
            rows.append(
                {
                    "norm": norm,
                    "layer": number,
                    "neighbours shown": nearest_neighbours(principal_components(layer), labels),
                    "neighbours all": nearest_neighbours(layer, labels),
                    "neighbours within": nearest_neighbours(layer, labels, "within"),
                    "neighbours across": nearest_neighbours(layer, labels, "across"),
                    "neighbours stretched": nearest_neighbours(stretch(points).view(2, BATCH_SIZE, 2), labels),
                    "neighbours stretched within": nearest_neighbours(each, labels, "within"),
                    "distance correlation": distance_correlation(batches.flatten(0, 1), points),
                    "roundness": roundness(layer),
                    "nonlocality": moved,
                }
            )
    return pd.DataFrame(rows)
