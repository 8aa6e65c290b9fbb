"""The nineteen common corruptions of CIFAR-10-C at five severities, on batches of images (Hendrycks & Dietterich 2019).

All constants are those of `ImageNet-C/create_c/make_cifar_c.py` in github.com/hendrycks/robustness, commit ca36008, which made the
official files; so is the order of operations, and every value is cut off to a grey level at the end, not rounded. What differs:
chance is an image's own (`chance.Chance`), and the texture of frost is generated (`weather.frost`). ImageMagick's motion blur is
written out (`blur.along_line`). Four of the nineteen are "extra": not in the benchmark of fifteen, but in the files.

Everything is computed on the device of the images, except JPEG and the edges of drops, which libraries do on the CPU, image
by image.
"""

from collections.abc import Callable, Sequence
from numbers import Integral

import torch
from torch import Tensor

from lib.corruptions.blur import defocus_blur, gaussian_blur, glass_blur, motion_blur, zoom_blur
from lib.corruptions.chance import Chance
from lib.corruptions.digital import contrast, elastic_transform, jpeg_compression, pixelate, saturate
from lib.corruptions.grey import truncated
from lib.corruptions.linear import SIZE
from lib.corruptions.noise import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from lib.corruptions.weather import brightness, fog, frost, snow, spatter
from lib.memory import keep_freed

CATEGORIES: dict[str, tuple[Callable[[Tensor, int, Chance], Tensor], ...]] = {  # the extra corruption of each is its last
    "noise": (gaussian_noise, shot_noise, impulse_noise, speckle_noise),
    "blur": (defocus_blur, glass_blur, motion_blur, zoom_blur, gaussian_blur),
    "weather": (snow, frost, fog, brightness, spatter),
    "digital": (contrast, elastic_transform, pixelate, jpeg_compression, saturate),
}
CORRUPTIONS = {corruption.__name__: corruption for members in CATEGORIES.values() for corruption in members}
SEVERITIES = (1, 2, 3, 4, 5)
CHUNK = 500  # images at once, which bounds the memory


def corrupt(images: Tensor, name: str, severity: int, *, seed: int = 0, index: Sequence[int] | None = None) -> Tensor:
    """Corrupted images: uint8 (N, 3, 32, 32) → uint8 of the same shape, on the same device.

    `name` is one of CORRUPTIONS, `severity` one of 1 to 5. `index` are the numbers of the images, 0, 1, … for None: what is
    random about an image depends on its number, the name, the severity and `seed` alone, not on the images beside it.
    Raises ValueError or TypeError for images, names, severities, seeds or numbers that are not allowed.
    """
    if not isinstance(name, str):
        raise TypeError(f"the corruption is {name!r}; allowed is one name as a str: {', '.join(CORRUPTIONS)}")
    if name not in CORRUPTIONS:
        raise ValueError(f"unknown corruption {name!r}; allowed: {', '.join(CORRUPTIONS)}")
    if not _is_whole(severity) or severity not in SEVERITIES:
        raise ValueError(f"severity={severity!r}; allowed: {', '.join(map(str, SEVERITIES))}, as an int")
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        found = f"a tensor of {images.dtype}" if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images are {found}; allowed: a tensor of torch.uint8, with grey levels from 0 to 255")
    if images.ndim != 4 or images.shape[1:] != (3, SIZE, SIZE):
        raise ValueError(f"images have shape {tuple(images.shape)}; the corruptions are for (N, 3, {SIZE}, {SIZE})")
    if not _is_whole(seed):
        raise TypeError(f"seed={seed!r}; allowed is a whole number")
    index = range(len(images)) if index is None else _numbers(index)
    if len(index) != len(images):
        raise ValueError(f"{len(index)} numbers for {len(images)} images; give one for each")
    keep_freed()
    corrupted = torch.empty_like(images, memory_format=torch.contiguous_format)
    for start in range(0, len(images), CHUNK):
        chunk = slice(start, start + CHUNK)
        chance = Chance(seed, name, severity, index[chunk], images.device)
        corrupted[chunk] = truncated(CORRUPTIONS[name](images[chunk].float(), severity, chance))
    return corrupted


def _is_whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _numbers(index: object) -> Sequence[int]:
    """What would be written otherwise than a whole number, such as 0.0 for 0, would have other chance."""
    numbers = index.tolist() if hasattr(index, "tolist") else index  # of an array or a tensor
    if not isinstance(numbers, Sequence) or not all(map(_is_whole, numbers)):
        raise TypeError(f"index={index!r}; allowed: a sequence of whole numbers, one for each image")
    return numbers
