"""Noise, pixel by pixel. The constants of each are those of `make_cifar_c.py` (see the package)."""

import torch
from torch import Tensor

from lib.corruptions.chance import Chance


def gaussian_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """x + N(0, sigma²) in each channel, for pixels in [0, 1]. Source: `gaussian_noise` of make_cifar_c.py."""
    sigma = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return images + 255 * sigma * chance.normal(*images.shape[1:])


def shot_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Poisson(c x) / c: light that arrives in few quanta, c at white. Source: `shot_noise` of make_cifar_c.py."""
    c = (500, 250, 100, 75, 50)[severity - 1]
    return chance.poisson(images * (c / 255)) * (255 / c)


def impulse_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A part of all values becomes black or white, each with probability 1/2, channel by channel.

    Source: `impulse_noise` of make_cifar_c.py, which calls scikit-image's `random_noise(mode="s&p", amount)`.
    """
    amount = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    struck, salt = (chance.uniform(*images.shape[1:]) < probability for probability in (amount, 0.5))
    return torch.where(struck, 255.0 * salt, images)


def speckle_noise(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """x + x N(0, sigma²). Source: `speckle_noise` of make_cifar_c.py."""
    sigma = (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1]
    return images * (1 + sigma * chance.normal(*images.shape[1:]))
