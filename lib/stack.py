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
    train far faster so where the cost is that of starting many small operations, and each as it would alone.
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
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        return _StackedLinear.apply(x.to(dtype), self.weight.to(dtype), self.bias.to(dtype))


class _StackedLinear(torch.autograd.Function):
    """x (S, B, in), weight (S, in, out), bias (S, out) → (S, B, out)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _products(x, weight).add_(bias[:, None])

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        of_x = _products(gradient, weight.transpose(1, 2)) if ctx.needs_input_grad[0] else None
        return of_x, _products(x.transpose(1, 2), gradient), gradient.sum(1)


def _products(a: Tensor, b: Tensor) -> Tensor:
    """`torch.bmm`, faster: on a CPU it gives every thread whole matrices, so that with 5 on 2 threads one thread waits.

    Those that are left when all threads have had equally many are multiplied one at a time, by all threads together.
    """
    threads = torch.get_num_threads() if a.device.type == "cpu" else 1
    even = len(a) - len(a) % threads
    if even == len(a):
        return torch.bmm(a, b)
    product = a.new_empty(len(a), a.shape[1], b.shape[2])
    if even:
        torch.bmm(a[:even], b[:even], out=product[:even])
    for i in range(even, len(a)):
        torch.mm(a[i], b[i], out=product[i])
    return product


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
