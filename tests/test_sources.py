"""Where data sets come from: what they contain, and what is said when they are missing, partial or damaged."""

import errno
import functools
import hashlib
import io
import json
import math
import os
import pickle
import re
import tarfile
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torchvision.datasets import CIFAR10, SVHN
from torchvision.models import VGG11_Weights

from lib import data, sources, store
from lib.data import DataError


class Web(dict):
    """Address → content, or the part of it that arrives before the connection ends: all the network there is."""

    def __init__(self):
        self.asked, self.arriving = [], 1.0

    def open(self, request, *args, **kwargs):
        address = request if isinstance(request, str) else request.full_url
        self.asked.append(address)
        if address not in self:
            raise urllib.error.URLError("no network in tests")
        return Response(address, self[address], self.arriving)


class Response(io.BytesIO):
    def __init__(self, address, content, arriving):
        super().__init__(content[: int(arriving * len(content))])
        self.url, self.length, self.headers = address, len(content), Message()
        self.headers["Content-Length"] = str(len(content))

    def info(self):
        return self.headers


@pytest.fixture(autouse=True)
def web(monkeypatch):
    """No other network, nothing loaded before, no setting of the user."""
    web = Web()
    monkeypatch.setattr(urllib.request, "urlopen", web.open)
    monkeypatch.delenv("BATCHNORM_DATA", raising=False)
    monkeypatch.setattr(data, "_load", functools.lru_cache(data._load.__wrapped__))
    return web


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


def test_an_unknown_data_set_is_named_with_what_is_allowed(tmp_path):
    with pytest.raises(DataError, match=r"(?s)'nowhere'.*nowhere.*images.*\.npy.*BATCHNORM_DATA") as caught:
        data.load("nowhere", "train", tmp_path)
    assert all(name in str(caught.value) for name in sources.BUILT_IN)


def test_every_data_set_of_the_documentation_can_be_loaded_by_its_name():
    assert all(f"`{name}`" in data.__doc__ for name in sources.BUILT_IN)
    assert set(sources.BUILT_IN) >= {*sources.PREPARED, *sources.TEST_ONLY, *sources.CONTENTS}
    assert set(data.NORMALIZATION) == {*sources.BUILT_IN, "cifar10-wrn"}


@pytest.mark.parametrize("name", sources.TEST_ONLY)
def test_a_test_set_is_no_training_set(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} has no training images; allowed split: test"):
        data.load(name, "train", tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / "test-labels.npy").unlink()
    assert len(data.load("shapes", "train", tmp_path)) == 8
    with pytest.raises(DataError, match="test-labels.npy is missing"):
        data.load("shapes", "test", tmp_path)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


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


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickled_array_is_not_executed(tmp_path):
    write_folder(tmp_path / "shapes")
    bomb = np.array([Bomb(tmp_path / "executed")], dtype=object)
    np.save(tmp_path / "shapes" / "train-images.npy", bomb, allow_pickle=True)
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
def mnist_root(tmp_path, monkeypatch):
    """Files of the right form, which are taken for the real ones."""
    monkeypatch.setattr(sources, "CHECKSUMS", {})
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
def test_a_damaged_mnist_file_is_reported_with_its_folder(mnist_root, web, file, damage):
    damage(mnist_root / "MNIST" / "raw" / file)
    message = f"(?s)MNIST .test. is damaged or missing in {mnist_root}.*Delete its files there.*network access.*idx files"
    with pytest.raises(DataError, match=message):
        data.load("mnist", "test", mnist_root)
    assert not web.asked, "torchvision downloads nothing where the four files exist: they have to be deleted first"


@pytest.mark.parametrize("file", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_an_mnist_with_another_number_of_images_is_refused(mnist_root, file):
    write_idx(mnist_root / "MNIST" / "raw" / file, (9_999, *IDX_FILES[file][1:]))
    with pytest.raises(DataError, match=r"mnist .test. in .*9999.*expected images .10000, 28, 28.*Delete"):
        data.load("mnist", "test", mnist_root)


@pytest.mark.parametrize(("file", "byte"), [("t10k-images-idx3-ubyte", 16 + 784), ("t10k-labels-idx1-ubyte", 8 + 5)])
def test_an_mnist_of_which_one_byte_was_changed_is_refused(mnist_root, monkeypatch, file, byte):
    monkeypatch.setattr(sources, "CHECKSUMS", {("mnist", "test"): data.load("mnist", "test", mnist_root).sha256})
    data._load.cache_clear()
    assert len(data.load("mnist", "test", mnist_root)) == 10_000
    with (mnist_root / "MNIST" / "raw" / file).open("r+b") as opened:
        opened.seek(byte)
        opened.write(b"\1")
    data._load.cache_clear()
    with pytest.raises(DataError, match=r"mnist .test. in .* was changed: the SHA-256.*Delete its files there.*network access"):
        data.load("mnist", "test", mnist_root)
    assert len(data.load("mnist", "train", mnist_root)) == 60_000


def test_the_checksums_of_mnist_are_those_of_every_published_record():
    paths = list(store.PUBLISHED.glob("*/table-06.jsonl"))
    assert paths
    for record in (json.loads(line) for path in paths for line in path.read_text().splitlines()):
        found = record["provenance"]["data"]
        assert {("mnist", "train"): found["train"], ("mnist", "test"): found["mnist"]} == sources.CHECKSUMS


def test_missing_mnist_without_network_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"(?s)was not downloaded.*no network.*idx files.*BATCHNORM_DATA.*quick scale"):
        data.load("mnist", "train", tmp_path)


def test_a_failed_load_is_tried_again(tmp_path):
    with pytest.raises(DataError):
        data.load("shapes", "train", tmp_path)
    write_folder(tmp_path / "shapes")
    assert len(data.load("shapes", "train", tmp_path)) == 8


# --- Invariance-based examples ---------------------------------------------------------------------------------------

INVARIANCE_FILES = [file for file in sources.DOWNLOADS if file.startswith("invariance/")]


def taken_for_real(monkeypatch, root, arrays):
    """Writes the files below the root; their checksums are from now on the right ones."""
    downloads = dict(sources.DOWNLOADS)
    for file, array in arrays.items():
        (root / file).parent.mkdir(exist_ok=True)
        np.save(root / file, array)
        downloads[file] = (downloads[file][0], hashlib.sha256((root / file).read_bytes()).hexdigest())
    monkeypatch.setattr(sources, "DOWNLOADS", downloads)


@pytest.fixture
def invariance(mnist_root, monkeypatch):
    """Files of the right form, which are taken for the real ones; returns the root and their arrays."""
    chance = np.random.default_rng(0)
    images = chance.uniform(0, 255, (100, 28, 28, 1))
    human, index = chance.integers(0, 10, 100), chance.permutation(10_000)[:100]
    taken_for_real(monkeypatch, mnist_root, dict(zip(INVARIANCE_FILES, (images, human, index), strict=True)))
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


# --- CIFAR-10.1 ------------------------------------------------------------------------------------------------------

CIFAR10_1_FILES = [file for file in sources.DOWNLOADS if file.startswith("cifar10.1/")]
IMAGES_A_CLASS = {"v4": 3, "v6": 2}


@pytest.fixture
def cifar10_1(tmp_path, monkeypatch):
    """Small files of the right form, which are taken for the real ones: the root."""
    arrays = {}
    for file in CIFAR10_1_FILES:
        count = 10 * IMAGES_A_CLASS["v4" if "v4" in file else "v6"]
        arrays[file] = random_images(count, 32, 32, 3) if "data" in file else np.arange(count, dtype=np.int32) // (count // 10)
    taken_for_real(monkeypatch, tmp_path, arrays)
    return tmp_path


@pytest.mark.parametrize("version", ["v4", "v6"])
def test_cifar10_1_is_a_test_set_for_cifar10(cifar10_1, version):
    dataset = data.load(f"cifar10.1-{version}", "test", cifar10_1)
    images = np.load(cifar10_1 / "cifar10.1" / f"cifar10.1_{version}_data.npy")
    assert np.array_equal(dataset.images.permute(0, 2, 3, 1).numpy(), images) and dataset.images.is_contiguous()
    assert dataset.labels.bincount().tolist() == [IMAGES_A_CLASS[version]] * 10 and dataset.labels.dtype == torch.int64
    assert (dataset.mean, dataset.std) == data.NORMALIZATION["cifar10"]


def test_the_official_labels_of_cifar10_1_v6_are_200_of_each_class():
    """Their checksum is that of the file with the ten classes in turn: the published file has no other labels."""
    file = io.BytesIO()
    np.save(file, np.repeat(np.arange(10, dtype=np.int32), 200))
    assert hashlib.sha256(file.getvalue()).hexdigest() == sources.DOWNLOADS["cifar10.1/cifar10.1_v6_labels.npy"][1]


# --- Downloads of single files ---------------------------------------------------------------------------------------


@pytest.fixture(params=[*INVARIANCE_FILES, *CIFAR10_1_FILES])
def file(request):
    return request.param


@pytest.fixture
def root(file, request):
    """A root that holds the file and those that are loaded with it."""
    return request.getfixturevalue("invariance")[0] if file in INVARIANCE_FILES else request.getfixturevalue("cifar10_1")


def load(file, root):
    name = "invariance-original" if file in INVARIANCE_FILES else f"cifar10.1-{'v4' if 'v4' in file else 'v6'}"
    return data.load(name, "test", root)


def test_a_foreign_file_is_refused(file, root):
    np.save(root / file, np.zeros(100))
    with pytest.raises(DataError, match=f"{file} is damaged or foreign.*SHA-256.*Delete it"):
        load(file, root)


def test_a_missing_file_without_network_says_what_to_do(file, root):
    (root / file).unlink()
    with pytest.raises(DataError, match=f"(?s){file} is missing.*could not be downloaded from https.*no network.*by hand"):
        load(file, root)
    assert not (root / file).exists()


def test_a_missing_file_is_downloaded_once_from_one_version_of_its_repository(file, root, web):
    expected = load(file, root)
    address = sources.DOWNLOADS[file][0]
    assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/[\w./-]+\.npy", address)
    web[address] = (root / file).read_bytes()
    (root / file).unlink()
    for _ in range(2):
        data._load.cache_clear()
        found = load(file, root)
        assert torch.equal(found.images, expected.images) and torch.equal(found.labels, expected.labels)
    assert web.asked == [address] and not list(root.rglob("*.part"))


def test_a_folder_that_cannot_be_written_is_named(web, tmp_path, monkeypatch):
    def read_only(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(DataError, match=f"is missing.*Read-only file system.*{tmp_path / 'invariance'} writable"):
        sources._fetch(tmp_path, INVARIANCE_FILES[0])
    assert not web.asked


@pytest.mark.parametrize("arriving", [0.0, 0.5, 0.99])
def test_an_interrupted_download_is_never_taken_for_the_file(file, root, web, arriving):
    web[sources.DOWNLOADS[file][0]] = (root / file).read_bytes()
    (root / file).unlink()
    web.arriving = arriving
    with pytest.raises(DataError, match="could not be downloaded.*retrieval incomplete"):
        load(file, root)
    assert not (root / file).exists() and not list(root.rglob("*.part"))
    web.arriving = 1.0
    assert len(load(file, root)) > 0


def test_what_a_killed_download_left_is_not_taken_for_the_file(file, root):
    content = (root / file).read_bytes()
    (root / file).unlink()
    (root / file).with_suffix(".1.part").write_bytes(content[:-1])
    with pytest.raises(DataError, match=f"{file} is missing"):
        load(file, root)


def test_a_download_of_other_content_is_refused(file, root, web):
    web[sources.DOWNLOADS[file][0]] = b"<html>Please log in</html>"
    (root / file).unlink()
    with pytest.raises(DataError, match=f"{file} is damaged or foreign"):
        load(file, root)


# --- MNIST-M ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist_m():
    """name and split: the digits in colour, and those they are made from, padded to 32x32."""
    pairs = {}
    for name, split in ("mnist-m", "train"), ("mnist-m", "test"), ("mnist-m-flower", "test"):
        digits = torch.nn.functional.pad(data.load("mnist-5k", split).images, (2, 2, 2, 2))
        pairs[name, split] = data.load(name, split), digits
    return pairs


def test_mnist_m_is_mnist_5k_in_colour(mnist_m):
    for (name, split), (dataset, digits) in mnist_m.items():
        assert (dataset.name, dataset.split, dataset.num_classes) == (name, split, 10)
        assert dataset.images.shape == (len(digits), 3, 32, 32) and dataset.images.dtype == torch.uint8
        assert torch.equal(dataset.labels, data.load("mnist-5k", split).labels)
        for first, second in (0, 1), (1, 2), (2, 0):
            assert (dataset.images[:, first] != dataset.images[:, second]).float().mean() > 0.5


def test_a_digit_is_seen_exactly_where_it_is(mnist_m):
    photos = {"mnist-m": "china.jpg", "mnist-m-flower": "flower.jpg"}
    for (name, split), (dataset, digits) in mnist_m.items():
        patches = sources._patches(photos[name], len(digits), seed=data.SPLITS.index(split)).transpose(0, 3, 1, 2)
        patches, digits = torch.from_numpy(patches).int(), digits.int().expand(-1, 3, -1, -1)
        changed = dataset.images != patches
        unseen = (digits == 0) | (digits == 2 * patches)  # |p - d| = p
        assert torch.equal(changed, ~unseen)
        assert torch.equal(dataset.images.int(), (patches - digits).abs())
        white = digits == 255
        assert torch.equal(dataset.images[white].int(), 255 - patches[white])


@pytest.mark.parametrize("photo", ["china.jpg", "flower.jpg"])
def test_patches_are_squares_of_the_photograph(photo):
    picture = load_sample_image(photo)
    rows = np.lib.stride_tricks.sliding_window_view(picture, 32, axis=1)  # (H, W - 31, 3, 32)
    (patch,) = sources._patches(photo, 1, seed=5)
    places = np.argwhere((rows == patch[0].T).all((2, 3)))
    assert any(np.array_equal(picture[top : top + 32, left : left + 32], patch) for top, left in places)


def test_patches_come_from_everywhere(monkeypatch):
    """Pixels that are numbered, in place of a photograph's, tell where each patch was cut."""
    rows, columns = np.mgrid[:427, :640]
    numbered = np.stack([rows % 256, columns % 256, rows // 256 * 16 + columns // 256], -1).astype(np.uint8)
    monkeypatch.setattr(sources.Image, "open", lambda path: Image.fromarray(numbered))
    patches = sources._patches("china.jpg", 4_000, seed=0).astype(np.int16)
    tops, lefts = patches[..., 0] + patches[..., 2] // 16 * 256, patches[..., 1] + patches[..., 2] % 16 * 256
    side = np.arange(32)
    assert (tops - tops[:, :1, :1] == side[:, None]).all() and (lefts - lefts[:, :1, :1] == side).all()
    for places, number in (tops[:, 0, 0], 427 - 31), (lefts[:, 0, 0], 640 - 31):
        counts = np.bincount(places)
        assert len(counts) == number and abs(counts - 4_000 / number).max() < 6 * (4_000 / number) ** 0.5


def test_mnist_m_is_always_the_same(mnist_m, monkeypatch):
    dataset, _ = mnist_m["mnist-m", "test"]
    np.random.seed(1)
    assert data._load.__wrapped__("mnist-m", "test", Path("elsewhere")).sha256 == dataset.sha256
    assert np.random.randint(2**31) == np.random.RandomState(1).randint(2**31)  # the global generator was left alone


def test_digits_to_train_and_to_test_are_others(mnist_m):
    digits = [{digit.numpy().tobytes() for digit in mnist_m["mnist-m", split][1]} for split in data.SPLITS]
    assert not digits[0] & digits[1]


def test_only_the_photograph_of_the_flower_set_is_another(mnist_m):
    (china, digits), (flower, same) = mnist_m["mnist-m", "test"], mnist_m["mnist-m-flower", "test"]
    assert torch.equal(digits, same) and torch.equal(china.labels, flower.labels)
    assert (china.mean, china.std) == (flower.mean, flower.std)
    assert (china.images != flower.images).float().mean() > 0.9


def test_mnist_m_is_normalized_by_its_training_set(mnist_m):
    train, _ = mnist_m["mnist-m", "train"]
    pixels = train.images.double() / 255
    assert train.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-3)  # JPEG decoders differ in the last digit
    assert train.std == pytest.approx(pixels.transpose(0, 1).flatten(1).std(1).tolist(), abs=1e-3)


# --- CIFAR-10 --------------------------------------------------------------------------------------------------------

ARCHIVE = CIFAR10.filename
BATCHES = [file for file, _ in CIFAR10.train_list + CIFAR10.test_list]


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def cifar10(monkeypatch):
    """A small archive of the official form, taken for the official one: its bytes, and the arrays of each split."""
    chance, contents = np.random.default_rng(0), {}
    pixels, labels = chance.integers(0, 256, (23, 3072), np.uint8), np.arange(23) % 10
    parts = np.split(np.arange(23), [4, 8, 12, 16, 20])
    for batch, part in zip(BATCHES, parts, strict=True):
        contents[batch] = pickle.dumps({"data": pixels[part], "labels": labels[part].tolist()})
    contents["batches.meta"] = pickle.dumps({"label_names": list("abcdefghij")})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    checksums = [[batch, md5(contents[batch])] for batch in BATCHES]
    monkeypatch.setattr(CIFAR10, "train_list", checksums[:5])
    monkeypatch.setattr(CIFAR10, "test_list", checksums[5:])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(contents["batches.meta"])})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive.getvalue()))
    monkeypatch.setitem(sources.CONTENTS, "cifar10", ((20, 3), (32, 32, 3)))
    images = pixels.reshape(-1, 3, 32, 32)
    return archive.getvalue(), {"train": (images[:20], labels[:20]), "test": (images[20:], labels[20:])}


def assert_is(dataset, images, labels):
    assert np.array_equal(dataset.images.numpy(), images) and dataset.images.is_contiguous()
    assert np.array_equal(dataset.labels.numpy(), labels) and dataset.labels.dtype == torch.int64


def test_cifar10_is_downloaded_once(cifar10, web, tmp_path):
    archive, arrays = cifar10
    web[CIFAR10.url] = archive
    for split in data.SPLITS:
        dataset = data.load("cifar10", split, tmp_path)
        assert_is(dataset, *arrays[split])
        assert (dataset.mean, dataset.std) == data.NORMALIZATION["cifar10"]
    web.clear()
    data._load.cache_clear()
    assert_is(data.load("cifar10", "test", tmp_path), *arrays["test"])


def test_an_archive_put_there_by_hand_is_enough(cifar10, tmp_path):
    archive, arrays = cifar10
    (tmp_path / ARCHIVE).write_bytes(archive)
    assert_is(data.load("cifar10", "train", tmp_path), *arrays["train"])


def test_missing_cifar10_without_network_says_what_to_do(tmp_path):
    message = rf"(?s)CIFAR-10 .train.*{tmp_path}.*170 MB.*no network.*{ARCHIVE} from https.*BATCHNORM_DATA.*quick scale"
    with pytest.raises(DataError, match=message):
        data.load("cifar10", "train", tmp_path)


@pytest.mark.parametrize("arriving", [0.0, 0.5, 0.99])
def test_an_interrupted_download_of_cifar10_is_repeated(cifar10, web, tmp_path, arriving):
    web[CIFAR10.url], arrays = cifar10
    web.arriving = arriving
    with pytest.raises(DataError, match="CIFAR-10.*was not downloaded"):
        data.load("cifar10", "test", tmp_path)
    web.arriving = 1.0
    assert_is(data.load("cifar10", "test", tmp_path), *arrays["test"])


def test_a_damaged_archive_of_cifar10_without_network_is_refused(cifar10, tmp_path):
    archive, _ = cifar10
    (tmp_path / ARCHIVE).write_bytes(archive[:-100] + bytes(100))
    with pytest.raises(DataError, match=f"CIFAR-10.*was not downloaded.*{ARCHIVE}"):
        data.load("cifar10", "test", tmp_path)


@pytest.mark.parametrize("batch", BATCHES)
def test_a_damaged_batch_of_cifar10_is_never_read(cifar10, tmp_path, batch):
    """Nor unpickled: it is unpacked again where the archive is still there."""
    archive, arrays = cifar10
    (tmp_path / ARCHIVE).write_bytes(archive)
    data.load("cifar10", "test", tmp_path)
    path = tmp_path / CIFAR10.base_folder / batch
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    data._load.cache_clear()
    assert_is(data.load("cifar10", "test", tmp_path), *arrays["test"])
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    (tmp_path / ARCHIVE).unlink()
    data._load.cache_clear()
    with pytest.raises(DataError, match="CIFAR-10.*was not downloaded"):
        data.load("cifar10", "test", tmp_path)
    assert not (tmp_path / "executed").exists()


# --- SVHN ------------------------------------------------------------------------------------------------------------


def numbered(count):
    """(N, 3, 32, 32): the first two pixels of each image are its number."""
    images = np.zeros((count, 3, 32, 32), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.divmod(np.arange(count), 256)
    images[:, 1, 2, 3] = 7  # channel, row and column cannot be mistaken for each other
    return images


def mat(count):
    """A file of the official form, with 10 as the label of the digit 0; the images and labels it means."""
    images, labels = numbered(count), np.arange(count) % 10
    file = io.BytesIO()
    labels_in_file = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
    scipy.io.savemat(file, {"X": images.transpose(2, 3, 1, 0), "y": labels_in_file}, do_compression=True)
    return file.getvalue(), images, labels


@pytest.fixture
def svhn(monkeypatch):
    """Small files of both splits, taken for the official ones: `take(split, count)` makes one."""

    def take(split, count):
        content, images, labels = mat(count)
        address, file, _ = SVHN.split_list[split]
        monkeypatch.setattr(SVHN, "split_list", SVHN.split_list | {split: [address, file, md5(content)]})
        return content, images, labels

    monkeypatch.setitem(sources.CONTENTS, "svhn", ((20, 12), (32, 32, 3)))
    return take


def test_svhn_is_downloaded_once_with_label_0_for_the_digit_0(svhn, web, tmp_path):
    for split, count in ("train", 20), ("test", 12):
        content, images, labels = svhn(split, count)
        address = SVHN.split_list[split][0]
        web[address] = content
        dataset = data.load("svhn", split, tmp_path)
        assert_is(dataset, images, labels)
        assert (dataset.mean, dataset.std) == data.NORMALIZATION["svhn"]
        del web[address]
        data._load.cache_clear()
        assert_is(data.load("svhn", split, tmp_path), images, labels)


def test_missing_svhn_without_network_says_what_to_do(tmp_path):
    for name, split, file, size in (
        ("svhn", "train", "train_32x32.mat", "182 MB"),
        ("svhn", "test", "test_32x32.mat", "64 MB"),
        ("svhn10k", "train", "test_32x32.mat", "64 MB"),
    ):
        with pytest.raises(DataError, match=rf"(?s)SVHN .*{size}.*no network.*{file} from http.*BATCHNORM_DATA"):
            data.load(name, split, tmp_path)


@pytest.mark.parametrize("arriving", [0.0, 0.5, 0.99])
def test_an_interrupted_download_of_svhn_is_repeated(svhn, web, tmp_path, arriving):
    content, images, labels = svhn("test", 12)
    web[SVHN.split_list["test"][0]] = content
    web.arriving = arriving
    with pytest.raises(DataError, match="SVHN .test. is damaged or missing"):
        data.load("svhn", "test", tmp_path)
    web.arriving = 1.0
    assert_is(data.load("svhn", "test", tmp_path), images, labels)


def test_an_svhn_of_another_size_is_refused(svhn, tmp_path):
    content, *_ = svhn("test", 11)
    (tmp_path / "test_32x32.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"svhn .test. in .*11, 32, 32, 3.*expected images .12, 32, 32, 3"):
        data.load("svhn", "test", tmp_path)


def test_svhn10k_is_the_start_of_the_test_set_cut_in_two(svhn, web, tmp_path):
    content, images, labels = svhn("test", 10_005)
    web[SVHN.split_list["test"][0]] = content
    train, test = (data.load("svhn10k", split, tmp_path) for split in data.SPLITS)
    assert_is(train, images[:7_000], labels[:7_000])
    assert_is(test, images[7_000:10_000], labels[7_000:10_000])
    assert (train.mean, train.std) == (test.mean, test.std) == data.NORMALIZATION["svhn"]


# --- Prepared folders of known data sets -----------------------------------------------------------------------------


def write_prepared(folder, train, test):
    write_folder(folder, train_images=random_images(train, 32, 32, 3), test_images=random_images(test, 32, 32, 3, seed=1))


@pytest.mark.parametrize("name", sources.PREPARED)
def test_a_prepared_folder_is_used_without_a_download(monkeypatch, tmp_path, web, name):
    monkeypatch.setitem(sources.CONTENTS, name, ((20, 12), (32, 32, 3)))
    write_prepared(tmp_path / name, 20, 12)
    for split in data.SPLITS:
        dataset = data.load(name, split, tmp_path)
        assert_is(
            dataset,
            np.load(tmp_path / name / f"{split}-images.npy").transpose(0, 3, 1, 2),
            np.load(tmp_path / name / f"{split}-labels.npy"),
        )
        assert (dataset.mean, dataset.std) == data.NORMALIZATION[name]
    assert not web.asked


@pytest.mark.parametrize("name", sources.PREPARED)
def test_a_prepared_folder_without_labels_is_not_replaced_by_a_download(tmp_path, web, name):
    write_prepared(tmp_path / name, 20, 12)
    (tmp_path / name / "test-labels.npy").unlink()
    with pytest.raises(DataError, match=f"{name}/test-labels.npy is missing"):
        data.load(name, "test", tmp_path)
    assert not web.asked


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
@pytest.mark.parametrize(("train", "test"), [(19, 12), (21, 12), (20, 11)])
def test_a_prepared_folder_of_another_size_is_refused(monkeypatch, tmp_path, name, train, test):
    write_prepared(tmp_path / name, train, test)
    monkeypatch.setitem(sources.CONTENTS, name, ((20, 12), (32, 32, 3)))
    split = "train" if train != 20 else "test"
    with pytest.raises(DataError, match=rf"{name} .{split}. in .*\({train if train != 20 else test}, 32.*expected images"):
        data.load(name, split, tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_the_full_number_of_images_is_expected(tmp_path, name):
    write_prepared(tmp_path / name, 20, 12)
    for split, count in zip(data.SPLITS, {"cifar10": (50_000, 10_000), "svhn": (73_257, 26_032)}[name], strict=True):
        with pytest.raises(DataError, match=rf"expected images \({count}, 32, 32, 3\)"):
            data.load(name, split, tmp_path)


def test_a_label_10_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sources.CONTENTS, "svhn", ((20, 12), (32, 32, 3)))
    write_prepared(tmp_path / "svhn", 20, 12)
    np.save(tmp_path / "svhn" / "train-labels.npy", np.arange(1, 21, dtype=np.uint8) % 11)
    with pytest.raises(DataError, match="labels up to 10.*a label from 0 to 9"):
        data.load("svhn", "train", tmp_path)


# --- ImageNet --------------------------------------------------------------------------------------------------------

WNIDS = ("n01440764", "n01443537", "n15075141")


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """Three classes of four images each, of all kinds there are in ImageNet: the root."""
    monkeypatch.setattr(sources, "IMAGENET_CLASSES", 3)
    monkeypatch.setattr(sources, "IMAGENET_PER_CLASS", 4)
    chance = np.random.default_rng(0)
    kinds = [("RGB", "JPEG", (500, 375)), ("L", "JPEG", (300, 400)), ("CMYK", "JPEG", (256, 256)), ("RGB", "PNG", (90, 120))]
    for c, wnid in enumerate(WNIDS):
        folder = tmp_path / "imagenet" / "val" / wnid
        folder.mkdir(parents=True)
        for i, (mode, form, size) in enumerate(kinds):
            blocks = chance.integers(0, 256, (8, 8, 3), np.uint8)
            picture = Image.fromarray(blocks).resize(size, Image.BICUBIC).convert(mode)
            picture.save(folder / f"ILSVRC2012_val_{i * 3 + c:08}.JPEG", form)
    return tmp_path


def files_of(root):
    """The files of the images, in their order."""
    return data.load("imagenet", "test", root).images.paths


def test_imagenet_looks_like_any_data_set(imagenet):
    dataset = data.load("imagenet", "test", imagenet)
    assert (dataset.name, len(dataset), len(dataset.images), dataset.num_classes) == ("imagenet", 12, 12, 3)
    assert dataset.images.shape == (12, 3, 224, 224) and dataset.images.device == torch.device("cpu")
    assert dataset.labels.dtype == torch.int64 and dataset.labels.bincount().tolist() == [4, 4, 4]
    assert [WNIDS[label] for label in dataset.labels] == [path.parent.name for path in dataset.images.paths]
    assert len(set(dataset.images.paths)) == 12
    images = dataset.images[2:5]
    assert images.shape == (3, 3, 224, 224) and images.dtype == torch.uint8 and images.is_contiguous()


def test_images_are_what_the_networks_of_torchvision_were_tested_on(imagenet):
    dataset = data.load("imagenet", "test", imagenet)
    preset = VGG11_Weights.IMAGENET1K_V1.transforms()
    normalized = data.normalize(dataset.images[:], dataset)
    for path, found in zip(dataset.images.paths, normalized, strict=True):
        torch.testing.assert_close(found, preset(Image.open(path).convert("RGB")), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("index", [slice(0, 5), slice(5, 100), slice(None, None, 3), slice(-4, -1), slice(12, 20)], ids=str)
def test_slices_are_those_of_a_tensor(imagenet, index):
    images = data.load("imagenet", "test", imagenet).images
    one_by_one = torch.cat([images[i : i + 1] for i in range(12)])
    assert torch.equal(images[index], one_by_one[index])


def test_only_slices_are_read(imagenet):
    images = data.load("imagenet", "test", imagenet).images
    for index in (0, [1, 2], torch.tensor([True] * 12)):
        with pytest.raises(TypeError, match=r"slices, as images\[0:100\]"):
            images[index]


def test_nothing_but_the_slice_is_read_and_nothing_is_kept(imagenet, monkeypatch):
    opened, opening = [], Image.open
    monkeypatch.setattr(sources.Image, "open", lambda path: opened.append(path) or opening(path))
    images = data.load("imagenet", "test", imagenet).images
    assert not opened
    before = images[3:5]
    assert sorted(opened) == sorted(images.paths[3:5])
    Image.new("RGB", (300, 300), (9, 9, 9)).save(images.paths[3], "PNG")
    after = images[3:5]
    assert (after[0] == 9).all() and not (before[0] == 9).all() and torch.equal(after[1], before[1])
    assert set(vars(images)) == {"paths", "device"}


def test_the_images_are_shuffled_once_and_for_all(imagenet):
    first = files_of(imagenet)
    data._load.cache_clear()
    torch.manual_seed(1)
    np.random.seed(1)
    assert files_of(imagenet) == first != tuple(sorted(first))
    assert len({path.parent for path in first[:4]}) > 1


def test_the_order_in_which_folders_are_listed_does_not_matter(imagenet, monkeypatch):
    expected = data.load("imagenet", "test", imagenet)
    for name in ("iterdir", "glob"):
        listing = getattr(Path, name)
        reverse = lambda path, *args, listing=listing: sorted(listing(path, *args), reverse=True)
        monkeypatch.setattr(Path, name, reverse)
    data._load.cache_clear()
    found = data.load("imagenet", "test", imagenet)
    assert found.images == expected.images and torch.equal(found.labels, expected.labels)


def test_images_follow_their_device(imagenet):
    dataset = data.load("imagenet", "test", imagenet, device="meta")
    assert dataset.images.device == dataset.labels.device == dataset.images[:2].device == torch.device("meta")
    assert data.load("imagenet", "test", imagenet).images[:2].device == torch.device("cpu")


def test_the_checksum_of_imagenet_is_of_names_and_sizes(imagenet):
    def checksum():
        data._load.cache_clear()
        return data.load("imagenet", "test", imagenet).sha256

    first, path = checksum(), files_of(imagenet)[5]
    assert checksum() == first
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    assert checksum() != first
    path.write_bytes(content)
    assert checksum() == first
    path.rename(path.with_name("ILSVRC2012_val_99999999.JPEG"))
    assert checksum() != first


@pytest.mark.parametrize(
    "damage", [*map(cut_to, (0, 100)), cut_in_half, as_text, Path.unlink], ids=lambda damage: damage.__name__
)
def test_a_damaged_image_is_named(imagenet, damage):
    images = data.load("imagenet", "test", imagenet).images
    for i, path in enumerate(images.paths):
        content = path.read_bytes()
        damage(path)
        with pytest.raises(DataError, match=f"{path} is missing, truncated or no image"):
            images[max(0, i - 1) : i + 2]
        path.write_bytes(content)
        assert len(images[i : i + 1]) == 1


def test_missing_imagenet_says_what_to_do(tmp_path):
    message = (
        r"(?s)imagenet/val is missing.*image-net.org.*ILSVRC2012_img_val.tar \(6.3 GB\).*devkit.*torchvision.*BATCHNORM_DATA"
    )
    with pytest.raises(DataError, match=message):
        data.load("imagenet", "test", tmp_path)


def test_images_that_are_not_sorted_into_classes_are_refused(imagenet):
    for wnid in WNIDS:
        for path in (imagenet / "imagenet" / "val" / wnid).iterdir():
            path.rename(imagenet / "imagenet" / "val" / path.name)
        (imagenet / "imagenet" / "val" / wnid).rmdir()
    with pytest.raises(DataError, match="has 0 class folders, expected 3.*sort the images"):
        data.load("imagenet", "test", imagenet)


def test_imagenet_of_another_number_of_classes_is_refused(imagenet, monkeypatch):
    monkeypatch.setattr(sources, "IMAGENET_CLASSES", 4)
    with pytest.raises(DataError, match="has 3 class folders, expected 4"):
        data.load("imagenet", "test", imagenet)


def test_a_class_that_is_not_complete_is_named(imagenet):
    next((imagenet / "imagenet" / "val" / WNIDS[1]).iterdir()).unlink()
    with pytest.raises(DataError, match=f"{WNIDS[1]} has 3 images .*JPEG, expected 4"):
        data.load("imagenet", "test", imagenet)


def test_all_50_000_images_are_expected():
    assert (sources.IMAGENET_CLASSES, sources.IMAGENET_PER_CLASS) == (1000, 50)
