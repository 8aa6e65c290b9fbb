"""The tables of section 3 and appendix A.2 on SVHN and CIFAR-10 as lists of trials, for each scale."""

from dataclasses import dataclass, replace

from lib.evaluate import Evaluation
from lib.models import NORMS
from lib.trials import Seeds, Trial, check_scale, over_seeds

EPSILON = 0.03  # l-inf, in normalised pixels (section 3)
EPSILON_L2 = EPSILON * 3072**0.5  # the ball that contains the l-inf ball (section 3)
STEPS = 20
WEIGHT_DECAYS = (5e-4, 0.0)  # the paper does not say; both are arms
SHIFTS = {"cifar10.1-v6": "table-03", "cinic10_imagenet": "table-03-cinic"}  # test set: experiment

CLEAN = Evaluation()
NOISE = Evaluation("noise", epsilon=0.25)  # the standard deviation in the authors' script
NOISE_AS_PRINTED = Evaluation("noise", epsilon=0.5)  # the square root of the variance 1/4 in the text
BIM = Evaluation("bim", epsilon=EPSILON, steps=STEPS, step_size=EPSILON / STEPS)
BIM_L2 = Evaluation("bim", "l2", epsilon=EPSILON_L2, steps=STEPS, step_size=EPSILON_L2 / STEPS)
TABLE = (CLEAN, NOISE, NOISE_AS_PRINTED, BIM, BIM_L2)


@dataclass(frozen=True)
class Scale:
    """What the word means for the networks of section 3."""

    cifar10: str
    svhn: str
    shift: str
    seeds: int
    width: float  # of the VGGs
    epochs: int  # of Table 2, whose learning rate is constant
    deep_epochs: int  # of Table 4
    svhn_epochs: int
    depths: tuple[int, ...]  # of the VGGs of Table 4
    svhn_depths: tuple[int, ...]  # of Table 8
    precision: str
    selection: str
    batch_size: int
    steps: int  # of BIM
    strong_images: int  # on which the strong attacks are run
    strong_steps: int


EMPIRICAL_SCALES = {
    "quick": Scale(
        "mnist-m", "mnist-m", "mnist-m-flower", seeds=2, width=1 / 8, epochs=2, deep_epochs=2, svhn_epochs=2, depths=(8, 11),
        svhn_depths=(), precision="fp32", selection="last", batch_size=16, steps=5, strong_images=50, strong_steps=10,
    ),
    "laptop": Scale(
        "cifar10", "svhn10k", "cifar10.1-v6", seeds=3, width=1 / 4, epochs=20, deep_epochs=12, svhn_epochs=50, depths=(8, 11),
        svhn_depths=(11,), precision="bf16", selection="last", batch_size=128, steps=20, strong_images=500, strong_steps=100,
    ),
    "paper": Scale(
        "cifar10", "svhn", "cifar10.1-v6", seeds=5, width=1.0, epochs=150, deep_epochs=350, svhn_epochs=50,
        depths=(8, 11, 13, 16, 19), svhn_depths=(11, 13, 16, 19),
        precision="fp32", selection="best", batch_size=128, steps=20, strong_images=1000, strong_steps=100,
    ),
}  # fmt: skip
DEEPEST_WITHOUT = 13  # the deepest VGG that trains without batch norm (section 3, Table 4)


def scale_of(scale: str) -> Scale:
    check_scale(scale)
    return EMPIRICAL_SCALES[scale]


def table_02(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """VGG8 on CIFAR-10, constant learning rate (section 3, Table 2), for both weight decays.

    Here and below, None stands for the scale's own number of seeds and of epochs.
    """
    s = scale_of(scale)
    trials = []
    for weight_decay in WEIGHT_DECAYS[:1] if scale == "quick" else WEIGHT_DECAYS:
        beyond = (*curve(scale), *strong_attacks(scale)) if weight_decay else ()
        evaluations = (*_in_steps(s, TABLE), Evaluation(dataset="train"), *beyond)
        settings = {"weight_decay": weight_decay, "epochs": epochs or s.epochs, "evaluations": evaluations}
        trials += [_vgg(s, s.cifar10, 8, norm, **settings) for norm in NORMS]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def table_03(scale: str, seeds: Seeds | None = None, epochs: int | None = None, shift: str | None = None) -> list[Trial]:
    """The networks of Table 2 with weight decay on another test set, of the same classes (section 3, Table 3).

    `shift` is its name: CIFAR-10.1 v6 as in the paper (None), or any other data set of CIFAR-10's classes.
    """
    s = scale_of(scale)
    evaluations = tuple(replace(evaluation, dataset=shift or s.shift) for evaluation in _in_steps(s, TABLE))
    trained = [trial for trial in table_02(scale, seeds, epochs) if trial.weight_decay]
    return [replace(trial, evaluations=evaluations) for trial in trained]


def table_03_cinic(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Table 3 on the images that CINIC-10 took from ImageNet: a larger shift than that of CIFAR-10.1."""
    return table_03(scale, seeds, epochs, None if scale == "quick" else "cinic10_imagenet")


def table_01(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """VGG8 on SVHN (section 3, Table 1), for both weight decays."""
    decays = WEIGHT_DECAYS[:1] if scale == "quick" else WEIGHT_DECAYS
    trials = [trial for decay in decays for norm in NORMS for trial in _svhn(scale, 8, norm, decay, epochs)]
    return over_seeds(trials, scale_of(scale).seeds if seeds is None else seeds)


def table_08(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Deeper VGGs on SVHN, with batch norm (appendix A.2, Table 8)."""
    s = scale_of(scale)
    trials = [trial for depth in s.svhn_depths for trial in _svhn(scale, depth, "batch", WEIGHT_DECAYS[0], epochs)]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def table_04(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """VGGs of several depths on CIFAR-10, with a larger learning rate where there is batch norm (section 3, Table 4)."""
    s = scale_of(scale)
    epochs = epochs or s.deep_epochs
    settings = {"epochs": epochs, "milestones": _drops(epochs, 150 / 350, 250 / 350), "weight_decay": WEIGHT_DECAYS[0]}
    trials = [
        _vgg(s, s.cifar10, depth, norm, lr=0.1 if norm else 0.01, evaluations=_in_steps(s, TABLE[:-1]), **settings)
        for depth in s.depths
        for norm in NORMS
        if norm or depth <= DEEPEST_WITHOUT
    ]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def _svhn(scale: str, depth: int, norm: str | None, weight_decay: float, epochs: int | None) -> list[Trial]:
    s = scale_of(scale)
    epochs = epochs or s.svhn_epochs
    settings = {"weight_decay": weight_decay, "epochs": epochs, "milestones": _drops(epochs, 25 / 50, 40 / 50)}
    return [_vgg(s, s.svhn, depth, norm, augment=False, selection="last", evaluations=_in_steps(s, TABLE), **settings)]


def _drops(epochs: int, *parts: float) -> tuple[int, ...]:
    """After which epochs the learning rate falls; in a training of fewer than ten it would fall too early."""
    return tuple(int(epochs * part) for part in parts) if epochs >= 10 else ()


def _in_steps(s: Scale, evaluations: tuple[Evaluation, ...]) -> tuple[Evaluation, ...]:
    """The evaluations, BIM in as many steps as the scale has."""
    return tuple(replace(e, steps=s.steps, step_size=e.epsilon / s.steps) if e.kind == "bim" else e for e in evaluations)


def _vgg(s: Scale, dataset: str, depth: int, norm: str | None, **settings) -> Trial:
    """With what all VGGs of section 3 have in common; the digits of the quick scale are not mirrored."""
    shared = {
        "init": "he",
        "momentum": 0.9,
        "lr": 0.01,
        "augment": s.cifar10 == "cifar10",
        "width": s.width,
        "batch_size": s.batch_size,
    }
    shared |= {"precision": s.precision, "selection": s.selection, "norm": norm}
    return Trial(dataset, 32, architecture=f"vgg{depth}", **(shared | settings))


def curve(scale: str) -> tuple[Evaluation, ...]:
    """BIM with the step size of the scale's BIM and other numbers of steps, up to half as much again: one path of iterates."""
    total = scale_of(scale).steps
    step_size = EPSILON / total
    steps = (1, 2, 4, 7, 10, 14, 30) if total == STEPS else (1, 2, 3, 4, 6, 7)
    return tuple(replace(BIM, epsilon=n * step_size, steps=n, step_size=step_size) for n in steps)


def strong_attacks(scale: str) -> tuple[Evaluation, ...]:
    """BIM in both norms, and PGD in both with more steps and random starts, on the same images."""
    s = scale_of(scale)
    pgd = [
        Evaluation("pgd", norm, epsilon=epsilon, steps=s.strong_steps, step_size=2.5 * epsilon / s.strong_steps, restarts=2)
        for norm, epsilon in (("linf", EPSILON), ("l2", EPSILON_L2))
    ]
    return tuple(replace(evaluation, first=s.strong_images) for evaluation in (*_in_steps(s, (BIM, BIM_L2)), *pgd))


EXPERIMENTS = {
    "table-01": table_01,
    "table-02": table_02,
    "table-03": table_03,
    "table-03-cinic": table_03_cinic,
    "table-04": table_04,
    "table-08": table_08,
}
