"""The same function, evaluated faster: the form in which networks are tested and attacked."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def fuse(network: nn.Sequential) -> nn.Sequential:
    """A frozen copy in evaluation mode, equal up to rounding in its logits and in their gradient.

    Batch norm with its running averages is an affine map, so it becomes part of the layer before it, in the network and
    in the chains of layers within its residual blocks; one that has no such layer before it stays. Pooling comes first
    (`pool_first`). Convolutions see channels_last, which the CPU's and the GPU's libraries are fastest on.
    """
    fused = _fused(copy.deepcopy(network).eval())
    return fused.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _fused(module: nn.Module) -> nn.Module:
    """The module with every nn.Sequential in it fused, itself included."""
    for name, child in module.named_children():
        setattr(module, name, _fused(child))
    if not isinstance(module, nn.Sequential):
        return module
    layers: list[nn.Module] = []
    for layer in module:
        previous = layers[-1] if layers else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(previous, layer)
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(previous, nn.Linear):
            layers[-1] = fuse_linear_bn_eval(previous, layer)
        else:
            layers.append(layer)
    return pool_first(nn.Sequential(*layers))


def pool_first(network: nn.Sequential) -> nn.Sequential:
    """The same layers, with max pooling before the ReLU that it follows.

    Both are monotone, so that nothing changes, neither outputs nor gradients, and the ReLU has a quarter of the work.
    """
    layers = list(network)
    for i in range(1, len(layers)):
        if isinstance(layers[i], nn.MaxPool2d) and isinstance(layers[i - 1], nn.ReLU):
            layers[i - 1], layers[i] = layers[i], layers[i - 1]
    return nn.Sequential(*layers)
