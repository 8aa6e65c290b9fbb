"""Points on concentric spheres, the best that can be done about noisy ones, and pictures of where a network draws the line."""

import base64
import math
import zlib

import numpy as np
import scipy  # its parts are imported when they are first used
import torch
from torch import Tensor
from torch.nn import functional as F

from lib.batch_norm.circles import RADII

NOISE_VARIANCE = 0.005  # in each dimension
EXTENT, PIXELS = 1.7, 96  # of a map of decisions: a square around the origin, half a side, and pixels a side


def spheres(points: int, generator: torch.Generator, dimension: int = 2) -> tuple[Tensor, Tensor]:
    """Points (2·points, D) uniform on the sphere of radius 1 (label 0) and on that of radius 1.3 (label 1), and labels.

    Gaussian points projected on the spheres (Appendix D; Gilmer et al. 2018). In two dimensions they are circles.
    """
    labels = torch.arange(2).repeat_interleave(points)
    directions = F.normalize(torch.randn(2 * points, dimension, generator=generator))
    return torch.tensor(RADII)[labels, None] * directions, labels


def noisy(points: Tensor, generator: torch.Generator, variance: float = NOISE_VARIANCE) -> Tensor:
    """Points with Gaussian noise of this variance in each dimension."""
    return points + math.sqrt(variance) * torch.randn(points.shape, generator=generator)


def bayes_accuracy(variance: float = NOISE_VARIANCE, dimension: int = 2) -> float:
    """The highest accuracy, in percent, that any classifier can have on noisy points of the two spheres.

    By symmetry only the distance from the origin tells the classes apart, and the greater it is the likelier is the outer one:
    the best classifier is a sphere, where both are as likely. The squared distance over the variance has a non-central χ²
    distribution.
    """
    inner, outer = (scipy.stats.ncx2(dimension, radius**2 / variance) for radius in RADII)
    border = scipy.optimize.brentq(lambda r2: outer.logpdf(r2) - inner.logpdf(r2), inner.mean(), outer.mean())
    return 50 * float(inner.cdf(border) + outer.sf(border))


def grid() -> Tensor:
    """The middles of the pixels of a map of decisions, from the top left corner: (PIXELS², 2)."""
    middles = EXTENT * ((2 * torch.arange(PIXELS) + 1) / PIXELS - 1)
    return torch.cartesian_prod(-middles, middles).flip(1)


def packed(decisions: Tensor) -> str:
    """Decisions (PIXELS²,) for the points of the grid, 0 or 1, as text."""
    return base64.b64encode(zlib.compress(np.packbits(decisions.numpy().astype(bool)).tobytes(), 9)).decode()


def unpacked(text: str) -> np.ndarray:
    """The map of decisions, bool (PIXELS, PIXELS), first row on top, that `packed` made text of."""
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return np.unpackbits(bits)[: PIXELS**2].reshape(PIXELS, PIXELS).astype(bool)
