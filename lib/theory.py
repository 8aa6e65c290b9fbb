"""The paper's arguments in formulas: the scaled softplus loss of a linear classifier (section 4, equations 2 to 6)."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from lib import data, models
from lib.train import fit


@dataclass(frozen=True)
class LinearClassifier:
    """A binary linear classifier sign(w·x + b) and the data it was trained on.

    `weight` (D,), `bias`; `scores` w·x + b and `labels` ±1, both (N,).
    """

    weight_decay: float
    weight: Tensor
    bias: Tensor
    scores: Tensor
    labels: Tensor

    @property
    def norm(self) -> float:
        """‖w‖₂"""
        return float(self.weight.norm())

    @property
    def distances(self) -> Tensor:
        """(N,) signed distance y(w·x + b)/‖w‖₂ of each point to the boundary, negative when misclassified (equation 3)."""
        return self.labels * self.scores / self.norm


def scaled_softplus(distances: Tensor, norm: float) -> Tensor:
    """The loss ζ(-‖w‖₂·d) = log(1 + exp(-‖w‖₂·d)) in nats at signed distances d (equation 4).

    For a large norm it is ‖w‖₂·max(0, -d): errors alone count. For a small one it is log 2 - ‖w‖₂·d/2: every point
    counts, in proportion to its distance.
    """
    return F.softplus(-norm * distances)


def logistic_regression(
    train: data.Dataset, weight_decay: float, *, epochs: int = 40, batch_size: int = 100, lr: float = 1e-3, seed: int = 0
) -> LinearClassifier:
    """Logistic regression on a data set of two classes, 0 (label -1) and 1 (label +1), on normalised images.

    Minimises the mean softplus loss + λ/2·‖w‖₂² (equation 6). Softmax over two logits depends on their difference alone,
    w = w₁ - w₀, and is logistic regression in it; a decay of 2λ of both is one of λ in the difference.
    """
    network = models.linear(train.images[0].numel(), 2)
    models.initialize(network, "default", data.generator(seed, "init"))
    fit(
        [network],
        train,
        seeds=[seed],
        image_size=train.images.shape[-1],
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=2 * weight_decay,
    )
    layer = network[-1]
    weight, bias = (value.detach()[1] - value.detach()[0] for value in (layer.weight, layer.bias))
    scores = data.normalize(train.images, train).flatten(1) @ weight + bias
    return LinearClassifier(weight_decay, weight, bias, scores, 2.0 * train.labels - 1)
