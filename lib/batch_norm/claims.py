"""The claims of section 2, and ours beside them.

The paper gives no numbers here. Its statements are judged by direction, and those that something stays as it is, or is what a
formula says, by a margin. Rules and margins are older than all runs but for a first look at the growth of gradients; the
claims of STRETCHED were suggested by a first run of 20 seeds, after which there are 50.
"""

from lib import theory
from lib.batch_norm.circles import LAYERS
from lib.batch_norm.experiments import CIRCLES, GRADIENTS
from lib.batch_norm.gradients import BATCH_SIZES
from lib.claims import Claim, equality, positive
from lib.report import Measure

CHANCE = 50
POINTS = 5  # of accuracy: the margin of what stays as it is
SHOWN, DEEP, LAST = 2, 14, LAYERS[-1]  # the layers of Figure 1, and the last one there is


def at(norm: str, layer: int) -> dict:
    """The arm of a layer, of the network with batch norm ("batch") or without ("none")."""
    return {"experiment": CIRCLES, "norm": norm, "layer": layer}


def lost(metric: str, norm: str, layer: int) -> Measure:
    """What the input has and the layer has no more."""
    return lambda get: get(metric, at(norm, 0)) - get(metric, at(norm, layer))


def without_minus_with(metric: str, layer: int) -> Measure:
    return lambda get: get(metric, at("none", layer)) - get(metric, at("batch", layer))


def deep(activation: str, batch_size: int) -> dict:
    """The arm of the wide, deep networks with batch norm whose gradients are measured."""
    return {"experiment": GRADIENTS, "activation": activation, "batch_size": batch_size}


def growth(batch_size: int, activation: str = "relu") -> Measure:
    return lambda get: get("growth", deep(activation, batch_size))


def predicted(value: float) -> dict:
    """For Claim(**…): within 2 % of what a formula says."""
    return equality(f"formula: {value:.3f}", round(value, 3), round(0.02 * value, 3))


# Accuracy is that of nearest neighbours in percent, and what is lost are points of it since the input.
MIXING = [
    Claim(
        f"batch norm, layer {SHOWN}: some points already lie among the other class, as shown (points lost)",
        "Figure 1",
        measure=lost("neighbours shown", "batch", SHOWN),
        **positive(),
    ),
    Claim(
        f"batch norm, layer {DEEP}: the classes are mixed, as shown (points lost)",
        "Figure 1",
        measure=lost("neighbours shown", "batch", DEEP),
        **positive(),
    ),
    Claim(
        f"batch norm, layer {DEEP}: the classes are mixed completely, as shown (accuracy)",
        "Figure 1, read strictly",
        measure=lambda get: get("neighbours shown", at("batch", DEEP)),
        **equality("chance", CHANCE, POINTS),
    ),
    Claim(
        f"batch norm, layer {DEEP}: the classes are mixed completely, in all ten dimensions (accuracy)",
        "ours",
        measure=lambda get: get("neighbours all", at("batch", DEEP)),
        **equality("chance", CHANCE, POINTS),
    ),
    Claim(
        f"batch norm distorts distances: distance correlation of input and layer {DEEP}, without - with it",
        "section 2",
        measure=without_minus_with("distance correlation", DEEP),
        **positive(),
    ),
    Claim(
        f"no batch norm, layer {DEEP}: the classes stay apart, as shown (points lost)",
        "Figure 5",
        measure=lost("neighbours shown", "none", DEEP),
        **equality("none", 0, POINTS),
    ),
    Claim(
        f"no batch norm, layer {LAST}, the last: they stay apart at any depth, as shown (points lost)",
        "section 2",
        measure=lost("neighbours shown", "none", LAST),
        **equality("none", 0, POINTS),
    ),
]

STRETCHED = [
    Claim(
        f"layer {DEEP}, as shown: more is lost without batch norm than with it (points)",
        "ours, against Figures 1 and 5",
        measure=lambda get: lost("neighbours shown", "none", DEEP)(get) - lost("neighbours shown", "batch", DEEP)(get),
        **positive("–"),
    ),
    *(
        Claim(
            f"no batch norm, layer {layer}, stretched: nothing is lost (points lost)",
            "Figure 5, read so",
            measure=lost("neighbours stretched", "none", layer),
            **equality("none", 0, POINTS),
        )
        for layer in (DEEP, LAST)
    ),
    *(
        Claim(
            f"batch norm, layer {layer}, stretched: the classes are mixed (points lost)",
            "Figure 1, read so",
            measure=lost("neighbours stretched", "batch", layer),
            **positive(),
        )
        for layer in (SHOWN, DEEP)
    ),
    Claim(
        f"batch norm, layer {LAST}, each mini-batch stretched by itself: nothing is lost (points lost)",
        "ours",
        measure=lost("neighbours stretched within", "batch", LAST),
        **equality("–", 0, POINTS),
    ),
]

WHERE = [
    Claim(
        "replacing one point moves the rest of its mini-batch, and the more the deeper: "
        f"layer {DEEP} - layer {SHOWN}, percent of the spread",
        "section 2",
        measure=lambda get: get("nonlocality", at("batch", DEEP)) - get("nonlocality", at("batch", SHOWN)),
        **positive(),
    ),
    Claim(
        f"layer {DEEP}: more is lost across mini-batches than within them (points)",
        "ours",
        measure=lambda get: lost("neighbours across", "batch", DEEP)(get) - lost("neighbours within", "batch", DEEP)(get),
        **positive("–"),
    ),
    Claim(
        f"layer {DEEP}, within mini-batches: nothing is lost (points lost)",
        "ours",
        measure=lost("neighbours within", "batch", DEEP),
        **equality("–", 0, POINTS),
    ),
    Claim(
        f"batch norm keeps a mini-batch from collapsing to a line: roundness at layer {LAST}, with - without it",
        "ours",
        measure=lambda get: -without_minus_with("roundness", LAST)(get),
        **positive("–"),
    ),
]

GROWTH = [
    *(
        Claim(
            f"ReLU, batches of {size}",
            "Yang et al.",
            measure=growth(size),
            **predicted(float(theory.gradient_growth(size))),
        )
        for size in BATCH_SIZES
    ),
    Claim(
        f"ReLU: smaller for larger batches, {BATCH_SIZES[0]} - {BATCH_SIZES[-1]}",
        "section 2",
        measure=lambda get: growth(BATCH_SIZES[0])(get) - growth(BATCH_SIZES[-1])(get),
        **positive(),
    ),
    Claim(
        f"ReLU: near the limit π/(π - 1) at batches of {BATCH_SIZES[-1]}",
        "section 2",
        measure=growth(BATCH_SIZES[-1]),
        **predicted(theory.GRADIENT_GROWTH_LIMIT),
    ),
]

GROWTH_LINEAR = [
    Claim(
        f"linear, batches of {size}",
        "ours",
        measure=growth(size, "linear"),
        **predicted(float(theory.gradient_growth(size, "linear"))),
    )
    for size in BATCH_SIZES
]

SLIP = [
    Claim(
        f"ReLU, batches of {size}: greater than {theory.gradient_growth_as_plotted(size):.3f} (difference)",
        "ours, against Figure 2",
        measure=lambda get, size=size: growth(size)(get) - float(theory.gradient_growth_as_plotted(size)),
        **positive("–"),
    )
    for size in BATCH_SIZES
]
