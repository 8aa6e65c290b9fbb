"""The claims of section 3 and appendix A.3 on ImageNet, and the same statements about networks trained on small images.

On ImageNet there is one network of each kind, and no seed to vary. What its accuracy is uncertain by is the choice of
images, so the measures of these claims give one value an image where others give one a seed: 100 for an image that is
right, 0 for one that is not, and for two networks the difference. A record does not say which images are right; of two
networks they are taken as independent. They are not, as both find the same images hard, so that an interval is rather too
wide than too narrow. The rules of `lib.verdicts` then apply as they are.

All claims were written, with their rules, before any run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib import verdicts
from lib.claims import Claim, effect, minus, number
from lib.empirical_results.claims import accuracy, cost_of_batch_norm, vgg
from lib.empirical_results.experiments import BIM as BIM_CIFAR10
from lib.empirical_results.experiments import NOISE, NOISE_AS_PRINTED
from lib.evaluate import Evaluation
from lib.imagenet.experiments import BIM, IMAGES, NETWORKS, SAMPLE, SOURCES, TRANSFERRED, table_10
from lib.paper import Reported, reported, stated
from lib.report import Get, Measure
from lib.trials import PRETRAINED

DEPTHS = (11, 13, 16, 19)  # of torchvision's VGGs
OWN_DEPTHS = (8, 11, 13)  # of those trained here
KINDS = {"accuracy": "Top 1", "top5": "Top 5"}
TARGET_NAMES = {target.architecture.removeprefix(PRETRAINED): target.network_name for target in table_10("paper")[0].targets}

TOP_5_RANGE = ("ImageNet top-5 BIM: BN loss, min", "ImageNet top-5 BIM: BN loss, max")  # section 3
TOP_1_RANGE = ("ImageNet top-1 BIM: BN loss, min", "ImageNet top-1 BIM: BN loss, max")
CROSSED = "a source without batch norm fools a target with it more than the reverse"
SAME_TARGET = "the source without batch norm fools it more"
# The ranges of appendix A.3, smallest and largest. What the lost column of Table 10 has to be follows from them: each begins
# or ends with the 19 layers, as the printed numbers of the other depths leave only that.
CROSSED_RANGE = {
    "accuracy": (
        "transfer top-1: BN source -> no-BN target minus no-BN source -> BN target, min",
        "transfer top-1: same, max",
    ),
    "top5": ("transfer top-5: same, min", "transfer top-5: same, max"),
}
PLAIN_RANGE = (
    "transfer top-1 to no-BN targets: extra drop from a no-BN source, min",
    "transfer top-1 to no-BN targets: same, max",
)
MATCHED_RANGE = ("transfer top-1 to BN targets: difference by matching BN, min", "transfer top-1 to BN targets: same, max")

# --- ImageNet: one value an image ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Accuracy:
    """Of a pre-trained network, "accuracy" (top 1) or "top5"; on the inputs made from `source` where one is given."""

    name: str
    kind: str
    evaluation: Evaluation
    source: str | None = None

    @property
    def arm(self) -> dict:
        experiment = "table-10" if self.source else "table-05"
        return {"experiment": experiment, "model": f"{PRETRAINED}{self.source or self.name}"}

    def right(self, get: Get) -> tuple[int, int]:
        """How many images are right, of how many: of all, or of the sample where that alone was tested."""
        label = self.evaluation.label.removesuffix(f"-first-{SAMPLE}")
        on_target = f"-on-{TARGET_NAMES[self.name]}" if self.source else ""
        for images, first in ((IMAGES, ""), (SAMPLE, f"-first-{SAMPLE}")):
            found = get(f"{self.kind} {label}{first}{on_target}", self.arm)
            if len(found):
                return round(images * found.mean() / 100), images
        return 0, 0

    def outcomes(self, get: Get) -> pd.Series:
        """100 or 0 for each image."""
        right, images = self.right(get)
        return pd.Series(np.repeat([100.0, 0.0], [right, images - right]))

    def minus(self, other: "Accuracy") -> Measure:
        """100, 0 or -100 for each image: the difference of two networks that are right independently of each other."""

        def difference(get: Get) -> pd.Series:
            (right, images), (other_right, other_images) = self.right(get), other.right(get)
            if images != other_images or images == 0:
                return pd.Series(dtype=float)
            lost = round(other_right * (images - right) / images)
            gained = lost + right - other_right
            return pd.Series(np.repeat([100.0, 0.0, -100.0], [gained, images - gained - lost, lost]))

        return difference


def _extreme(choose: Callable, differences: Iterable[Measure]) -> Measure:
    """The smallest or the largest of several differences."""
    differences = list(differences)

    def measure(get: Get) -> pd.Series:
        found = [difference(get) for difference in differences]
        return choose(found, key=pd.Series.mean) if all(map(len, found)) else pd.Series(dtype=float)

    return measure


def pair(depth: int) -> tuple[str, str]:
    """The VGGs of torchvision without and with batch norm."""
    return f"vgg{depth}", f"vgg{depth}_bn"


def stated_range(ends: tuple[str, str]) -> str:
    return " to ".join(stated(end).printed for end in ends)


def paper_name(name: str) -> str:
    """Of a network of torchvision, with or without batch norm."""
    others = {"alexnet": "AlexNet", "densenet121": "DenseNet121", "resnet18": "ResNet18"}
    return others.get(name) or f"VGG-{name[3:5]}"


def printed(name: str, column: str) -> Reported:
    """Of Table 5."""
    return reported("5", column, model=paper_name(name), BN=NETWORKS[name] is not None)


def printed_transfer(kind: str, source: str, target: str) -> Reported | None:
    """Of Table 10; None for its last column, which our copy of the paper's text has lost."""
    row = {"acc_type": KINDS[kind], "source_BN": source.endswith("_bn"), "target_BN": target.endswith("_bn")}
    try:
        return reported("10", "accuracy", target=paper_name(target), **row)
    except KeyError:
        return None


def printed_gain_on_noise(depth: int) -> Reported:
    """With batch norm - without, in Table 5."""
    plain, normalized = pair(depth)
    return minus(printed(normalized, "Noise"), printed(plain, "Noise"))


def _gain_on_noise(depth: int, noise: Evaluation) -> Measure:
    plain, normalized = pair(depth)
    return Accuracy(normalized, "top5", noise).minus(Accuracy(plain, "top5", noise))


def _cost_under_bim(depth: int, kind: str) -> Measure:
    plain, normalized = pair(depth)
    return Accuracy(plain, kind, BIM).minus(Accuracy(normalized, kind, BIM))


WHITE_BOX = [
    *(
        Claim(
            f"VGG-{depth}: batch norm costs top-5 accuracy under BIM",
            "section 3, Table 5",
            measure=_cost_under_bim(depth, "top5"),
            **effect(minus(*(printed(name, "BIM-linf") for name in pair(depth)))),
        )
        for depth in DEPTHS
    ),
    *(
        Claim(
            f"the {word} cost of batch norm in top-1 accuracy under BIM, over the four depths",
            "section 3",
            measure=_extreme(choose, [_cost_under_bim(depth, "accuracy") for depth in DEPTHS]),
            **number(stated(end)),
        )
        for word, choose, end in zip(("smallest", "largest"), (min, max), TOP_1_RANGE, strict=True)
    ),
    *(
        Claim(
            f"VGG-{depth}: batch norm {'gains' if change.value > 0 else 'costs'} top-5 accuracy on noise, standard deviation "
            f"{noise.epsilon:g} (with - without)",
            "section 3, Table 5",
            measure=_gain_on_noise(depth, noise),
            **effect(change),
        )
        for noise in (NOISE, NOISE_AS_PRINTED)
        for depth in DEPTHS
        for change in [printed_gain_on_noise(depth)]
    ),
]


Cells = tuple[tuple[str, str], tuple[str, str]]  # two (source, target) of Table 10, of which the difference is meant


def crossed(depth: int) -> Cells:
    """From batch norm to none - from none to batch norm."""
    (plain, normalized), (without, with_it) = SOURCES, pair(depth)
    return (normalized, without), (plain, with_it)


def same_target(target: str) -> Cells:
    """From batch norm - from none."""
    plain, normalized = SOURCES
    return (normalized, target), (plain, target)


def printed_difference(kind: str, cells: Cells) -> Reported | None:
    found = [printed_transfer(kind, *cell) for cell in cells]
    return minus(*found) if all(found) else None


def _difference(kind: str, cells: Cells) -> Measure:
    first, second = (Accuracy(target, kind, TRANSFERRED, source) for source, target in cells)
    return first.minus(second)


TRANSFER = [
    *(
        Claim(
            f"{shown}, VGG-{depth}: {CROSSED}",
            "appendix A.3, Table 10",
            measure=_difference(kind, crossed(depth)),
            **effect(printed_difference(kind, crossed(depth)) or stated(CROSSED_RANGE[kind][0])),
        )
        for kind, shown in KINDS.items()
        for depth in DEPTHS
    ),
    *(
        Claim(
            f"Top 1, VGG-{depth} without batch norm: {SAME_TARGET} (matching helps the attacker)",
            "appendix A.3, Table 10",
            measure=_difference("accuracy", same_target(pair(depth)[0])),
            **effect(printed_difference("accuracy", same_target(pair(depth)[0]))),
        )
        for depth in DEPTHS[1:]
    ),
    *(
        Claim(
            f"Top 1, VGG-{depth} with batch norm: {SAME_TARGET} (matching does not help)",
            "Table 10; in the prose the difference has no sign",
            measure=_difference("accuracy", same_target(pair(depth)[1])),
            **effect(printed_difference("accuracy", same_target(pair(depth)[1])) or stated(MATCHED_RANGE[1])),
        )
        for depth in DEPTHS[1:]
    ),
]

# --- Networks trained here: one value a seed -------------------------------------------------------------------------


def trained(depth: int, norm: str) -> dict:
    """A source of the transferred attacks; `norm` is "none" or "batch"."""
    return vgg("table-10-cifar10", norm, depth)


def attacked(depth: int | None = None, norm: str = "none", attack: Evaluation = TRANSFERRED) -> str:
    """The column of a frame with the accuracy of a target of another seed, or without `depth` of the source itself."""
    on_target = f"-on-vgg{depth}{'-batch' if norm == 'batch' else ''}" if depth else ""
    return accuracy(attack) + on_target


def of_ours(on_imagenet: str) -> dict:
    """For Claim(**…): a statement of ours, not the paper's: the effect is positive. The best it can get is *direction only*."""
    positive = Reported(1.0, None, "percent_points", "positive")
    return {
        "paper": f"– (on ImageNet {on_imagenet})",
        "judge": lambda found, scale: verdicts.of_effect(found, positive, "laptop"),  # which judges no size
    }


def _own_transfer(first: tuple[str, str], second: tuple[str, str], depth: int) -> Measure:
    """The difference of two targets' accuracies, (source, target) by their norms; the source has 11 layers, as in the paper."""
    (source, target), (other_source, other_target) = first, second
    return lambda get: (
        get(attacked(depth, target), trained(11, source)) - get(attacked(depth, other_target), trained(11, other_source))
    )


OWN_WHITE_BOX = [
    *(
        Claim(
            f"VGG{depth}: batch norm costs accuracy under BIM",
            "ours, after Table 5",
            measure=cost_of_batch_norm(accuracy(BIM_CIFAR10), "table-04", depth),
            **of_ours("top 5, " + stated_range(TOP_5_RANGE)),
        )
        for depth in OWN_DEPTHS
    ),
    *(
        Claim(
            f"VGG{depth}: batch norm costs accuracy on noise, standard deviation {noise.epsilon:g}",
            "ours, against Table 5",
            measure=cost_of_batch_norm(accuracy(noise), "table-04", depth),
            **of_ours(f"the reverse at {sum(printed_gain_on_noise(d).value > 0 for d in DEPTHS)} of {len(DEPTHS)} depths"),
        )
        for noise in (NOISE, NOISE_AS_PRINTED)
        for depth in OWN_DEPTHS
    ),
]
OWN_TRANSFER = [
    Claim(
        f"VGG11 → VGG{depth}{text}",
        "ours, after Table 10",
        measure=_own_transfer(first, second, depth),
        **of_ours(stated_range(ends)),
    )
    for text, first, second, ends in (
        (f": {CROSSED}", ("batch", "none"), ("none", "batch"), CROSSED_RANGE["accuracy"]),
        (f" without batch norm: {SAME_TARGET}", ("batch", "none"), ("none", "none"), PLAIN_RANGE),
        (f" with batch norm: {SAME_TARGET}", ("batch", "batch"), ("none", "batch"), MATCHED_RANGE),
    )
    for depth in OWN_DEPTHS
]
