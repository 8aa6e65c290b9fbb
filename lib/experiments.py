"""Each table and figure of the paper as a list of trials, for each scale."""

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


@dataclass(frozen=True)
class Scale:
    """What the word means for the MNIST experiments of section 4."""

    dataset: str
    seeds: int
    epochs: int
    batch_size: int
    hidden: tuple[int, ...]
    sizes: tuple[int, ...]  # image sizes of the linear model
    mlp_sizes: tuple[int, ...]  # of the MLPs
    he_sizes: tuple[int, ...]  # of the MLPs with He's initialisation
    bim_steps: int  # of the attack with epsilon 0.1


LINEAR_SIZES = (28, 56, 84, 112)
MLP_SIZES = (28, 56, 84)
MNIST_SCALES = {
    "quick": Scale(
        "mnist-5k", seeds=3, epochs=4, batch_size=20, hidden=(98, 49),
        sizes=(28, 56, 112), mlp_sizes=(28, 56), he_sizes=(28,), bim_steps=6,
    ),
    "laptop": Scale(
        "mnist", seeds=3, epochs=10, batch_size=128, hidden=(392, 196),
        sizes=LINEAR_SIZES, mlp_sizes=MLP_SIZES, he_sizes=MLP_SIZES, bim_steps=20,
    ),
    "paper": Scale(
        "mnist", seeds=5, epochs=50, batch_size=128, hidden=(392, 196),
        sizes=LINEAR_SIZES, mlp_sizes=MLP_SIZES, he_sizes=MLP_SIZES, bim_steps=100,
    ),
}  # fmt: skip
WEIGHT_DECAY = {28: 0.0, 56: 0.01, 84: 0.0225, 112: 0.05}  # the paper's λ for each image size, Tables 7 and 11

CLEAN = Evaluation()
NOISE = Evaluation("noise", epsilon=1.0)


def mnist_scale(scale: str) -> Scale:
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; allowed: {', '.join(SCALES)}")
    return MNIST_SCALES[scale]


def over_seeds(trials: list[Trial], seeds: int) -> list[Trial]:
    """Each trial with the seeds 0, 1, …, seeds - 1."""
    if seeds < 1:
        raise ValueError(f"seeds={seeds}; at least 1 is needed, 2 for an interval")
    return [replace(trial, seed=seed) for trial in trials for seed in range(seeds)]


def bim(epsilon: float, steps_at_01: int, **options) -> Evaluation:
    """BIM-linf as in section 4: `steps_at_01` equal steps that add up to epsilon 0.1, and proportionally fewer below."""
    steps = round(steps_at_01 * epsilon / 0.1)
    return Evaluation("bim", epsilon=epsilon, steps=steps, step_size=0.1 / steps_at_01, **options)


def table_11(scale: str, seeds: int | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """Softmax regression, image sizes 28 to 112, without and with weight decay (Appendix B, Table 11).

    Besides the paper's rows, the 28-pixel baseline with λ = 1e-3, the one that agrees with the printed numbers.
    Here and below, None stands for the scale's own number of seeds and of epochs, and for its image sizes.
    """
    s = mnist_scale(scale)
    attacked = [Evaluation("fgsm", epsilon=epsilon) for epsilon in (0.05, 0.1)]
    trials = [
        Trial(
            s.dataset,
            size,
            (CLEAN, *attacked, *_beyond(s, size)),
            epochs=s.epochs if epochs is None else epochs,
            batch_size=s.batch_size,
            weight_decay=weight_decay,
        )
        for size in sizes or s.sizes
        for weight_decay in (0.0, WEIGHT_DECAY[size] or 1e-3)
    ]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def table_06(scale: str, seeds: int | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """The MLP without weight decay, with and without batch norm (section 4, Tables 6 and 12)."""
    decays = {size: 0.0 for size in sizes or mnist_scale(scale).mlp_sizes}
    return _mlps(scale, seeds, epochs, decays, "default")


def table_06_he(scale: str, seeds: int | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """Table 6 from He's initialisation in place of torch's own, which the paper leaves open."""
    decays = {size: 0.0 for size in sizes or mnist_scale(scale).he_sizes}
    return _mlps(scale, seeds, epochs, decays, "he")


def table_07(scale: str, seeds: int | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """The MLP with weight decay, λ as for the linear model (section 4, Table 7)."""
    decays = {size: WEIGHT_DECAY[size] for size in sizes or mnist_scale(scale).mlp_sizes if size > 28}
    return _mlps(scale, seeds, epochs, decays, "default")


def _mlps(scale: str, seeds: int | None, epochs: int | None, decays: dict[int, float], init: str) -> list[Trial]:
    s = mnist_scale(scale)
    table = (CLEAN, NOISE, bim(0.05, s.bim_steps), bim(0.1, s.bim_steps))
    trials = []
    for size, weight_decay in decays.items():
        if size not in MLP_SIZES:  # asked for, for the linear model
            continue
        for norm in NORMS:
            evaluations = (*table, Evaluation("fgsm", epsilon=0.1), *_beyond(s, size))
            if norm == "batch" and size == 28:
                evaluations += tuple(replace(evaluation, batch_statistics=True) for evaluation in table)
            settings = {"hidden": s.hidden, "norm": norm, "init": init, "weight_decay": weight_decay}
            settings |= {"epochs": s.epochs if epochs is None else epochs, "batch_size": s.batch_size}
            trials.append(Trial(s.dataset, size, evaluations, **settings))
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def _beyond(scale: Scale, size: int) -> tuple[Evaluation, ...]:
    """What the paper's tables do not show: attacks on first layers averaged over blocks, and the invariance examples."""
    averaged = [Evaluation("fgsm", epsilon=epsilon, block_average=True) for epsilon in (0.05, 0.1)] if size > 28 else []
    names = ["invariance-original", "invariance-human"] if scale.dataset == "mnist" else []
    return (*averaged, *(Evaluation(dataset=name) for name in names))


INPUT_DIMENSION = {"table-06": table_06, "table-06-he": table_06_he, "table-07": table_07, "table-11": table_11}
EXPERIMENTS = INPUT_DIMENSION
