"""What is trained and evaluated: a trial, one network from one seed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from lib.evaluate import Evaluation, distinct
from lib.models import INITS, NORMS, PRECISIONS, VGG
from lib.wide_resnet import WIDE_NORMS

SCALES = ("quick", "laptop", "paper")
PRETRAINED = "imagenet-"  # before the name of a network whose weights come with torchvision
ARCHITECTURES = ("mlp", *(f"vgg{depth}" for depth in VGG), "wrn10", "wrn28")
SELECTIONS = ("last", "best")
# Added after the first records, and so not written at their defaults:
ADDED = (
    "architecture", "width", "augment", "precision", "milestones", "gamma", "nesterov", "padding_mode", "selection",
    "normalization", "targets", "norm_layers", "eps",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One network, trained once from one seed and evaluated: all settings, and nothing else, decide its identity.

    `architecture` is "mlp", with `hidden` the widths of its hidden layers, empty for the linear model; "vgg8" to "vgg19" or
    "wrn10" and "wrn28", wide residual networks of widen factor 10, with `width` a multiplier of the channels; or "imagenet-vgg11_bn"
    and so on, a network of torchvision with its pre-trained weights. `norm` is None, "batch", or one of
    `wide_resnet.WIDE_NORMS` for wide residual networks; of an MLP, `norm_layers` hidden layers have it, with `eps` added to the
    variance; `init` "default" (torch's own) or "he"; `weight_decay` is λ.
    `milestones`, `gamma`, `nesterov`, `augment`, `padding_mode` and `precision` are as in `train.fit`.
    `selection`: the network after the "last" epoch is tested, or the one of the epoch "best" on the test set.
    `normalization` names the one to use in place of the data set's own (`data.load`).
    `targets` are other networks, on which every input of the evaluations is tested too: attacks transferred to them.
    `seed` fixes initialisation, data order, augmentation and noise, each on its own.

    Raises ValueError for a setting that is not allowed, with what is, and where two evaluations have one label or two targets one
    name.
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
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    nesterov: bool = False
    padding_mode: str = "zeros"
    selection: str = "last"
    normalization: str | None = None
    targets: tuple["Trial", ...] = ()
    norm_layers: int = 1
    eps: float = 1e-5

    def __post_init__(self):
        norms = WIDE_NORMS if self.architecture.startswith("wrn") else NORMS
        allowed = {"norm": norms, "init": INITS, "precision": PRECISIONS, "selection": SELECTIONS}
        if not self.is_pretrained:
            allowed["architecture"] = ARCHITECTURES
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name}={getattr(self, name)!r}; allowed: {', '.join(map(str, values))}")
        distinct(self.evaluations)
        if len({target.network_name for target in self.targets}) < len(self.targets):
            raise ValueError(f"two targets have one name: {', '.join(target.network_name for target in self.targets)}")
        if self.epochs < 0 or min(self.batch_size, self.norm_layers) < 1 or self.seed < 0:
            small = {name: getattr(self, name) for name in ("epochs", "batch_size", "norm_layers", "seed")}
            raise ValueError(f"{', '.join(f'{name}={value}' for name, value in small.items())}: one is too small")
        # Equal trials are one trial: JSON tells 1 from 1.0.
        for name in ("lr", "momentum", "weight_decay", "width", "gamma", "eps"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def settings(self) -> dict:
        """The trial as JSON writes it."""
        evaluations = [evaluation.settings for evaluation in self.evaluations]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        written = {f.name: values[f.name] for f in fields(self) if f.name not in ADDED or values[f.name] != f.default}
        lists = {"evaluations": evaluations, "hidden": list(self.hidden), "milestones": list(self.milestones)}
        lists["targets"] = [target.training.settings for target in self.targets]
        return written | {name: value for name, value in lists.items() if name in written}

    @property
    def id(self) -> str:
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def stackable(self) -> bool:
        """Whether several seeds are trained side by side: an epoch is selected for each network by itself."""
        return self.architecture == "mlp" and self.selection == "last"

    @property
    def kept(self) -> bool:
        """Whether the trained network is kept: it takes long to train, and other experiments test it too."""
        return self.architecture != "mlp"

    @property
    def is_pretrained(self) -> bool:
        return self.architecture.startswith(PRETRAINED)

    @property
    def training(self) -> "Trial":
        """What decides the trained network, whatever it is then tested on."""
        return replace(self, evaluations=(), targets=())

    @property
    def network_name(self) -> str:
        """As it stands in the label of an attack that is transferred to it: `vgg8`, `vgg8-batch`, …"""
        return f"{self.architecture}-{self.norm}" if self.norm else self.architecture

    def __str__(self) -> str:
        """A few words for the progress bar."""
        network = "linear" if self.architecture == "mlp" and not self.hidden else self.architecture.upper()
        parts = [network, f"{self.image_size} px", self.init if self.init != "default" else ""]
        parts += [{"batch": "batch norm"}.get(self.norm, self.norm), f"λ={self.weight_decay:g}" if self.weight_decay else ""]
        return " ".join(filter(None, parts))


Seeds = int | Sequence[int]  # how many, 0, 1, …, or which ones


def check_scale(scale: str) -> None:
    """Raises ValueError for any other than SCALES."""
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; allowed: {', '.join(SCALES)}")


def chosen_seeds(seeds: Seeds) -> Sequence[int]:
    """The seeds 0, 1, …, seeds - 1, or these. Raises ValueError for none."""
    chosen = range(seeds) if isinstance(seeds, int) else seeds
    if not chosen:
        raise ValueError(f"seeds={seeds}; at least 1 is needed, 2 for an interval")
    return chosen


def over_seeds(trials: list[Trial], seeds: Seeds) -> list[Trial]:
    """Each trial with each of the seeds. Raises ValueError for none."""
    chosen = chosen_seeds(seeds)
    return [replace(trial, seed=seed) for trial in trials for seed in chosen]
