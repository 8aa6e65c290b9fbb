"""Data sets in memory: normalisation, resizing, augmentation and chance."""

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional as transforms

from lib import data
from lib.data import DataError


@pytest.fixture(scope="module")
def digits():
    return {split: data.load("mnist-5k", split) for split in data.SPLITS}


# --- mnist-5k --------------------------------------------------------------------------------------------------------


def test_mnist_5k_has_400_and_100_digits_a_class(digits):
    for split, count in ("train", 400), ("test", 100):
        dataset = digits[split]
        assert (dataset.name, dataset.split, len(dataset), dataset.num_classes) == ("mnist-5k", split, 10 * count, 10)
        assert dataset.images.shape == (10 * count, 1, 28, 28) and dataset.images.dtype == torch.uint8
        assert dataset.labels.dtype == torch.int64 and dataset.labels.bincount().tolist() == [count] * 10
        assert (dataset.images.amin(), dataset.images.amax()) == (0, 255)


def test_mnist_5k_splits_are_disjoint(digits):
    train, test = ({image.numpy().tobytes() for image in digits[split].images} for split in data.SPLITS)
    assert len(train) == 4000 and len(test) == 1000 and not train & test


def test_mnist_is_normalized_with_the_usual_constants(digits):
    train = digits["train"]
    assert (train.mean, train.std) == ((0.1307,), (0.3081,)) == (digits["test"].mean, digits["test"].std)
    normalized = data.normalize(train.images, train)
    assert normalized.dtype == torch.float32
    assert normalized.mean().item() == pytest.approx(0, abs=0.02) and normalized.std().item() == pytest.approx(1, abs=0.02)
    black, white = (torch.full((1, 1, 1), value, dtype=torch.uint8) for value in (0, 255))
    assert data.normalize(black, train).item() == pytest.approx(-0.1307 / 0.3081)
    assert data.normalize(white, train).item() == pytest.approx((1 - 0.1307) / 0.3081)
    torch.testing.assert_close(data.normalize(train.images[:9] / 255, train), normalized[:9])


def test_checksum_covers_images_and_labels(digits):
    for dataset in digits.values():
        labels = dataset.labels.numpy().astype(np.uint8).tobytes()
        assert dataset.sha256 == hashlib.sha256(dataset.images.numpy().tobytes() + labels).hexdigest()


def test_only_some_classes_are_relabelled_in_their_order(digits):
    test = digits["test"]
    chosen = test.only((7, 3))
    assert len(chosen) == 200 and chosen.num_classes == 2
    assert torch.equal(chosen.images[chosen.labels == 0], test.images[test.labels == 7])
    assert torch.equal(chosen.images[chosen.labels == 1], test.images[test.labels == 3])


# --- Own arrays, loaded once ------------------------------------------------------------------------------------------


def test_replaced_arrays_are_read_anew_and_all_others_are_shared(tmp_path):
    def write(value, count=4):
        for split in data.SPLITS:
            np.save(tmp_path / "own" / f"{split}-images.npy", np.full((count, 2, 2), value, dtype=np.uint8))
            np.save(tmp_path / "own" / f"{split}-labels.npy", np.arange(count, dtype=np.uint8))

    (tmp_path / "own").mkdir()
    write(10)
    first = data.load("own", "test", tmp_path)
    assert data.load("own", "test", tmp_path).images is first.images
    write(20)
    second = data.load("own", "test", tmp_path)
    assert (second.images == 20).all() and second.sha256 != first.sha256 and second.mean == pytest.approx((20 / 255,))
    write(20, count=6)
    assert len(data.load("own", "test", tmp_path)) == 6


# --- Normalisation ---------------------------------------------------------------------------------------------------


def test_a_normalization_is_chosen_by_name():
    own, chosen = (data.load("mnist-m", "test", normalization=name) for name in (None, "cifar10-wrn"))
    assert torch.equal(own.images, chosen.images) and own.sha256 == chosen.sha256
    assert (own.mean, own.std) == data.NORMALIZATION["mnist-m"]
    assert chosen.mean == pytest.approx((0.4914, 0.4824, 0.4467), abs=1e-4)
    assert chosen.std == pytest.approx((0.2471, 0.2435, 0.2616), abs=1e-4)
    pixels = own.images[:5] / 255
    expected = transforms.normalize(pixels, *data.NORMALIZATION["cifar10-wrn"])
    torch.testing.assert_close(data.normalize(chosen.images[:5], chosen), expected)
    assert data.load("mnist-m", "test").mean == own.mean  # for the one call alone


def test_an_unknown_normalization_is_named_with_what_is_allowed():
    with pytest.raises(DataError, match="'imagenet21k'.*allowed: mnist, .*cifar10-wrn.*imagenet"):
        data.load("mnist-5k", "test", normalization="imagenet21k")


def test_a_normalization_of_other_channels_is_refused():
    with pytest.raises(DataError, match="'mnist' has 1 channels, mnist-m has 3"):
        data.load("mnist-m", "test", normalization="mnist")


def test_every_normalization_has_a_mean_and_a_deviation_of_each_channel_in_pixels():
    for name, (mean, std) in data.NORMALIZATION.items():
        assert len(mean) == len(std) == (1 if name in ("mnist", "mnist-5k") or "invariance" in name else 3)
        assert all(0 < value < 1 for value in (*mean, *std)), name


def test_an_unknown_split_is_named_with_what_is_allowed():
    with pytest.raises(DataError, match="'validation'.*train, test"):
        data.load("mnist-5k", "validation")


# --- Resizing and chance ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [28, 56, 84, 112])
def test_enlarging_is_nearest_neighbour_as_in_pil(digits, size):
    images = digits["test"].images[::100]
    enlarged = data.enlarge(images, size)
    assert enlarged.shape == (10, 1, size, size) and enlarged.dtype == torch.uint8
    for image, found in zip(images[:, 0], enlarged[:, 0], strict=True):
        expected = Image.fromarray(image.numpy()).resize((size, size), Image.NEAREST)
        assert np.array_equal(found.numpy(), np.asarray(expected))


def test_enlarging_keeps_leading_dimensions():
    assert data.enlarge(torch.rand(2, 5, 3, 4, 4), 12).shape == (2, 5, 3, 12, 12)


@pytest.mark.parametrize("size", [0, 14, 27, 29, 70])
def test_only_whole_multiples_are_allowed(size):
    with pytest.raises(ValueError, match=f"image_size={size}.*multiples of 28"):
        data.enlarge(torch.zeros(1, 28, 28), size)


def test_generators_of_all_seeds_and_purposes_are_independent_and_reproducible():
    def draw(seed, purpose):
        return torch.randn(2000, generator=data.generator(seed, purpose))

    purposes = data.PURPOSES
    drawn = torch.stack([draw(seed, purpose) for seed in range(5) for purpose in purposes])
    assert torch.corrcoef(drawn).fill_diagonal_(0).abs().max() < 0.12
    assert torch.equal(draw(3, "noise"), draw(3, "noise"))
    with pytest.raises(ValueError):
        data.generator(0, "other")


def test_generators_do_not_touch_the_global_one():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    torch.rand(9, generator=data.generator(1, "noise"))
    assert torch.equal(torch.rand(3), expected)


# --- Augmentation ----------------------------------------------------------------------------------------------------


def bright(*shape):
    """Images without black, which crops can show only from beyond the edge."""
    return torch.randint(1, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def choices(images, padding, seed=0):
    """(top, left, mirrored) of each crop, in the order in which they are drawn."""
    chance = torch.Generator().manual_seed(seed)
    offsets = torch.randint(2 * padding + 1, (2, len(images)), generator=chance)
    mirrored = torch.randint(2, (len(images), 1), generator=chance, dtype=torch.bool)
    return list(zip(*offsets.tolist(), mirrored.flatten().tolist(), strict=True))


def crop_and_flip(images, *padding, seed=0, **options):
    return data.crop_and_flip(images, torch.Generator().manual_seed(seed), *padding, **options)


@pytest.mark.parametrize("padding_mode", data.PADDING_MODES)
@given(
    st.tuples(*(st.integers(1, most) for most in (20, 3, 9, 9))),
    st.integers(0, 5),
    st.integers(0, 2**31),
)
def test_crops_are_those_of_torchvision_image_by_image(padding_mode, shape, padding, seed):
    padding = padding if padding_mode == "zeros" else min(padding, *(side - 1 for side in shape[2:]))
    images = bright(*shape)
    found = crop_and_flip(images, padding, seed=seed, padding_mode=padding_mode)
    assert found.shape == shape and found.dtype == torch.uint8
    mode = {"zeros": "constant", "reflect": "reflect"}[padding_mode]
    for image, crop, (top, left, mirrored) in zip(images, found, choices(images, padding, seed), strict=True):
        expected = transforms.crop(transforms.pad(image, padding, padding_mode=mode), top, left, *shape[2:])
        assert torch.equal(crop, transforms.hflip(expected) if mirrored else expected)


def test_reflected_crops_are_cut_from_what_numpy_reflects():
    images = bright(200, 3, 8, 7)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect")
    found = crop_and_flip(images, padding_mode="reflect")
    for image, crop, (top, left, mirrored) in zip(padded, found.numpy(), choices(images, 4), strict=True):
        expected = image[:, top : top + 8, left : left + 7]
        assert np.array_equal(crop, expected[:, :, ::-1] if mirrored else expected)
    assert found.min() > 0 and not torch.equal(found, crop_and_flip(images))


def test_both_paddings_take_the_same_crops():
    images = bright(200, 3, 8, 8)
    black, reflected = (crop_and_flip(images, padding_mode=mode) for mode in data.PADDING_MODES)
    inside = black != 0
    assert torch.equal(black[inside], reflected[inside]) and not inside.all()


def test_an_unknown_padding_is_named_with_what_is_allowed():
    with pytest.raises(ValueError, match="padding_mode='circular'; allowed: zeros, reflect"):
        crop_and_flip(bright(1, 3, 8, 8), padding_mode="circular")


def test_padding_is_black_and_of_four_pixels():
    images = bright(2000, 3, 32, 32)
    found = crop_and_flip(images)
    assert torch.equal(found, crop_and_flip(images, 4, padding_mode="zeros"))
    shown = (found != 0).all(1)
    assert torch.equal(shown, (found != 0).any(1))  # in all channels or in none
    rows, columns = shown.any(2).sum(1), shown.any(1).sum(1)
    assert torch.equal(shown.sum((1, 2)), rows * columns)
    for visible in rows, columns:
        assert (visible.min(), visible.max()) == (28, 32)


def test_without_padding_an_image_stays_or_is_mirrored():
    images = bright(500, 3, 8, 8)
    found = crop_and_flip(images, 0)
    stays, mirrored = ((found == each).flatten(1).all(1) for each in (images, images.flip(3)))
    assert torch.equal(stays, ~mirrored)
    assert torch.equal(mirrored, torch.tensor([mirror for _, _, mirror in choices(images, 0)]))


def test_all_crops_are_equally_likely_and_half_of_each_are_mirrored():
    """Found from the images alone: of those whose pixels are numbered, the first shown tells which crop it is."""
    images = (1 + torch.arange(64, dtype=torch.uint8)).view(1, 1, 8, 8).expand(20_000, -1, -1, -1)
    top_left = crop_and_flip(images, 1)[:, 0, 3, 3].long() - 1  # pixel (3, 3) shows the image from (2, 2) to (4, 4)
    mirrored = crop_and_flip(images, 1)[:, 0, 3, 4].long() - 1 < top_left
    rows, columns = top_left // 8, torch.where(mirrored, 7 - top_left % 8, top_left % 8)
    kinds = ((rows - 2) * 3 + (columns - 2)) * 2 + mirrored
    counts = kinds.bincount(minlength=18)
    assert len(counts) == 18 and (counts - 20_000 / 18).abs().max() < 5 * math.sqrt(20_000 / 18)


def test_crops_depend_on_the_generator_alone():
    images = bright(50, 3, 8, 8)
    before = images.clone()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first, again, other = (crop_and_flip(images, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and torch.equal(images, before)
    assert torch.equal(torch.rand(3), expected)
    chance = torch.Generator().manual_seed(1)
    following = [data.crop_and_flip(images, chance) for _ in range(2)]
    assert torch.equal(following[0], first) and not torch.equal(following[1], first)
