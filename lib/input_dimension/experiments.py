"""The tables of section 4 and appendix B as lists of trials, for each scale."""

from dataclasses import dataclass, replace

from lib.evaluate import Evaluation
from lib.models import NORMS
from lib.trials import Seeds, Trial, check_scale, over_seeds


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
    check_scale(scale)
    return MNIST_SCALES[scale]


def bim(epsilon: float, steps_at_01: int, **options) -> Evaluation:
    """BIM-linf as in section 4: `steps_at_01` equal steps that add up to epsilon 0.1, and proportionally fewer below."""
    steps = round(steps_at_01 * epsilon / 0.1)
    return Evaluation("bim", epsilon=epsilon, steps=steps, step_size=0.1 / steps_at_01, **options)


def table_11(scale: str, seeds: Seeds | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
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


def table_06(scale: str, seeds: Seeds | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """The MLP without weight decay, with and without batch norm (section 4, Tables 6 and 12)."""
    decays = {size: 0.0 for size in sizes or mnist_scale(scale).mlp_sizes}
    return _mlps(scale, seeds, epochs, decays, "default")


def table_06_he(scale: str, seeds: Seeds | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """Table 6 from He's initialisation in place of torch's own, which the paper leaves open."""
    decays = {size: 0.0 for size in sizes or mnist_scale(scale).he_sizes}
    return _mlps(scale, seeds, epochs, decays, "he")


def table_07(scale: str, seeds: Seeds | None = None, epochs: int | None = None, sizes=None) -> list[Trial]:
    """The MLP with weight decay, λ as for the linear model (section 4, Table 7)."""
    decays = {size: WEIGHT_DECAY[size] for size in sizes or mnist_scale(scale).mlp_sizes if size > 28}
    return _mlps(scale, seeds, epochs, decays, "default")


def _mlps(scale: str, seeds: Seeds | None, epochs: int | None, decays: dict[int, float], init: str) -> list[Trial]:
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


EXPERIMENTS = {"table-06": table_06, "table-06-he": table_06_he, "table-07": table_07, "table-11": table_11}
