"""Trained MLPs as text that lies in a page: int8 weights, with a scale for each row of a layer."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lib.fuse import fuse

LEVELS = 127  # the largest int8 code; -128 is not used
BUDGET = 1_000_000  # characters, which are bytes, of all weights in the page


class ExportError(ValueError):
    """The networks cannot lie in the page; the message says why."""


@dataclass(frozen=True)
class Layer:
    """A linear layer: its weights are `codes` int8 (out, in) times `scales` float32 (out,); `biases` float32 (out,)."""

    codes: Tensor
    scales: Tensor
    biases: Tensor


def quantize(network: nn.Sequential) -> list[Layer]:
    """The linear layers of an MLP of ReLUs, batch norm fused into them, each weight off by at most half a `scale`.

    Raises ExportError for a network that has any other layers once it is fused.
    """
    fused = fuse(network)
    linear = [layer for layer in fused if isinstance(layer, nn.Linear)]
    if [type(layer) for layer in fused] != [nn.Flatten, *[nn.Linear, nn.ReLU] * len(linear)][:-1]:
        raise ExportError(f"only MLPs of linear layers, ReLU and batch norm between them can be exported, not {network}")
    return [_quantize(layer) for layer in linear]


def _quantize(layer: nn.Linear) -> Layer:
    weight, bias = layer.weight.detach().float().cpu(), layer.bias.detach().float().cpu()
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise ExportError("a weight is not finite: the training has diverged")
    largest = weight.abs().amax(1)
    scales = torch.where(largest > 0, largest, 1) / LEVELS
    return Layer((weight / scales[:, None]).round().to(torch.int8), scales, bias)


def dequantized(layers: list[Layer]) -> nn.Sequential:
    """The network that the page computes, in float32, frozen."""
    modules: list[nn.Module] = [nn.Flatten()]
    for layer in layers:
        outputs, inputs = layer.codes.shape
        linear = nn.Linear(inputs, outputs)
        linear.weight = nn.Parameter(layer.codes.float() * layer.scales[:, None])
        linear.bias = nn.Parameter(layer.biases.clone())
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1]).eval().requires_grad_(False)


def encode(layers: list[Layer]) -> dict:
    """JSON that `attackLab.network` reads: `shapes` of the weights, and scales, biases and codes of each layer as text."""
    contents = b"".join(map(_bytes, layers))
    return {"shapes": [list(layer.codes.shape) for layer in layers], "data": text_of(contents)}


def _bytes(layer: Layer) -> bytes:
    numbers = (np.asarray(values, "<f4") for values in (layer.scales, layer.biases))
    return b"".join(array.tobytes() for array in (*numbers, layer.codes.numpy()))


def text_of(contents: bytes) -> str:
    """Four bytes in five characters; base64 takes more, and at the paper's width too much.

    Base 85 as in RFC 1924, but with a comma for <, which could end a script. Zeros fill the last four bytes.
    """
    return base64.b85encode(contents, pad=True).decode().replace("<", ",")


def encode_all(networks: Mapping[str, list[Layer]]) -> dict[str, dict]:
    """Every network as `encode` writes it. Raises ExportError where together they pass the budget of the page."""
    encoded = {name: encode(layers) for name, layers in networks.items()}
    size = sum(len(network["data"]) for network in encoded.values())
    if size > BUDGET:
        raise ExportError(f"the weights take {size:,} bytes in the page, more than {BUDGET:,}; choose narrower layers")
    return encoded
