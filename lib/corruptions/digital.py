"""What cameras, screens and files do. The constants of each are those of `make_cifar_c.py` (see the package)."""

import functools

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from lib.corruptions.chance import Chance
from lib.corruptions.linear import SIZE, gaussian, separable


def contrast(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Each channel is pulled towards its mean. Source: `contrast` of make_cifar_c.py."""
    c = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = images.mean((2, 3), keepdim=True)
    return (images - mean) * c + mean


def saturate(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """The saturation S of HSV becomes a S + b, clipped at 1. Source: `saturate` of make_cifar_c.py.

    Hue and value stay: V minus a channel grows as S does. Grey pixels have the hue of red.
    """
    a, b = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[severity - 1]
    value, least = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    spread = value - least
    saturation = torch.where(value > 0, spread / value, 0)
    red = torch.tensor((0.0, 1.0, 1.0), device=images.device).view(3, 1, 1)
    below = torch.where(spread > 0, (value - images) / spread, red)  # 0 for the largest channel, 1 for the least
    return value * (1 - below * (a * saturation + b).clamp(max=1))


def elastic_transform(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A random affine map, then a smooth random displacement. Source: `elastic_transform` of make_cifar_c.py.

    Bilinear, as OpenCV's `warpAffine` with borders mirrored at pixels and SciPy's `map_coordinates` with borders mirrored at
    edges. (OpenCV before version 5, as the original used it, rounded coordinates to 1/32 of a pixel.)
    """
    alpha, sigma, shift = (SIZE * np.array(constants) for constants in (
        (0, 0.05, 0.08, 0.1, 0.1),
        (0, 0.2, 0.06, 0.04, 0.03),
        (0.08, 0.07, 0.06, 0.05, 0.03),
    ))  # fmt: skip
    alpha, sigma, shift = (float(constant[severity - 1]) for constant in (alpha, sigma, shift))
    moved = CORNERS + chance.uniform(3, 2, low=-shift, high=shift).double()
    images = _sampled(images, _inverse_affine(moved), align_corners=True)
    if not alpha:
        return images
    matrix = gaussian(sigma, mode="reflect", truncate=3.0)
    displacement = alpha * separable(chance.uniform(2, SIZE, SIZE, low=-1), matrix)
    return _sampled(images, PIXELS.to(images.device) + displacement.movedim(1, -1), align_corners=False)


CORNERS = torch.tensor([[26.0, 26.0], [26.0, 6.0], [6.0, 6.0]], dtype=torch.float64)  # x, y of the points that are moved
PIXELS = torch.stack(torch.meshgrid(*[torch.arange(SIZE, dtype=torch.float64)] * 2, indexing="xy"), -1)  # (32, 32, 2): x, y


def _inverse_affine(moved: Tensor) -> Tensor:
    """Where each pixel comes from under the affine map that takes CORNERS to `moved` (N, 3, 2): (N, 32, 32, 2)."""
    homogeneous = torch.cat([moved, torch.ones_like(moved[..., :1])], -1)
    back = torch.linalg.solve(homogeneous, CORNERS.to(moved.device).expand_as(moved))  # (N, 3, 2): rows of x, y and 1
    pixels = PIXELS.to(moved.device)
    return torch.einsum("hwi,nij->nhwj", pixels, back[:, :2]) + back[:, None, None, 2]


def _sampled(images: Tensor, points: Tensor, align_corners: bool) -> Tensor:
    """Bilinear at points (N, 32, 32, 2), x and y in pixels; mirrored at border pixels (`align_corners`) or at edges."""
    grid = 2 * points / (SIZE - 1) - 1 if align_corners else (2 * points + 1) / SIZE - 1
    return F.grid_sample(images, grid.float(), "bilinear", "reflection", align_corners)


def pixelate(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Smaller and large again, by Pillow's box filter. Source: `pixelate` of make_cifar_c.py."""
    size = int(SIZE * (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1])
    for before, after in ((SIZE, size), (size, SIZE)):
        matrix = _box(before, after).to(images.device)
        images = torch.floor(images.double() @ matrix.T + 0.5)  # Pillow rounds after each of the two passes
        images = torch.floor(matrix @ images + 0.5)
    return images


@functools.cache
def _box(before: int, after: int) -> Tensor:
    """(after, before): the weights of Pillow's box filter, read off the unit lines."""
    lines = Image.fromarray(np.eye(before, dtype=np.float32))
    return torch.from_numpy(np.asarray(lines.resize((before, after), Image.Resampling.BOX)).astype(np.float64))


def jpeg_compression(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Written and read as JPEG, on the CPU. Source: `jpeg_compression` of make_cifar_c.py.

    By OpenCV, whose encoder is that of Pillow, which the original used: both are libjpeg-turbo, and give the same pixels.
    """
    quality = (80, 65, 58, 50, 40)[severity - 1]
    pictures = images.to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    read = [_as_jpeg(picture, quality) for picture in pictures]
    return torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).to(images.device)


def _as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    _, file = cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))  # OpenCV has blue first
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]
