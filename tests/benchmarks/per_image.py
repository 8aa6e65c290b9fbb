"""The corruptions once more, one image at a time with NumPy, SciPy, Pillow and OpenCV, as their authors' script goes about it.

Plain and slow, and independent of `lib.corruptions`: the tests compare the two, and the benchmarks time them. Every function
takes an image, uint8 (32, 32, 3), the severity, and `draw`, where its random numbers come from: `Drawn`, or in the tests the
numbers that `lib.corruptions` uses.
"""

import io
import math

import cv2
import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy import ndimage


class Drawn:
    """Random numbers of a NumPy generator."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return self.rng.uniform(low, high, shape)

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        return self.rng.poisson(rates)


def corrupt(image: np.ndarray, name: str, severity: int, draw) -> np.ndarray:
    """uint8 (32, 32, 3), cut off to grey levels; what is a whole number up to rounding stays that number."""
    return np.clip(CORRUPTIONS[name](image, severity, draw) + 1e-6, 0, 255).astype(np.uint8)


def _channels_last(numbers: np.ndarray) -> np.ndarray:
    return numbers.transpose(1, 2, 0)


def gaussian_noise(image, severity, draw):
    sigma = [0.04, 0.06, 0.08, 0.09, 0.10][severity - 1]
    return (image / 255 + sigma * _channels_last(draw.normal(3, 32, 32))) * 255


def shot_noise(image, severity, draw):
    quanta = [500, 250, 100, 75, 50][severity - 1]
    return _channels_last(draw.poisson(image.transpose(2, 0, 1) / 255 * quanta)) / quanta * 255


def impulse_noise(image, severity, draw):
    amount = [0.01, 0.02, 0.03, 0.05, 0.07][severity - 1]
    struck, salt = (_channels_last(draw.uniform(3, 32, 32)) for _ in range(2))
    out = image.copy()
    out[(struck < amount) & (salt < 0.5)] = 255
    out[(struck < amount) & (salt >= 0.5)] = 0
    return out


def speckle_noise(image, severity, draw):
    sigma = [0.06, 0.1, 0.12, 0.16, 0.2][severity - 1]
    x = image / 255
    return (x + x * sigma * _channels_last(draw.normal(3, 32, 32))) * 255


def _blur(values, sigma, **options):
    return ndimage.gaussian_filter(values.astype(float), (sigma, sigma, 0)[: values.ndim], **({"mode": "nearest"} | options))


def gaussian_blur(image, severity, draw):
    return _blur(image, [0.4, 0.6, 0.7, 0.8, 1][severity - 1])


def glass_blur(image, severity, draw):
    sigma, times = [(0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2)][severity - 1]
    x = (_blur(image, sigma) + 1e-6).astype(np.uint8)
    for _ in range(times):
        up, left = (draw.uniform(1, 30, 30)[0] < 0.5 for _ in range(2))
        for h in range(31, 1, -1):
            for w in range(31, 1, -1):
                dx, dy = -int(left[h - 2, w - 2]), -int(up[h - 2, w - 2])
                # Meant as a swap; both sides are views of one array, so that it is none.
                x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]
    return _blur(x, sigma)


def defocus_blur(image, severity, draw):
    radius, alias_blur = [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)][severity - 1]
    kernel = np.zeros((17, 17), np.float32)
    for y in range(-8, 9):
        for x in range(-8, 9):
            kernel[y + 8, x + 8] = math.hypot(x, y) <= radius
    kernel = cv2.GaussianBlur(kernel / kernel.sum(), (3, 3), sigmaX=alias_blur)
    return np.stack([cv2.filter2D(image[..., c].astype(float), -1, kernel) for c in range(3)], -1)


def _motion(image, radius, sigma, angle):
    """Pixel by pixel of the line, on an image (32, 32, C)."""
    width = 2 * radius + 1
    weights = np.array([math.exp(-i * i / (2 * sigma**2)) for i in range(width)])
    out = np.zeros(image.shape)
    for i, weight in enumerate(weights / weights.sum()):
        right = math.ceil(i * math.cos(math.radians(angle)) - 0.5)
        down = math.ceil(i * math.sin(math.radians(angle)) - 0.5)
        rows, columns = (np.clip(np.arange(32) + offset, 0, 31) for offset in (down, right))
        out += weight * image[rows][:, columns]
    return np.floor(out + 1e-6)


def motion_blur(image, severity, draw):
    radius, sigma = [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)][severity - 1]
    return _motion(image, radius, sigma, float(draw.uniform(1, low=-45, high=45)[0]))


def _clipped_zoom(image, factor):
    kept = math.ceil(32 / factor)
    top = (32 - kept) // 2
    large = ndimage.zoom(image[top : top + kept, top : top + kept], (factor, factor, 1), order=1)
    surplus = (large.shape[0] - 32) // 2
    return large[surplus : surplus + 32, surplus : surplus + 32]


def zoom_blur(image, severity, draw):
    factors = np.arange(1, [1.06, 1.11, 1.16, 1.21, 1.26][severity - 1], 0.01)
    x = image.astype(float)
    return (x + sum(_clipped_zoom(x, factor) for factor in factors)) / (len(factors) + 1)


def snow(image, severity, draw):
    mean, std, factor, threshold, radius, sigma, kept = [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ][severity - 1]
    layer = _clipped_zoom((mean + std * draw.normal(1, 32, 32)[0])[..., None], factor)
    layer[layer < threshold] = 0
    layer = (np.clip(layer, 0, 1) * 255).astype(np.uint8)
    layer = _motion(layer, radius, sigma, float(draw.uniform(1, low=-135, high=-45)[0])) / 255
    x = (image / 255).astype(np.float32)
    grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    x = kept * x + (1 - kept) * np.maximum(x, grey * 1.5 + 0.5)
    return (x + layer + np.rot90(layer, k=2)) * 255


def frost(image, severity, draw):
    """With the generated texture, whose spectrum is the same; the original reads photographs."""
    weight, ice = [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)][severity - 1]
    grey = 39.0 * draw.normal(1, 1, 1)[0]
    for sigma, contrast in ((4, 8.6), (2, 7.4), (0.5, 19.9)):
        smooth = ndimage.gaussian_filter(draw.normal(1, 32, 32)[0].astype(float), sigma, mode="wrap")
        unit = np.zeros((32, 32))
        unit[16, 16] = 1
        grey = grey + contrast * smooth / np.sqrt((ndimage.gaussian_filter(unit, sigma, mode="wrap") ** 2).sum())
    texture = np.clip(grey[..., None] + np.array([144.0, 166.0, 178.0]), 0, 255)
    return weight * image + ice * texture


def _plasma(decay, draw):
    """The diamond-square algorithm, all points of a step at once."""
    chance, used = draw.uniform(1023, low=-1), 0
    cloud = np.zeros((32, 32))
    step, wibble = 32, 100.0

    def displaced(*neighbours):
        nonlocal used
        used += neighbours[0].size
        own = chance[used - neighbours[0].size : used].reshape(neighbours[0].shape)
        return sum(neighbours) / 4 + wibble * wibble * own

    while step >= 2:
        half = step // 2
        corner = cloud[::step, ::step]
        below = np.roll(corner, -1, 0)
        cloud[half::step, half::step] = displaced(corner, np.roll(corner, -1, 1), below, np.roll(below, -1, 1))
        centre = cloud[half::step, half::step]
        cloud[::step, half::step] = displaced(centre, np.roll(centre, 1, 0), corner, np.roll(corner, -1, 1))
        cloud[half::step, ::step] = displaced(centre, np.roll(centre, 1, 1), corner, below)
        step, wibble = half, wibble / decay
    cloud -= cloud.min()
    return cloud / cloud.max()


def fog(image, severity, draw):
    strength, decay = [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)][severity - 1]
    x = image / 255
    return (x + strength * _plasma(decay, draw)[..., None]) * x.max() / (x.max() + strength) * 255


def _in_hsv(image, channel, change):
    hsv = rgb_to_hsv(image / 255)
    hsv[..., channel] = np.clip(change(hsv[..., channel]), 0, 1)
    return hsv_to_rgb(hsv) * 255


def brightness(image, severity, draw):
    added = [0.05, 0.1, 0.15, 0.2, 0.3][severity - 1]
    return _in_hsv(image, 2, lambda value: value + added)


def saturate(image, severity, draw):
    a, b = [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)][severity - 1]
    return _in_hsv(image, 1, lambda saturation: saturation * a + b)


def spatter(image, severity, draw):
    mean, std, sigma, threshold, c, mud = [
        (0.62, 0.1, 0.7, 0.7, 0.5, False),
        (0.65, 0.1, 0.8, 0.7, 0.5, False),
        (0.65, 0.3, 1, 0.69, 0.5, False),
        (0.65, 0.1, 0.7, 0.69, 0.6, True),
        (0.65, 0.1, 0.5, 0.68, 0.6, True),
    ][severity - 1]
    layer = _blur(mean + std * draw.normal(1, 32, 32)[0], sigma)
    layer[layer < threshold] = 0
    x = image / 255
    if mud:
        m = _blur((layer > threshold).astype(float), c)
        m[m < 0.8] = 0
        return (x * (1 - m[..., None]) + np.array([63, 42, 20]) / 255 * m[..., None]) * 255
    layer = (layer * 255).astype(np.int64).astype(np.uint8)  # 8 bits, which overflow
    distance = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    distance = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(distance, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    m = layer * cv2.blur(relief, (3, 3)).astype(np.float32)
    m = m / m.max() if m.max() > 0 else m
    return (x + c * m[..., None] * np.array([175, 238, 238]) / 255) * 255


def contrast(image, severity, draw):
    c = [0.75, 0.5, 0.4, 0.3, 0.15][severity - 1]
    x = image / 255
    mean = x.mean((0, 1), keepdims=True)
    return ((x - mean) * c + mean) * 255


def elastic_transform(image, severity, draw):
    alpha, sigma, shift = [(0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)][
        severity - 1
    ]
    x = (image / 255).astype(np.float32)
    before = np.float32([[26, 26], [26, 6], [6, 6]])
    after = before + draw.uniform(3, 2, low=-32 * shift, high=32 * shift).astype(np.float32)
    x = cv2.warpAffine(x, cv2.getAffineTransform(before, after), (32, 32), borderMode=cv2.BORDER_REFLECT_101)
    if alpha:
        fields = draw.uniform(2, 32, 32, low=-1)
        dx, dy = (32 * alpha * _blur(field, 32 * sigma, mode="reflect", truncate=3) for field in fields)
        rows, columns = np.mgrid[:32, :32]
        points = [rows + dy, columns + dx]
        x = np.stack([ndimage.map_coordinates(x[..., c], points, order=1, mode="reflect") for c in range(3)], -1)
    return x * 255


def pixelate(image, severity, draw):
    size = int(32 * [0.95, 0.9, 0.85, 0.75, 0.65][severity - 1])
    small = Image.fromarray(image).resize((size, size), Image.Resampling.BOX)
    return np.asarray(small.resize((32, 32), Image.Resampling.BOX))


def jpeg_compression(image, severity, draw):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=[80, 65, 58, 50, 40][severity - 1])
    return np.asarray(Image.open(file))


CORRUPTIONS = {
    function.__name__: function
    for function in (
        gaussian_noise, shot_noise, impulse_noise, speckle_noise, defocus_blur, glass_blur, motion_blur, zoom_blur,
        gaussian_blur, snow, frost, fog, brightness, spatter, contrast, elastic_transform, pixelate, jpeg_compression, saturate,
    )
}  # fmt: skip
