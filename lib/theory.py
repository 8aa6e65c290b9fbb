"""The paper's arguments in formulas.

The scaled softplus loss of a linear classifier (section 4, equations 2 to 6), and how fast gradients grow in a network
with batch norm at initialisation (section 2; Yang et al. 2019).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
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


def logistic_regression(train: data.Dataset, weight_decay: float) -> LinearClassifier:
    """Logistic regression on a data set of two classes, 0 (label -1) and 1 (label +1), on normalised images.

    Minimises the mean softplus loss + λ/2·‖w‖₂² (equation 6). Softmax over two logits depends on their difference alone,
    w = w₁ - w₀, and is logistic regression in it; a decay of 2λ of both is one of λ in the difference. By SGD from seed 0.
    """
    network = models.initialize(models.linear(train.images[0].numel(), 2), "default", data.generator(0, "init"))
    fit(
        [network],
        train,
        seeds=[0],
        image_size=train.images.shape[-1],
        epochs=40,
        batch_size=100,
        lr=1e-3,
        weight_decay=2 * weight_decay,
    )
    layer = network[-1]
    weight, bias = (value.detach()[1] - value.detach()[0] for value in (layer.weight, layer.bias))
    scores = data.normalize(train.images, train).flatten(1) @ weight + bias
    return LinearClassifier(weight_decay, weight, bias, scores, 2.0 * train.labels - 1)


GRADIENT_GROWTH_LIMIT = math.pi / (math.pi - 1)  # of ReLU networks, as the batch size goes to infinity
SMALLEST_BATCH = 4  # with three samples or fewer the second moment of the gradient is infinite


def gradient_growth(batch_size: ArrayLike, activation: str = "relu") -> np.ndarray:
    """The factor λ_G by which batch norm makes the second moment of gradients grow in each layer at initialisation.

    For networks without bias of activation(batch norm(W x)), infinitely wide; `activation` is "relu" or "linear". One value for
    each batch size B, at least 4, in the shape given. For ReLU (Yang et al. 2019, theorem 3.10)

        λ_G = ((B - 1 + J'(ρ)) / (1 - J(ρ)) - 1) / (B - 3),  ρ = -1 / (B - 1),

    where J(ρ) = (√(1 - ρ²) + (π - arccos ρ)·ρ) / π is twice the mean product of the ReLUs of two standard normals with
    correlation ρ; for linear networks (B - 2) / (B - 3). Raises ValueError for a smaller batch or another activation.
    """
    sizes = _batch_sizes(batch_size)
    if activation == "linear":
        return (sizes - 2) / (sizes - 3)
    if activation != "relu":
        raise ValueError(f"activation={activation!r}; allowed: relu, linear")
    return _relu_growth(sizes, lambda rho: (math.pi - np.arccos(rho)) / math.pi)


def gradient_growth_as_plotted(batch_size: ArrayLike) -> np.ndarray:
    """λ_G with a slip: J'(ρ) = -ρ / (π√(1 - ρ²)), the derivative of one of the two terms of J alone.

    The dashed line of the paper's Figure 2 agrees with this one; its limit is right, and for small batches it is too low.
    """
    return _relu_growth(_batch_sizes(batch_size), lambda rho: -rho / (math.pi * np.sqrt(1 - rho**2)))


def _batch_sizes(batch_size: ArrayLike) -> np.ndarray:
    sizes = np.asarray(batch_size, dtype=float)
    if not (sizes >= SMALLEST_BATCH).all():
        raise ValueError(f"batch_size={batch_size}; allowed: {SMALLEST_BATCH} or more, as the second moment is infinite below")
    return sizes


def _relu_growth(sizes: np.ndarray, derivative: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    rho = -1 / (sizes - 1)
    product = (np.sqrt(1 - rho**2) + (math.pi - np.arccos(rho)) * rho) / math.pi
    return ((sizes - 1 + derivative(rho)) / (1 - product) - 1) / (sizes - 3)


FITTED_LOG_RATIO = 16.0  # by hand, by the authors, so that the line of Figure 2 lies where their networks stop training


def trainable_depth(growth: ArrayLike, log_ratio: float = FITTED_LOG_RATIO) -> np.ndarray:
    """The number of layers over which the second moment of gradients grows by e^`log_ratio`, in the shape of `growth`.

    `growth` is the factor a layer, as `gradient_growth` has it; where nothing grows, at 1 or below, the depth is infinite.
    After L layers the factor is growth^L, so L = log_ratio / ln(growth): the dashed line of the paper's Figure 2. That there is
    one ratio that networks can bear, whatever their batch size, is the hypothesis; its size is fitted, not derived.
    """
    logs = np.log(np.asarray(growth, dtype=float))
    with np.errstate(divide="ignore"):
        return np.where(logs > 0, log_ratio / np.maximum(logs, 0), math.inf)
