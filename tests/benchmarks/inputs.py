"""Synthetic data and networks: the speed depends on their shapes alone, and nothing is downloaded."""

import torch
from torch import nn

from lib import data, models

CIFAR, MNIST = (3, 32, 32), (1, 28, 28)
CPU = torch.device("cpu")


def dataset(size: int, shape: tuple[int, int, int], device: torch.device = CPU) -> data.Dataset:
    """Noise with ten random labels, the same on every device. Normalising changes no pixel: networks see them in [0, 1]."""
    chance = data.generator(0, "noise")
    images = torch.randint(256, (size, *shape), dtype=torch.uint8, generator=chance)
    labels = torch.randint(10, (size,), generator=chance)
    zeros, ones = (0.0,) * shape[0], (1.0,) * shape[0]
    return data.Dataset("synthetic", "test", images, labels, mean=zeros, std=ones, sha256="").to(device)


def network(
    kind: str, norm: str | None, device: torch.device, *, width: float = 1.0, image_size: int = 28, seed: int = 0
) -> nn.Sequential:
    """In evaluation mode: the "linear" model, the "mlp" of Table 6, or "vgg8" with `width` times the channels.

    The weights are the same on every device. Batch norm has running averages of some forward passes, far from the zeros and
    ones it starts with.
    """
    model = {
        "linear": lambda: models.linear(image_size**2),
        "mlp": lambda: models.mlp(image_size**2, norm=norm),
        "vgg8": lambda: models.vgg(8, norm=norm, width=width),
    }[kind]()
    models.initialize(model, "he", data.generator(seed, "init")).train()
    shape = CIFAR if kind == "vgg8" else (1, image_size, image_size)
    images = dataset(32, shape).images / 255
    with torch.no_grad():
        for _ in range(3):
            model(images)
    return model.eval().to(device)
