"""Networks for enlarged images, trained and tested at the cost of the small ones: a short cut that is exact."""

import copy

from torch import Tensor, nn

from lib import data


class FirstLayer:
    """The first linear layer of a network for enlarged images, replaced during training by one for the small images.

    Repeating every pixel k x k times adds no information: W·enlarge(x) = V·x, where V sums W over each k x k block.
    All weights of a block get the same gradient, so that V takes SGD steps of its own with k² times the learning rate
    (and λ/k² for the decay), while what distinguishes the weights of a block, the residual R = W - enlarge(V)/k², never
    gets a gradient and only decays. Training V and adding R afterwards is training W, at 1/k² of the cost. So it is for SGD at a
    constant learning rate, with plain momentum or none.
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
