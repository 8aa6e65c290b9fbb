"""Blurs and zooms as matrices or kernels over the pixels, computed without rounding.

What a filter of a library does to an image is read off by filtering unit images. The weights are rounded to a few binary
digits, few enough for every sum with 8-bit grey levels to be exact in float64: neither the order of summation, and with it
the size of a batch, nor the device can then decide on which side of a grey level a value falls.
"""

import functools
import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

SIZE = 32  # pixels a side
ONE_PASS, TWO_PASSES = 40, 22  # binary digits of a weight: 8 + 40 and 8 + 2 * 22 are fewer than the 53 of float64


def rounded(weights: np.ndarray, digits: int) -> Tensor:
    """float64, to multiples of 2^-digits; the largest of each row makes up for what its sum loses, so that white stays white."""
    units = np.atleast_2d(np.ldexp(weights, digits))
    whole = np.round(units)
    rows, largest = np.arange(len(units)), units.argmax(-1)
    whole[rows, largest] += np.round(units.sum(-1)) - whole.sum(-1)
    return torch.from_numpy(np.ldexp(whole, -digits).reshape(weights.shape))


def separable(images: Tensor, matrix: Tensor) -> Tensor:
    """The matrix (32, 32) over rows and over columns of (…, 32, 32): float64 of the same shape."""
    matrix = matrix.to(images.device)
    return matrix @ (images.double() @ matrix.T)


def dense(images: Tensor, matrix: Tensor) -> Tensor:
    """The matrix (1024, 1024) over all pixels of (…, 32, 32): float64 of the same shape."""
    return (images.flatten(-2).double() @ matrix.to(images.device).T).view(images.shape)


def correlated(images: Tensor, kernel: Tensor) -> Tensor:
    """The kernel (K, K) over (N, C, 32, 32), mirrored at border pixels: float64 of the same shape."""
    reach, total = len(kernel) // 2, torch.zeros_like(images, dtype=torch.float64)
    seen = shifted(images, reach, "reflect")
    for (down, right), weight in np.ndenumerate(kernel.numpy()):
        total.add_(seen[:, :, down, right], alpha=weight)
    return total


def shifted(images: Tensor, reach: int, mode: str) -> Tensor:
    """What lies y below and x right of each pixel, at [:, :, reach + y, reach + x]: (N, C, 32, 32) → float64 (N, C, K, K, 32, 32).

    K is 2 * reach + 1. A view of the images, padded as `torch.nn.functional.pad` does in this `mode`.
    """
    return F.pad(images.double(), (reach,) * 4, mode=mode).unfold(2, SIZE, 1).unfold(3, SIZE, 1)


@functools.cache
def gaussian(sigma: float, mode: str = "nearest", truncate: float = 4.0) -> Tensor:
    """For `separable`: a Gaussian filter as scikit-image's `gaussian`, which is SciPy's with these defaults."""
    return rounded(
        _of_lines(lambda lines: ndimage.gaussian_filter(lines, (sigma, 0), mode=mode, truncate=truncate)), TWO_PASSES
    )


@functools.cache
def zoom(factor: float) -> Tensor:
    """For `separable`: the middle of the image, bilinearly enlarged to its old size (`clipped_zoom` of the original)."""
    return rounded(_zoom(factor), TWO_PASSES)


def _zoom(factor: float) -> np.ndarray:
    kept = math.ceil(SIZE / factor)
    top = (SIZE - kept) // 2

    def enlarge(lines: np.ndarray) -> np.ndarray:
        large = ndimage.zoom(lines[top : top + kept], (factor, 1), order=1)
        surplus = (len(large) - SIZE) // 2
        return large[surplus : surplus + SIZE]

    return _of_lines(enlarge)


def zoom_factors(stop: float) -> np.ndarray:
    """1, 1.01, …, as the original counts them: by rounding, 1.06 and 1.11 are reached, the other three stops are not."""
    return np.arange(1, stop, 0.01)


@functools.cache
def zooms(stop: float) -> Tensor:
    """For `dense`: the mean of the image and of its zooms by `zoom_factors`; the original counts the image twice."""
    factors = zoom_factors(stop)
    total = np.eye(SIZE**2) + sum(np.kron(matrix, matrix) for matrix in map(_zoom, factors))
    return rounded(total / (len(factors) + 1), ONE_PASS)


@functools.cache
def disk(radius: float, alias_blur: float) -> Tensor:
    """For `correlated`: a disk, blurred by a 3x3 Gaussian against aliasing, without the zeros around it."""
    y, x = np.mgrid[-8:9, -8:9]
    flat = (x**2 + y**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(flat / flat.sum(), ksize=(3, 3), sigmaX=alias_blur)
    zeros = 8 - abs(np.argwhere(kernel) - 8).max()
    kernel = kernel[zeros : 17 - zeros, zeros : 17 - zeros].astype(float)
    return rounded(kernel.flatten(), ONE_PASS).view(kernel.shape)


def _of_lines(operation: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The matrix of an operation on the lines of an image that treats every column alike."""
    return operation(np.eye(SIZE))
