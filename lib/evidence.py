"""The evidence for the inconsistencies of the paper, computed from its printed numbers.

Every function of the last five parts gives an `Evidence`. What is printed comes from `lib.paper`.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lib import data, store, theory
from lib.claims import minus
from lib.empirical_results.experiments import EPSILON, EPSILON_L2, NOISE_AS_PRINTED
from lib.fixup.experiments import DROPS, EPOCHS
from lib.imagenet import claims as imagenet
from lib.imagenet.tables import documented
from lib.input_dimension import claims as input_dimension
from lib.paper import Reported, reported, stated
from lib.report import frame, measured, value_of
from lib.table import number
from lib.verdicts import REPRODUCED, Estimate, of_number

SEVERITIES = 5  # of each corruption of CIFAR-10-C, which Table 13 averages over
STRONGEST_GAUSSIAN = 0.10  # standard deviation in pixels at the last of them (Hendrycks and Dietterich 2019)


@dataclass(frozen=True)
class Evidence:
    """`found` says it in numbers; `holds`, whether they show an inconsistency."""

    found: str
    holds: bool


def rounded(value: float, like: str) -> str:
    """With as many decimals as a printed number has."""
    return f"{value + 0.0:.{_decimals(like)}f}"


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])


def _parts(printed: Reported) -> tuple[str, str]:
    """The number and its ± as printed."""
    value, _, error = printed.printed.partition(" ± ")
    return value, error


def _differ(pairs: Iterable[tuple[str, Reported, Reported]], words: tuple[str, str] = ("text", "tables")) -> Evidence:
    """Numbers of the text, by what they are of, beside those that follow from the tables to as many decimals."""
    pairs = list(pairs)
    shown = [f"{name}: {words[0]} {said.printed}, {words[1]} {follows.printed}" for name, said, follows in pairs]
    differ = [tuple(rounded(v, p) for v, p in _beside(said, follows)) != _parts(said) for _, said, follows in pairs]
    return Evidence("; ".join(shown), all(differ))


def _beside(said: Reported, follows: Reported) -> list[tuple[float, str]]:
    value, error = _parts(said)
    return [(follows.value, value), (follows.error or 0.0, error)] if error else [(follows.value, value)]


# --- Section 3 -------------------------------------------------------------------------------------------------------


def vgg(table: str, column: str, batch_norm: bool, **row) -> Reported:
    return reported(table, column, BN=batch_norm, **row)


def wide(column: str, norm: str) -> Reported:
    return reported("9", f"CIFAR-10 {column}", variant=norm)


def corrupted(model: str, variant: str, column: str) -> Reported:
    return reported("13", column, model=model, variant=variant)


VARIANTS = {
    "VGG8": ("noBN", "BN"),
    "VGG13": ("noBN", "BN"),
    "WRN-28-10": ("Fixup(one BN)", "BN"),
}


def without_minus_with(model: str, column: str) -> Reported:
    """In Table 13."""
    without, with_it = VARIANTS[model]
    return minus(corrupted(model, without, column), corrupted(model, with_it, column))


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
    return _differ(
        (name, stated(claim), minus(vgg(table, column, False), vgg(table, column, True)))
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
    shown = "; ".join(f"{name}: {l2.printed} and {linf.printed}" for name, (l2, linf) in cells.items())
    contains = EPSILON_L2 >= EPSILON * math.sqrt(3 * 32 * 32)
    found = f"accuracy under l2, whose ball contains the other, and under linf: {shown}"
    return Evidence(found, contains and all(difference.value > 2 * difference.error for difference in above.values()))


# --- Section 4 and appendix B ----------------------------------------------------------------------------------------


def six(column: str, size: int, batch_norm: bool) -> Reported:
    return reported("6", column, sqrt_d=size, BN=batch_norm)


def seven(column: str, size: int, batch_norm: bool) -> Reported:
    return reported("7", column, sqrt_d=size, BN=batch_norm)


def eleven(column: str, size: int) -> Reported:
    return reported("11", column, sqrt_d=size, **{"lambda": 0.0})


PROSE_OF_TABLE_6 = {
    "clean": ("MLP sqrt_d=28: clean difference due to BN", "Clean"),
    "noise": ("MLP sqrt_d=28: BN loss on noise", "Noise"),
    "BIM": ("MLP sqrt_d=28: BN loss on BIM-linf", "eps=0.1"),
}
SEEDS = 5  # of Table 6


def root_five() -> Evidence:
    """The ± of the text is that of the table over √5: the table prints standard deviations, or the text what is no error."""
    shown, fits = [], []
    for name, (claim, column) in PROSE_OF_TABLE_6.items():
        said, follows = stated(claim), minus(six(column, 28, False), six(column, 28, True))
        _, error = _parts(said)
        divided = rounded(follows.error / math.sqrt(SEEDS), error)
        shown.append(f"{name}: text ± {error}, tables ± {follows.error:.2f}, over √{SEEDS} ± {divided}")
        fits.append(divided == error != rounded(follows.error, error))
    return Evidence("; ".join(shown), all(fits))


def clean_difference() -> Evidence:
    claim, column = PROSE_OF_TABLE_6["clean"]
    said, follows = stated(claim), minus(six(column, 28, False), six(column, 28, True))
    return Evidence(
        f"text {_parts(said)[0]}, table {rounded(follows.value, _parts(said)[0])}", said.value != round(follows.value, 2)
    )


def added_test_error() -> Evidence:
    said, decayed = stated("MLP sqrt_d=56, lambda=0.01, BN: increase of test error"), seven("Clean", 56, True)
    pairs = sorted(minus(six("Clean", size, norm), decayed).value for size in (28, 56, 84) for norm in (False, True))
    value, _ = _parts(said)
    shown = ", ".join(rounded(pair, value) for pair in pairs)
    return Evidence(
        f"text {said.printed}; all clean accuracies of Table 6 less that of Table 7: {shown}", value not in shown.split(", ")
    )


def other_end() -> Evidence:
    claim = "MLP sqrt_d=84: (no BN, lambda=0.0225) minus (BN, lambda=0), BIM"
    return _differ([("84 px", stated(claim), minus(seven("eps=0.1", 84, False), six("eps=0.1", 84, True)))])


def two_factors_with_decay() -> Evidence:
    """Both differences of the text, and what batch norm alone makes at either weight decay."""
    shown, holds = [], True
    for size, decay in ((56, "0.01"), (84, "0.0225")):
        both = stated(f"MLP sqrt_d={size}: (no BN, lambda={decay}) minus (BN, lambda=0), BIM")
        alone = [minus(cell("eps=0.1", size, False), cell("eps=0.1", size, True)) for cell in (six, seven)]
        shown.append(
            f"{size} px: {both.printed} for both, {alone[0].value:.1f} for batch norm without decay, {alone[1].value:.1f} with it"
        )
        holds &= all(both.value > 1.5 * one.value for one in alone)
    return Evidence("; ".join(shown), holds)


def two_factors_with_size() -> Evidence:
    both = stated("MLP: (28, no BN) minus (84, BN), BIM")
    alone = {size: minus(six("eps=0.1", size, False), six("eps=0.1", size, True)) for size in (28, 84)}
    size = minus(six("eps=0.1", 28, False), six("eps=0.1", 84, False))
    found = (
        f"{both.printed} for both; batch norm alone {alone[28].value:.1f} at 28 px and {alone[84].value:.1f} at 84 px, "
        f"the size alone {size.value:.1f}"
    )
    return Evidence(found, all(both.value > 1.25 * one.value for one in alone.values()))


def caption_of_table_6() -> Evidence:
    said, follows = stated("MLP: (28, no BN) minus (84, BN), BIM"), minus(six("eps=0.1", 28, False), six("eps=0.1", 84, True))
    same = rounded(follows.value, _parts(said)[0]) == _parts(said)[0]
    return Evidence(
        f"caption {said.printed}, rows {follows.printed}: the same but for rounding", same and said.value != follows.value
    )


TWELVE = {f"acc {column}": column for column in ("Clean", "Noise", "eps=0.1")}  # its columns, and those of Table 6


def _ratios() -> list[tuple[str, Reported, float, float]]:
    """Of Table 12: which, as printed, the ratio that follows from Table 6 and its relative error."""
    cells = []
    for size in (28, 56, 84):
        for norm in (False, True):
            for column, of_six in TWELVE.items():
                if (size, norm) != (28, False):
                    a, b = six(of_six, size, norm), six(of_six, 28, False)
                    relative = math.hypot(a.error / a.value, b.error / b.value)
                    printed = reported("12", column, sqrt_d=size, BN=norm)
                    cells.append((f"{size} px{', BN' if norm else ''}, {of_six}", printed, a.value / b.value, relative))
    return cells


def relative_errors() -> Evidence:
    """How many printed ± of accuracy ratios are their relative errors, and how many their errors; where they can be told apart."""
    fits = Counter()
    for _, printed, ratio, error in _ratios():
        _, shown = _parts(printed)
        fits[tuple(rounded(e, shown) == shown for e in (error, ratio * error))] += 1
    name, printed, ratio, error = max(_ratios(), key=lambda cell: cell[3])
    relative, absolute = fits[True, False], fits[False, True]
    found = (
        f"± of {len(_ratios())} accuracy ratios: {relative} are the relative error alone, {absolute} the error alone, {fits[True, True]} "
        f"both, {fits[False, False]} neither; {name}: {printed.printed}, should be {ratio:.3f} ± {ratio * error:.3f}"
    )
    return Evidence(found, relative > absolute)


def ratio_row() -> Evidence:
    printed, follows = reported("12", "acc Clean", sqrt_d=28, BN=True), six("Clean", 28, True)
    ratio = follows.value / six("Clean", 28, False).value
    found = f"Table 12 {printed.printed}, Table 6 {follows.printed}: a ratio ({ratio:.4f}), not an accuracy"
    return Evidence(found, abs(printed.value - ratio) < 0.001)


def last_digits() -> Evidence:
    cells = [(name, printed, ratio) for name, printed, ratio, _ in _ratios() if "84 px" in name and "Noise" in name]
    shown = [f"{name}: Table 12 {_parts(p)[0]}, from Table 6 {rounded(ratio, _parts(p)[0])}" for name, p, ratio in cells]
    return Evidence("; ".join(shown), all(rounded(ratio, _parts(p)[0]) != _parts(p)[0] for _, p, ratio in cells))


def impossible_errors() -> Evidence:
    """A ratio of accuracies below zero within its ±, which no spread of accuracies has."""
    cells = {size: eleven("acc eps=0.1", size) for size in (84, 112)}
    shown = ", ".join(f"{size} px {cell.printed}" for size, cell in cells.items())
    points = {size: cell.error * eleven("acc eps=0.1", 28).value for size, cell in cells.items()}
    baseline = eleven("acc eps=0.1", 28)
    found = (
        f"ratios of accuracies {shown}: as errors {', '.join(f'{p:.0f}' for p in points.values())} points, where the 28-pixel row "
        f"has ± {baseline.error:g}, and below zero within two of them"
    )
    return Evidence(found, all(cell.value - 2 * cell.error < 0 for cell in cells.values()))


def wrong_row() -> Evidence:
    quoted, meant = eleven("acc eps=0.1", 84), eleven("acc eps=0.1", 112)
    return Evidence(f"112 px is {meant.printed}; {quoted.printed}, as quoted for it, is 84 px", quoted.printed != meant.printed)


def all_image_widths() -> Evidence:
    growths = {size: eleven("loss eps=0.05", size) for size in (56, 84, 112)}
    outside = [size for size, growth in growths.items() if size / 28 < growth.value]
    shown = "; ".join(
        f"{size} px: predicted {size // 28}, at epsilon 0.05 {growth.printed}" for size, growth in growths.items()
    )
    return Evidence(f"{shown}: below it at {', '.join(map(str, outside))} px", outside == [112])


def damage() -> Evidence:
    """What the attack adds, as a ratio to what it adds at 28 pixels, is above the prediction at both epsilons."""
    shown, above = [], []
    clean = {size: _loss(size, "loss Clean") for size in (28, 56, 84, 112)}
    for size in (56, 84, 112):
        added = [(_loss(size, c) - clean[size]) / (_loss(28, c) - clean[28]) for c in ("loss eps=0.05", "loss eps=0.1")]
        total = [eleven(c, size).value for c in ("loss eps=0.05", "loss eps=0.1")]
        shown.append(
            f"{size} px: total {total[0]:.2f} to {total[1]:.2f}, added {added[0]:.2f} to {added[1]:.2f}, predicted {size // 28}"
        )
        above.append(min(added) > size / 28)
    return Evidence("; ".join(shown), all(above))


def _loss(size: int, column: str) -> float:
    """In nats: Table 11 has ratios for all sizes but the first."""
    return eleven(column, size).value * (eleven(column, 28).value if size > 28 else 1.0)


def baseline() -> Evidence:
    """The 28-pixel row of Table 11 beside our published runs of both weight decays."""
    results, printed = frame(store.published("table-11", "paper"), "paper", "table-11"), eleven("acc eps=0.1", 28)
    shown, verdicts = [], []
    for decay in (0.0, 1e-3):
        found = measured(value_of(input_dimension.FGSM, input_dimension.linear(28, decay)), results, "paper")
        shown.append(f"λ = {decay:g} gives {number(Estimate.of(found))}")
        verdicts.append(of_number(found, printed, "paper"))
    holds = verdicts[0] != REPRODUCED and verdicts[1] == REPRODUCED
    return Evidence(f"accuracy under FGSM printed for λ = 0: {printed.printed}; {' and '.join(shown)}", holds)


# --- Appendix A ------------------------------------------------------------------------------------------------------


def coarse_errors() -> Evidence:
    """A ± printed to fewer decimals than its number."""
    columns = ("Clean", "Noise", "BIM-linf", "BIM-l2")
    cells = [reported("8", column, L=depth) for depth in (11, 13, 16, 19) for column in columns]
    coarse = [cell.printed for cell in cells if _decimals(_parts(cell)[1]) < _decimals(_parts(cell)[0])]
    return Evidence(f"{len(coarse)} of {len(cells)}: {', '.join(coarse)}", 2 * len(coarse) > len(cells))


def prose_of_table_9() -> Evidence:
    follows = minus(wide("Noise", "Fixup"), wide("Noise", "BN"))
    return _differ([("noise", stated("WRN: Fixup minus BN, CIFAR-10 noise"), follows)])


def null_and_slight() -> Evidence:
    linf, l2 = (minus(wide(column, "Fixup"), wide(column, "BN")) for column in ("BIM-linf", "BIM-l2"))
    found = f"Fixup - batch norm: {linf.printed} under linf, called a null result; {l2.printed} under l2, called an improvement"
    return Evidence(found, abs(linf.value) / linf.error > abs(l2.value) / l2.error)


def other_sign() -> Evidence:
    bim = minus(wide("BIM-linf", "Fixup"), wide("BIM-linf", "BN"))
    foolbox = stated("WRN: Foolbox BIM-linf (eps/15, 20 it, 2048 samples): BN loss")
    found = f"Fixup - batch norm: {bim.printed} with the authors' attack, {foolbox.printed} with Foolbox's, of larger steps"
    return Evidence(found, bim.value * foolbox.value < 0)


def hidden_sign() -> Evidence:
    """On targets with batch norm, what the source with it leaves more than the source without."""
    found = {d: imagenet.printed_difference("accuracy", imagenet.same_target(imagenet.pair(d)[1])) for d in imagenet.DEPTHS[1:]}
    printed = {depth: difference for depth, difference in found.items() if difference}
    shown = ", ".join(f"VGG-{depth} {difference.value:+.1f}" for depth, difference in printed.items())
    said = imagenet.stated_range(imagenet.MATCHED_RANGE)
    return Evidence(
        f"text: a difference of {said} by matching; accuracy left, matched - not: {shown}, so that matching helps the target",
        all(difference.value > 0 for difference in printed.values()),
    )


def last_drop() -> Evidence:
    missed = [drop for drop in DROPS if drop > EPOCHS]
    found = (
        f"training stops after {EPOCHS} epochs, the learning rate of the code it names falls at {', '.join(map(str, DROPS))}"
    )
    return Evidence(found, missed == [EPOCHS + 10])


# --- Appendices C and D ----------------------------------------------------------------------------------------------


def prose_of_table_13() -> Evidence:
    return _differ(
        [
            ("VGG8, impulse", stated("VGG8: noBN minus BN, Impulse"), without_minus_with("VGG8", "Impulse")),
            ("VGG13, speckle", stated("VGG13: noBN minus BN, Speckle"), without_minus_with("VGG13", "Speckle")),
            (
                "WRN, contrast",
                stated("WRN-28-10: BN minus Fixup, Contrast"),
                _negative(without_minus_with("WRN-28-10", "Contrast")),
            ),
        ]
    )


def _negative(a: Reported) -> Reported:
    return minus(Reported(0.0, None, a.unit, "0"), a)


def accuracies_called_errors() -> Evidence:
    without, with_it = (stated(f"VGG8 mean CIFAR-10-C accuracy (called mCE), {norm}") for norm in ("no BN", "BN"))
    found = f"{with_it.printed} and {without.printed}, which rise without batch norm: an error would fall"
    return Evidence(found, without.value > with_it.value)


def top_five() -> Evidence:
    contrast = {model: without_minus_with(model, "Contrast") for model in VARIANTS}
    others = {"VGG13": stated("VGG13 Pixelate gap"), "WRN-28-10": stated("WRN-28-10: Fixup minus BN, JPEG")}
    shown = ", ".join(f"{model} {gap.printed}" for model, gap in contrast.items())
    found = (
        f"contrast, without - with batch norm: {shown}; of those not shown, VGG13 loses {others['VGG13'].printed} on pixelate and "
        f"WRN {others['WRN-28-10'].printed} on JPEG"
    )
    holds = contrast["VGG8"].value > 0 > max(contrast["VGG13"].value, contrast["WRN-28-10"].value)
    return Evidence(found, holds and others["VGG13"].value > abs(contrast["VGG13"].value))


def same_networks() -> Evidence:
    """The clean column of Table 13 is that of Tables 2, 4 and 9, whose networks were trained in three ways."""
    pairs = [
        *((corrupted("VGG8", v, "Clean"), vgg("2", "Clean", v == "BN")) for v in VARIANTS["VGG8"]),
        *((corrupted("VGG13", v, "Clean"), vgg("4", "Clean", v == "BN", L=13)) for v in VARIANTS["VGG13"]),
        *((corrupted("WRN-28-10", v, "Clean"), wide("Clean", v.partition("(")[0])) for v in VARIANTS["WRN-28-10"]),
    ]
    found = (
        f"its {len(pairs)} clean accuracies are those of Tables 2 (constant learning rate), 4 (falling) and 9 (another code)"
    )
    return Evidence(found, all(a.printed == b.printed for a, b in pairs))


def without_errors() -> Evidence:
    norms = ("BN", "no BN")
    cells = {norm: stated(f"Adversarial circles noisy test accuracy, {norm}") for norm in norms}
    found = ", ".join(f"{norm} {cell.printed}" for norm, cell in cells.items())
    return Evidence(f"{found}: no ±", all(cell.error is None for cell in cells.values()))


# --- Section 2 -------------------------------------------------------------------------------------------------------

FITTED = 16  # over the logarithm of the growth gives the depths of the dashed line (the first author's blog)


def dashed_line() -> Evidence:
    sizes = np.array([5, 10, 25, 100])
    depths = {
        "as drawn": FITTED / np.log(theory.gradient_growth_as_plotted(sizes)),
        "by the theorem": FITTED / np.log(theory.gradient_growth(sizes)),
    }
    shown = "; ".join(f"{name} {', '.join(f'{depth:.1f}' for depth in found)}" for name, found in depths.items())
    found = f"depth at batches of {', '.join(map(str, sizes))}, with the factor {FITTED} that was fitted: {shown}"
    return Evidence(found, bool((depths["as drawn"] > depths["by the theorem"]).all()))
