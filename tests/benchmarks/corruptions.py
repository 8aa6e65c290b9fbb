"""The common corruptions, against imagecorruptions and against a plain version that takes one image at a time.

All five severities of one corruption, or of all nineteen. imagecorruptions has the constants of ImageNet-C and not those of CIFAR-10-C, so
that its pictures are others; what it does to an image is the same. Its call takes one image. It is imported where it is used.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lib import corruptions
from tests.benchmarks import inputs, per_image
from tests.benchmarks.timing import OURS, Work

IMAGES = 100
TOTAL = "corruptions"
EXACT = ("brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur", "zoom_blur")


def corrupting(names: tuple[str, ...], goal: float, device: torch.device) -> Work:
    images = inputs.dataset(IMAGES, inputs.CIFAR, device).images
    pictures = list(images.cpu().permute(0, 2, 3, 1).contiguous().numpy())
    contestants = {
        OURS: lambda: [corruptions.corrupt(images, name, severity) for name, severity in _each(names)],
        "imagecorruptions": lambda: _imagecorruptions(pictures, names),
        "per-image": lambda: _per_image(pictures, names),
    }
    what = f"{len(names)} corruptions" if len(names) > 1 else names[0]
    settings = f"{IMAGES} images of 3x32x32, {what} at 5 severities; imagecorruptions with the constants of ImageNet-C"
    goals = {"imagecorruptions": goal, "per-image": goal}
    return Work(contestants, goals, settings, check=lambda: _assert_agreement(images, pictures, names))


def _each(names: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(name, severity) for name in names for severity in corruptions.SEVERITIES]


def _per_image(pictures: list[np.ndarray], names: tuple[str, ...]) -> list[np.ndarray]:
    draw = per_image.Drawn(0)
    return [per_image.corrupt(picture, *which, draw) for which in _each(names) for picture in pictures]


def _imagecorruptions(pictures: list[np.ndarray], names: tuple[str, ...]) -> list[np.ndarray]:
    corrupt = _of_2021()
    return [corrupt(picture, corruption_name=name, severity=s) for name, s in _each(names) for picture in pictures]


@functools.cache
def _of_2021() -> Callable:
    """The call of imagecorruptions 1.1.2, which gets back two names that NumPy 2 and scikit-image 0.22 no longer have."""
    np.float_ = np.float64
    import imagecorruptions
    from skimage.filters import gaussian

    def with_channels(image: np.ndarray, sigma: float, multichannel: bool = False, **settings) -> np.ndarray:
        return gaussian(image, sigma, channel_axis=-1 if multichannel else None, **settings)

    imagecorruptions.corruptions.gaussian = with_channels
    return imagecorruptions.corrupt


def _assert_agreement(images: Tensor, pictures: list[np.ndarray], names: tuple[str, ...]) -> None:
    """The plain version does the same, but for chance; imagecorruptions gives images of the same form."""
    for name, severity in _each(tuple(set(names) & set(EXACT))):
        ours = corruptions.corrupt(images, name, severity).cpu().permute(0, 2, 3, 1).int().numpy()
        plain = np.stack([per_image.corrupt(picture, name, severity, None) for picture in pictures]).astype(int)
        assert (abs(ours - plain) <= 1).mean() > 0.99, f"{name} {severity}: the plain version differs"
    theirs = _imagecorruptions(pictures[:1], names)
    assert all(picture.shape == (32, 32, 3) and picture.dtype == np.uint8 for picture in theirs)


def _works() -> dict[str, Callable[[torch.device], Work]]:
    works = {TOTAL: functools.partial(corrupting, tuple(corruptions.CORRUPTIONS), 10.0)}
    for name in corruptions.CORRUPTIONS:
        works[f"{TOTAL}-{name.replace('_', '-')}"] = functools.partial(corrupting, (name,), 1.0)
    return works


WORKS = _works()
