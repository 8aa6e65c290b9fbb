"""Training, against the loop of the PyTorch examples over a DataLoader and against one over tensors in the device's memory."""

import copy
import functools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from lib import data, models
from lib.train import fit
from tests.benchmarks import inputs
from tests.benchmarks.timing import OURS, Work

BATCH_SIZE, LR = 128, 0.01
MLP_SEEDS, MLP_IMAGES = 5, 8_000
VGG_IMAGES = 512


def mlps(hidden: tuple[int, ...], dataloader_goal: float, device: torch.device) -> Work:
    """Five networks of different seeds, all at once against one after another."""
    seeds = list(range(MLP_SEEDS))
    networks = [models.initialize(models.mlp(784, hidden), "default", data.generator(seed, "init")) for seed in seeds]
    networks = [network.to(device) for network in networks]
    train = inputs.dataset(MLP_IMAGES, inputs.MNIST)
    loader, train = _loader(train, device), train.to(device)
    settings = {"image_size": 28, "epochs": 1, "batch_size": BATCH_SIZE, "lr": LR}

    stacked, apart, in_memory = (copy.deepcopy(networks) for _ in range(3))
    contestants = {
        OURS: lambda: fit(stacked, train, seeds=seeds, **settings),
        "dataloader": lambda: [epoch(network, loader) for network in apart],
        "in-memory": lambda: [epoch(network, _in_memory(train)) for network in in_memory],
    }
    goals = {"dataloader": dataloader_goal, "in-memory": 1.0}
    described = f"{MLP_SEEDS} MLPs {'-'.join(map(str, hidden))}, {MLP_IMAGES} images of 1x28x28 once, batches of {BATCH_SIZE}"
    return Work(contestants, goals, described)


def vgg(precision: str, goal: float, device: torch.device) -> Work:
    """VGG8 with batch norm, with random crops and flips."""
    network, train = inputs.network("vgg8", "batch", device), inputs.dataset(VGG_IMAGES, inputs.CIFAR)
    sgd = {"lr": LR, "momentum": 0.9, "weight_decay": 5e-4}
    settings = {"image_size": 32, "epochs": 1, "batch_size": BATCH_SIZE, "augment": True, "precision": precision}
    augmentation = (transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip())
    loader, train = _loader(train, device, *augmentation), train.to(device)

    ours, theirs = copy.deepcopy(network), copy.deepcopy(network)
    contestants = {
        OURS: lambda: fit([ours], train, seeds=[0], **settings, **sgd),
        "dataloader": lambda: epoch(theirs, loader, **sgd),
    }
    described = f"VGG8-BN, {VGG_IMAGES} images of 3x32x32 once, crop and flip, batches of {BATCH_SIZE}; theirs in fp32"
    return Work(contestants, {"dataloader": goal}, described, precision)


def epoch(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], lr: float = LR, **sgd: float) -> None:
    """The usual training loop."""
    device = next(network.parameters()).device
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, **sgd)
    network.train()
    for x, labels in batches:
        x, labels = x.to(device), labels.to(device)
        optimizer.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimizer.step()


def _loader(train: data.Dataset, device: torch.device, *augmentation: nn.Module) -> DataLoader:
    """Batches of torchvision's MNIST or CIFAR-10, whose images are ours, in main memory; set up as in the examples."""
    grey = train.images.shape[1] == 1
    kind = datasets.MNIST if grey else datasets.CIFAR10
    images = kind.__new__(kind)  # without __init__, which would look for the files
    images.data = train.images.squeeze(1) if grey else train.images.permute(0, 2, 3, 1).numpy()
    images.targets = train.labels if grey else train.labels.tolist()
    images.transform = transforms.Compose([*augmentation, transforms.ToTensor(), transforms.Normalize(train.mean, train.std)])
    images.target_transform = None
    for_gpu = {"num_workers": 1, "persistent_workers": True, "pin_memory": True} if device.type == "cuda" else {}
    return DataLoader(images, batch_size=BATCH_SIZE, shuffle=True, **for_gpu)


def _in_memory(train: data.Dataset) -> Iterator[tuple[Tensor, Tensor]]:
    x = data.normalize(train.images, train)
    for batch in torch.randperm(len(train), device=x.device).split(BATCH_SIZE):
        yield x[batch], train.labels[batch]


WORKS = {
    "mlp-5-seeds-w256": functools.partial(mlps, (256, 256), 9.0),
    "mlp-5-seeds-w392": functools.partial(mlps, (392, 196), 6.0),
    "mlp-5-seeds-w1000": functools.partial(mlps, (1000, 1000), 2.5),
    "vgg8-epoch": functools.partial(vgg, "fp32", 1.4),
    "vgg8-epoch-bf16": functools.partial(vgg, "bf16", 2.5),
}
