"""Accuracy and loss of trained networks on clean and perturbed images."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor, nn

from lib import attacks, data
from lib.enlarged import native
from lib.fuse import fuse
from lib.models import cross_entropy

KINDS = ("clean", "noise", "fgsm", "bim")
SPACES = ("normalized", "pixel")


@dataclass(frozen=True)
class Evaluation:
    """What a network is tested on.

    `kind`: "clean"; "noise", Gaussian with standard deviation `epsilon`, added before any enlarging (footnote 5);
    "fgsm"; "bim", with `steps` of `step_size` in `norm`. Epsilon, step size and noise are in the units of `space`:
    "normalized" (zero mean and unit variance, as the authors' evaluation did) or "pixel" (0 to 1). `clip` keeps
    perturbed images in the range of valid pixels. `dataset`: a test set other than the trial's own.
    `batch_statistics`: batch norm normalises by the test batch instead of its running averages, for attacker and
    defender alike. `block_average`: every first-layer weight is replaced by its mean over the block of repeated pixels
    it looks at, which changes no output on enlarged images; the equal network for small images is tested (`enlarged.native`).
    """

    kind: str = "clean"
    norm: str = "linf"
    epsilon: float = 0.0
    steps: int = 1
    step_size: float = 0.0
    space: str = "normalized"
    clip: bool = False
    dataset: str | None = None
    batch_statistics: bool = False
    block_average: bool = False

    def __post_init__(self):
        for name, value, allowed in (("kind", self.kind, KINDS), ("space", self.space, SPACES)):
            if value not in allowed:
                raise ValueError(f"{name}={value!r}; allowed: {', '.join(allowed)}")
        if self.norm != "linf" and (self.kind == "fgsm" or self.block_average):
            raise ValueError(f"norm={self.norm!r}: fgsm and block_average are for linf alone")

    @property
    def is_attack(self) -> bool:
        return self.kind in ("fgsm", "bim")

    @property
    def settings(self) -> dict:
        """The evaluation as a record writes it: what differs from the defaults, and the kind."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {"kind": self.kind} | {name: value for name, (value, default) in values.items() if value != default}

    @property
    def label(self) -> str:
        """A short name, the key of its metrics in a record: `clean`, `noise-1`, `bim-linf-0.1`, …"""
        attack = f"{self.kind}-{self.norm}-{self.epsilon:g}"
        name = {"clean": "clean", "noise": f"noise-{self.epsilon:g}"}.get(self.kind, attack)
        options = {
            "pixel": self.space == "pixel",
            "clip": self.clip,
            "batch-statistics": self.batch_statistics,
            "block-average": self.block_average,
        }
        return "-".join([name, *(option for option, on in options.items() if on), *filter(None, [self.dataset])])


def evaluate(
    network: nn.Module,
    test: data.Dataset,
    evaluations: Iterable[Evaluation],
    *,
    seed: int,
    image_size: int,
    batch_size: int = 1000,
    on_batch: Callable[[float, str], None] = lambda fraction, label: None,
) -> dict[str, dict[str, float]]:
    """Test a network on images enlarged to `image_size`, with the noise of `seed`.

    Returns for each evaluation's label `accuracy` in percent, `loss` in nats and, for attacks, `zero_gradients`: how many
    images stayed as they were because their gradient is exactly zero (they look robust and are not). The result does not
    depend on `batch_size`, except with batch statistics, whose batches are those of training, 128.
    `on_batch` gets the fraction done of the evaluation and its label, after every batch and every step of an attack.
    """
    evaluations, results = list(dict.fromkeys(evaluations)), {}
    if len({evaluation.label for evaluation in evaluations}) < len(evaluations):
        raise ValueError(f"two evaluations have one label: {', '.join(evaluation.label for evaluation in evaluations)}")
    for path in _paths(evaluations):
        longest = path[-1]
        sums = {evaluation: torch.zeros(3, dtype=torch.float64, device=test.images.device) for evaluation in path}
        noise = _noise(test, seed, longest.epsilon) if longest.kind == "noise" else None
        body, size = network, image_size
        if longest.block_average:
            body, size = native(network, test), test.images.shape[-1]
        if isinstance(body, nn.Sequential) and not longest.batch_statistics:
            body = fuse(body)
        model = body if longest.space == "normalized" else lambda x, body=body: body(data.normalize(x, test))
        bounds = _bounds(test, longest)
        step = STATISTICS_BATCH if longest.batch_statistics else batch_size
        with frozen(body, longest.batch_statistics):
            for start in range(0, len(test), step):
                batch = slice(start, start + step)
                on_step = partial(on_batch, start / len(test), longest.label)
                clean, labels = _inputs(test, batch, noise, size, longest.space, bounds), test.labels[batch]
                for evaluation, inputs in _perturbed(model, clean, labels, path, bounds, on_step):
                    sums[evaluation] += _count(model(inputs), labels, inputs, clean)
                on_batch(min(1.0, (start + step) / len(test)), longest.label)
        for evaluation, (correct, loss, unchanged) in ((e, total.tolist()) for e, total in sums.items()):
            result = {"accuracy": 100 * correct / len(test), "loss": loss / len(test)}
            results[evaluation.label] = result | ({"zero_gradients": round(unchanged)} if evaluation.is_attack else {})
    return results


STATISTICS_BATCH = 128


@contextmanager
def frozen(network: nn.Module, batch_statistics: bool = False) -> Iterator[None]:
    """Evaluation mode without parameter gradients, for every module; modes, flags and buffers come back as they were.

    With `batch_statistics`, batch-norm layers normalise by the batch at hand, and still leave their buffers alone.
    """
    modes = [(module, module.training) for module in network.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    tracking = [(module, module.track_running_stats) for module in norms]
    network.eval().requires_grad_(False)
    if batch_statistics:
        for module in norms:
            module.training, module.track_running_stats = True, False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for module, track in tracking:
            module.track_running_stats = track
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def _paths(evaluations: Iterable[Evaluation]) -> list[list[Evaluation]]:
    """Evaluations that lie on one path of iterates, shortest first; every other evaluation is a path of its own.

    BIM whose steps cannot leave its ball, passes through the result of each shorter run.
    """
    paths = defaultdict(list)
    for evaluation in evaluations:
        free = evaluation.steps * evaluation.step_size <= evaluation.epsilon * (1 + 1e-6)
        shared = evaluation.kind == "bim" and free
        key = replace(evaluation, epsilon=0.0, steps=0) if shared else evaluation
        paths[key].append(evaluation)
    return [sorted(path, key=lambda evaluation: evaluation.steps) for path in paths.values()]


def _perturbed(
    model: attacks.Model,
    clean: Tensor,
    labels: Tensor,
    path: list[Evaluation],
    bounds: attacks.Bounds | None,
    on_step: Callable[[], None],
) -> Iterator[tuple[Evaluation, Tensor]]:
    """Each evaluation of the path with its inputs."""
    longest = path[-1]
    if longest.kind == "fgsm":
        yield longest, attacks.fgsm(model, clean, labels, epsilon=longest.epsilon, bounds=bounds)
    elif longest.kind == "bim":
        settings = {"norm": longest.norm, "epsilon": longest.epsilon, "step_size": longest.step_size}
        run = attacks.iterates(model, clean, labels, steps=longest.steps, bounds=bounds, **settings)
        for step, iterate in enumerate(run):
            on_step()
            yield from ((evaluation, iterate) for evaluation in path if evaluation.steps == step)
    else:
        yield longest, clean


def _inputs(
    test: data.Dataset, batch: slice, noise: Tensor | None, image_size: int, space: str, bounds: attacks.Bounds | None
) -> Tensor:
    images = test.images[batch]
    inputs = data.normalize(images, test) if space == "normalized" else images.float() / 255
    if noise is not None:
        inputs = inputs + noise[batch]
        inputs = inputs if bounds is None else inputs.clamp(*bounds)
    return data.enlarge(inputs, image_size)


def _noise(test: data.Dataset, seed: int, std: float) -> Tensor:
    """Drawn at once for the whole test set, so that batches do not matter, and on the CPU, so that devices do not."""
    return (std * torch.randn(test.images.shape, generator=data.generator(seed, "noise"))).to(test.images.device)


def _bounds(test: data.Dataset, evaluation: Evaluation) -> attacks.Bounds | None:
    if not evaluation.clip:
        return None
    black, white = torch.zeros(len(test.mean), 1, 1), torch.ones(len(test.mean), 1, 1)
    if evaluation.space == "normalized":
        black, white = data.normalize(black, test), data.normalize(white, test)
    return black.to(test.images.device), white.to(test.images.device)


@torch.no_grad()
def _count(logits: Tensor, labels: Tensor, inputs: Tensor, clean: Tensor) -> Tensor:
    """(3,): correct predictions, summed loss, inputs left unchanged."""
    correct = logits.argmax(-1) == labels
    unchanged = (inputs == clean).flatten(1).all(1)
    return torch.stack([value.double().sum() for value in (correct, cross_entropy(logits, labels), unchanged)])
