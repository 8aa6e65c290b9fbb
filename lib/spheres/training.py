"""Networks that learn two circles (Appendix D, Figure 6): points, networks and training."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lib import data
from lib.models import cross_entropy, initialize
from lib.spheres.averages import Averages, norm_layers
from lib.spheres.points import noisy, spheres

NORMS = ("batch", "none")
GAMMAS = ("ones", "uniform")  # how the scale of batch norm starts: torch's default, and that of its versions before 1.2
TRAIN_POINTS, TEST_POINTS = 500, 10_000  # of each class
BATCH_SIZE = 50
UNITS = 1000


def network(norm: str, seed: int, units: int = UNITS, inputs: int = 2, gamma: str = GAMMAS[0]) -> nn.Sequential:
    """Linear(2, units), twice batch norm ("batch") or nothing ("none"), Linear(units, units) and ReLU, Linear(units, 2).

    No ReLU after the first layer, and batch norm before linear layers: so it is in the authors' code. torch's default
    initialisation, the same for either norm. The γ of batch norm is 1, or with gamma="uniform" drawn from U(0, 1), as torch did
    when the paper was written. Batch norm has momentum 1, as `Averages` wants it. ValueError for another `norm` or `gamma`.
    """
    if norm not in NORMS or gamma not in GAMMAS:
        raise ValueError(f"norm={norm!r}, gamma={gamma!r}; allowed: {', '.join(NORMS)}; {', '.join(GAMMAS)}")
    layers = [nn.Linear(inputs, units)]
    for _ in range(2):
        layers += [nn.BatchNorm1d(units, momentum=1.0)] if norm == "batch" else []
        layers += [nn.Linear(units, units), nn.ReLU()]
    chance = data.generator(seed, "init")
    own = initialize(nn.Sequential(*layers, nn.Linear(units, 2)), "default", chance)
    if gamma == "uniform":
        for layer in norm_layers(own):
            nn.init.uniform_(layer.weight, generator=chance)
    return own


class Points:
    """Training points of each seed (S, N, D), test points and noisy test points of each (S, M, D), with labels (N,), (M,).

    Their chance is a generator of its own, so that all networks of a seed see the same.
    """

    def __init__(self, seeds: list[int], dimension: int = 2, test_points: int = TEST_POINTS):
        chance = [data.generator(seed, "noise") for seed in seeds]
        self.train, self.train_labels = self._drawn(TRAIN_POINTS, chance, dimension)
        self.test, self.test_labels = self._drawn(test_points, chance, dimension)
        self.noisy = torch.stack([noisy(own, generator) for own, generator in zip(self.test, chance, strict=True)])

    def to(self, device: torch.device) -> "Points":
        for name, value in vars(self).items():
            setattr(self, name, value.to(device))
        return self

    @staticmethod
    def _drawn(points: int, chance: list[torch.Generator], dimension: int) -> tuple[Tensor, Tensor]:
        drawn = [spheres(points, generator, dimension) for generator in chance]
        return torch.stack([own for own, _ in drawn]), drawn[0][1]


def orders(seeds: list[int]) -> list[torch.Generator]:
    """What each seed shuffles its training points with."""
    return [data.generator(seed, "order") for seed in seeds]


def train(
    model: nn.Module,
    averages: Averages,
    points: Tensor,
    labels: Tensor,
    order: list[torch.Generator],
    lr: float,
    on_batch: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Train a stack of networks, the s-th on points[s] shuffled by order[s], for as long as it is asked to go on.

    Plain SGD, all points once an epoch in mini-batches of 50. After each epoch it yields, for each network, the mean loss in
    nats and the accuracy in percent of the epoch's mini-batches, each before the step it caused. `on_batch` is called after
    every mini-batch.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr, fused=True)
    each = torch.arange(len(order))[:, None]
    while True:
        model.train()
        shuffled = torch.stack([torch.randperm(len(labels), generator=generator) for generator in order]).to(points.device)
        loss, right = torch.zeros(2, len(order), device=points.device)
        for batch in shuffled.split(BATCH_SIZE, dim=1):
            logits = model(points[each, batch])
            losses = cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            losses.mean(1).sum().backward()  # a sum over networks: the gradient of each is that of its own mean loss
            optimizer.step()
            averages.count()
            loss += losses.detach().sum(1)
            right += (logits.argmax(2) == labels[batch]).sum(1)
            on_batch()
        yield loss / len(labels), 100 * right / len(labels)


def learn(momentum: float | None, seed: int = 0, lr: float = 0.01, units: int = 200, epochs: int = 60) -> nn.Sequential:
    """The textbook loop: one small network with batch norm that learns the circles, in evaluation mode.

    `momentum` is that of torch's running averages: None for cumulative ones.
    """
    own = network("batch", seed, units)
    for layer in norm_layers(own):
        layer.momentum = momentum
    points, labels = circles(seed)
    optimizer, order = torch.optim.SGD(own.parameters(), lr), data.generator(seed, "order")
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=order).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(own(points[batch]), labels[batch]).backward()
            optimizer.step()
    return own.eval()


def circles(seed: int) -> tuple[Tensor, Tensor]:
    """The training points (1000, 2) of a seed and their labels (1000,)."""
    return spheres(TRAIN_POINTS, data.generator(seed, "noise"))
