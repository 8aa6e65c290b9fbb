"""The networks of the paper, as plain torch modules, and a stack of several of them trained side by side.

Networks take normalised images (B, C, H, W) and return logits (B, classes). Input normalisation belongs to the data
(`data.normalize`), so that the space in which an attack lives is chosen where the attack is.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INITS = ("default", "he")
NORMS = (None, "batch")


def linear(inputs: int, classes: int = 10) -> nn.Sequential:
    """Softmax regression (Appendix B, Table 11)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, classes))


def mlp(inputs: int, hidden: tuple[int, ...] = (392, 196), classes: int = 10, norm: str | None = None) -> nn.Sequential:
    """A fully connected ReLU network (section 4, Tables 6, 7, 12).

    `norm="batch"` puts one batch-norm layer after the first linear layer and before its ReLU.
    """
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}; allowed: {', '.join(map(repr, NORMS))}")
    layers: list[nn.Module] = [nn.Flatten()]
    for i, width in enumerate(hidden):
        layers.append(nn.Linear(inputs, width))
        if norm == "batch" and i == 0:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.ReLU())
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def initialize(model: nn.Module, init: str, generator: torch.Generator) -> nn.Module:
    """Draw every weight anew. "default": torch's own, U(±1/√fan_in); "he": N(0, 2/fan_in), zero biases (He 2015)."""
    if init not in INITS:
        raise ValueError(f"init={init!r}; allowed: {', '.join(INITS)}")
    for module in model.modules():
        if isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            if init == "default":
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(module.bias)
    return model


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy in nats of each image: (…, classes) and (…) → (…)."""
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none").view(labels.shape)


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
