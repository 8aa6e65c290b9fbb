"""How large gradients are at each layer of the deep networks, before any training and after the first step."""

import torch
from torch import Tensor, nn

from lib import data, networks
from lib.models import cross_entropy
from lib.trials import Trial


def second_moments(network: nn.Sequential, images: Tensor, labels: Tensor) -> Tensor:
    """Mean squared gradient of the summed loss with respect to the outputs of each hidden layer, (L,), of one mini-batch.

    The network is in training mode: normalised `images` (B, C, H, W) are normalised again by their own batch.
    """
    outputs, x = [], images
    for module in network.train():
        x = module(x)
        if isinstance(module, nn.ReLU):
            outputs.append(x)
    gradients = torch.autograd.grad(cross_entropy(x, labels).sum(), outputs)
    return torch.stack([gradient.square().mean() for gradient in gradients])


def before_and_after(trial: Trial, train: data.Dataset) -> tuple[Tensor, Tensor]:
    """The second moments (L,) of a trial's network before training and after its first step of SGD, of two mini-batches."""
    network = networks.build(trial, train)
    batches = torch.randperm(len(train), generator=data.generator(trial.seed, "order")).split(trial.batch_size)
    (first, labels), (second, others) = ((data.normalize(train.images[b], train), train.labels[b]) for b in batches[:2])
    before = second_moments(network, first, labels)
    optimizer = torch.optim.SGD(network.parameters(), trial.lr)
    cross_entropy(network(first), labels).mean().backward()
    optimizer.step()
    return before, second_moments(network, second, others)
