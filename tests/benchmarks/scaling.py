"""How the time grows: with the number of networks, the size of a batch, the width of an image, the number of epsilons."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lib.evaluate import Evaluation, evaluate
from lib.train import fit
from tests.benchmarks import inputs, timing

IMAGES = 2_048
STEPS, STEP_SIZE = 16, 0.001
SIZES = (28, 56, 84, 112)


@dataclass(frozen=True)
class Scaling:
    """Median seconds at each value of an axis; `slope` is the exponent p of seconds ∝ value^p, by least squares."""

    work: str
    axis: str
    values: tuple[int, ...]
    seconds: list[float]
    slope: float


def measure(work: str, axis: str, values: tuple[int, ...], prepare: Callable[[int], Callable[[], object]]) -> Scaling:
    """`prepare(value)` returns what is timed."""
    runs = {value: prepare(value) for value in values}
    for run in runs.values():  # the warm-up
        run()
    times = timing.in_turns({value: partial(timing.seconds, run) for value, run in runs.items()})
    seconds = [statistics.median(times[value]) for value in values]
    slope, _ = np.polyfit(np.log(values), np.log(seconds), 1)
    return Scaling(work, axis, values, seconds, float(slope))


def training(kind: str = "mlp", *, seeds: int = 1, image_size: int = 28, batch_size: int = 128) -> Callable[[], object]:
    """An epoch of `seeds` networks on images enlarged to `image_size`."""
    networks = [inputs.network(kind, None, image_size=image_size, seed=seed) for seed in range(seeds)]
    settings = {"seeds": list(range(seeds)), "image_size": image_size, "epochs": 1, "batch_size": batch_size, "lr": 0.01}
    return partial(fit, networks, inputs.dataset(IMAGES, inputs.MNIST), **settings)


def attack(kind: str = "mlp", *, epsilons: int = 1, image_size: int = 28) -> Callable[[], object]:
    """The accuracies at `epsilons` equally spaced epsilons, the largest always that of `STEPS` steps."""
    lengths = range(STEPS // epsilons, STEPS + 1, STEPS // epsilons)
    evaluations = [Evaluation("bim", epsilon=n * STEP_SIZE, steps=n, step_size=STEP_SIZE) for n in lengths]
    network, test = inputs.network(kind, None, image_size=image_size), inputs.dataset(IMAGES, inputs.MNIST)
    return partial(evaluate, network, test, evaluations, seed=0, image_size=image_size)


def scalings() -> list[Scaling]:
    return [
        measure("train-mlp", "seeds", (1, 2, 4, 8, 16), lambda seeds: training(seeds=seeds)),
        measure("train-mlp", "batch size", (32, 64, 128, 256, 512), lambda batch_size: training(batch_size=batch_size)),
        measure("train-linear", "image width", SIZES, lambda image_size: training("linear", image_size=image_size)),
        measure("train-mlp", "image width", SIZES, lambda image_size: training("mlp", image_size=image_size)),
        measure("bim-linear", "image width", SIZES, lambda image_size: attack("linear", image_size=image_size)),
        measure("bim-mlp", "image width", SIZES, lambda image_size: attack("mlp", image_size=image_size)),
        measure("bim-mlp", "epsilons", (1, 2, 4, 8, 16), lambda epsilons: attack(epsilons=epsilons)),
    ]
