"""Corrupted test sets as data sets by name, in the layout of CIFAR-10-C.

`cifar10-c-fog-3` is the official file of Hendrycks & Dietterich (2019) at severity 3, downloaded from Zenodo where the user has
none; `<data set>-generated-fog-3` are the test images of any data set in colour, 3x32x32, corrupted by `lib.corruptions` with
seed 0. A folder holds `labels.npy` and for each corruption a file, uint8 (5 N, 32, 32, 3), one severity after another:

- `<root>/CIFAR-10-C/fog.npy`, official;
- `<root>/generated/<data set>-<key>/fog.npy`, written when it is first needed. The key is a hash of the images, of the
  code that corrupts them and of the versions of the libraries it calls, so that what others made is never taken for it.

The official labels are those of CIFAR-10's test images, in the order of its archive, five times.
"""

import functools
import hashlib
import re
import tarfile
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import cv2
import numpy as np
import PIL
import scipy
import torch
from filelock import FileLock

from lib.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from lib.files import in_one_piece
from lib.sources import DataError, read, read_array

ADDRESS = "https://zenodo.org/record/2535967/files/CIFAR-10-C.tar"
MD5 = "56bf5dcef84df0e2308c6dcbcbbd8499"  # of the 2.9 GB, as Zenodo lists it
OFFICIAL_IMAGES = 10_000  # a severity
FIRST_LABELS = (3, 8, 8, 0, 6, 6, 1, 6, 3, 1, 0, 9, 5, 7, 9, 8, 5, 7, 8, 6)  # of CIFAR-10's test images, in its archive
LIBRARIES = (np, scipy, cv2, PIL, torch)  # whose filters, JPEG and random numbers make the generated images


@dataclass(frozen=True)
class Corrupted:
    """What the name of a corrupted test set says."""

    base: str
    generated: bool
    corruption: str
    severity: int

    @classmethod
    def named(cls, name: str) -> "Corrupted | None":
        """None for other data sets. Raises DataError where the corruption, its severity or the data set are not allowed."""
        found = re.fullmatch(r"(.+)-(c|generated)-([a-z_]+)-(\d+)", name)
        if not found:
            return None
        base, kind, corruption, severity = found.groups()
        if corruption not in CORRUPTIONS:
            raise DataError(f"{name}: unknown corruption {corruption!r}; allowed: {', '.join(CORRUPTIONS)}")
        if severity not in map(str, SEVERITIES):  # neither 03 nor digits of other scripts: one name for one thing
            raise DataError(f"{name}: unknown severity {severity}; allowed: {', '.join(map(str, SEVERITIES))}")
        if kind == "c" and base != "cifar10":
            raise DataError(
                f"{name}: there are official files for cifar10-c alone; allowed is {base}-generated-{corruption}-{severity}"
            )
        return cls(base, kind == "generated", corruption, int(severity))

    @property
    def name(self) -> str:
        return f"{self.base}-{'generated' if self.generated else 'c'}-{self.corruption}-{self.severity}"

    def read(self, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
        """Images, uint8 (N, 32, 32, 3), and labels (N,). Of the file, memory holds this severity alone."""
        if split != "test":
            raise DataError(f"{self.name} has no training images; allowed split: test")
        folder = _generated(self.base, self.corruption, root) if self.generated else _official(self.corruption, root)
        remedy = f"Delete {folder} and run again"
        labels = read_array(folder / "labels.npy", remedy, "r")
        images = read_array(folder / f"{self.corruption}.npy", remedy, "r")
        count, rest = divmod(labels.size, len(SEVERITIES))
        if labels.ndim != 1 or rest or not self.generated and count != OFFICIAL_IMAGES:
            expected = f"five times the labels of the {'test set' if self.generated else f'{OFFICIAL_IMAGES} images'}"
            raise DataError(f"{folder / 'labels.npy'} has shape {labels.shape}; expected {expected}. {remedy}")
        if images.shape != (len(labels), 32, 32, 3):
            shape = (len(labels), 32, 32, 3)
            raise DataError(f"{folder / self.corruption}.npy has shape {images.shape}; expected {shape}. {remedy}")
        blocks = labels.reshape(len(SEVERITIES), count)
        if (blocks != blocks[0]).any():
            raise DataError(
                f"{folder / 'labels.npy'} does not belong to these images: it must be the same labels five times. {remedy}"
            )
        if not self.generated and not _are_of_cifar10(blocks[0], root):
            raise DataError(
                f"{folder / 'labels.npy'} does not belong to these images: it must be the labels of CIFAR-10's test images, "
                f"in the order of its archive. {remedy}"
            )
        own = slice((self.severity - 1) * count, self.severity * count)
        return np.array(images[own]), np.array(blocks[0])


def _are_of_cifar10(labels: np.ndarray, root: Path) -> bool:
    """Whether these are the labels of CIFAR-10's test images in the order of its archive.

    They are compared with the archive's where it is in `root`, and nothing is downloaded for it; elsewhere by the first labels
    and the number of each. A prepared folder `cifar10` is no help: it may have another order.
    """
    counts = np.bincount(labels, minlength=10)
    if tuple(labels[: len(FIRST_LABELS)]) != FIRST_LABELS or len(counts) != 10 or (counts != len(labels) // 10).any():
        return False
    known = _labels_of_archive(root)
    return known is None or np.array_equal(labels, known)


@functools.cache
def _labels_of_archive(root: Path) -> np.ndarray | None:
    from torchvision.datasets import CIFAR10

    try:
        return np.array(CIFAR10(str(root), train=False, download=False).targets)
    except RuntimeError:  # not there, or not whole
        return None


def _official(corruption: str, root: Path) -> Path:
    """The folder of the official files, downloaded where the one that is needed is missing.

    Of several processes that miss it, such as the workers of a sweep, one downloads it and the others wait.
    """
    folder = root / "CIFAR-10-C"
    if not (folder / f"{corruption}.npy").exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not (folder / f"{corruption}.npy").exists():
                    _download(folder)
        except (RuntimeError, OSError, EOFError, ValueError, HTTPException, tarfile.TarError) as error:
            raise DataError(
                f"{folder / corruption}.npy is missing and CIFAR-10-C could not be downloaded from {ADDRESS} (2.9 GB): {error}. "
                f"Unpack {ADDRESS.rpartition('/')[2]} in {root} by hand, or use the generated corruptions: "
                f"cifar10-generated-{corruption}-1, …. Another folder: set BATCHNORM_DATA."
            ) from error
    return folder


def _download(folder: Path) -> None:
    """The files are moved to where they are looked for when all are unpacked: nobody sees a part of one."""
    from torchvision.datasets.utils import download_and_extract_archive

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as unpacked:
        download_and_extract_archive(ADDRESS, str(folder.parent), unpacked, md5=MD5, remove_finished=True)
        folder.mkdir(exist_ok=True)
        # The labels first: who finds images looks for them.
        for path in sorted(Path(unpacked, folder.name).iterdir(), key=lambda path: path.name != "labels.npy"):
            path.replace(folder / path.name)


def _generated(base: str, corruption: str, root: Path) -> Path:
    """The folder of the generated files, of which that of this corruption is there."""
    folder = root / "generated" / f"{base}-{_key(base, root)}"
    if not (folder / f"{corruption}.npy").exists():
        images, labels = read(base, "test", root)
        images = torch.from_numpy(images).movedim(-1, 1)
        _write(folder / "labels.npy", np.tile(labels.astype(np.uint8), len(SEVERITIES)))
        levels = (corrupt(images, corruption, severity).movedim(1, -1).numpy() for severity in SEVERITIES)
        _write(folder / f"{corruption}.npy", np.concatenate(list(levels)))
    return folder


@functools.cache
def _key(base: str, root: Path) -> str:
    images, labels = read(base, "test", root)
    if not isinstance(images, np.ndarray) or images.shape[1:] != (32, 32, 3):
        raise DataError(f"{base} cannot be corrupted: its images are not in colour and of 32x32 pixels")
    code = sorted(Path(__file__).with_name("corruptions").glob("*.py"))
    versions = " ".join(f"{library.__name__} {library.__version__}" for library in LIBRARIES).encode()
    contents = [images.tobytes(), labels.astype(np.uint8).tobytes(), *(path.read_bytes() for path in code), versions]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]


def _write(path: Path, array: np.ndarray) -> None:
    """In one piece: another process sees all of the file or none."""
    try:
        with in_one_piece(path) as part, part.open("wb") as file:
            np.save(file, array)
    except OSError as error:
        raise DataError(
            f"{path} could not be written: {error}. Make its folder writable or free some space, or choose another folder "
            "with BATCHNORM_DATA"
        ) from error
