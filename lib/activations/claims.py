"""The claims of Appendix E on Figure 7, and ours beside them.

The paper gives no numbers here, only pictures of one network of each kind: its statements are judged by direction. Rules and
margins are older than all runs at the paper's scale.

Every claim compares networks of the same seeds, which see the same mini-batches. Those on suddenness and on what training has
led to leave out networks that have not learned (accuracy on the training set below 20 % at the end): the paper shows
networks that have. How many those are, stands beside the claims.
"""

from lib.activations import geometry
from lib.activations.experiments import EARLY, FIGURE
from lib.activations.experiments import INITIAL as UNTRAINED_NETWORKS
from lib.activations.geometry import END, INITIAL, MIDDLE, UNTRAINED
from lib.claims import Claim, difference, equality, negative, positive
from lib.report import Get, Measure


def at(norm: str, experiment: str, moment: str) -> dict:
    """The arm of the networks with batch norm ("batch") or without ("none") at a moment of an experiment."""
    return {"experiment": experiment, "norm": norm, "moment": moment}


def with_minus_without(metric: str, experiment: str, moment: str) -> Measure:
    return lambda get: get(metric, at("batch", experiment, moment)) - get(metric, at("none", experiment, moment))


def once_learned(metric: str, norm: str, experiment: str, moment: str = END) -> Measure:
    """The metric of those networks that have learned."""

    def measure(get: Get):
        arm = at(norm, experiment, moment)
        found, learned = get(metric, arm), get("learned", arm)
        return found[found.index.isin(learned.index[learned > 0])]

    return measure


# With batch norm as it is in training: normalised by the mini-batch.
INITIALLY = [
    Claim(
        f"the classes are easier to separate with batch norm: {what}, with - without it (points)",
        "appendix E",
        measure=with_minus_without(metric, UNTRAINED_NETWORKS, INITIAL),
        **positive(),
    )
    for what, metric in (("nearest neighbours", "neighbours"), ("linear discriminant", "linear"))
] + [
    Claim(
        "distances between classes are larger with batch norm, with - without it",
        "appendix E",
        measure=with_minus_without("distance", UNTRAINED_NETWORKS, INITIAL),
        **positive(),
    ),
    Claim(
        "distances relative to the spread within classes are larger with batch norm, with - without it",
        "appendix E, read strictly",
        measure=with_minus_without("relative distance", UNTRAINED_NETWORKS, INITIAL),
        **positive(),
    ),
    Claim(
        "in evaluation mode batch norm makes no difference yet: nearest neighbours, with - without it (points)",
        "ours",
        measure=lambda get: (
            get("neighbours", at("batch", UNTRAINED_NETWORKS, UNTRAINED))
            - get("neighbours", at("none", UNTRAINED_NETWORKS, INITIAL))
        ),
        **equality("–", 0, 0.1),
    ),
]

SUDDENNESS = [
    Claim(
        "with batch norm there is no phase transition: steepest later fall of the loss - fall at the start (nats an epoch)",
        "appendix E",
        measure=once_learned("late fall", "batch", EARLY),
        **negative(),
    ),
    Claim(
        "without batch norm there is a phase transition: steepest later fall of the loss - fall at the start (nats an epoch)",
        "appendix E",
        measure=once_learned("late fall", "none", EARLY),
        **positive(),
    ),
    Claim(
        "largest jump of nearest neighbours between snapshots after the first epoch, without - with batch norm (points)",
        "ours",
        measure=difference(once_learned("late jump", "none", EARLY), once_learned("late jump", "batch", EARLY)),
        **positive("–"),
    ),
    Claim(
        "networks that have learned, with - without batch norm (percent)",
        "ours",
        measure=with_minus_without("learned", EARLY, END),
        **positive("–"),
    ),
]

IN_THE_MIDDLE = [
    Claim(
        f"after {geometry.MIDDLE_EPOCH} epochs the classes are easier to separate with batch norm: nearest neighbours, "
        "with - without it (points)",
        "Figure 7, middle",
        measure=with_minus_without("neighbours", EARLY, MIDDLE),
        **positive(),
    ),
    Claim(
        f"after {geometry.MIDDLE_EPOCH} epochs distances between classes are larger with batch norm, with - without it",
        "Figure 7, middle",
        measure=with_minus_without("distance", EARLY, MIDDLE),
        **positive(),
    ),
]

AT_THE_END = [
    Claim(
        f"at the end {what}, with - without batch norm",
        source,
        measure=difference(once_learned(metric, "batch", FIGURE), once_learned(metric, "none", FIGURE)),
        **positive(paper),
    )
    for what, metric, source, paper in (
        ("distances between classes are larger", "distance", "Figure 7", "positive"),
        ("they are larger relative to the spread within classes", "relative distance", "ours", "–"),
        ("more training images are classified correctly (points)", "accuracy train", "ours", "–"),
        ("more test images are classified correctly (points)", "accuracy test", "ours", "–"),
        ("more images are lost in the quadrant where both units are silent (percent)", "silent", "ours", "–"),
    )
]
