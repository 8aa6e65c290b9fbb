"""Blurs. The constants of each are those of `make_cifar_c.py` (see the package)."""

import numpy as np
import torch
from torch import Tensor

from lib.corruptions.chance import Chance
from lib.corruptions.grey import truncated
from lib.corruptions.linear import SIZE, correlated, dense, disk, gaussian, rounded, separable, shifted, zooms


def gaussian_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A Gaussian of standard deviation sigma, borders repeated. Source: `gaussian_blur` of make_cifar_c.py."""
    sigma = (0.4, 0.6, 0.7, 0.8, 1)[severity - 1]
    return separable(images, gaussian(sigma))


def glass_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A Gaussian, pixels displaced by up to one place `times` over, a Gaussian. Source: `glass_blur` of make_cifar_c.py.

    The original means to swap pixels (h, w) and (h + dy, w + dx), dx and dy of -1 or 0, from the last row and column to the
    third. But its swap of two views of one NumPy array copies the second pixel into the first and leaves the second as it
    was. Since every pixel is written before any pixel that is copied into it, all copies can be made at once. So it is here.
    """
    sigma, times = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[severity - 1]
    matrix = gaussian(sigma)
    glass = truncated(separable(images, matrix))
    for _ in range(times):
        up, left = (chance.uniform(1, SIZE - 2, SIZE - 2) < 0.5 for _ in range(2))
        here, above = (torch.where(left, rows[..., 1:-1], rows[..., 2:]) for rows in (glass[:, :, 2:], glass[:, :, 1:-1]))
        glass[:, :, 2:, 2:] = torch.where(up, above, here)
    return separable(glass, matrix)


def defocus_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A disk of this radius, itself blurred, as a lens out of focus. Source: `defocus_blur` of make_cifar_c.py."""
    radius, alias_blur = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[severity - 1]
    return correlated(images, disk(radius, alias_blur))


def zoom_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """The mean of the image and of its zooms by 1, 1.01, …, up to a largest factor. Source: `zoom_blur` of make_cifar_c.py.

    The original has `np.arange(1, stop, 0.01)`, which is meant to leave `stop` out. In floating point it does so for 1.16,
    1.21 and 1.26; but 1.06 and 1.11 are reached. From severity 1 to 5 that makes 7, 12, 16, 21 and 26 factors. So it is here.
    """
    stop = (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1]
    return dense(images, zooms(stop))


def motion_blur(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Blurred along a line at an angle between -45 and 45 degrees. Source: `motion_blur` of make_cifar_c.py."""
    radius, sigma = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))[severity - 1]
    angles = chance.uniform(1, low=-45, high=45)
    return along_line(images, radius, sigma, angles.flatten().tolist())


def along_line(images: Tensor, radius: int, sigma: float, angles: list[float]) -> Tensor:
    """What ImageMagick's `MotionBlurImage` does: (N, C, 32, 32) grey levels → float64 of the same shape, which it cuts off.

    Half a Gaussian on 2 * radius + 1 pixels of a line that starts at the pixel; `angles` (N) are in degrees, clockwise from
    the right; the nearest pixels are taken, without interpolation, and border pixels are repeated.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights = rounded(weights / weights.sum(), DIGITS).tolist()
    direction = np.deg2rad(angles)[:, None]
    x, y = (np.ceil(steps * axis(direction) - 0.5).astype(int) for axis in (np.cos, np.sin))  # (N, steps)
    reach = steps[-1]
    seen = shifted(images, reach, "replicate")
    image, blurred = torch.arange(len(images)), torch.zeros_like(images, dtype=torch.float64)
    for weight, down, right in zip(weights, torch.from_numpy(reach + y.T), torch.from_numpy(reach + x.T), strict=True):
        if weight:
            blurred.add_(seen[image, :, down, right], alpha=weight)
    return blurred


DIGITS = 30  # binary, of a weight on the line: its tail, which no grey level feels, becomes zero
