"""Corrupted test sets by name: official files and generated ones, in one layout; what is damaged is never taken for data."""

import errno
import hashlib
import os
import shutil
import tarfile
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from torchvision.datasets import utils

from lib import corrupted, corruptions, data
from lib.corrupted import Corrupted
from lib.data import DataError

COUNT = 20  # images a severity, in place of 10,000
BASE = "photos"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(corrupted, "OFFICIAL_IMAGES", COUNT)
    monkeypatch.setattr(corrupted, "FIRST_LABELS", tuple(range(10)))
    forget()


def forget():
    """As if another process began."""
    for cached in (data._load, data._load_corrupted, corrupted._key, corrupted._labels_of_archive):
        cached.cache_clear()


def numbered(corruption: str) -> np.ndarray:
    """Images of five severities, each with values of its own."""
    place = list(corruptions.CORRUPTIONS).index(corruption)
    return np.random.default_rng(place).integers(0, 256, (5 * COUNT, 32, 32, 3), np.uint8)


LABELS = np.tile(np.arange(COUNT, dtype=np.uint8) % 10, 5)


@pytest.fixture
def official(tmp_path):
    """A folder of the official form."""
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    np.save(folder / "labels.npy", LABELS)
    for name in ("fog", "gaussian_noise"):
        np.save(folder / f"{name}.npy", numbered(name))
    return folder


@pytest.fixture
def prepared(tmp_path):
    """A data set of the user's own."""
    folder, chance = tmp_path / BASE, np.random.default_rng(0)
    folder.mkdir()
    for split, count in (("train", 30), ("test", COUNT)):
        np.save(folder / f"{split}-images.npy", chance.integers(0, 256, (count, 32, 32, 3), np.uint8))
        np.save(folder / f"{split}-labels.npy", np.arange(count, dtype=np.uint8) % 10)
    return folder


# --- Official ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fog", "gaussian_noise"])
@pytest.mark.parametrize("severity", corruptions.SEVERITIES)
def test_a_severity_is_its_part_of_the_file(official, name, severity):
    dataset = data.load(f"cifar10-c-{name}-{severity}", "test", official.parent)
    expected = numbered(name)[(severity - 1) * COUNT : severity * COUNT]
    assert np.array_equal(dataset.images.permute(0, 2, 3, 1).numpy(), expected)
    assert dataset.labels.tolist() == LABELS[:COUNT].tolist()
    assert (dataset.mean, dataset.std) == data.CIFAR10


def test_memory_holds_one_severity_of_a_file(official):
    images, _ = Corrupted.named("cifar10-c-fog-2").read("test", official.parent)
    assert images.base is None and not isinstance(images, np.memmap) and images.nbytes == COUNT * 3072


@pytest.fixture
def archive(official, tmp_path, monkeypatch):
    """The folder packed where it is downloaded from, and gone from where it is looked for."""
    path = tmp_path / "web" / "CIFAR-10-C.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        tar.add(official, "CIFAR-10-C")
    for file in official.iterdir():
        file.unlink()
    official.rmdir()
    monkeypatch.setattr(corrupted, "MD5", hashlib.md5(path.read_bytes()).hexdigest())

    def download(address, file):  # in place of torchvision's own, which checks the file afterwards
        assert address.endswith("/2535967/files/CIFAR-10-C.tar")
        shutil.copy(path, file)

    monkeypatch.setattr(utils, "_get_redirect_url", lambda address, max_hops: address)
    monkeypatch.setattr(utils, "_urlretrieve", download)
    return path


def test_missing_files_are_downloaded_once(archive, tmp_path):
    first = data.load("cifar10-c-fog-1", "test", tmp_path)
    archive.unlink()
    forget()
    assert data.load("cifar10-c-fog-1", "test", tmp_path).sha256 == first.sha256
    assert not (tmp_path / "CIFAR-10-C.tar").exists()


def test_whoever_misses_the_same_files_waits_for_one_download(archive, tmp_path, monkeypatch):
    """The second comes while the first downloads; it may not begin before the first is done, and then has nothing to do."""
    downloads, found = [], {}

    def read(name):
        found[name] = Corrupted.named(f"cifar10-c-{name}-1").read("test", tmp_path)[0]

    second = threading.Thread(target=read, args=("gaussian_noise",))

    def download(address, file):
        downloads.append(file)
        if len(downloads) == 1:
            second.start()
            second.join(timeout=0.3)  # long enough for it to end here, where nothing keeps it
            assert second.is_alive()
        shutil.copy(archive, file)

    monkeypatch.setattr(utils, "_urlretrieve", download)
    read("fog")
    second.join()
    assert len(downloads) == 1
    for name in ("fog", "gaussian_noise"):
        assert np.array_equal(found[name], numbered(name)[:COUNT])


def test_files_that_are_not_all_unpacked_are_seen_by_nobody(archive, tmp_path, monkeypatch):
    def breaks_off(source, target, remove_finished):
        with tarfile.open(source) as tar:
            tar.extractall(target, filter="data")
        assert not (tmp_path / "CIFAR-10-C").exists()
        raise OSError("no space left")

    monkeypatch.setattr(utils, "extract_archive", breaks_off)
    with pytest.raises(DataError, match="no space left"):
        data.load("cifar10-c-fog-1", "test", tmp_path)
    assert not (tmp_path / "CIFAR-10-C").exists() and not list(tmp_path.glob(".CIFAR-10-C-*"))


def test_an_archive_with_another_checksum_is_not_unpacked(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:-20000])
    with pytest.raises(
        DataError, match=r"(?s)fog.npy is missing.*2.9 GB.*Unpack CIFAR-10-C.tar in .* by hand.*cifar10-generated-fog-1"
    ):
        data.load("cifar10-c-fog-1", "test", tmp_path)
    assert not (tmp_path / "CIFAR-10-C").exists()


def test_without_network_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(corrupted, "ADDRESS", (tmp_path / "nowhere" / "CIFAR-10-C.tar").as_uri())
    with pytest.raises(DataError, match=r"could not be downloaded .*by hand, or use the generated corruptions.*BATCHNORM_DATA"):
        data.load("cifar10-c-fog-1", "test", tmp_path)


@pytest.mark.parametrize("file", ["fog.npy", "labels.npy"])
@pytest.mark.parametrize("kept", [0, 10, 100, -1])
def test_a_truncated_file_is_refused(official, file, kept):
    path = official / file
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=f"{file} is truncated or not a NumPy array file.*Delete .*CIFAR-10-C and run again"):
        data.load("cifar10-c-fog-5", "test", official.parent)


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("labels.npy", LABELS[:-1], r"shape \(99,\); expected five times the labels of the 20 images"),
        ("labels.npy", np.concatenate([LABELS, LABELS]), r"shape \(200,\); expected five times"),
        ("labels.npy", np.roll(LABELS, 7), "must be the labels of CIFAR-10's test images, in the order of its archive"),
        ("labels.npy", np.tile(np.r_[LABELS[:10], np.zeros(10, np.uint8)], 5), "must be the labels of CIFAR-10's test images"),
        ("labels.npy", np.tile(np.r_[LABELS[:19], 12].astype(np.uint8), 5), "must be the labels of CIFAR-10's test images"),
        ("labels.npy", np.sort(LABELS), "does not belong to these images: it must be the same labels five times"),
        ("labels.npy", np.zeros_like(LABELS), "does not belong to these images: it must be the labels of"),
        ("labels.npy", LABELS.astype(np.int64), "labels.npy has dtype int64, expected uint8"),
        ("labels.npy", LABELS[None], r"shape \(1, 100\)"),
        ("labels.npy", np.array(3, np.uint8), r"shape \(\); expected five times the labels of the 20 images"),
        ("fog.npy", numbered("fog")[:-COUNT], r"fog.npy has shape \(80, 32, 32, 3\); expected \(100, 32, 32, 3\)"),
        ("fog.npy", numbered("fog")[:, :28], r"fog.npy has shape \(100, 28, 32, 3\)"),
        ("fog.npy", numbered("fog") / 255, "fog.npy has dtype float64, expected uint8"),
    ],
)
def test_files_that_do_not_match_are_refused(official, file, array, message):
    np.save(official / file, array)
    with pytest.raises(DataError, match=message):
        data.load("cifar10-c-fog-1", "test", official.parent)


def test_labels_are_compared_with_the_archive_where_it_is_at_hand(official, monkeypatch):
    """Another order of the same labels that begins as the right one."""
    later = np.r_[LABELS[:10], LABELS[:10][::-1]]
    np.save(official / "labels.npy", np.tile(later, 5))
    assert data.load("cifar10-c-fog-1", "test", official.parent).labels.tolist() == later.tolist()  # no archive, not noticed
    asked = []

    def archive(root, train, download):
        asked.append((root, train, download))
        return SimpleNamespace(targets=LABELS[:COUNT].tolist())

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", archive)
    forget()
    with pytest.raises(DataError, match="must be the labels of CIFAR-10's test images, in the order of its archive"):
        data.load("cifar10-c-fog-1", "test", official.parent)
    np.save(official / "labels.npy", LABELS)
    assert data.load("cifar10-c-fog-1", "test", official.parent).labels.tolist() == LABELS[:COUNT].tolist()
    assert asked == [(str(official.parent), False, False)]


def test_a_prepared_folder_in_another_order_is_no_judge(official):
    folder = official.parent / "cifar10"
    folder.mkdir()
    np.save(folder / "test-labels.npy", LABELS[:COUNT][::-1])
    assert data.load("cifar10-c-fog-1", "test", official.parent).labels.tolist() == LABELS[:COUNT].tolist()


def test_missing_labels_are_said(official):
    (official / "labels.npy").unlink()
    with pytest.raises(DataError, match="labels.npy is missing. Delete"):
        data.load("cifar10-c-fog-1", "test", official.parent)


# --- Generated ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fog", "pixelate"])
def test_generated_images_are_the_corrupted_test_images(prepared, name):
    base = data.load(BASE, "test", prepared.parent)
    for severity in (1, 5):
        dataset = data.load(f"{BASE}-generated-{name}-{severity}", "test", prepared.parent)
        assert torch.equal(dataset.images, corruptions.corrupt(base.images, name, severity))
        assert torch.equal(dataset.labels, base.labels)
        assert (dataset.mean, dataset.std) == (base.mean, base.std)


def test_they_are_made_once(prepared, monkeypatch):
    first = data.load(f"{BASE}-generated-fog-3", "test", prepared.parent)
    monkeypatch.setattr(corrupted, "corrupt", None)
    forget()
    assert data.load(f"{BASE}-generated-fog-3", "test", prepared.parent).sha256 == first.sha256
    assert data.load(f"{BASE}-generated-fog-5", "test", prepared.parent).sha256 != first.sha256


def test_other_images_are_never_taken_for_them(prepared):
    first = data.load(f"{BASE}-generated-fog-3", "test", prepared.parent)
    path = prepared / "test-images.npy"
    np.save(path, 255 - np.load(path))
    forget()
    assert data.load(f"{BASE}-generated-fog-3", "test", prepared.parent).sha256 != first.sha256


@pytest.mark.parametrize("library", ["scipy", "cv2", "PIL"])
def test_what_another_version_of_a_library_made_is_never_taken_for_them(prepared, monkeypatch, library):
    data.load(f"{BASE}-generated-fog-3", "test", prepared.parent)
    monkeypatch.setattr(f"{library}.__version__", "another")
    forget()
    data.load(f"{BASE}-generated-fog-3", "test", prepared.parent)
    assert len(list((prepared.parent / "generated").iterdir())) == 2


def test_what_an_interrupted_run_left_is_not_taken_for_them(prepared):
    expected = data.load(f"{BASE}-generated-fog-3", "test", prepared.parent)
    (folder,) = (prepared.parent / "generated").iterdir()
    path = folder / "fog.npy"
    (folder / "fog.1.part").write_bytes(path.read_bytes()[:100])
    path.unlink()
    forget()
    assert data.load(f"{BASE}-generated-fog-3", "test", prepared.parent).sha256 == expected.sha256


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_corrupted(prepared, tmp_path, monkeypatch):
    def read_only(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(corrupted, "corrupt", lambda *args: pytest.fail("corrupted in vain"))
    monkeypatch.setattr(os, "replace", read_only)
    with pytest.raises(DataError, match="labels.npy could not be written: .*Read-only.*Make its folder writable or free some"):
        data.load(f"{BASE}-generated-fog-1", "test", tmp_path)


def test_both_sources_have_one_layout(prepared, official, tmp_path):
    """Generated files in the place of the official ones are read alike."""
    made = data.load(f"{BASE}-generated-fog-4", "test", tmp_path)
    (folder,) = (tmp_path / "generated").iterdir()
    for file in ("fog.npy", "labels.npy"):
        (official / file).write_bytes((folder / file).read_bytes())
    assert torch.equal(data.load("cifar10-c-fog-4", "test", tmp_path).images, made.images)


# --- Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cifar10", "mnist-m-flower", "cifar10.1-v6", "a-c-b"])
def test_other_data_sets_have_other_names(name):
    assert Corrupted.named(name) is None


@pytest.mark.parametrize("name", ["cifar10-c-fog-3", "mnist-m-generated-gaussian_noise-5"])
def test_a_name_says_what_it_is(name):
    assert Corrupted.named(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10-c-fogg-3", "unknown corruption 'fogg'; allowed: gaussian_noise, "),
        ("cifar10-c-fog-0", "unknown severity 0; allowed: 1, 2, 3, 4, 5"),
        ("cifar10-generated-fog-6", "unknown severity 6"),
        ("cifar10-c-fog-03", "unknown severity 03; allowed: 1, 2, 3, 4, 5"),
        ("cifar10-c-fog-\N{ARABIC-INDIC DIGIT THREE}", "unknown severity"),
        ("svhn-c-fog-1", "official files for cifar10-c alone; allowed is svhn-generated-fog-1"),
        ("mnist-5k-generated-fog-1", "mnist-5k cannot be corrupted: its images are not in colour"),
        ("nothing-generated-fog-1", "unknown data set 'nothing'"),
    ],
)
def test_a_name_that_is_not_allowed_is_refused(name, message, tmp_path):
    with pytest.raises(DataError, match=message):
        data.load(name, "test", tmp_path)


def test_nothing_is_trained_on_corrupted_images(prepared):
    with pytest.raises(DataError, match="has no training images; allowed split: test"):
        data.load(f"{BASE}-generated-fog-1", "train", prepared.parent)
