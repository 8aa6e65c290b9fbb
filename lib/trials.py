"""What is trained and evaluated: a trial, one network from one seed."""

import hashlib
import json
from dataclasses import dataclass, fields, replace

from lib.evaluate import Evaluation
from lib.models import INITS, NORMS, PRECISIONS, VGG

SCALES = ("quick", "laptop", "paper")
ARCHITECTURES = ("mlp", *(f"vgg{depth}" for depth in VGG))
ADDED = ("architecture", "width", "augment", "precision")  # after the first records: not written at their defaults


@dataclass(frozen=True)
class Trial:
    """One network, trained once from one seed and evaluated: all settings, and nothing else, decide its identity.

    `architecture` is "mlp", with `hidden` the widths of its hidden layers, empty for the linear model, or "vgg8" to
    "vgg19", with `width` a multiplier of its channels. `norm` is None or "batch"; `init` "default" (torch's own) or "he";
    `weight_decay` is λ; `augment` and `precision` as in `train.fit`. `seed` fixes initialisation, data order, augmentation
    and noise, each on its own.
    """

    dataset: str
    image_size: int
    evaluations: tuple[Evaluation, ...]
    hidden: tuple[int, ...] = ()
    norm: str | None = None
    init: str = "default"
    epochs: int = 50
    batch_size: int = 128
    lr: float = 1e-2
    momentum: float = 0.0
    weight_decay: float = 0.0
    seed: int = 0
    architecture: str = "mlp"
    width: float = 1.0
    augment: bool = False
    precision: str = "fp32"

    def __post_init__(self):
        allowed = {"norm": NORMS, "init": INITS, "architecture": ARCHITECTURES, "precision": PRECISIONS}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name}={getattr(self, name)!r}; allowed: {', '.join(map(str, values))}")
        if self.epochs < 0 or self.batch_size < 1 or self.seed < 0:
            raise ValueError(f"epochs={self.epochs}, batch_size={self.batch_size}, seed={self.seed}: too small")
        for name in ("lr", "momentum", "weight_decay", "width"):  # equal trials are one trial: JSON tells 1 from 1.0
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def settings(self) -> dict:
        """The trial as JSON writes it."""
        evaluations = [evaluation.settings for evaluation in self.evaluations]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        written = {f.name: values[f.name] for f in fields(self) if f.name not in ADDED or values[f.name] != f.default}
        return written | {"evaluations": evaluations, "hidden": list(self.hidden)}

    @property
    def id(self) -> str:
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def stackable(self) -> bool:
        """Whether several seeds are trained side by side."""
        return self.architecture == "mlp"

    def __str__(self) -> str:
        """A few words for the progress bar."""
        network = "linear" if self.architecture == "mlp" and not self.hidden else self.architecture.upper()
        parts = [network, f"{self.image_size} px", self.init if self.init != "default" else ""]
        parts += ["batch norm" if self.norm else "", f"λ={self.weight_decay:g}" if self.weight_decay else ""]
        return " ".join(filter(None, parts))


def over_seeds(trials: list[Trial], seeds: int) -> list[Trial]:
    """Each trial with the seeds 0, 1, …, seeds - 1."""
    if seeds < 1:
        raise ValueError(f"seeds={seeds}; at least 1 is needed, 2 for an interval")
    return [replace(trial, seed=seed) for trial in trials for seed in range(seeds)]
