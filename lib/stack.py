"""Several networks of one architecture trained side by side, each as it would be alone."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lib.fuse import pool_first


def side_by_side(networks: list[nn.Sequential]) -> "Stack | Row":
    """One module for several networks of one architecture: as a stack, unless they are convolutional."""
    convolutional = any(isinstance(module, nn.Conv2d) for module in networks[0])
    return Row(networks) if convolutional else Stack(networks)


class Row(nn.Module):
    """Several networks as one, computed one after another: (S, B, C, H, W) → logits (S, B, classes).

    A convolution fills a device by itself: for it, grouped convolutions over stacked weights are slower.
    """

    def __init__(self, networks: list[nn.Sequential]):
        super().__init__()
        self.networks = nn.ModuleList(map(pool_first, networks)).to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([network(own) for network, own in zip(self.networks, x, strict=True)])

    def unstack(self, networks: list[nn.Sequential]) -> None:
        """Copy the weights and buffers into separate networks of the same architecture."""
        for own, network in zip(self.networks, networks, strict=True):
            network.load_state_dict(own.state_dict())


class Stack(nn.Module):
    """Several networks of one architecture as one: (S, B, C, H, W) → logits (S, B, classes), the s-th network on x[s].

    Their weights lie stacked along a new first axis, so that one batched product serves all of them. Small networks
    train several times faster so, and each as it would alone.
    """

    def __init__(self, networks: list[nn.Sequential]):
        super().__init__()
        self.size = len(networks)
        self.layers = nn.Sequential(*map(_stack_layers, zip(*networks, strict=True)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def unstack(self, networks: list[nn.Sequential]) -> None:
        """Copy the weights and buffers back into separate networks of the same architecture."""
        for stacked, *layers in zip(self.layers, *networks, strict=True):
            for name, value in stacked.state_dict().items():
                for layer, own in zip(layers, value, strict=True):
                    getattr(layer, name).data.copy_(own.T if name == "weight" and own.ndim == 2 else own)


def _stack_layers(layers: tuple[nn.Module, ...]) -> nn.Module:
    first = layers[0]
    if isinstance(first, nn.Linear):
        return _LinearStack(layers)
    if isinstance(first, nn.BatchNorm1d):
        return _BatchNormStack(layers)
    if isinstance(first, nn.Flatten):
        return nn.Flatten(2)
    if isinstance(first, nn.ReLU):
        return nn.ReLU()
    raise TypeError(f"cannot stack {type(first).__name__} layers")


def _stacked(layers: tuple[nn.Module, ...], name: str) -> Tensor:
    return torch.stack([getattr(layer, name).detach() for layer in layers])


class _LinearStack(nn.Module):
    """Weights are laid out (S, in, out), transposed from nn.Linear's: the gradients then come out in that very layout."""

    def __init__(self, layers: tuple[nn.Linear, ...]):
        super().__init__()
        self.weight = nn.Parameter(_stacked(layers, "weight").transpose(1, 2).contiguous())
        self.bias = nn.Parameter(_stacked(layers, "bias"))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class _BatchNormStack(nn.Module):
    """Batch norm of each network on its own mini-batch: the networks are laid side by side as more channels."""

    def __init__(self, layers: tuple[nn.BatchNorm1d, ...]):
        super().__init__()
        self.weight = nn.Parameter(_stacked(layers, "weight"))
        self.bias = nn.Parameter(_stacked(layers, "bias"))
        self.eps, self.momentum = layers[0].eps, layers[0].momentum
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, _stacked(layers, name))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked += 1
        networks, batch, channels = x.shape
        y = F.batch_norm(
            x.transpose(0, 1).reshape(batch, networks * channels),
            self.running_mean.flatten(),
            self.running_var.flatten(),
            self.weight.flatten(),
            self.bias.flatten(),
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )
        return y.view(batch, networks, channels).transpose(0, 1)
