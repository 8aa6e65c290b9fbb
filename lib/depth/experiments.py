"""Figures 2 and 3 of the paper as lists of trials, for each scale: deep networks over depth and batch size."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.evaluate import Evaluation
from lib.models import NORMS
from lib.trials import Seeds, Trial, check_scale, over_seeds


@dataclass(frozen=True)
class Scale:
    """What the word means for the deep networks."""

    dataset: str
    seeds: int
    epochs: int
    width: int
    lr: float  # for each image of a mini-batch
    depths: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    longer: tuple[int, ...]  # the batch sizes of the networks that are trained four times as long
    bim_steps: int


TENS = (10, 20, 30, 40, 50)
SIZES = tuple(range(25, 251, 25))
DEPTH_SCALES = {
    "quick": Scale(
        "mnist-5k", seeds=3, epochs=3, width=48, lr=5e-4, depths=(10, 20, 45), batch_sizes=(50, 250), longer=(250,), bim_steps=5,
    ),
    "laptop": Scale(
        "mnist", seeds=3, epochs=3, width=128, lr=3e-5, depths=TENS, batch_sizes=(10, 25, 250), longer=(250,), bim_steps=5,
    ),
    "paper": Scale(
        "mnist", seeds=3, epochs=10, width=384, lr=1e-5,
        depths=tuple(range(10, 61, 5)), batch_sizes=(5, 10, 15, 20, *SIZES), longer=SIZES, bim_steps=20,
    ),
}  # fmt: skip
LONGER = 4  # times the epochs: Figure 3b
DEPTHS = sorted({depth for scale in DEPTH_SCALES.values() for depth in scale.depths})
EPS = 1e-3  # the paper's c
INITS = {None: "he", "batch": "default"}

CLEAN, NOISE = Evaluation(), Evaluation("noise", epsilon=1.0)
EPSILON = 0.1


def depth_scale(scale: str) -> Scale:
    check_scale(scale)
    return DEPTH_SCALES[scale]


def trial(scale: str, norm: str | None, depth: int, batch_size: int, epochs: int) -> Trial:
    """One network of the grid, of seed 0; `depth` is the number of hidden layers."""
    s = depth_scale(scale)
    bim = Evaluation("bim", epsilon=EPSILON, steps=s.bim_steps, step_size=EPSILON / s.bim_steps)
    batch_norm = {"norm": norm, "norm_layers": depth, "eps": EPS} if norm else {}
    return Trial(
        s.dataset,
        28,
        (CLEAN, NOISE, bim),
        hidden=(s.width,) * depth,
        init=INITS[norm],
        epochs=epochs,
        batch_size=batch_size,
        lr=round(s.lr * batch_size, 12),
        **batch_norm,
    )


def figure_02(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Figures 2 and 3a: every depth with every batch size, without and with batch norm.

    None stands for the scale's own number of seeds and of epochs. The order is that of cost, so that a part of them is of use:
    large batches, of which an epoch has few, come first, and of each the depths between which the others lie.
    """
    s = depth_scale(scale)
    return _grid(scale, s.batch_sizes, epochs or s.epochs, seeds)


def figure_03(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Figure 3b: networks trained for four times as many `epochs`, the number that Figure 2 has."""
    s = depth_scale(scale)
    return _grid(scale, s.longer, LONGER * (epochs or s.epochs), seeds)


def _grid(scale: str, batch_sizes: Sequence[int], epochs: int, seeds: Seeds | None) -> list[Trial]:
    s = depth_scale(scale)
    trials = [
        trial(scale, norm, depth, batch_size, epochs)
        for batch_size in sorted(batch_sizes, reverse=True)
        for depth in coarse_first(s.depths)
        for norm in NORMS
    ]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def coarse_first(values: Sequence[int]) -> list[int]:
    """The ends first, then the middles of what lies between those before: any first part of them is spread over all."""
    values = sorted(values)
    order, gaps = [values[i] for i in sorted({0, len(values) - 1})], [(0, len(values) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(values[middle])
            gaps += [(low, middle), (middle, high)]
    return order


EXPERIMENTS = {"figure-02": figure_02, "figure-03": figure_03}
