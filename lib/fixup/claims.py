"""The claims of appendix A.2 about wide residual networks, and ours beside them.

All rules are older than any run at the laptop and the paper scale.
The paper's "Fixup" stands beside both readings of it: what its code very probably trained, and Fixup as published.
"""

import pandas as pd

from lib.claims import Claim, difference, effect, equality, minus, number
from lib.empirical_results.claims import ON_NOISE, accuracy, strong
from lib.empirical_results.experiments import BIM, BIM_L2, CLEAN, EMPIRICAL_SCALES, NOISE, NOISE_AS_PRINTED
from lib.evaluate import Evaluation
from lib.fixup.experiments import FOOLBOX, NORMALIZATION, ON_TRAIN
from lib.paper import Reported, reported, stated
from lib.report import Get, Measure

AS_RUN, TRUE, BATCH = "fixup-he", "fixup", "batch"
NORMS = {AS_RUN: "Fixup as the code had it", TRUE: "Fixup as published", BATCH: "batch norm"}
NORMALIZATIONS = {NORMALIZATION: "the code's normalisation", "own": "the VGGs' normalisation"}
SHIFTS = tuple(dict.fromkeys(scale.shift for scale in EMPIRICAL_SCALES.values()))  # the other test sets of the scales
NULL = 2.0  # points of accuracy that still count as no effect
FITTED = Reported(100.0, 0.5, "percent_accuracy", "fitted (judged: 100 ± 1 on the training set)")


def wrn(norm: str, normalization: str = NORMALIZATION, experiment: str = "table-09") -> dict:
    return {"experiment": experiment, "norm": norm, "normalization": normalization}


VGG8 = {"experiment": "table-09-vgg"}


def printed(column: str, norm: str) -> Reported:
    """Of Table 9, whose "Fixup" is meant by both readings."""
    return reported("9", column, variant="BN" if norm == BATCH else "Fixup")


def printed_gain(column: str) -> Reported:
    """Of Fixup over batch norm, in Table 9."""
    return minus(printed(column, AS_RUN), printed(column, BATCH))


def later(column: str, norm: str) -> Reported:
    """Of the authors' later ResNet-110."""
    return reported("poster", column, variant="BN" if norm == BATCH else "Fixup")


def on_test(evaluation: Evaluation, arm: dict) -> Measure:
    return lambda get: get(accuracy(evaluation), arm)


def on_shift(evaluation: Evaluation, arm: dict) -> Measure:
    """The accuracy on the other test set, of which each scale has one."""

    def measure(get: Get) -> pd.Series:
        found = (get(accuracy(evaluation, shift), arm | {"experiment": "table-09-shift"}) for shift in SHIFTS)
        return next((values for values in found if len(values)), pd.Series(dtype=float))

    return measure


def gain(evaluation: Evaluation, norm: str = AS_RUN, normalization: str = NORMALIZATION, on=on_test) -> Measure:
    """Points of accuracy, without - with batch norm. `on` is the test set: `on_test` or `on_shift`."""
    return difference(on(evaluation, wrn(norm, normalization)), on(evaluation, wrn(BATCH, normalization)))


def gain_under_pgd(ball: str) -> Measure:
    """The same under PGD in "linf" or "l2", on the first images."""
    return difference(strong("pgd", ball, wrn(AS_RUN)), strong("pgd", ball, wrn(BATCH)))


def _fitted(get: Get) -> pd.Series:
    return pd.concat([on_test(ON_TRAIN, wrn(norm))(get) for norm in (AS_RUN, BATCH)], axis=1).min(axis=1, skipna=False)


def _flip(get: Get) -> pd.Series:
    """By how much batch norm is better under BIM and worse under its other form, whichever is less."""
    both = [-gain(BIM)(get), gain(FOOLBOX)(get)]
    return pd.concat(both, axis=1).min(axis=1, skipna=False)


def _flip_printed() -> Reported:
    bim, foolbox = printed_gain("CIFAR-10 BIM-linf"), stated(FOOLBOX_CLAIM)
    smaller, error = min((-bim.value, bim.error), (foolbox.value, foolbox.error))
    return Reported(smaller, error, bim.unit, f"{smaller:.1f} ± {error:.1f}")


ON_NOISE_AS_PRINTED = "on noise of standard deviation 1/2, as section 3 has it,"
NOISE_CLAIM = "WRN: Fixup minus BN, CIFAR-10 noise"
SHIFT_CLAIM = "WRN: Fixup minus BN, CIFAR-10.1 noise"
FOOLBOX_CLAIM = "WRN: Foolbox BIM-linf (eps/15, 20 it, 2048 samples): BN loss"

CIFAR10 = [
    Claim(
        "batch norm gains clean accuracy",
        "Table 9",
        measure=lambda get: -gain(CLEAN)(get),
        **effect(minus(printed("CIFAR-10 Clean", BATCH), printed("CIFAR-10 Clean", AS_RUN))),
    ),
    Claim(
        "both have fitted the training set when training stops (accuracy on it, the lower of the two)",
        "footnote 6",
        measure=_fitted,
        **number(FITTED),
    ),
    Claim(
        f"without batch norm, accuracy {ON_NOISE} is higher",
        "appendix A.2",
        measure=gain(NOISE),
        **effect(stated(NOISE_CLAIM)),
    ),
    Claim(
        f"without batch norm, accuracy {ON_NOISE_AS_PRINTED} is higher",
        "appendix A.2",
        measure=gain(NOISE_AS_PRINTED),
        **effect(stated(NOISE_CLAIM)),
    ),
    Claim(
        "a null result under BIM-linf (without - with batch norm)",
        "appendix A.2",
        measure=gain(BIM),
        **equality(printed_gain("CIFAR-10 BIM-linf").printed, 0, NULL),
    ),
    Claim(
        "or rather what its table says: with batch norm, accuracy under BIM-linf is higher",
        "Table 9",
        measure=lambda get: -gain(BIM)(get),
        **effect(minus(printed("CIFAR-10 BIM-linf", BATCH), printed("CIFAR-10 BIM-linf", AS_RUN))),
    ),
    Claim(
        "without batch norm, a slight improvement under BIM-l2",
        "appendix A.2",
        measure=gain(BIM_L2),
        **effect(printed_gain("CIFAR-10 BIM-l2")),
    ),
    Claim(
        "under Foolbox's BIM-linf, with larger steps, batch norm costs accuracy",
        "appendix A.2",
        measure=gain(FOOLBOX),
        **effect(stated(FOOLBOX_CLAIM)),
    ),
    Claim(
        "so the sign of the effect under BIM-linf depends on the form of the attack (the smaller of the two effects)",
        "appendix A.2",
        measure=_flip,
        **effect(_flip_printed()),
    ),
]

CIFAR10_1 = [
    Claim(
        "batch norm gains clean accuracy",
        "Table 9",
        measure=lambda get: -gain(CLEAN, on=on_shift)(get),
        **effect(minus(printed("CIFAR-10.1 v6 Clean", BATCH), printed("CIFAR-10.1 v6 Clean", AS_RUN))),
    ),
    *(
        Claim(
            f"without batch norm, accuracy {words} is higher",
            "appendix A.2",
            measure=gain(evaluation, on=on_shift),
            **effect(stated(SHIFT_CLAIM)),
        )
        for evaluation, words in ((NOISE, ON_NOISE), (NOISE_AS_PRINTED, ON_NOISE_AS_PRINTED))
    ),
]

SURVIVES = [
    Claim(
        "PGD with more steps and random starts: a null result under PGD-linf",
        "effect of Table 9",
        measure=gain_under_pgd("linf"),
        **equality(printed_gain("CIFAR-10 BIM-linf").printed, 0, NULL),
    ),
    Claim(
        "PGD with more steps and random starts: an improvement under PGD-l2",
        "effect of Table 9",
        measure=gain_under_pgd("l2"),
        **effect(printed_gain("CIFAR-10 BIM-l2")),
    ),
    *(
        claim
        for norm, normalization in ((TRUE, NORMALIZATION), (AS_RUN, "own"), (TRUE, "own"))
        for arm in [f"{NORMS[norm]}, {NORMALIZATIONS[normalization]}"]
        for claim in (
            Claim(
                f"{arm}: higher accuracy {ON_NOISE} than with batch norm",
                "effect of Table 9",
                measure=gain(NOISE, norm, normalization),
                **effect(stated(NOISE_CLAIM)),
            ),
            Claim(
                f"{arm}: higher accuracy {ON_NOISE_AS_PRINTED} than with batch norm",
                "effect of Table 9",
                measure=gain(NOISE_AS_PRINTED, norm, normalization),
                **effect(stated(NOISE_CLAIM)),
            ),
            Claim(
                f"{arm}: a null result under BIM-linf",
                "effect of Table 9",
                measure=gain(BIM, norm, normalization),
                **equality(printed_gain("CIFAR-10 BIM-linf").printed, 0, NULL),
            ),
            Claim(
                f"{arm}: an improvement under BIM-l2",
                "effect of Table 9",
                measure=gain(BIM_L2, norm, normalization),
                **effect(printed_gain("CIFAR-10 BIM-l2")),
            ),
        )
    ),
]

VGG = [
    Claim(
        f"VGG8 without batch norm - WRN, {NORMS[norm]}, {words}: VGG8 is better {ON_NOISE}",
        "appendix A.2" if normalization == NORMALIZATION else "effect of Tables 2 and 9",
        measure=difference(on_test(NOISE, VGG8), on_test(NOISE, wrn(norm, normalization))),
        **effect(minus(reported("2", "Noise", BN=False), printed("CIFAR-10 Noise", norm))),
    )
    for normalization, words in NORMALIZATIONS.items()
    for norm in (AS_RUN, BATCH)
]


# An accuracy under l2 above that under linf says that the l2 attack fails: its ball contains the other.
ORDER = [
    Claim(
        f"{words}: accuracy under {attack}-l2 is above that under {attack}-linf",
        "Table 9" if attack == "BIM" else "effect of Table 9",
        measure=measure,
        **effect(minus(printed("CIFAR-10 BIM-l2", norm), printed("CIFAR-10 BIM-linf", norm))),
    )
    for norm, words in NORMS.items()
    for attack, measure in (
        ("BIM", difference(on_test(BIM_L2, wrn(norm)), on_test(BIM, wrn(norm)))),
        ("PGD", difference(strong("pgd", "l2", wrn(norm)), strong("pgd", "linf", wrn(norm)))),
    )
]

LATER = [
    Claim(
        f"without batch norm, accuracy {words} is higher",
        "ResNet-110, after the paper",
        measure=gain(evaluation, TRUE),
        **effect(minus(later(column, TRUE), later(column, BATCH))),
    )
    for words, evaluation, column in (
        ("on clean images", CLEAN, "Clean"),
        (ON_NOISE, NOISE, "Noise"),
        ("under BIM-linf", BIM, "PGD-linf"),
        ("under BIM-l2", BIM_L2, "PGD-l2"),
    )
]
