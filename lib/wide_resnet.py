"""Wide residual networks with batch norm, and with what is in its place where it is gone: Fixup, in two readings."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDE_NORMS = ("batch", "fixup", "fixup-he")


def wide_resnet(
    depth: int = 28, widen: float = 10.0, classes: int = 10, norm: str = "batch", channels: int = 3
) -> nn.Sequential:
    """A wide ResNet for 32x32 images (Appendix A.2, Table 9; Zagoruyko and Komodakis 2016), by default WRN-28-10.

    A convolution of 16 channels; three stages of (depth - 4) / 6 residual blocks of 16, 32 and 64 channels times `widen`
    on 32x32, 16x16 and 8x8 pixels; ReLU, average pooling, one linear classifier. Convolutions have no biases. `norm`:

    - "batch": batch norm before every ReLU, as in valilenk/fixup at 5210f9a, the code that the paper names.
    - "fixup": no normalisation. One scalar bias before every ReLU, before every convolution but the first, and before the
      classifier, one scalar multiplier on every residual branch, and an initialisation from which a step of SGD changes
      the network as much at any depth (Zhang, Dauphin and Ma 2019).
    - "fixup-he": what that code made of Fixup, very probably the paper's: one scalar bias, used four times, and one
      multiplier in a block; batch norm before the last ReLU alone; He's initialisation instead of Fixup's.

    `models.initialize` draws the weights, and leaves the classifier zero in all three. ValueError for a `depth` other than
    10, 16, 22, 28, …, for any other `norm`, and for a `widen` that is not a positive number.
    """
    if not isinstance(depth, int) or depth < 10 or depth % 6 != 4:
        raise ValueError(f"depth={depth!r}; allowed: 10, 16, 22, 28, … (6n + 4)")
    if norm not in WIDE_NORMS:
        raise ValueError(f"norm={norm!r}; allowed: {', '.join(map(repr, WIDE_NORMS))}")
    blocks = (depth - 4) // 2
    layers: list[nn.Module] = [_convolution(channels, 16, 3)]
    inputs = 16
    for i in range(blocks):
        stage, place = divmod(i, blocks // 3)
        outputs, stride = times(widen, 16 * 2**stage), 2 if stage > 0 and place == 0 else 1
        layers.append(_block(norm, inputs, outputs, stride, blocks))
        inputs = outputs
    layers += [Bias() if norm == "fixup" else nn.BatchNorm2d(inputs), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten()]
    if norm == "fixup":
        layers.append(Bias())
    classifier = nn.Linear(inputs, classes)
    classifier.gain = 0.0
    return nn.Sequential(*layers, classifier)


def times(factor: float, channels: int) -> int:
    """So many times as many channels, rounded, at least one."""
    if not 0 < factor < math.inf:
        raise ValueError(f"{factor!r} times the channels; allowed: a positive number")
    return max(1, round(factor * channels))


def _block(norm: str, inputs: int, outputs: int, stride: int, blocks: int) -> nn.Module:
    """One of so many `blocks`."""
    fixup = norm == "fixup"
    # L^(-1/2) for L blocks of two layers, the last of which is zero (Zhang, Dauphin and Ma 2019, section 3)
    first = _convolution(inputs, outputs, 3, stride, gain=blocks**-0.5 if fixup else 1.0)
    last = _convolution(outputs, outputs, 3, gain=0.0 if fixup else 1.0)
    shortcut = _convolution(inputs, outputs, 1, stride) if inputs != outputs or stride > 1 else None
    if norm == "fixup-he":
        return SharedBiasBlock(first, last, shortcut)
    if fixup:
        activation = nn.Sequential(Bias(), nn.ReLU(), Bias())
        branch = nn.Sequential(first, Bias(), nn.ReLU(), Bias(), last, Multiplier())
    else:
        activation = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        branch = nn.Sequential(first, nn.BatchNorm2d(outputs), nn.ReLU(), last)
    return Block(activation, branch, shortcut)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """`gain` is what `models.initialize` multiplies the weights by."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    convolution.gain = gain
    return convolution


class Block(nn.Module):
    """A residual block: (B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""

    def __init__(self, activation: nn.Sequential, branch: nn.Sequential, shortcut: nn.Conv2d | None):
        super().__init__()
        self.activation, self.branch, self.shortcut = activation, branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        activated = self.activation(x)
        return self.branch(activated) + (x if self.shortcut is None else self.shortcut(activated))


class SharedBiasBlock(nn.Module):
    """The block of valilenk/fixup at 5210f9a without batch norm, whose list of four biases holds one of them four times."""

    def __init__(self, first: nn.Conv2d, last: nn.Conv2d, shortcut: nn.Conv2d | None):
        super().__init__()
        self.first, self.last, self.shortcut = first, last, shortcut
        self.bias, self.multiplier = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(x + self.bias)
        branch = F.relu(self.first(activated) + self.bias) + self.bias
        branch = self.multiplier * self.last(branch) + self.bias
        return branch + (x if self.shortcut is None else self.shortcut(activated))


class Bias(nn.Module):
    """Adds one number, at first 0, to every value. It has no dimension, so that values in bfloat16 stay in bfloat16."""

    lr_factor = 0.1  # times the learning rate of the other parameters (Zhang, Dauphin and Ma 2019, section 4)

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class Multiplier(nn.Module):
    """Multiplies every value by one number, at first 1."""

    lr_factor = Bias.lr_factor

    def __init__(self):
        super().__init__()
        self.multiplier = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.multiplier * x
