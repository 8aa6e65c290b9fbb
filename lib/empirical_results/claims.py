"""The claims of section 3 and appendix A.2 about SVHN and CIFAR-10, and ours beside them.

The rules (`lib.verdicts`) are older than any run; the claims were written before any of the records was looked at. But for
that of CIFAR-10, those about noise as the text has it came later: before, a noise claim did not say which noise it meant.
"""

from collections.abc import Callable

import pandas as pd

from lib.claims import Claim, direction, effect, minus
from lib.empirical_results.experiments import BIM, BIM_L2, CLEAN, NOISE, NOISE_AS_PRINTED, SHIFTS, WEIGHT_DECAYS, strong_attacks
from lib.evaluate import Evaluation
from lib.paper import Reported, reported, stated
from lib.report import Get, Measure
from lib.trials import SCALES

PRINTED = WEIGHT_DECAYS[0]  # the weight decay of the arms that stand beside the paper's


def accuracy(evaluation: Evaluation, dataset: str | None = None) -> str:
    """The column of a frame with the accuracy under this evaluation, on another test set where one is named."""
    return f"accuracy {evaluation.label}" + (f"-{dataset}" if dataset else "")


def vgg(experiment: str, norm: str, depth: int = 8, weight_decay: float = PRINTED) -> dict:
    return {"experiment": experiment, "model": f"vgg{depth}", "norm": norm, "weight_decay": weight_decay}


def cost_of_batch_norm(metric: str, experiment: str, depth: int = 8, weight_decay: float = PRINTED) -> Measure:
    """Points of accuracy, without - with batch norm."""
    return lambda get: (
        get(metric, vgg(experiment, "none", depth, weight_decay)) - get(metric, vgg(experiment, "batch", depth, weight_decay))
    )


def gain_of_batch_norm(metric: str, experiment: str, depth: int = 8, weight_decay: float = PRINTED) -> Measure:
    cost = cost_of_batch_norm(metric, experiment, depth, weight_decay)
    return lambda get: -cost(get)


def gap(experiment: str, norm: str, weight_decay: float = PRINTED) -> Measure:
    """The generalisation gap: accuracy on the training set - on the test set."""
    arm = vgg(experiment, norm, weight_decay=weight_decay)
    return lambda get: get("accuracy clean-train", arm) - get("accuracy clean", arm)


def _of_table(table: str, column: str, gain: bool = False, **row) -> Reported:
    """The effect of batch norm in the paper's own table: what it costs, or with `gain` what it brings."""
    without, with_it = (reported(table, column, BN=norm, **row) for norm in (False, True))
    return minus(with_it, without) if gain else minus(without, with_it)


ON_NOISE = "on noise of standard deviation 1/4"  # as in the authors' script
ON_NOISE_AS_PRINTED = "on noise of standard deviation 1/2, as the text has it"  # the other reading


def _on_noise(text: str, source: str, table: str, cost: Callable[[Evaluation], Measure], paper: Reported) -> list[Claim]:
    """A claim of the paper's about noise by both readings of its strength; of the other one the sign alone is judged."""
    return [
        Claim(f"{text} {ON_NOISE}", source, measure=cost(NOISE), **effect(paper)),
        Claim(f"{text} {ON_NOISE_AS_PRINTED}", f"effect of Table {table}", measure=cost(NOISE_AS_PRINTED), **direction(paper)),
    ]


SVHN = [
    Claim(
        "batch norm gains clean accuracy",
        "section 3, Table 1",
        measure=gain_of_batch_norm(accuracy(CLEAN), "table-01"),
        **effect(stated("SVHN VGG8: BN gain in clean")),
    ),
    *_on_noise(
        "batch norm costs accuracy",
        "section 3, Table 1",
        "1",
        lambda noise: cost_of_batch_norm(accuracy(noise), "table-01"),
        stated("SVHN VGG8: BN loss on noise"),
    ),
    Claim(
        "batch norm costs accuracy under BIM-linf",
        "section 3, Table 1",
        measure=cost_of_batch_norm(accuracy(BIM), "table-01"),
        **effect(stated("SVHN VGG8: BN loss on BIM-linf")),
    ),
    Claim(
        "batch norm costs accuracy under BIM-l2",
        "section 3, Table 1",
        measure=cost_of_batch_norm(accuracy(BIM_L2), "table-01"),
        **effect(stated("SVHN VGG8: BN loss on BIM-l2")),
    ),
]

CIFAR10 = [
    Claim(
        "batch norm gains clean accuracy",
        "Table 2",
        measure=gain_of_batch_norm(accuracy(CLEAN), "table-02"),
        **effect(_of_table("2", "Clean", gain=True)),
    ),
    Claim(
        "batch norm makes the gap between training and test accuracy smaller",
        "section 3",
        measure=lambda get: gap("table-02", "none")(get) - gap("table-02", "batch")(get),
        **effect(stated("CIFAR-10 VGG8: BN reduction of clean generalization gap")),
    ),
    *_on_noise(
        "batch norm costs accuracy",
        "section 3, Table 2",
        "2",
        lambda noise: cost_of_batch_norm(accuracy(noise), "table-02"),
        stated("CIFAR-10 VGG8: BN loss on noise"),
    ),
    Claim(
        "batch norm costs accuracy under BIM-linf",
        "section 3, Table 2",
        measure=cost_of_batch_norm(accuracy(BIM), "table-02"),
        **effect(stated("CIFAR-10 VGG8: BN loss on BIM-linf")),
    ),
    Claim(
        "batch norm costs accuracy under BIM-l2",
        "section 3, Table 2",
        measure=cost_of_batch_norm(accuracy(BIM_L2), "table-02"),
        **effect(stated("CIFAR-10 VGG8: BN loss on BIM-l2")),
    ),
]


def shifted(dataset: str, norm: str) -> dict:
    """The networks of Table 3 on another test set."""
    return vgg(SHIFTS.get(dataset, "table-03"), norm) | {"test_set": dataset}


def _shift(dataset: str, evaluation: Evaluation, sign: int = 1) -> Measure:
    """Points of accuracy that batch norm costs there, or with sign -1 brings."""
    metric = accuracy(evaluation, dataset)
    return lambda get: sign * (get(metric, shifted(dataset, "none")) - get(metric, shifted(dataset, "batch")))


def shift(dataset: str) -> list[Claim]:
    """The claims of Table 3, on this test set."""
    gained = Claim(
        f"{dataset}: batch norm gains clean accuracy",
        "section 3, Table 3",
        measure=_shift(dataset, CLEAN, sign=-1),
        **effect(stated("CIFAR-10.1 VGG8: BN gain in clean")),
    )
    lost = f"{dataset}: batch norm costs accuracy"
    return [
        gained,
        *_on_noise(lost, "Table 3", "3", lambda noise: _shift(dataset, noise), _of_table("3", "Noise")),
        *(
            Claim(f"{lost} under {column}", "Table 3", measure=_shift(dataset, evaluation), **effect(_of_table("3", column)))
            for evaluation, column in ((BIM, "BIM-linf"), (BIM_L2, "BIM-l2"))
        ),
    ]


def _at_depth(depth: int) -> list[Claim]:
    """The claims of Table 4 about the VGGs of this depth."""
    return [
        Claim(
            f"VGG{depth}: batch norm and a larger learning rate gain clean accuracy",
            "Table 4",
            measure=gain_of_batch_norm(accuracy(CLEAN), "table-04", depth),
            **effect(_of_table("4", "Clean", gain=True, L=depth)),
        ),
        *_on_noise(
            f"VGG{depth}: batch norm costs accuracy",
            "Table 4",
            "4",
            lambda noise: cost_of_batch_norm(accuracy(noise), "table-04", depth),
            _of_table("4", "Noise", L=depth),
        ),
        Claim(
            f"VGG{depth}: batch norm costs accuracy under BIM-linf",
            "Table 4",
            measure=cost_of_batch_norm(accuracy(BIM), "table-04", depth),
            **effect(_of_table("4", "BIM-linf", L=depth)),
        ),
    ]


DEPTH = [claim for depth in (8, 11, 13) for claim in _at_depth(depth)]

NO_DECAY = [
    Claim(
        f"{name}, no weight decay: batch norm costs accuracy {words}",
        f"effect of Table {table}",
        measure=cost_of_batch_norm(accuracy(evaluation), f"table-0{table}", weight_decay=0.0),
        **direction(_of_table(table, column)),
    )
    for name, table in (("SVHN", "1"), ("CIFAR-10", "2"))
    for words, evaluation, column in (
        (ON_NOISE, NOISE, "Noise"),
        (ON_NOISE_AS_PRINTED, NOISE_AS_PRINTED, "Noise"),
        ("under BIM-linf", BIM, "BIM-linf"),
        ("under BIM-l2", BIM_L2, "BIM-l2"),
    )
]


def strong(kind: str, norm: str, arm: dict) -> Measure:
    """Accuracy under one of `experiments.strong_attacks`: "bim" or "pgd" in "linf" or "l2", on the images of the scale."""
    attacks = [attack for scale in SCALES for attack in strong_attacks(scale) if (attack.kind, attack.norm) == (kind, norm)]

    def measure(get: Get) -> pd.Series:
        found = (get(accuracy(attack), arm) for attack in attacks)
        return next((values for values in found if len(values)), pd.Series(dtype=float))

    return measure


def _cost_under_pgd(norm: str) -> Measure:
    without, with_it = (strong("pgd", norm, vgg("table-02", batch)) for batch in ("none", "batch"))
    return lambda get: without(get) - with_it(get)


STRONG = [
    Claim(
        f"batch norm costs accuracy under {name}, too",
        "effect of Table 2",
        measure=_cost_under_pgd(norm),
        **direction(_of_table("2", column)),
    )
    for name, norm, column in (("PGD-linf", "linf", "BIM-linf"), ("PGD-l2", "l2", "BIM-l2"))
]
