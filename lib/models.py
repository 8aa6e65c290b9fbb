"""The networks of the paper, as plain torch modules.

Networks take normalised images (B, C, H, W) and return logits (B, classes). Input normalisation belongs to the data
(`data.normalize`), so that the space in which an attack lives is chosen where the attack is.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lib.wide_resnet import WIDE_NORMS, times, wide_resnet  # noqa: F401

INITS = ("default", "he")
NORMS = (None, "batch")
PRECISIONS = ("fp32", "bf16")  # of their computation in training
VGG = {  # depth: convolutions of 64, 128, 256, 512 and 512 channels
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def linear(inputs: int, classes: int = 10) -> nn.Sequential:
    """Softmax regression (Appendix B, Table 11)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, classes))


def mlp(
    inputs: int,
    hidden: tuple[int, ...] = (392, 196),
    classes: int = 10,
    norm: str | None = None,
    norm_layers: int = 1,
    eps: float = 1e-5,
) -> nn.Sequential:
    """A fully connected ReLU network (sections 3 and 4, Tables 6, 7, 12, Figures 2, 3, 7).

    `norm="batch"` puts batch norm after the linear layer and before the ReLU of the first `norm_layers` hidden layers: of one
    in section 4, of all in Figures 2 and 3, of two in Figure 7. `eps` is the c of Equation 1.
    ValueError for any other `norm`, or fewer layers than 1.
    """
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}; allowed: {', '.join(map(repr, NORMS))}")
    if norm_layers < 1:
        raise ValueError(f"norm_layers={norm_layers}; at least 1 is needed, and norm=None for a network without batch norm")
    layers: list[nn.Module] = [nn.Flatten()]
    for i, width in enumerate(hidden):
        layers.append(nn.Linear(inputs, width))
        if norm == "batch" and i < norm_layers:
            layers.append(nn.BatchNorm1d(width, eps=eps))
        layers.append(nn.ReLU())
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def vgg(depth: int, classes: int = 10, norm: str | None = None, width: float = 1.0, channels: int = 3) -> nn.Sequential:
    """A VGG for 32x32 images with one linear classifier (section 3, Tables 1 to 4; Simonyan and Zisserman 2015).

    `depth` counts the convolutions and the three linear layers of the original: 8, 11, 13, 16 or 19. `norm="batch"` puts
    batch norm between every convolution and its ReLU (Equation 1). `width` multiplies the number of all channels.
    ValueError for any other `depth` or `norm`, and for a `width` that is not a positive number.
    """
    if depth not in VGG or norm not in NORMS:
        raise ValueError(f"depth={depth!r}, norm={norm!r}; allowed: {', '.join(map(str, VGG))}; {', '.join(map(repr, NORMS))}")
    layers: list[nn.Module] = []
    for stage, convolutions in enumerate(VGG[depth]):
        out_channels = times(width, min(64 * 2**stage, 512))
        for _ in range(convolutions):
            layers.append(nn.Conv2d(channels, out_channels, 3, padding=1))
            if norm == "batch":
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.ReLU())
            channels = out_channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, classes))


@torch.no_grad()
def initialize(model: nn.Module, init: str, generator: torch.Generator) -> nn.Module:
    """Draw the weights of all linear layers and convolutions anew, in the order of `model.modules()`, and return the model.

    "default": torch's own, U(±1/√fan_in); "he": N(0, 2/fan), zero biases (He et al. 2015). He's fan is that of the inputs
    for the linear layers of an MLP and, as is usual in ResNets and VGGs, of the outputs for convolutions; the classifier
    after convolutions gets N(0, 0.01²). All is then multiplied by the layer's `gain`, where it has one: that makes a wide
    ResNet's classifier zero, and its residual branches what Fixup wants, in "default" too. ValueError for any other `init`.
    """
    if init not in INITS:
        raise ValueError(f"init={init!r}; allowed: {', '.join(INITS)}")
    convolutional = any(isinstance(module, nn.Conv2d) for module in model.modules())
    for layer in model.modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        if init == "default":
            bound = layer.weight[0].numel() ** -0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        else:
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
            if isinstance(layer, nn.Linear) and convolutional:
                nn.init.normal_(layer.weight, std=0.01, generator=generator)
            else:
                fan = "fan_out" if isinstance(layer, nn.Conv2d) else "fan_in"
                nn.init.kaiming_normal_(layer.weight, mode=fan, nonlinearity="relu", generator=generator)
        for parameter in layer.parameters():
            parameter.mul_(getattr(layer, "gain", 1.0))
    return model


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy in nats of each image: (…, classes) and (…) → (…)."""
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none").view(labels.shape)
