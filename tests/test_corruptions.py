"""The corruptions: what they do is what the script of their authors does, image by image; chance is each image's own."""

import colorsys
import functools
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn.datasets import load_sample_image

from lib import corruptions
from lib.corruptions import CATEGORIES, CORRUPTIONS, SEVERITIES, blur, corrupt, linear, weather
from lib.corruptions.chance import Chance
from tests.benchmarks import per_image

DETERMINISTIC = (
    "brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur", "zoom_blur",
)  # fmt: skip
EVERY = list(itertools.product(CORRUPTIONS, SEVERITIES))


@functools.cache
def _photographs():
    picture = load_sample_image("flower.jpg")
    small = np.asarray(Image.fromarray(picture).resize((160, 107), Image.Resampling.BOX))
    chance, patches = np.random.RandomState(0), []
    for number in range(9):
        source = picture if number % 2 else small
        top, left = (chance.randint(size - 31) for size in source.shape[:2])
        patches.append(source[top : top + 32, left : left + 32])
    images = torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).contiguous()
    images[:2] = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    return images


def photographs(count):
    """A black and a white image, then patches of a photograph, half of them scaled down: flat and busy ones."""
    return _photographs()[:count].clone()


class Replayed:
    """The numbers that the library draws for one image, for the plain implementation."""

    def __init__(self, *key):
        *rest, number = key
        self.chance = Chance(*rest, [number])

    def normal(self, *shape):
        return self.chance.normal(*shape)[0].numpy()

    def uniform(self, *shape, **limits):
        return self.chance.uniform(*shape, **limits)[0].numpy()

    def poisson(self, rates):
        return self.chance.poisson(torch.from_numpy(rates)[None].float())[0].numpy()


def plainly(images, name, severity, draw):
    """One image after another; `draw` gives the source of chance of an image by its number."""
    pictures = images.permute(0, 2, 3, 1).numpy()
    out = [per_image.corrupt(picture, name, severity, draw(number)) for number, picture in enumerate(pictures)]
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2)


# --- Agreement with a plain implementation -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "severity"), EVERY)
def test_a_batch_is_corrupted_as_image_by_image(name, severity):
    images = photographs(8)
    ours = corrupt(images, name, severity).int()
    plain = plainly(images, name, severity, lambda number: Replayed(0, name, severity, number)).int()
    difference = (ours - plain).abs()
    assert (difference <= 1).float().mean() >= 0.99
    assert (difference == 0).float().mean() >= 0.9
    assert (ours != images.int()).any()


def test_the_plain_implementation_knows_hue_as_the_standard_library_does():
    images = photographs(3)[2:]
    picture = images[0].permute(1, 2, 0).numpy()
    ours = corrupt(images, "saturate", 4)[0].permute(1, 2, 0).numpy()
    for y, x in itertools.product(range(0, 32, 7), repeat=2):
        hue, saturation, value = colorsys.rgb_to_hsv(*(picture[y, x] / 255))
        expected = 255 * np.array(colorsys.hsv_to_rgb(hue, min(1, 2 * saturation + 0.1), value))
        assert np.abs(ours[y, x] - expected).max() <= 1


def test_grey_pixels_become_red_where_saturation_is_added():
    grey = torch.full((1, 3, 32, 32), 100, dtype=torch.uint8)
    assert corrupt(grey, "saturate", 5)[0, :, 0, 0].tolist() == [100, 80, 80]


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "zoom_blur", "motion_blur", "glass_blur"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_blurs_leave_flat_images_alone(name, severity):
    flat = torch.arange(256).view(-1, 1, 1, 1).expand(-1, 3, 32, 32).to(torch.uint8)
    assert torch.equal(corrupt(flat, name, severity), flat)


def test_zooms_are_as_many_as_the_originals_arange_gives(monkeypatch):
    """Meant to leave the end out, it reaches it at the first two severities."""
    seen = []
    monkeypatch.setattr(blur, "zooms", lambda stop: seen.append(linear.zoom_factors(stop)) or linear.zooms(stop))
    for severity in SEVERITIES:
        corrupt(photographs(1), "zoom_blur", severity)
    assert [len(factors) for factors in seen] == [7, 12, 16, 21, 26]
    assert [factors[-1] for factors in seen] == pytest.approx([1.06, 1.11, 1.15, 1.20, 1.25])


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize(
    "operation, weights, digits",
    [
        (linear.dense, linear.zooms(1.06), linear.ONE_PASS),
        (linear.correlated, linear.disk(1.5, 0.1), linear.ONE_PASS),
        (linear.separable, linear.gaussian(0.7), 2 * linear.TWO_PASSES),
    ],
    ids=["dense", "correlated", "separable"],
)
def test_linear_maps_are_exact(operation, weights, digits, size):
    """To the last bit, as integers are: neither the order of summation nor the size of a batch can matter."""
    images = photographs(8)
    scaled = operation(images[:size], weights) * 2.0**digits
    assert torch.equal(scaled, scaled.round()) and scaled.max() < 2**53
    assert torch.equal(operation(images, weights)[:size], operation(images[:size], weights))


# --- Chance ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_neither_the_size_nor_the_order_of_batches_matters(name, monkeypatch):
    images = photographs(9)
    together = corrupt(images, name, 3)
    monkeypatch.setattr(corruptions, "CHUNK", 2)
    assert torch.equal(corrupt(images, name, 3), together)
    order = [5, 0, 8, 2]
    assert torch.equal(corrupt(images[order], name, 3, index=order), together[order])


@pytest.mark.parametrize("name", set(CORRUPTIONS) - set(DETERMINISTIC))
def test_seeds_images_and_severities_have_chance_of_their_own(name):
    same = photographs(3)[2:].expand(2, -1, -1, -1)
    first, second = corrupt(same, name, 3)
    assert not torch.equal(first, second)
    assert not torch.equal(first, corrupt(same, name, 3, seed=1)[0])
    draws = [Chance(0, name, severity, [0]).uniform(4).tolist() for severity in SEVERITIES]
    assert len({tuple(drawn[0]) for drawn in draws}) == 5


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_what_has_no_chance_depends_on_the_image_alone(name):
    images = photographs(4)
    assert torch.equal(corrupt(images, name, 2), corrupt(images, name, 2, seed=7, index=[9, 3, 5, 1]))


def _statistics(corrupted, images):
    """Mean and standard deviation of the change, and its spectrum in four rings from low to high frequencies, by image."""
    change = (corrupted.double() - images.double()).mean(1)
    spectrum = torch.fft.fft2(change).abs().square() / 32**4
    frequency = torch.fft.fftfreq(32).mul(32)
    radius = torch.hypot(frequency[:, None], frequency)
    rings = [spectrum[:, (radius > low) & (radius <= high)].sum(-1) for low, high in ((0, 2), (2, 5), (5, 10), (10, 23))]
    return torch.stack([change.mean((1, 2)), change.std((1, 2)), *rings], -1).numpy()


COMPARED = 1000  # images, of every random corruption
ROUNDING = 0.02  # of a grey level: a sum that should be whole and is a last bit smaller loses one, in the plain version alone


@functools.cache
def _patches():
    """As many different images: patches of a photograph."""
    picture, chance = load_sample_image("flower.jpg"), np.random.RandomState(1)
    corners = (tuple(chance.randint(size - 31) for size in picture.shape[:2]) for _ in range(COMPARED))
    return torch.from_numpy(np.stack([picture[y : y + 32, x : x + 32] for y, x in corners])).movedim(-1, 1).contiguous()


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - set(DETERMINISTIC)))
def test_random_corruptions_have_the_distribution_of_the_plain_ones(name):
    """With NumPy's own chance, for mean, spread and spectrum of the change, each at one in ten thousand.

    Kolmogorov-Smirnov over images; and Wilcoxon over the differences image by image, which sees small shifts that the
    differences between images would hide.
    """
    images = _patches()
    for severity in (1, 5):
        ours = _statistics(corrupt(images, name, severity), images)
        plain = _statistics(plainly(images, name, severity, lambda number: per_image.Drawn(number)), images)
        for statistic in range(ours.shape[1]):
            assert stats.ks_2samp(ours[:, statistic], plain[:, statistic]).pvalue > 1e-4, (severity, statistic)
            negligible = statistic == 0 and abs(np.mean(ours[:, 0] - plain[:, 0])) < ROUNDING
            shifted = stats.wilcoxon(ours[:, statistic], plain[:, statistic]).pvalue < 1e-4
            assert negligible or not shifted, (severity, statistic)


GREY = torch.full((200, 3, 32, 32), 100, dtype=torch.uint8)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_the_mean_and_the_spread_of_its_constants(severity):
    """On grey level 100; grey levels are cut off, which takes half of one from the mean."""
    sigma = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    quanta = (500, 250, 100, 75, 50)[severity - 1]
    speckle = (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1]
    spreads = {"gaussian_noise": 255 * sigma, "shot_noise": 255 * (100 / 255 / quanta) ** 0.5, "speckle_noise": 100 * speckle}
    for name, spread in spreads.items():
        noisy = corrupt(GREY, name, severity).double()
        assert noisy.mean() == pytest.approx(99.5, abs=0.6) and noisy.std() == pytest.approx(spread, rel=0.02)
    struck = corrupt(GREY, "impulse_noise", severity)
    amount = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    for level in (0, 255):
        assert (struck == level).double().mean() == pytest.approx(amount / 2, rel=0.05)
    assert ((struck == 0) | (struck == 255) | (struck == 100)).all()


def test_clouds_fill_the_range_and_are_rougher_the_slower_they_decay():
    rough = {}
    for decay in (1.75, 3):
        clouds = weather.plasma_fractal(decay, Chance(0, "fog", 1, range(20)))
        assert clouds.shape == (20, 1, 32, 32) and clouds.amin((1, 2, 3)).eq(0).all() and clouds.amax((1, 2, 3)).eq(1).all()
        rough[decay] = clouds.diff(dim=-1).abs().mean()
    assert rough[1.75] > 1.3 * rough[3]


def test_frost_has_the_colour_and_the_contrast_it_is_given():
    texture = weather.frost_texture(Chance(0, "frost", 1, range(400)))
    assert texture.mean((0, 2, 3)).tolist() == pytest.approx(weather.FROST_COLOUR, abs=6)
    expected = sum(contrast**2 for _, contrast in weather.FROST_SCALES) ** 0.5
    assert texture[:, 0].std((1, 2)).mean() == pytest.approx(expected, rel=0.1)


# --- What is asked for ---------------------------------------------------------------------------------------------------


def test_there_are_nineteen_in_four_categories():
    assert len(CORRUPTIONS) == 19 and {name: len(members) for name, members in CATEGORIES.items()} == {
        "noise": 4, "blur": 5, "weather": 5, "digital": 5,
    }  # fmt: skip


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_come_back_as_they_went_in(name):
    images = photographs(3)
    before = images.clone()
    corrupted = corrupt(images, name, 2)
    assert corrupted.dtype == torch.uint8 and corrupted.shape == images.shape and corrupted.device == images.device
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_images_are_no_mistake(name):
    assert corrupt(photographs(3)[:0], name, 1).shape == (0, 3, 32, 32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_devices_agree(name):
    images = photographs(8)
    for severity in SEVERITIES:
        difference = (corrupt(images.cuda(), name, severity).cpu().int() - corrupt(images, name, severity).int()).abs()
        assert (difference <= 1).float().mean() >= 0.99, severity


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((photographs(2), "fogg", 1), ValueError, "unknown corruption 'fogg'; allowed: gaussian_noise, "),
        (
            (photographs(2), ["fog"], 1),
            TypeError,
            r"the corruption is \['fog'\]; allowed is one name as a str: gaussian_noise, ",
        ),
        ((photographs(2), None, 1), TypeError, "the corruption is None; allowed is one name"),
        ((photographs(2), "fog", 3.0), ValueError, "severity=3.0; allowed: 1, 2, 3, 4, 5, as an int"),
        ((photographs(2), "fog", [3]), ValueError, r"severity=\[3\]; allowed"),
        ((photographs(2), "fog", torch.tensor([1, 2])), ValueError, r"severity=tensor\(\[1, 2\]\); allowed"),
        ((photographs(2), "fog", 0), ValueError, "severity=0; allowed: 1, 2, 3, 4, 5"),
        ((photographs(2), "fog", 6), ValueError, "severity=6; allowed"),
        ((photographs(2), "fog", 2.5), ValueError, "severity=2.5; allowed"),
        ((photographs(2), "fog", True), ValueError, "severity=True; allowed"),
        ((photographs(2), "fog", "3"), ValueError, "severity='3'; allowed"),
        (
            (photographs(2) / 255, "fog", 1),
            TypeError,
            "a tensor of torch.float32; allowed: a tensor of torch.uint8, .* 0 to 255",
        ),
        ((photographs(2).numpy(), "fog", 1), TypeError, "images are ndarray"),
        ((photographs(2)[:, :1], "fog", 1), ValueError, r"shape \(2, 1, 32, 32\); .* for \(N, 3, 32, 32\)"),
        ((photographs(2)[..., :28], "fog", 1), ValueError, r"shape \(2, 3, 32, 28\)"),
        ((photographs(2)[0], "fog", 1), ValueError, r"shape \(3, 32, 32\)"),
    ],
)
def test_what_is_not_allowed_is_said(arguments, error, message):
    with pytest.raises(error, match=message):
        corrupt(*arguments)


def test_a_severity_of_numpy_is_one():
    assert torch.equal(corrupt(photographs(2), "fog", np.int64(3)), corrupt(photographs(2), "fog", 3))


def test_every_image_has_a_number():
    with pytest.raises(ValueError, match="1 numbers for 2 images; give one for each"):
        corrupt(photographs(2), "fog", 1, index=[0])


@pytest.mark.parametrize(
    ("index", "shown"),
    [
        (3, "3"),
        ([0.0, 1.0], r"\[0.0, 1.0\]"),
        ("01", "'01'"),
        ([False, True], r"\[False, True\]"),
        ({0, 1}, r"\{0, 1\}"),
        (torch.tensor([0.0, 1.0]), "tensor"),
        (torch.tensor(1), "tensor"),
        (np.array([0.0, 1.0]), "array"),
        ([[0], [1]], r"\[\[0\], \[1\]\]"),
    ],
)
def test_numbers_of_images_are_whole(index, shown):
    with pytest.raises(TypeError, match=f"index={shown}.*; allowed: a sequence of whole numbers, one for each image"):
        corrupt(photographs(2), "fog", 1, index=index)


@pytest.mark.parametrize("seed", [0.0, False, None, "a", [0], torch.tensor(0)])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(TypeError, match="seed=.*; allowed is a whole number"):
        corrupt(photographs(2), "fog", 1, seed=seed)


@pytest.mark.parametrize("kind", [tuple, np.array, torch.tensor, lambda numbers: [np.int64(number) for number in numbers]])
def test_whole_numbers_of_any_kind_are_the_same_chance(kind):
    expected = corrupt(photographs(3), "gaussian_noise", 1, seed=2, index=[4, 0, 7])
    assert torch.equal(corrupt(photographs(3), "gaussian_noise", 1, seed=np.int64(2), index=kind([4, 0, 7])), expected)
