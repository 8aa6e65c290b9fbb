"""Data sets: what they contain, and what is said when they are missing or damaged."""

import functools
import hashlib
import math
import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional as transforms

from lib import data
from lib.data import DataError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No network, nothing loaded before, no setting of the user."""

    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.delenv("BATCHNORM_DATA", raising=False)
    monkeypatch.setattr(data, "_load", functools.lru_cache(data._load.__wrapped__))


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


def crop_and_flip(images, *padding, seed=0):
    return data.crop_and_flip(images, torch.Generator().manual_seed(seed), *padding)


@given(
    st.tuples(*(st.integers(1, most) for most in (20, 3, 9, 9))),
    st.integers(0, 5),
    st.integers(0, 2**31),
)
def test_crops_are_those_of_torchvision_image_by_image(shape, padding, seed):
    images = bright(*shape)
    found = crop_and_flip(images, padding, seed=seed)
    assert found.shape == shape and found.dtype == torch.uint8
    for image, crop, (top, left, mirrored) in zip(images, found, choices(images, padding, seed), strict=True):
        expected = transforms.crop(transforms.pad(image, padding), top, left, *shape[2:])
        assert torch.equal(crop, transforms.hflip(expected) if mirrored else expected)


def test_padding_is_black_and_of_four_pixels():
    images = bright(2000, 3, 32, 32)
    found = crop_and_flip(images)
    assert torch.equal(found, crop_and_flip(images, 4))
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


# --- Where data sets are ---------------------------------------------------------------------------------------------


def test_root_is_the_argument_then_the_environment_then_the_users_cache(monkeypatch, tmp_path):
    cache = data.data_root()
    assert cache.name == "data" and cache.is_absolute() and "batchnorm" in str(cache)
    monkeypatch.setenv("BATCHNORM_DATA", str(tmp_path / "environment"))
    assert data.data_root() == tmp_path / "environment"
    assert data.data_root(tmp_path / "argument") == data.data_root(str(tmp_path / "argument")) == tmp_path / "argument"
    monkeypatch.setenv("BATCHNORM_DATA", "")
    assert data.data_root() == cache
    assert data.data_root("~/digits") == Path.home() / "digits"


def test_root_decides_where_a_folder_is_found(monkeypatch, tmp_path):
    for i, place in enumerate(("argument", "environment")):
        write_folder(tmp_path / place / "shapes", train_images=np.full((4, 6, 6), 100 + i, np.uint8))
    monkeypatch.setenv("BATCHNORM_DATA", str(tmp_path / "environment"))
    assert data.load("shapes", "train").images.max() == 101
    assert data.load("shapes", "train", tmp_path / "argument").images.max() == 100


# --- Folders of arrays -----------------------------------------------------------------------------------------------


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write_folder(folder, **arrays):
    """A well-formed data set of 6x6 grey images, 8 to train and 4 to test; `arrays` replace its files."""
    folder.mkdir(parents=True)
    train, test = random_images(8, 6, 6), random_images(4, 6, 6, seed=1) // 2
    files = {"train_images": train, "test_images": test}
    files |= arrays
    for split in data.SPLITS:
        files.setdefault(f"{split}_labels", np.arange(len(files[f"{split}_images"]), dtype=np.uint8) % 3)
    for name, array in files.items():
        np.save(folder / f"{name.replace('_', '-')}.npy", array)


@pytest.mark.parametrize("channels", [(), (1,), (3,)], ids=["grey", "one channel", "colour"])
def test_folder_round_trip(tmp_path, channels):
    train, test = random_images(20, 6, 6, *channels), random_images(5, 6, 6, *channels, seed=1) // 2
    write_folder(tmp_path / "shapes", train_images=train, test_images=test)
    for split, images in ("train", train), ("test", test):
        dataset = data.load("shapes", split, tmp_path)
        expected = images if channels else images[..., None]
        assert np.array_equal(dataset.images.permute(0, 2, 3, 1).numpy(), expected) and dataset.images.is_contiguous()
        assert dataset.labels.tolist() == [i % 3 for i in range(len(images))]
        assert (dataset.name, dataset.split, dataset.num_classes) == ("shapes", split, 3)
        pixels = train.reshape(-1, channels[0] if channels else 1) / 255
        assert dataset.mean == pytest.approx(tuple(pixels.mean(0))) and dataset.std == pytest.approx(tuple(pixels.std(0)))
    normalized = data.normalize(torch.from_numpy(np.moveaxis(train.reshape(20, 6, 6, -1), -1, 1)), dataset)
    torch.testing.assert_close(normalized.mean((0, 2, 3)), torch.zeros(len(dataset.mean)), rtol=0, atol=1e-5)
    torch.testing.assert_close(normalized.std((0, 2, 3), correction=0), torch.ones(len(dataset.mean)), rtol=0, atol=1e-5)


def test_a_folder_of_test_images_alone_has_statistics_of_its_own(tmp_path):
    write_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / "train-images.npy").unlink()
    images = np.load(tmp_path / "shapes" / "test-images.npy") / 255
    assert data.load("shapes", "test", tmp_path).mean == pytest.approx((images.mean(),))


def test_named_constants_are_used_for_folders_too(tmp_path):
    write_folder(tmp_path / "cifar10", train_images=random_images(8, 6, 6, 3), test_images=random_images(4, 6, 6, 3))
    assert data.load("cifar10", "train", tmp_path).mean == (0.4914, 0.4822, 0.4465)


def test_an_unknown_data_set_is_named_with_what_is_allowed(tmp_path):
    with pytest.raises(DataError, match=r"(?s)'nowhere'.*mnist, mnist-5k.*nowhere.*images.*\.npy.*BATCHNORM_DATA"):
        data.load("nowhere", "train", tmp_path)


def test_an_unknown_split_is_named_with_what_is_allowed():
    with pytest.raises(DataError, match="'validation'.*train, test"):
        data.load("mnist-5k", "validation")


def test_a_missing_file_is_named(tmp_path):
    write_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / "test-labels.npy").unlink()
    assert len(data.load("shapes", "train", tmp_path)) == 8
    with pytest.raises(DataError, match="test-labels.npy is missing"):
        data.load("shapes", "test", tmp_path)


def as_text(path):
    path.write_text("these are no digits")


def as_archive(path):
    with path.open("wb") as file:
        np.savez(file, images=np.zeros((8, 6, 6), np.uint8))


def as_pickle(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def as_folder(path):
    path.unlink()
    path.mkdir()


def cut_to(size):
    def cut(path):
        path.write_bytes(path.read_bytes()[:size])

    cut.__name__ = f"cut_to_{size}"
    return cut


NOT_AN_ARRAY = "truncated or not a NumPy array"


@pytest.mark.parametrize(
    "damage",
    [
        *map(cut_to, (0, 5, 20, 150, 300)),
        as_text,
        as_pickle,
        as_folder,
        as_archive,
    ],
    ids=lambda damage: damage.__name__,
)
@pytest.mark.parametrize("file", ["train-images.npy", "train-labels.npy"])
def test_a_damaged_file_is_named(tmp_path, file, damage):
    write_folder(tmp_path / "shapes", train_images=random_images(200, 6, 6))
    damage(tmp_path / "shapes" / file)
    with pytest.raises(DataError, match=f"{file} is {NOT_AN_ARRAY}"):
        data.load("shapes", "train", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_images": np.zeros((8, 6, 6), np.float32)}, "train-images.npy has dtype float32, expected uint8"),
        ({"train_labels": np.zeros(8, np.int64)}, "train-labels.npy has dtype int64, expected uint8"),
        ({"train_labels": np.zeros(7, np.uint8)}, r"8 train images but labels of shape \(7,\)"),
        ({"train_labels": np.zeros((8, 1), np.uint8)}, r"8 train images but labels of shape \(8, 1\)"),
        ({"train_images": np.zeros((8, 36), np.uint8)}, r"shape \(8, 36\), expected \(N, H, W\)"),
        ({"train_images": np.zeros((8, 3, 6, 6), np.uint8)}, r"shape \(8, 3, 6, 6\), expected \(N, H, W\)"),
        ({"train_images": np.zeros((0, 6, 6), np.uint8)}, "0 train images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_of_another_kind_are_refused(tmp_path, arrays, message):
    write_folder(tmp_path / "shapes", **arrays)
    with pytest.raises(DataError, match=message):
        data.load("shapes", "train", tmp_path)


def test_a_pickled_array_is_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "executed",)

    write_folder(tmp_path / "shapes")
    np.save(tmp_path / "shapes" / "train-images.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError):
        data.load("shapes", "train", tmp_path)
    assert not (tmp_path / "executed").exists()


# --- MNIST -----------------------------------------------------------------------------------------------------------

IDX_FILES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


def write_idx(path, shape):
    """An idx file of zeros: 0, 0, type 8 (unsigned byte), number of dimensions, the dimensions big-endian, the data."""
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    path.write_bytes(header)
    os.truncate(path, len(header) + math.prod(shape))  # sparse: it takes no time and no space


@pytest.fixture
def mnist_root(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, shape in IDX_FILES.items():
        write_idx(folder / name, shape)
    return tmp_path


def test_mnist_is_read_from_its_four_files(mnist_root):
    for split, count in ("train", 60_000), ("test", 10_000):
        dataset = data.load("mnist", split, mnist_root)
        assert dataset.images.shape == (count, 1, 28, 28) and dataset.images.dtype == torch.uint8
        assert dataset.labels.shape == (count,) and dataset.labels.dtype == torch.int64


@pytest.mark.parametrize("file", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize(
    "damage",
    [
        *map(cut_to, (0, 3, 5, 5000)),
        as_text,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_mnist_file_is_reported_with_its_folder(mnist_root, file, damage):
    damage(mnist_root / "MNIST" / "raw" / file)
    with pytest.raises(DataError, match=f"(?s)MNIST .test..*{mnist_root}.*idx files"):
        data.load("mnist", "test", mnist_root)


@pytest.mark.parametrize("file", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_an_mnist_with_another_number_of_images_is_refused(mnist_root, file):
    write_idx(mnist_root / "MNIST" / "raw" / file, (9_999, *IDX_FILES[file][1:]))
    with pytest.raises(DataError, match="expected 10000 of 28x28"):
        data.load("mnist", "test", mnist_root)


def test_missing_mnist_without_network_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"(?s)could not be downloaded.*no network.*idx files.*BATCHNORM_DATA.*quick scale"):
        data.load("mnist", "train", tmp_path)


def test_a_failed_load_is_tried_again(tmp_path):
    with pytest.raises(DataError):
        data.load("shapes", "train", tmp_path)
    write_folder(tmp_path / "shapes")
    assert len(data.load("shapes", "train", tmp_path)) == 8


# --- Invariance-based examples ---------------------------------------------------------------------------------------


@pytest.fixture
def invariance(mnist_root, monkeypatch):
    """Files of the right form, which are taken for the real ones; returns the root and their arrays."""
    folder = mnist_root / "invariance"
    folder.mkdir()
    chance = np.random.default_rng(0)
    images = chance.uniform(0, 255, (100, 28, 28, 1))
    human, index = chance.integers(0, 10, 100), chance.permutation(10_000)[:100]
    checksums = {}
    for (name, (source, _)), array in zip(data.INVARIANCE_FILES.items(), (images, human, index), strict=True):
        np.save(folder / name, array)
        checksums[name] = (source, hashlib.sha256((folder / name).read_bytes()).hexdigest())
    monkeypatch.setattr(data, "INVARIANCE_FILES", checksums)
    labels = mnist_root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    original = chance.integers(0, 10, 10_000).astype(np.uint8)
    labels.write_bytes(labels.read_bytes()[:8] + original.tobytes())
    return mnist_root, images, human, original[index]


def test_invariance_examples_come_with_two_label_sets(invariance):
    root, images, human, original = invariance
    for name, labels in ("invariance-human", human), ("invariance-original", original):
        dataset = data.load(name, "test", root)
        assert dataset.images.shape == (100, 1, 28, 28) and dataset.images.dtype == torch.uint8
        assert np.abs(dataset.images.permute(0, 2, 3, 1).numpy() - images).max() <= 0.5
        assert np.array_equal(dataset.labels.numpy(), labels)
        assert (dataset.mean, dataset.std) == ((0.1307,), (0.3081,))


def test_invariance_examples_are_no_training_set(invariance):
    with pytest.raises(DataError, match="no training images.*test"):
        data.load("invariance-human", "train", invariance[0])


@pytest.mark.parametrize("file", data.INVARIANCE_FILES)
def test_a_foreign_invariance_file_is_refused(invariance, file):
    np.save(invariance[0] / "invariance" / file, np.zeros(100))
    with pytest.raises(DataError, match=f"{file} is damaged or foreign.*SHA-256.*Delete it"):
        data.load("invariance-human", "test", invariance[0])


@pytest.mark.parametrize("file", data.INVARIANCE_FILES)
def test_a_missing_invariance_file_without_network_says_what_to_do(invariance, file):
    (invariance[0] / "invariance" / file).unlink()
    with pytest.raises(DataError, match=f"(?s){file} is missing.*could not be downloaded.*no network.*by hand"):
        data.load("invariance-human", "test", invariance[0])
    assert not (invariance[0] / "invariance" / file).exists()


def test_a_missing_invariance_file_is_downloaded_and_checked(invariance, monkeypatch, tmp_path):
    root = invariance[0]
    file, (source, _) = next(iter(data.INVARIANCE_FILES.items()))
    content = (root / "invariance" / file).read_bytes()

    def retrieve(content, url, target):
        assert url.endswith(f"/{data.INVARIANCE_COMMIT}/invariance_examples/{source}")
        Path(target).write_bytes(content)

    for answer, accepted in (content, True), (content[:-1], False):
        (root / "invariance" / file).unlink()
        data._load.cache_clear()
        monkeypatch.setattr(urllib.request, "urlretrieve", functools.partial(retrieve, answer))
        if accepted:
            assert len(data.load("invariance-human", "test", root)) == 100
        else:
            with pytest.raises(DataError, match="damaged or foreign"):
                data.load("invariance-human", "test", root)
