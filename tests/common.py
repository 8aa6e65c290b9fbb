"""What several test modules share: the architectures, digits in colour, and training written out."""

import functools
import math
import re
from dataclasses import replace

import nbformat
import torch
from torch import nn

from lib import data, models
from lib.book import ROOT
from lib.trials import Trial

NARROW = 1 / 16  # of the channels of the VGGs
RGB = (3, 32, 32)

ARCHITECTURES = {  # name: (builder, shape of an image)
    f"{name}-{size}": (functools.partial(builder, size**2, *args, **kwargs), (1, size, size))
    for size in (28, 56)
    for name, builder, args, kwargs in (
        ("linear", models.linear, (), {}),
        ("mlp", models.mlp, ((12, 6),), {}),
        ("mlp-batch", models.mlp, ((12, 6),), {"norm": "batch"}),
        ("mlp-batch-one-layer", models.mlp, ((12,),), {"norm": "batch"}),
    )
} | {"mlp-colour": (functools.partial(models.mlp, 3 * 32 * 32, (8,)), RGB)}
CONVOLUTIONAL = {
    f"vgg{depth}{'-batch' if norm else ''}": (functools.partial(models.vgg, depth, norm=norm, width=NARROW), RGB)
    for depth in models.VGG
    for norm in models.NORMS
} | {"vgg8-batch-grey": (functools.partial(models.vgg, 8, norm="batch", width=NARROW, channels=1), (1, 32, 32))}
EVERY_ARCHITECTURE = ARCHITECTURES | CONVOLUTIONAL


def initialized(network, seed=0, init="default"):
    return models.initialize(network, init, data.generator(seed, "init"))


def random_images(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]


def every(dataset, step):
    """The images at every `step`-th place: of all classes, whose images come in turn, if `step` is prime to ten."""
    assert math.gcd(step, 10) == 1
    return replace(dataset, images=dataset.images[::step], labels=dataset.labels[::step])


def in_colour(digits):
    """The digits on 32x32 pixels, in red, at half the brightness in green and, mirrored, in blue."""
    (mean,), (std,) = digits.mean, digits.std
    red = nn.functional.pad(digits.images, (2, 2, 2, 2))
    return replace(digits, images=torch.cat([red, red // 2, red.flip(3)], 1), mean=(mean,) * 3, std=(std,) * 3)


def plain_fit(network, train, *, seed, image_size, epochs, batch_size, lr, momentum=0.0, weight_decay=0.0, augment=False):
    """The textbook loop, one network on images of full size."""
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=momentum, weight_decay=weight_decay)
    order, augmentation = data.generator(seed, "order"), data.generator(seed, "augmentation")
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(train), generator=order).split(batch_size):
            images = train.images[batch]
            images = data.crop_and_flip(images, augmentation) if augment else images
            logits = network(data.enlarge(data.normalize(images, train), image_size))
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, train.labels[batch]).backward()
            optimizer.step()


def assert_near(networks, references, tolerance=1e-5):
    """Every weight and buffer up to rounding, relative to its norm."""
    for network, reference in zip(networks, references, strict=True):
        for name, expected in reference.state_dict().items():
            found = network.state_dict()[name]
            assert (found - expected).float().norm() <= tolerance * expected.float().norm(), name


def assert_equal(networks, references):
    """Every weight and buffer, bit for bit; nan equals nan."""
    for network, reference in zip(networks, references, strict=True):
        for name, expected in reference.state_dict().items():
            torch.testing.assert_close(network.state_dict()[name], expected, rtol=0, atol=0, equal_nan=True, msg=name)


def solution(chapter: str, label: str) -> str:
    """The code of a folded solution of a chapter's notebook."""
    pattern = re.compile(r"\{solution\} " + label + r"\n.*?```python\n(.*?)```", re.DOTALL)
    cells = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", 4).cells
    (code,) = (code for cell in cells for code in pattern.findall(cell.source))
    return code


def record(trial: Trial, diverged_at=None, **metrics) -> dict:
    """A made-up record with these accuracies by label."""
    found = {label: {"accuracy": accuracy, "loss": accuracy / 100} for label, accuracy in metrics.items()}
    provenance = {"device": "a CPU, 2 cores", "precision": trial.precision}
    return {"trial": trial.settings, "metrics": found, "diverged_at": diverged_at, "provenance": provenance}


def records_of(table, scale: str, accuracy=lambda trial, label: 50.0) -> list[dict]:
    """Made-up records of every trial of a table."""
    return [record(t, **{e.label: accuracy(t, e.label) for e in t.evaluations}) for t in table(scale)]
