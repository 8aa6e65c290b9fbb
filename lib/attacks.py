"""The fast gradient sign method and the basic iterative method, in the l-inf and l2 norms.

One iteration for all attacks, one step and one projection for each norm. `model` is any function from inputs (…, features)
to logits (…, classes); its parameters are expected to be frozen and in evaluation mode (`evaluate.frozen`). Epsilon, step
size and bounds are in the units of the inputs given: normalised or pixels, as the caller chooses.

References: Goodfellow et al. 2015 (FGSM); Kurakin et al. 2017 (BIM); Madry et al. 2018 (PGD: random start, restarts).
"""

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from lib.memory import keep_freed
from lib.models import cross_entropy

Model = Callable[[Tensor], Tensor]
Bounds = tuple[float, float] | tuple[Tensor, Tensor]  # of valid inputs; tensors are broadcast against the inputs


def fgsm(model: Model, x: Tensor, labels: Tensor, *, epsilon: float, bounds: Bounds | None = None) -> Tensor:
    """x + epsilon·sign(∂loss/∂x), clipped to `bounds` where given. Shapes as in `bim`."""
    return bim(model, x, labels, norm="linf", epsilon=epsilon, steps=1, step_size=epsilon, bounds=bounds)


def bim(
    model: Model,
    x: Tensor,
    labels: Tensor,
    *,
    norm: str,
    epsilon: float,
    steps: int,
    step_size: float,
    bounds: Bounds | None = None,
    random_start: bool = False,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Inputs within `epsilon` of `x` in `norm` on which the loss at the true labels is large.

    BIM as the paper runs it by default; PGD with `random_start=True`. `x` is (…, features), `labels` its leading
    dimensions, int64; the result is shaped like `x`: the last iterate, and with `restarts` > 1 for each input that of the run
    in which its loss is highest. `generator`, of the CPU whatever the device, decides the random starts.
    """
    if restarts < 1 or (restarts > 1 and not random_start):
        raise ValueError(f"restarts={restarts} with random_start={random_start}; only random starts are worth repeating")
    best, best_loss = x, torch.full(labels.shape, -torch.inf, device=x.device)
    for _ in range(restarts):
        run = iterates(
            model, x, labels, norm=norm, epsilon=epsilon, steps=steps, step_size=step_size,
            bounds=bounds, random_start=random_start, generator=generator,
        )  # fmt: skip
        (last,) = deque(run, maxlen=1)
        if restarts == 1:
            return last
        with torch.no_grad():
            loss = cross_entropy(model(last), labels)
        better = loss > best_loss
        best_loss = torch.where(better, loss, best_loss)
        best = torch.where(_expand(better, x), last, best)
    return best


def iterates(
    model: Model,
    x: Tensor,
    labels: Tensor,
    *,
    norm: str,
    epsilon: float,
    steps: int,
    step_size: float,
    bounds: Bounds | None = None,
    random_start: bool = False,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """The starting point and then each of the `steps` iterates of the attack; arguments as in `bim`."""
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r}; allowed: {', '.join(NORMS)}")
    if epsilon < 0 or step_size < 0 or steps < 0:
        raise ValueError(f"epsilon={epsilon}, step_size={step_size}, steps={steps}: none may be negative")
    ball = _BALLS[norm](x, labels, epsilon, bounds)
    adversarial = ball.project(x + ball.random(generator)) if random_start else x
    yield adversarial
    keep_freed()
    for step in range(1, steps + 1):
        gradient = input_gradient(model, adversarial, labels)
        adversarial = ball.step(gradient, step_size).add_(adversarial)
        # Without a random start the first steps cannot have left the ball yet; BIM with steps of epsilon/N never does.
        inside = not random_start and step * step_size <= epsilon
        adversarial = _clip(adversarial, bounds) if inside else ball.project(adversarial)
        yield adversarial


def input_gradient(model: Model, x: Tensor, labels: Tensor) -> Tensor:
    """∂loss/∂x of each input. The loss is summed, never averaged: an input's gradient is independent of its batch.

    (Unless the model itself couples the inputs, as batch norm does with the statistics of the batch.)
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = model(x)
        (gradient,) = torch.autograd.grad(logits, x, _logit_gradient(logits.detach(), labels))
    return gradient


def _logit_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """∂loss/∂logits of the cross-entropy: the softmax p, and at the true class minus the sum of the others.

    Equal to the usual p - 1 there, which from some 17 nats of confidence on is exactly zero in float32 while the others
    are not, so that the direction would be wrong.
    """
    true = labels[..., None]
    rivals = logits.softmax(-1).scatter(-1, true, 0)
    return rivals.scatter(-1, true, -rivals.sum(-1, keepdim=True))


def _expand(values: Tensor, x: Tensor) -> Tensor:
    """One value an input, (…), broadcast against the inputs (…, features)."""
    return values.reshape(values.shape + (1,) * (x.ndim - values.ndim))


class _Linf:
    """The l-inf ball around x, within the bounds: one interval for each pixel, so that projecting is one clamp."""

    def __init__(self, x: Tensor, labels: Tensor, epsilon: float, bounds: Bounds | None):
        self.epsilon = epsilon
        self.low, self.high = x - epsilon, x + epsilon
        if bounds is not None:
            self.low, self.high = self.low.clamp(*bounds), self.high.clamp(*bounds)

    def random(self, generator: torch.Generator | None) -> Tensor:
        drawn = torch.empty(self.low.shape).uniform_(-self.epsilon, self.epsilon, generator=generator)
        return drawn.to(self.low.device)

    def step(self, gradient: Tensor, size: float) -> Tensor:
        return gradient.sign().mul_(size)

    def project(self, point: Tensor) -> Tensor:
        return point.clamp(self.low, self.high)


class _L2:
    """The l2 ball around each x, cut by the bounds."""

    def __init__(self, x: Tensor, labels: Tensor, epsilon: float, bounds: Bounds | None):
        self.x, self.labels, self.epsilon, self.bounds = x, labels, epsilon, bounds

    def _norm(self, vectors: Tensor) -> Tensor:
        return _expand(vectors.flatten(self.labels.ndim).norm(dim=-1), vectors)

    def random(self, generator: torch.Generator | None) -> Tensor:
        """Uniform in the ball: a random direction, with a radius whose d-th power is uniform."""
        direction = torch.empty(self.x.shape).normal_(generator=generator).to(self.x.device)
        dimension = self.x[(0,) * self.labels.ndim].numel()
        uniform = torch.empty(self.labels.shape).uniform_(generator=generator).to(self.x.device)
        return self.epsilon * _expand(uniform ** (1 / dimension), self.x) * direction / self._norm(direction)

    def step(self, gradient: Tensor, size: float) -> Tensor:
        # Dividing by the largest entry first keeps the squares of tiny gradients from underflowing: no floor is needed,
        # the step has its full length at any scale of the loss, and a gradient that is exactly zero stays zero.
        largest = _expand(gradient.flatten(self.labels.ndim).abs().amax(-1), gradient)
        scaled = gradient / torch.where(largest > 0, largest, 1)
        return scaled.mul_(size / torch.where(largest > 0, self._norm(scaled), 1))

    def project(self, point: Tensor) -> Tensor:
        length = self._norm(point - self.x)
        point = torch.lerp(self.x, point, torch.where(length > self.epsilon, self.epsilon / length, 1))
        return _clip(point, self.bounds)


def _clip(points: Tensor, bounds: Bounds | None) -> Tensor:
    return points if bounds is None else points.clamp(*bounds)


_BALLS = {"linf": _Linf, "l2": _L2}
NORMS = tuple(_BALLS)
