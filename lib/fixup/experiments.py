"""Table 9 of appendix A.2 as lists of trials, for each scale: wide residual networks with batch norm and with Fixup."""

import math
from dataclasses import dataclass, replace

from lib.empirical_results.experiments import (
    BIM,
    BIM_L2,
    CLEAN,
    EPSILON,
    NOISE,
    NOISE_AS_PRINTED,
    STEPS,
    WEIGHT_DECAYS,
    scale_of,
    strong_attacks,
    table_02,
)
from lib.evaluate import Evaluation
from lib.trials import Seeds, Trial, over_seeds
from lib.wide_resnet import WIDE_NORMS

NORMALIZATION = "cifar10-wrn"  # of the code that the paper names; the VGGs have another
EPOCHS = 150
DROPS = (60, 120, 160)  # the epochs of that code, from 1, that start with a fifth of the learning rate

FOOLBOX = Evaluation("bim", epsilon=EPSILON, steps=STEPS, step_size=EPSILON / 15, first=2048)
ATTACKS = (BIM, BIM_L2, FOOLBOX)
ON_TRAIN = Evaluation(dataset="train")


@dataclass(frozen=True)
class Scale:
    """What the word means for wide residual networks; for the rest of section 3's settings see `empirical_results`."""

    architecture: str
    width: float  # times a widen factor of 10
    epochs: int
    batch_size: int
    lr: float
    steps: int  # of the attacks
    normalizations: tuple[str | None, ...]
    strong: bool  # whether attacks with more steps and random starts are run


WIDE_SCALES = {
    "quick": Scale("wrn10", 1 / 40, epochs=2, batch_size=16, lr=0.03, steps=2, normalizations=(NORMALIZATION,), strong=False),
    "laptop": Scale(
        "wrn28", 1 / 10, epochs=4, batch_size=128, lr=0.1, steps=10, normalizations=(NORMALIZATION, None), strong=True
    ),
    "paper": Scale(
        "wrn28", 1.0, EPOCHS, batch_size=128, lr=0.1, steps=STEPS, normalizations=(NORMALIZATION, None), strong=True
    ),
}


def table_09(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """WRN-28-10 on CIFAR-10 with batch norm, with Fixup, and with what the code made of it (appendix A.2, Table 9).

    In the normalisation of that code and, but for the quick scale, in that of the VGGs. The strong attacks are run in the
    first alone. Here and below, None stands for the scale's own number of seeds and of epochs.
    """
    s, wide = scale_of(scale), WIDE_SCALES[scale]
    epochs = epochs or wide.epochs
    shared = {
        "architecture": wide.architecture,
        "width": wide.width,
        "init": "he",
        "epochs": epochs,
        "milestones": _milestones(epochs),
        "gamma": 0.2,
        "batch_size": wide.batch_size,
        "lr": wide.lr,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": WEIGHT_DECAYS[0],
        "augment": s.cifar10 == "cifar10",  # the digits of the quick scale are not mirrored
        "padding_mode": "reflect",
        "precision": s.precision,
    }
    table = (CLEAN, NOISE, NOISE_AS_PRINTED, *(_in_steps(attack, wide.steps) for attack in ATTACKS), ON_TRAIN)
    trials = []
    for normalization in wide.normalizations:
        strong = strong_attacks(scale) if wide.strong and normalization == NORMALIZATION else ()
        settings = shared | {"normalization": normalization, "evaluations": (*table, *strong)}
        trials += [Trial(s.cifar10, 32, norm=norm, **settings) for norm in WIDE_NORMS]
    return over_seeds(trials, s.seeds if seeds is None else seeds)


def table_09_shift(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """The networks of Table 9 on CIFAR-10.1 v6 (appendix A.2, Table 9)."""
    shift = scale_of(scale).shift
    evaluations = tuple(replace(evaluation, dataset=shift) for evaluation in (CLEAN, NOISE, NOISE_AS_PRINTED))
    return [replace(trial, evaluations=evaluations) for trial in table_09(scale, seeds, epochs)]


def table_09_vgg(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """What the paper compares its wide networks with: VGG8 of Table 2 without batch norm, clean and on noise.

    None at the quick scale, whose digits have another normalisation of their own than CIFAR-10.
    """
    compared = [trial for trial in table_02(scale, seeds, epochs) if trial.norm is None and trial.weight_decay]
    trials = [replace(trial, evaluations=(CLEAN, NOISE, NOISE_AS_PRINTED)) for trial in compared]
    return trials if scale != "quick" else []


def _milestones(epochs: int) -> tuple[int, ...]:
    """After which epochs the learning rate falls: at the same part of the training as in the code that the paper names.

    Never in a training of fewer than four epochs, which it would stop.
    """
    drops = [math.ceil(drop * epochs / EPOCHS) for drop in DROPS if drop <= EPOCHS]
    return tuple(drop - 1 for drop in drops) if epochs >= 4 else ()


def _in_steps(attack: Evaluation, steps: int) -> Evaluation:
    """The attack in fewer steps that go as far."""
    if steps >= attack.steps:
        return attack
    return replace(attack, steps=steps, step_size=attack.step_size * attack.steps / steps)


EXPERIMENTS = {"table-09": table_09, "table-09-shift": table_09_shift, "table-09-vgg": table_09_vgg}
