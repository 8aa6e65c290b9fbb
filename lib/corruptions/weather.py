"""Weather. The constants of each are those of `make_cifar_c.py` (see the package), but for the texture of frost."""

import cv2
import numpy as np
import torch
from torch import Tensor

from lib.corruptions.blur import along_line
from lib.corruptions.chance import Chance
from lib.corruptions.grey import truncated
from lib.corruptions.linear import SIZE, gaussian, separable, zoom

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, as OpenCV's RGB2GRAY weighs them


def snow(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Bright grains in a whitened image, blurred along the line they fall on. Source: `snow` of make_cifar_c.py."""
    mean, std, factor, threshold, radius, sigma, kept = (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[severity - 1]
    grains = separable(mean + std * chance.normal(1, SIZE, SIZE), zoom(factor))
    grains = truncated(255 * grains.where(grains >= threshold, 0))
    angles = chance.uniform(1, low=-135, high=-45).flatten().tolist()
    flakes = truncated(along_line(grains, radius, sigma, angles)).float()
    grey = (images * torch.tensor(LUMINANCE, device=images.device).view(3, 1, 1)).sum(1, keepdim=True)
    whitened = kept * images + (1 - kept) * torch.maximum(images, 1.5 * grey + 127.5)
    return whitened + flakes + flakes.rot90(2, (2, 3))


def frost(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A weighted sum of the image and a texture of ice. Source of the weights: `frost` of make_cifar_c.py.

    The original crops one of five photographs of frozen windows, which no package that this book needs carries. Here the
    texture is *generated*: grey noise on several scales, whose mean colour, contrast and, at coarse scales, spectrum are those of
    32x32 crops of the photographs (`FROST`). It has no crystals. Accuracies on it are not comparable with those on the original.
    """
    weight, ice = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[severity - 1]
    return weight * images + ice * frost_texture(chance).to(images.device)


FROST_COLOUR = (144.0, 166.0, 178.0)  # mean red, green and blue over crops of the photographs
FROST_BRIGHTNESS = 39.0  # standard deviation of the mean grey level between crops
FROST_SCALES = ((4, 8.6), (2, 7.4), (0.5, 19.9))  # standard deviation in pixels of a Gaussian, and of the grey levels it gives


def frost_texture(chance: Chance) -> Tensor:
    """Grey levels, (N, 3, 32, 32)."""
    grey = FROST_BRIGHTNESS * chance.normal(1, 1, 1)
    for sigma, contrast in FROST_SCALES:
        matrix = gaussian(sigma, mode="wrap")
        gain = contrast / (matrix**2).sum(1).mean()  # the standard deviation that is left of white noise, along both axes
        grey = grey + gain * separable(chance.normal(1, SIZE, SIZE), matrix)
    colour = torch.tensor(FROST_COLOUR, device=grey.device).view(3, 1, 1)
    return (colour + grey).clamp(0, 255)


def fog(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """A cloud is added and the sum darkened to the old maximum. Source: `fog` of make_cifar_c.py."""
    strength, decay = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))[severity - 1]
    highest = images.amax((1, 2, 3), keepdim=True)
    return (images + 255 * strength * plasma_fractal(decay, chance)) * highest / (highest + 255 * strength)


def plasma_fractal(decay: float, chance: Chance) -> Tensor:
    """A cloud by the diamond-square algorithm on a torus, between 0 and 1: float64 (N, 1, 32, 32).

    Source: `plasma_fractal` of make_cifar_c.py, where the chance at each scale is the square of a number that starts at 100
    and is divided by `decay`; here it starts at 1, since the cloud is scaled to [0, 1] in the end.
    """
    draws = chance.uniform(SIZE**2 - 1, low=-1).double()
    cloud = torch.zeros(len(draws), SIZE, SIZE, dtype=torch.float64, device=draws.device)
    used, step, wibble = 0, SIZE, 1.0

    def around(total: Tensor) -> Tensor:
        nonlocal used
        size = total[0].numel()
        used += size
        return total / 4 + wibble**2 * draws[:, used - size : used].view_as(total)

    while step >= 2:
        half = step // 2
        corners = cloud[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        cloud[:, half::step, half::step] = around(pairs + pairs.roll(-1, 2))
        centres = cloud[:, half::step, half::step]
        cloud[:, ::step, half::step] = around(centres + centres.roll(1, 1) + corners + corners.roll(-1, 2))
        cloud[:, half::step, ::step] = around(centres + centres.roll(1, 2) + corners + corners.roll(-1, 1))
        step, wibble = half, wibble / decay
    cloud -= cloud.amin((1, 2), keepdim=True)
    return (cloud / cloud.amax((1, 2), keepdim=True)).unsqueeze(1)


def brightness(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """c is added to the value V of HSV, clipped at 1, while hue and saturation stay. Source: `brightness` of make_cifar_c.py.

    With hue and saturation, the ratios of the three channels stay: each is multiplied by the new V over the old one.
    """
    c = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    value = images.amax(1, keepdim=True)
    brighter = (value + 255 * c).clamp(max=255)
    return torch.where(value > 0, images * (brighter / value), brighter)


WATER = (175, 238, 238)  # pale turquoise, as red, green and blue
MUD = (63, 42, 20)


def spatter(images: Tensor, severity: int, chance: Chance) -> Tensor:
    """Drops of water (severities 1 to 3) or of mud (4 and 5). Source: `spatter` of make_cifar_c.py."""
    mean, std, sigma, threshold, c, liquid = (
        (0.62, 0.1, 0.7, 0.7, 0.5, WATER),
        (0.65, 0.1, 0.8, 0.7, 0.5, WATER),
        (0.65, 0.3, 1, 0.69, 0.5, WATER),
        (0.65, 0.1, 0.7, 0.69, 0.6, MUD),
        (0.65, 0.1, 0.5, 0.68, 0.6, MUD),
    )[severity - 1]
    layer = separable(mean + std * chance.normal(1, SIZE, SIZE), gaussian(sigma))
    layer = layer.where(layer >= threshold, 0)
    colour = torch.tensor(liquid, device=images.device).view(3, 1, 1)
    if liquid is WATER:
        levels = (255 * layer).long() % 256  # where a drop is brighter than white, the original's 8 bits overflow
        return images + c * _drops(levels.to(torch.uint8)) * colour
    mud = separable(layer > threshold, gaussian(c))
    mud = mud.where(mud >= 0.8, 0)
    return (1 - mud) * images + mud * colour


def _drops(layer: Tensor) -> Tensor:
    """uint8 (N, 1, 32, 32) → how much water there is, with light and shade at the edges of the drops, from 0 to 1.

    Image by image through OpenCV, on the CPU. Without any water the original divides by zero; here nothing is added.
    """
    shaded = [_shaded(picture) for picture in layer[:, 0].cpu().numpy()]
    drops = torch.from_numpy(np.stack(shaded))[:, None].to(layer.device)
    return drops / drops.amax((2, 3), keepdim=True).clamp(min=1)


RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def _shaded(layer: np.ndarray) -> np.ndarray:
    distance = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    relief = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, RELIEF)
    return layer * cv2.blur(relief, (3, 3)).astype(np.float32)
