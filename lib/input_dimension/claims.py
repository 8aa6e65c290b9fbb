"""The claims of section 4 and appendix B.

They were written, with their rules and margins, before any run at the paper's scale, but for these, which the first such runs
suggested: LEFTOVER (its claim about the linear model at 112 pixels is older), LINEAR_OTHER_BASELINE, and the loss in STATISTICS.
One rule was changed then: DAMAGE was judged by the paper's margins for the total loss, which have the other sign than those that
its numbers give for the added loss; and 112 pixels were added to it.
"""

from collections.abc import Callable
from functools import partial

import pandas as pd

from lib.claims import Claim, effect, equality, minus, number
from lib.input_dimension.experiments import WEIGHT_DECAY
from lib.paper import Reported, reported, stated
from lib.report import Get, Measure


def mlp(size: int, norm: str = "none", weight_decay: float = 0.0, init: str = "default") -> dict:
    return {"model": "mlp", "image_size": size, "norm": norm, "weight_decay": weight_decay, "init": init}


def linear(size: int, weight_decay: float = 0.0) -> dict:
    return {"model": "linear", "image_size": size, "weight_decay": weight_decay}


CLEAN, NOISE, BIM, FGSM = (f"accuracy {name}" for name in ("clean", "noise-1", "bim-linf-0.1", "fgsm-linf-0.1"))


def cost_of_batch_norm(metric: str, size: int, weight_decay: float = 0.0, init: str = "default") -> Measure:
    settings = {"weight_decay": weight_decay, "init": init}
    return lambda get: get(metric, mlp(size, "none", **settings)) - get(metric, mlp(size, "batch", **settings))


def _inside(growth: Callable[[Get, str], pd.Series], size: int) -> Measure:
    """By how much the prediction √d/28 lies inside the range from epsilon 0.05 to 0.1; negative when it lies outside."""

    def margin(get: Get) -> pd.Series:
        low, high = (growth(get, f"loss fgsm-linf-{epsilon}") for epsilon in ("0.05", "0.1"))
        return pd.concat([size / 28 - low, high - size / 28], axis=1).min(axis=1, skipna=False)

    return margin


def ratio(get: Get, metric: str, size: int, weight_decay: float = 0.0, baseline_decay: float = 0.0) -> pd.Series:
    """A metric of the linear model as a ratio to 28 pixels, as Table 11 shows it."""
    return get(metric, linear(size, weight_decay)) / get(metric, linear(28, baseline_decay))


def loss_increase(get: Get, metric: str, size: int) -> pd.Series:
    """The loss an attack adds to the linear model, as a ratio to 28 pixels."""
    increase = {side: get(metric, linear(side)) - get("loss clean", linear(side)) for side in (size, 28)}
    return increase[size] / increase[28]


def _table_6(size: int, column: str, batch_norm: bool) -> Reported:
    return reported("6", column, sqrt_d=size, BN=batch_norm)


def _table_6_cost(size: int, column: str) -> Reported:
    return minus(_table_6(size, column, False), _table_6(size, column, True))


def _table_11(column: str, size: int, weight_decay: float = 0.0) -> Reported:
    return reported("11", column, sqrt_d=size, **{"lambda": weight_decay})


def _inside_printed(size: int, added: bool = False) -> Reported:
    """The same margin in the paper's own numbers, for its ratios of total loss or for the loss that was `added`."""
    growths = []
    for column in ("loss eps=0.05", "loss eps=0.1"):
        growth = _table_11(column, size).value
        if added:
            attacked, clean = _table_11(column, 28).value, _table_11("loss Clean", 28).value
            growth = (growth * attacked - _table_11("loss Clean", size).value * clean) / (attacked - clean)
        growths.append(growth)
    value = min(size / 28 - growths[0], growths[1] - size / 28)
    return Reported(value, _table_11("loss eps=0.05", size).error, "ratio", f"{value:.2f}")


def _loss_of_batch_norm() -> Reported:
    """Nats that batch norm adds under BIM at 28 pixels, where Table 12 prints the ratio."""
    without = reported("12", "loss eps=0.1", sqrt_d=28, BN=False)
    value = without.value * (reported("12", "loss eps=0.1", sqrt_d=28, BN=True).value - 1)
    return Reported(value, without.error, "nats", f"{value:.2f}")


def _enlarging_cost(size: int) -> Reported:
    """Points of accuracy under FGSM that Table 11 loses from 28 pixels to `size`, where it prints the ratio."""
    baseline = _table_11("acc eps=0.1", 28)
    value = baseline.value * (1 - _table_11("acc eps=0.1", size).value)
    return Reported(value, baseline.error, "percent_points", f"{value:.1f}")


def _linear(baseline_decay: float) -> list[Claim]:
    """The claims about Table 11, with ratios to a 28-pixel model trained with this weight decay."""
    growth = partial(ratio, baseline_decay=baseline_decay)
    inside = [
        Claim(
            f"{size} px: the predicted growth of the loss, {size // 28}, lies "
            + ("between" if size < 112 else "below, not between,")
            + " those at epsilon 0.05 and 0.1 (by how much it lies inside)",
            "section 4, appendix B",
            measure=_inside(partial(growth, size=size), size),
            **effect(_inside_printed(size)),
        )
        for size in (56, 84, 112)
    ]
    unchanged = [
        Claim(
            f"{size} px, λ = {WEIGHT_DECAY[size]:g}: with weight decay the loss under attack (epsilon 0.1) is that at 28 px",
            "appendix B, Table 11",
            measure=lambda get, size=size: growth(get, "loss fgsm-linf-0.1", size, WEIGHT_DECAY[size]),
            **equality(f"ratio {_table_11('loss eps=0.1', size, WEIGHT_DECAY[size]).printed}", 1, 0.1),
        )
        for size in (56, 84, 112)
    ]
    given_back = Claim(
        "112 px: weight decay gives back the accuracy under attack that enlarging took (ratios with - without)",
        "appendix B, Table 11",
        measure=lambda get: growth(get, FGSM, 112, WEIGHT_DECAY[112]) - growth(get, FGSM, 112),
        **effect(minus(_table_11("acc eps=0.1", 112, WEIGHT_DECAY[112]), _table_11("acc eps=0.1", 112))),
    )
    return [*inside, *unchanged, given_back]


LINEAR, LINEAR_OTHER_BASELINE = _linear(0.0), _linear(1e-3)

BATCH_NORM = [
    Claim(
        "28 px: the difference in clean accuracy, without - with batch norm",
        "section 4",
        measure=cost_of_batch_norm(CLEAN, 28),
        **number(stated("MLP sqrt_d=28: clean difference due to BN")),
    ),
    Claim(
        "28 px: batch norm costs accuracy on noise",
        "section 4",
        measure=cost_of_batch_norm(NOISE, 28),
        **effect(stated("MLP sqrt_d=28: BN loss on noise")),
    ),
    Claim(
        "28 px: batch norm costs accuracy under BIM",
        "section 4",
        measure=cost_of_batch_norm(BIM, 28),
        **effect(stated("MLP sqrt_d=28: BN loss on BIM-linf")),
    ),
    *(
        Claim(
            f"{size} px: {words} at every image size",
            "section 4",
            measure=cost_of_batch_norm(metric, size),
            **effect(_table_6_cost(size, column)),
        )
        for words, metric, column in (
            ("13 to 16 points less on noise", NOISE, "Noise"),
            ("about 40 points less under BIM", BIM, "eps=0.1"),
        )
        for size in (56, 84)
    ),
    Claim(
        "without batch norm, robustness falls with the image size (28 px - 84 px, BIM)",
        "section 4, Table 6",
        measure=lambda get: get(BIM, mlp(28)) - get(BIM, mlp(84)),
        **effect(minus(_table_6(28, "eps=0.1", False), _table_6(84, "eps=0.1", False))),
    ),
    Claim(
        "batch norm and image size together: 28 px without - 84 px with, BIM (two factors at once)",
        "Table 6, caption",
        measure=lambda get: get(BIM, mlp(28)) - get(BIM, mlp(84, "batch")),
        **effect(stated("MLP: (28, no BN) minus (84, BN), BIM")),
    ),
]

DECAY = [
    Claim(
        "56 px, λ = 0.01: removing batch norm gains clean accuracy",
        "section 4",
        measure=cost_of_batch_norm(CLEAN, 56, 0.01),
        **effect(stated("MLP sqrt_d=56, lambda=0.01: clean gain from removing BN")),
    ),
    Claim(
        "56 px, λ = 0.01: removing batch norm gains accuracy under BIM",
        "section 4",
        measure=cost_of_batch_norm(BIM, 56, 0.01),
        **effect(stated("MLP sqrt_d=56, lambda=0.01: BIM gain from removing BN")),
    ),
    Claim(
        "56 px, with batch norm: λ = 0.01 increases the test error (which pair is meant is open; here λ 0 - 0.01)",
        "section 4",
        measure=lambda get: get(CLEAN, mlp(56, "batch")) - get(CLEAN, mlp(56, "batch", 0.01)),
        **effect(stated("MLP sqrt_d=56, lambda=0.01, BN: increase of test error")),
    ),
    *(
        Claim(
            f"{size} px: λ = {WEIGHT_DECAY[size]:g} without batch norm - λ = 0 with it, BIM (two factors at once)",
            "section 4",
            measure=lambda get, size=size: get(BIM, mlp(size, weight_decay=WEIGHT_DECAY[size])) - get(BIM, mlp(size, "batch")),
            **effect(stated(f"MLP sqrt_d={size}: (no BN, lambda={WEIGHT_DECAY[size]:g}) minus (BN, lambda=0), BIM")),
        )
        for size in (56, 84)
    ),
    Claim(
        "with weight decay in place of batch norm, robustness no longer depends on the image size (56 px - 84 px, BIM)",
        "section 4, abstract",
        measure=lambda get: get(BIM, mlp(56, weight_decay=0.01)) - get(BIM, mlp(84, weight_decay=0.0225)),
        **equality(
            minus(reported("7", "eps=0.1", sqrt_d=56, BN=False), reported("7", "eps=0.1", sqrt_d=84, BN=False)).printed,
            0,
            2.0,
        ),
    ),
    Claim(
        "invariance-based examples, original labels: more correct with weight decay than with batch norm (of 100)",
        "appendix B",
        measure=lambda get: (
            get("accuracy clean-invariance-original", mlp(56, weight_decay=0.01))
            - get("accuracy clean-invariance-original", mlp(56, "batch"))
        ),
        **effect(minus(stated("invariance examples correct, weight decay"), stated("invariance examples correct, batch norm"))),
    ),
]

INITIALISATION = [
    Claim(
        f"{size} px: from He's initialisation too, batch norm costs accuracy under BIM",
        "effect of Table 6",
        measure=cost_of_batch_norm(BIM, size, init="he"),
        **effect(_table_6_cost(size, "eps=0.1")),
    )
    for size in (28, 56, 84)
]

STATISTICS = [
    *(
        Claim(
            f"28 px: batch norm costs accuracy {words} even when it normalises by the test batch",
            "effect of Table 6",
            measure=lambda get, metric=metric: get(metric, mlp(28)) - get(f"{metric}-batch-statistics", mlp(28, "batch")),
            **effect(stated(f"MLP sqrt_d=28: BN loss on {name}")),
        )
        for words, metric, name in (("on noise", NOISE, "noise"), ("under BIM", BIM, "BIM-linf"))
    ),
    Claim(
        "28 px: batch norm adds loss under BIM even when it normalises by the test batch (nats)",
        "effect of Table 12",
        measure=lambda get: get("loss bim-linf-0.1-batch-statistics", mlp(28, "batch")) - get("loss bim-linf-0.1", mlp(28)),
        **effect(_loss_of_batch_norm()),
    ),
]

DAMAGE = [
    Claim(
        f"{size} px: the prediction {size // 28} lies below, not between, the growths of the added loss at epsilon 0.05 and 0.1 "
        "(by how much it lies inside)",
        "the definition of section 4 applied to Table 11",
        measure=_inside(partial(loss_increase, size=size), size),
        **effect(_inside_printed(size, added=True)),
    )
    for size in (56, 84, 112)
]

LEFTOVER = [
    *(
        Claim(
            f"linear model, {size} px: enlarging costs accuracy under FGSM even with block averages",
            "effect of Table 11",
            measure=lambda get, size=size: get(FGSM, linear(28)) - get(f"{FGSM}-block-average", linear(size)),
            **effect(_enlarging_cost(size)),
        )
        for size in (56, 84, 112)
    ),
    *(
        Claim(
            f"MLP without batch norm, {size} px: enlarging costs accuracy under FGSM even with block averages",
            "effect of Table 6",
            measure=lambda get, size=size: get(FGSM, mlp(28)) - get(f"{FGSM}-block-average", mlp(size)),
            **effect(minus(_table_6(28, "eps=0.1", False), _table_6(size, "eps=0.1", False))),
        )
        for size in (56, 84)
    ),
]
