"""How the time grows: with the number of networks, the size of a batch, the width of an image, the number of epsilons."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

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
    device: str
    values: tuple[int, ...]
    seconds: list[float]
    slope: float


def measure(
    work: str, axis: str, values: tuple[int, ...], prepare: Callable[[int], Callable[[], object]], device: torch.device
) -> Scaling:
    """`prepare(value)` returns what is timed on the device."""
    runs = {value: prepare(value) for value in values}
    for run in runs.values():  # the warm-up
        run()
    times = timing.in_turns({value: partial(timing.seconds, run, device) for value, run in runs.items()})
    seconds = [statistics.median(times[value]) for value in values]
    slope, _ = np.polyfit(np.log(values), np.log(seconds), 1)
    return Scaling(work, axis, str(device), values, seconds, float(slope))


def training(
    device: torch.device, kind: str = "mlp", *, seeds: int = 1, image_size: int = 28, batch_size: int = 128
) -> Callable[[], object]:
    """An epoch of `seeds` networks on images enlarged to `image_size`."""
    networks = [inputs.network(kind, None, device, image_size=image_size, seed=seed) for seed in range(seeds)]
    settings = {"seeds": list(range(seeds)), "image_size": image_size, "epochs": 1, "batch_size": batch_size, "lr": 0.01}
    return partial(fit, networks, inputs.dataset(IMAGES, inputs.MNIST, device), **settings)


def attack(device: torch.device, kind: str = "mlp", *, epsilons: int = 1, image_size: int = 28) -> Callable[[], object]:
    """The accuracies at `epsilons` equally spaced epsilons, the largest always that of `STEPS` steps."""
    lengths = range(STEPS // epsilons, STEPS + 1, STEPS // epsilons)
    evaluations = [Evaluation("bim", epsilon=n * STEP_SIZE, steps=n, step_size=STEP_SIZE) for n in lengths]
    network = inputs.network(kind, None, device, image_size=image_size)
    test = inputs.dataset(IMAGES, inputs.MNIST, device)
    return partial(evaluate, network, test, evaluations, seed=0, image_size=image_size)


def scalings(device: torch.device) -> Iterator[Scaling]:
    """Each as soon as it is measured."""
    train, bim = partial(training, device), partial(attack, device)
    for work, axis, values, prepare in (
        ("train-mlp", "seeds", (1, 2, 4, 8, 16), lambda seeds: train(seeds=seeds)),
        ("train-mlp", "batch size", (32, 64, 128, 256, 512), lambda batch_size: train(batch_size=batch_size)),
        ("train-linear", "image width", SIZES, lambda image_size: train("linear", image_size=image_size)),
        ("train-mlp", "image width", SIZES, lambda image_size: train("mlp", image_size=image_size)),
        ("bim-linear", "image width", SIZES, lambda image_size: bim("linear", image_size=image_size)),
        ("bim-mlp", "image width", SIZES, lambda image_size: bim("mlp", image_size=image_size)),
        ("bim-mlp", "epsilons", (1, 2, 4, 8, 16), lambda epsilons: bim(epsilons=epsilons)),
    ):
        yield measure(work, axis, values, prepare, device)
