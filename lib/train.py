"""Plain SGD on the cross-entropy, for several seeds at once, and a short cut for enlarged images that is exact."""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lib import data
from lib.models import Stack, cross_entropy


def fit(
    networks: list[nn.Sequential],
    train: data.Dataset,
    *,
    seeds: list[int],
    image_size: int,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    on_epoch: Callable[[int, Tensor], None] = lambda epoch, losses: None,
) -> list[int | None]:
    """Train the networks in place, the s-th with the data order of `seeds[s]`, on images enlarged to `image_size`.

    SGD with a constant learning rate; `weight_decay` is the factor λ in the gradient λw of all parameters, as in
    torch.optim.SGD (section 4 and Appendix B). The training set is shuffled every epoch and its last, smaller batch kept.
    `on_epoch` gets the epoch, from 1, and the mean training loss (S,) in nats.

    Returns, for each network, the epoch in which its loss stopped being finite, or None. A network that diverges does
    not disturb the others.
    """
    factor = data.enlargement(image_size, train.images.shape[-1])
    first_layers = [FirstLayer(network, train.images.shape[1:], factor) for network in networks]
    stack = Stack(networks).to(train.images.device).train()
    optimizer = torch.optim.SGD(_groups(stack, factor, lr, weight_decay), momentum=momentum, fused=True)
    generators = [data.generator(seed, "order") for seed in seeds]
    diverged_at: list[int | None] = [None] * len(seeds)

    for epoch in range(1, epochs + 1):
        total = torch.zeros(len(seeds), device=train.images.device)
        order = torch.stack([torch.randperm(len(train), generator=g) for g in generators]).to(total.device)
        for batch in order.split(batch_size, dim=1):
            logits = stack(data.normalize(train.images[batch], train))
            losses = cross_entropy(logits, train.labels[batch])
            optimizer.zero_grad()
            losses.mean(1).sum().backward()  # a sum over networks: the gradient of each is that of its own mean loss
            optimizer.step()
            total += losses.detach().sum(1)
        mean = (total / len(train)).cpu()
        on_epoch(epoch, mean)
        for s, loss in enumerate(mean.tolist()):
            if diverged_at[s] is None and not math.isfinite(loss):
                diverged_at[s] = epoch
        if None not in diverged_at:
            break

    stack.unstack(networks)
    steps = epochs * math.ceil(len(train) / batch_size)
    for layer in first_layers:
        layer.restore(steps, lr, momentum, weight_decay)
    return diverged_at


def _groups(stack: Stack, factor: int, lr: float, weight_decay: float) -> list[dict]:
    """Parameter groups: the first layer, when it stands for one on images enlarged by `factor`, steps factor² as far."""
    first = next(m for m in stack.modules() if hasattr(m, "weight")).weight
    rest = [p for p in stack.parameters() if p is not first]
    return [
        {"params": [first], "lr": lr * factor**2, "weight_decay": weight_decay / factor**2},
        {"params": rest, "lr": lr, "weight_decay": weight_decay},
    ]


class FirstLayer:
    """The first linear layer of a network for enlarged images, replaced during training by one for the small images.

    Repeating every pixel k x k times adds no information: W·enlarge(x) = V·x, where V sums W over each k x k block.
    All weights of a block get the same gradient, so that V takes SGD steps of its own with k² times the learning rate
    (and λ/k² for the decay), while what distinguishes the weights of a block, the residual R = W - enlarge(V)/k², never
    gets a gradient and only decays. Training V and adding R afterwards is training W, at 1/k² of the cost.
    """

    def __init__(self, network: nn.Sequential, shape: tuple[int, int, int], factor: int):
        self.factor = factor
        if factor == 1:
            return
        self.layer = next(m for m in network if isinstance(m, nn.Linear))
        self.small_shape = (-1, *shape)
        weight = self.layer.weight.detach()
        small = block_sum(weight, self.small_shape, factor)
        self.residual = weight - block_repeat(small, self.small_shape, factor)
        self.layer.weight = nn.Parameter(small)

    def restore(self, steps: int, lr: float, momentum: float, weight_decay: float) -> None:
        if self.factor == 1:
            return
        remaining = untrained_remainder(steps, lr, momentum, weight_decay)
        trained = block_repeat(self.layer.weight.detach(), self.small_shape, self.factor)
        self.layer.weight = nn.Parameter(trained + remaining * self.residual.to(trained.device))


def native(network: nn.Sequential, dataset: data.Dataset) -> nn.Sequential:
    """A network for the data set's own image size, equal on its images to `network` on the enlarged ones.

    Its first layer holds the block sums, so that it is `network` with every weight of a block replaced by their mean.
    """
    network = copy.deepcopy(network)
    shape = dataset.images.shape[1:]
    layer = next(module for module in network if isinstance(module, nn.Linear))
    factor = round((layer.in_features / shape.numel()) ** 0.5)
    FirstLayer(network, shape, factor)
    return network


def untrained_remainder(steps: int, lr: float, momentum: float, weight_decay: float) -> float:
    """What is left of a weight 1 that gets no gradient, after SGD steps that see the weight decay alone."""
    weight, velocity = 1.0, 0.0
    for _ in range(steps):
        velocity = momentum * velocity + weight_decay * weight
        weight -= lr * velocity
    return weight


def block_sum(weight: Tensor, shape: tuple[int, int, int, int], factor: int) -> Tensor:
    """(out, C·kH·kW) → (out, C·H·W): the sum over each k x k block; `shape` is (-1, C, H, W), `factor` is k."""
    _, channels, height, width = shape
    return weight.view(-1, channels, height, factor, width, factor).sum((3, 5)).flatten(1)


def block_repeat(weight: Tensor, shape: tuple[int, int, int, int], factor: int) -> Tensor:
    """(out, C·H·W) → (out, C·kH·kW): each weight spread evenly over its k x k block, the inverse of `block_sum`."""
    return data.enlarge(weight.view(shape), shape[-1] * factor).flatten(1) / factor**2
