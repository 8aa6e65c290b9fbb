"""Sections 2 and 3: each function gives the evidence for one inconsistency."""

import math

import numpy as np

from lib import data, theory
from lib.claims import minus
from lib.empirical_results.experiments import EPSILON, EPSILON_L2, NOISE_AS_PRINTED
from lib.evidence.printed import VARIANTS, Evidence, corrupted, differ, vgg, wide
from lib.imagenet import claims as imagenet
from lib.imagenet.tables import documented
from lib.paper import reported, stated

SEVERITIES = 5  # of each corruption of CIFAR-10-C, which Table 13 averages over
STRONGEST_GAUSSIAN = 0.10  # standard deviation in pixels at the last of them (Hendrycks and Dietterich 2019)
READ = {"depths": range(15, 41, 5), "batch sizes": (25, 100, 250)}  # of Figure 2, where the networks with batch norm train


def dashed_line() -> Evidence:
    sizes = np.array([5, 10, 25, 100])
    depths = {
        "as drawn": theory.trainable_depth(theory.gradient_growth_as_plotted(sizes)),
        "by the theorem": theory.trainable_depth(theory.gradient_growth(sizes)),
    }
    shown = "; ".join(f"{name} {', '.join(f'{depth:.1f}' for depth in found)}" for name, found in depths.items())
    found = f"depth at batches of {', '.join(map(str, sizes))}, with the factor {theory.FITTED_LOG_RATIO:g} that was fitted: {shown}"
    return Evidence(found, bool((depths["as drawn"] > depths["by the theorem"]).all()))


def noise_panels() -> Evidence:
    """Colours read off Figure 2: of accuracy on noise with batch norm, and of the range without."""
    without = reported("figure-2", "Noise", BN=False)
    cells = [
        reported("figure-2", "Noise", BN=True, L=depth, B=size) for depth in READ["depths"] for size in READ["batch sizes"]
    ]
    above = sum(cell.value > without.value for cell in cells)
    low, high = min(cell.value for cell in cells), max(cell.value for cell in cells)
    found = (
        f"read off the colours, {min(READ['depths'])} to {max(READ['depths'])} layers: {low:.0f} to {high:.0f} with batch norm, "
        f"{without.printed} without; higher with it in {above} of {len(cells)} places"
    )
    return Evidence(found, 2 * above > len(cells))


def noise_strength() -> Evidence:
    """Noise of the printed variance is as strong as the strongest of five severities, and so cannot cost less than their mean."""
    pixels = NOISE_AS_PRINTED.epsilon * float(np.mean(data.NORMALIZATION["cifar10"][1]))
    networks = {
        **{f"VGG8, {v}": (vgg("2", "Noise", v == "BN"), corrupted("VGG8", v, "Gaussian")) for v in VARIANTS["VGG8"]},
        **{f"VGG13, {v}": (vgg("4", "Noise", v == "BN", L=13), corrupted("VGG13", v, "Gaussian")) for v in VARIANTS["VGG13"]},
    }
    better = {name: minus(noise, gaussian) for name, (noise, gaussian) in networks.items()}
    shown = ", ".join(f"{name} {difference.printed}" for name, difference in better.items())
    found = (
        f"a standard deviation of {NOISE_AS_PRINTED.epsilon:g} is {pixels:.2f} in pixels, the strongest of the {SEVERITIES} that "
        f"Table 13 averages over ({STRONGEST_GAUSSIAN:g}); yet accuracy on noise is above that average: {shown}"
    )
    holds = round(pixels, 2) >= STRONGEST_GAUSSIAN and all(d.value > 2 * d.error for d in better.values())
    return Evidence(found, holds)


def prose_of_tables_1_and_2() -> Evidence:
    return differ(
        (name, stated(claim), vgg(table, column, False), vgg(table, column, True))
        for name, claim, table, column in (
            ("CIFAR-10, l2", "CIFAR-10 VGG8: BN loss on BIM-l2", "2", "BIM-l2"),
            ("SVHN, linf", "SVHN VGG8: BN loss on BIM-linf", "1", "BIM-linf"),
        )
    )


def double_digits() -> Evidence:
    """All printed costs of noise but those of section 4, the largest of each data set."""
    vggs = {
        "SVHN": [minus(vgg("1", "Noise", False), vgg("1", "Noise", True))],
        "CIFAR-10": [
            minus(vgg("2", "Noise", False), vgg("2", "Noise", True)),
            *(minus(vgg("4", "Noise", False, L=depth), vgg("4", "Noise", True, L=depth)) for depth in (8, 11, 13)),
            minus(wide("Noise", "Fixup"), wide("Noise", "BN")),
        ],
        "CIFAR-10.1": [minus(vgg("3", "Noise", False), vgg("3", "Noise", True))],
        "MNIST": [minus(*(reported("6", "Noise", sqrt_d=size, BN=norm) for norm in (False, True))) for size in (28, 56, 84)],
        "ImageNet": [minus(*(imagenet.printed(name, "Noise") for name in imagenet.pair(d))) for d in imagenet.DEPTHS],
    }
    shown = [f"{name} {', '.join(f'{cost.value:.1f}' for cost in costs)}" for name, costs in vggs.items()]
    below = [name for name, costs in vggs.items() if min(cost.value for cost in costs) < 10]
    return Evidence(f"points lost on noise: {'; '.join(shown)}", len(below) > 1)


def noise_on_imagenet() -> Evidence:
    gains = {depth: imagenet.printed_gain_on_noise(depth) for depth in imagenet.DEPTHS}
    better = [f"VGG-{depth}" for depth, gain in gains.items() if gain.value > 0]
    shown = ", ".join(f"VGG-{depth} {gain.value:+.2f}" for depth, gain in gains.items())
    found = f"with - without batch norm: {shown}; better with it: {len(better)} of {len(gains)}"
    return Evidence(found, 2 * len(better) > len(gains))


def resnet18() -> Evidence:
    off = {name: imagenet.printed(name, "Clean").value - documented(name)["top5"] for name in imagenet.NETWORKS}
    others = max(abs(difference) for name, difference in off.items() if name != "resnet18")
    printed, known = imagenet.printed("resnet18", "Clean"), documented("resnet18")["top5"]
    found = f"Table 5 {printed.printed}, documented {known:.2f}; the ten others agree to {others:.3f}"
    return Evidence(found, abs(off["resnet18"]) > 10 * others)


def contained_ball() -> Evidence:
    cells = {
        "Table 1, no batch norm": (vgg("1", "BIM-l2", False), vgg("1", "BIM-linf", False)),
        "Table 9, Fixup": (wide("BIM-l2", "Fixup"), wide("BIM-linf", "Fixup")),
        "Table 9, batch norm": (wide("BIM-l2", "BN"), wide("BIM-linf", "BN")),
    }
    above = {name: minus(*pair) for name, pair in cells.items()}
    shown = "; ".join(
        f"{name}: {l2.printed} and {linf.printed}, by {above[name].printed}" for name, (l2, linf) in cells.items()
    )
    contains = EPSILON_L2 >= EPSILON * math.sqrt(3 * 32 * 32)
    found = f"accuracy under l2, whose ball contains the other, above that under linf: {shown}"
    return Evidence(found, contains and all(difference.value > 2 * difference.error for difference in above.values()))
