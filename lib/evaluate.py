"""Accuracy and loss of trained networks on clean and perturbed images."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn

from lib import attacks, data
from lib.checkpoints import Checkpoint
from lib.enlarged import native
from lib.fuse import fuse
from lib.models import cross_entropy
from lib.tally import Tally

KINDS = ("clean", "noise", "fgsm", "bim", "pgd")
SPACES = ("normalized", "pixel")


@dataclass(frozen=True)
class Evaluation:
    """What a network is tested on.

    `kind`: "clean"; "noise", Gaussian with standard deviation `epsilon`, added before any enlarging (footnote 5);
    "fgsm"; "bim", with `steps` of `step_size` in `norm`; "pgd", the same from `restarts` random starts, of which the one with
    the highest loss counts. Epsilon, step size and noise are in the units of `space`:
    "normalized" (zero mean and unit variance, as the authors' evaluation did) or "pixel" (0 to 1). `clip` keeps
    perturbed images in the range of valid pixels. `dataset`: a test set other than the trial's own.
    `batch_statistics`: batch norm normalises by the test batch instead of its running averages, for attacker and
    defender alike. `block_average`: every first-layer weight is replaced by its mean over the block of repeated pixels
    it looks at, which changes no output on enlarged images; the equal network for small images is tested (`enlarged.native`).
    `first`: only so many images from the start of the test set, or all for None.

    Raises ValueError for settings that are not allowed, or not together.
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
    restarts: int = 1
    first: int | None = None

    def __post_init__(self):
        for name, allowed in {"kind": KINDS, "norm": attacks.NORMS, "space": SPACES}.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        if self.norm != "linf" and (self.kind == "fgsm" or self.block_average):
            raise ValueError(f"norm={self.norm!r}: fgsm and block_average are for linf alone")
        if min(self.epsilon, self.step_size, self.steps) < 0 or self.restarts < 1 or self.first is not None and self.first < 1:
            numbers = {name: getattr(self, name) for name in ("epsilon", "steps", "step_size", "restarts", "first")}
            raise ValueError(f"{numbers}: none may be negative, and restarts and first are at least 1")
        # Equal evaluations are one evaluation: JSON tells 1 from 1.0.
        for name in ("epsilon", "step_size"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def is_attack(self) -> bool:
        return self.kind in ("fgsm", "bim", "pgd")

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
        parts = [name, *(option for option, on in options.items() if on), *filter(None, [self.dataset])]
        return "-".join([*parts, f"first-{self.first}"] if self.first else parts)


def distinct(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """The evaluations, each once. Raises ValueError where two have one label, under which their results would be mixed up."""
    found = list(dict.fromkeys(evaluations))
    if len({evaluation.label for evaluation in found}) < len(found):
        raise ValueError(f"two evaluations have one label: {', '.join(evaluation.label for evaluation in found)}")
    return found


def evaluate(
    network: nn.Module,
    test: data.Dataset,
    evaluations: Iterable[Evaluation],
    *,
    seed: int,
    image_size: int,
    batch_size: int | None = None,
    targets: Mapping[str, nn.Module] = MappingProxyType({}),
    on_batch: Callable[[float, str], None] = lambda fraction, label: None,
    checkpoint: Checkpoint | None = None,
) -> dict[str, dict[str, float]]:
    """Test a network on images enlarged to `image_size`, with the noise of `seed`.

    Returns for each evaluation's label `accuracy` in percent, `loss` in nats, with more than ten classes `top5` in percent
    and, for attacks, `zero_gradients`: how many images stayed as they were because their gradient is exactly zero (they look
    robust and are not). Each of the `targets` is tested on the very same inputs, `<label>-on-<name>` in the result: a
    black-box attack on a network that the attacker does not see.
    The result does not depend on `batch_size` (None: one that suits the device), except with batch statistics, whose batches
    are those of training, 128, and for the random starts of PGD.
    `on_batch` gets the fraction done of the evaluation and its label, after every batch and every step of an attack. With a
    `checkpoint`, saved every few minutes and when it raises OutOfTime, the evaluation under way goes on with the next batch.
    Raises ValueError where two evaluations have one label.
    """
    results = {}
    for path in paths(distinct(evaluations)):
        results |= _along(path, network, test, seed, image_size, batch_size, targets, on_batch, checkpoint)
    return results


def _along(
    path: list[Evaluation],
    network: nn.Module,
    test: data.Dataset,
    seed: int,
    image_size: int,
    batch_size: int | None,
    targets: Mapping[str, nn.Module],
    on_batch: Callable[[float, str], None],
    checkpoint: Checkpoint | None,
) -> dict[str, dict[str, float]]:
    """The results of evaluations that lie on one path."""
    longest, size = path[-1], min(path[-1].first or len(test), len(test))
    if longest.block_average:
        network, image_size = native(network, test), test.images.shape[-1]
    bodies = {"": network} | {f"-on-{name}": target for name, target in targets.items()}
    if not longest.batch_statistics:
        bodies = {name: fuse(body) if isinstance(body, nn.Sequential) else body for name, body in bodies.items()}
    models = {name: _in_space(body, test, longest.space) for name, body in bodies.items()}
    device, bounds = test.images.device, _bounds(test, longest)
    step = STATISTICS_BATCH if longest.batch_statistics else batch_size or _batch_size(network, image_size, device)
    tested = {evaluation.label + name: evaluation for evaluation in path for name in models}
    tally = Tally(list(tested), {"data": test.sha256, "batch_size": step}, seed, device, checkpoint)
    with ExitStack() as stack:
        for body in bodies.values():
            stack.enter_context(frozen(body, longest.batch_statistics))
        stack.enter_context(tally.saved_in_time())
        for start in range(tally.images, size, step):
            batch = slice(start, min(start + step, size))
            on_step = partial(on_batch, start / size, longest.label)
            clean, labels = _inputs(test, batch, longest, tally.noise, image_size, bounds), test.labels[batch]
            found = dict.fromkeys(tested)
            for evaluation, inputs in _perturbed(models[""], clean, labels, path, bounds, tally.chance, on_step):
                for name, model in models.items():
                    found[evaluation.label + name] = _count(model(inputs), labels, inputs, clean)
            tally.add(torch.stack(list(found.values())), batch.stop)
            on_batch(batch.stop / size, longest.label)
    return {label: _result(total, size, tested[label], test) for label, total in zip(tested, tally.sums.tolist(), strict=True)}


def _result(total: list[float], size: int, evaluation: Evaluation, test: data.Dataset) -> dict[str, float]:
    correct, loss, unchanged, among_five = total
    result = {"accuracy": 100 * correct / size, "loss": loss / size}
    if test.num_classes > 10:
        result["top5"] = 100 * among_five / size
    return result | ({"zero_gradients": round(unchanged)} if evaluation.is_attack else {})


def _in_space(body: nn.Module, test: data.Dataset, space: str) -> attacks.Model:
    return body if space == "normalized" else lambda x: body(data.normalize(x, test))


def _batch_size(network: nn.Module, image_size: int, device: torch.device) -> int:
    """Up to 1,000 images, fewer of large ones; on a CPU fewer too for convolutions, whose features then stay in its caches."""
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return 1000
    pixels = 200_000 if device.type == "cpu" else 4_000_000
    return min(1000, max(4, pixels // image_size**2))


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


def paths(evaluations: Iterable[Evaluation]) -> list[list[Evaluation]]:
    """Evaluations that lie on one path of iterates, shortest first; every other evaluation is a path of its own.

    They are computed in one go. BIM whose steps cannot leave its ball, passes through the result of each shorter run.
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
    chance: torch.Generator,
    on_step: Callable[[], None],
) -> Iterator[tuple[Evaluation, Tensor]]:
    """Each evaluation of the path with its inputs."""
    longest = path[-1]
    if longest.kind == "fgsm":
        yield longest, attacks.fgsm(model, clean, labels, epsilon=longest.epsilon, bounds=bounds)
    elif longest.kind == "bim":
        run = attacks.iterates(model, clean, labels, steps=longest.steps, **_strength(longest, bounds))
        for step, iterate in enumerate(run):
            on_step()
            yield from ((evaluation, iterate) for evaluation in path if evaluation.steps == step)
    elif longest.kind == "pgd":
        model = _announced(model, on_step)
        starts = {"random_start": True, "restarts": longest.restarts, "generator": chance}
        yield longest, attacks.bim(model, clean, labels, steps=longest.steps, **_strength(longest, bounds), **starts)
    else:
        yield longest, clean


def _strength(evaluation: Evaluation, bounds: attacks.Bounds | None) -> dict:
    return {"norm": evaluation.norm, "epsilon": evaluation.epsilon, "step_size": evaluation.step_size, "bounds": bounds}


def _announced(model: attacks.Model, on_step: Callable[[], None]) -> attacks.Model:
    """The model, which says so whenever it is called."""

    def call(x: Tensor) -> Tensor:
        on_step()
        return model(x)

    return call


def _inputs(
    test: data.Dataset,
    batch: slice,
    evaluation: Evaluation,
    noise: torch.Generator,
    image_size: int,
    bounds: attacks.Bounds | None,
) -> Tensor:
    images = test.images[batch]
    inputs = data.normalize(images, test) if evaluation.space == "normalized" else images.float() / 255
    if evaluation.kind == "noise":
        # Drawn on the CPU, so that devices do not matter, and in multiples of 16 numbers, so that batches do not.
        inputs = inputs + evaluation.epsilon * torch.randn(inputs.shape, generator=noise).to(inputs.device)
        inputs = inputs if bounds is None else inputs.clamp(*bounds)
    return data.enlarge(inputs, image_size)


def _bounds(test: data.Dataset, evaluation: Evaluation) -> attacks.Bounds | None:
    if not evaluation.clip:
        return None
    black, white = torch.zeros(len(test.mean), 1, 1), torch.ones(len(test.mean), 1, 1)
    if evaluation.space == "normalized":
        black, white = data.normalize(black, test), data.normalize(white, test)
    return black.to(test.images.device), white.to(test.images.device)


@torch.no_grad()
def _count(logits: Tensor, labels: Tensor, inputs: Tensor, clean: Tensor) -> Tensor:
    """(4,): correct predictions, summed loss, inputs left unchanged, labels among the five largest logits."""
    correct = logits.argmax(-1) == labels
    unchanged = (inputs == clean).flatten(1).all(1)
    among_five = (logits.topk(min(5, logits.shape[-1])).indices == labels[:, None]).any(1)
    return torch.stack([value.double().sum() for value in (correct, cross_entropy(logits, labels), unchanged, among_five)])
