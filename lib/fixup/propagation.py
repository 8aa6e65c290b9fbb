"""What residual blocks do to their features before any training."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lib import data, models
from lib.wide_resnet import Block, SharedBiasBlock


@torch.no_grad()
def block_variances(images: Tensor, norm: str, depth: int = 28, widen: float = 1.0, seed: int = 0) -> list[float]:
    """The variance of the features, over images, channels and pixels, after the first convolution and after every block.

    Of a freshly initialised wide ResNet (`models.wide_resnet`, `models.initialize`) on normalised `images` (B, C, 32, 32),
    which batch norm normalises by their own statistics, as in training. "fixup-he" is a network without normalisation from
    He's initialisation: its one batch norm comes after the last block.
    """
    network = models.wide_resnet(depth, widen, norm=norm, channels=images.shape[1])
    models.initialize(network, "he", data.generator(seed, "init")).train()
    features, variances = images, []
    for module in network:
        features = module(features)
        if not variances or isinstance(module, Block | SharedBiasBlock):
            variances.append(features.var().item())
    return variances


def per_block(variances: list[float], depth: int = 28) -> float:
    """By what factor a block multiplies the variance: the geometric mean over the blocks whose shortcut is the identity.

    That of a stage's first block is a convolution, but for the first stage, where the network is not widened.
    """
    found = torch.tensor(variances).log().diff()
    stage = (depth - 4) // 6
    keeps = [i for i in range(len(found)) if i % stage or i == 0]
    return found[keeps].mean().exp().item()


STYLES = {
    "fixup-he": {"label": "no normalisation, He's initialisation", "marker": "o", "color": "#a23b00", "linestyle": "-"},
    "batch": {"label": "batch norm", "marker": "s", "color": "#00527a", "linestyle": "--"},
    "fixup": {"label": "no normalisation, Fixup", "marker": "^", "color": "#3b7a00", "linestyle": ":"},
}


def figure(variances: Mapping[str, list[float]]) -> Figure:
    """The variances of `block_variances` by norm, against the block, on a logarithmic axis."""
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for norm, values in variances.items():
        axis.semilogy(range(len(values)), values, **STYLES[norm])
    axis.set(xlabel="residual block (0: the first convolution)", ylabel="variance of its output")
    axis.set_xticks(range(len(next(iter(variances.values())))))
    axis.grid(alpha=0.3)
    axis.legend()
    plt.close(figure)
    return figure
