"""Section 4 and appendix B: each function gives the evidence for one inconsistency."""

import math
from collections import Counter

from lib import store
from lib.claims import minus
from lib.evidence.printed import Evidence, bare, differ, differences, explained, parts, ratios, rounded, rounding, span
from lib.input_dimension import claims as input_dimension
from lib.paper import Reported, reported, stated
from lib.report import frame, measured, value_of
from lib.table import number
from lib.verdicts import REPRODUCED, Estimate, of_number


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
        _, error = parts(said)
        divided = rounded(follows.error / math.sqrt(SEEDS), error)
        shown.append(f"{name}: text ± {error}, tables ± {follows.error:.2f}, over √{SEEDS} ± {divided}")
        fits.append(divided == error != rounded(follows.error, error))
    return Evidence("; ".join(shown), all(fits))


def clean_difference() -> Evidence:
    """Without the ±, of which `root_five` speaks."""
    claim, column = PROSE_OF_TABLE_6["clean"]
    return differ([("28 px", *map(bare, (stated(claim), six(column, 28, False), six(column, 28, True))))])


def added_test_error() -> Evidence:
    said, decayed = stated("MLP sqrt_d=56, lambda=0.01, BN: increase of test error"), seven("Clean", 56, True)
    value, cells = parts(said)[0], [six("Clean", size, norm) for size in (28, 56, 84) for norm in (False, True)]
    shown = ", ".join(rounded(pair, value) for pair in sorted(minus(cell, decayed).value for cell in cells))
    within = rounding([any(explained(value, differences(cell, decayed)) for cell in cells)])
    found = f"text {said.printed}; all clean accuracies of Table 6 less that of Table 7: {shown}, {within}"
    return Evidence(found, value not in shown.split(", "), within)


def other_end() -> Evidence:
    claim = "MLP sqrt_d=84: (no BN, lambda=0.0225) minus (BN, lambda=0), BIM"
    return differ([("84 px", stated(claim), seven("eps=0.1", 84, False), six("eps=0.1", 84, True))])


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
    cells = six("eps=0.1", 28, False), six("eps=0.1", 84, True)
    said, follows = stated("MLP: (28, no BN) minus (84, BN), BIM"), minus(*cells)
    within = rounding([explained(parts(said)[0], differences(*cells))])
    return Evidence(f"caption {said.printed}, rows {follows.printed}: {within}", said.value != follows.value, within)


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
        _, shown = parts(printed)
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
    shown, other, within = [], [], []
    for norm in (False, True):
        printed, cells = reported("12", "acc Noise", sqrt_d=84, BN=norm), (six("Noise", 84, norm), six("Noise", 28, False))
        value, follows = parts(printed)[0], rounded(cells[0].value / cells[1].value, parts(printed)[0])
        other.append(follows != value)
        within.append(explained(value, ratios(*cells)))
        shown.append(
            f"84 px{', BN' if norm else ''}, noise: Table 12 {value}, from Table 6 {follows}, as its cells are rounded "
            f"{span(ratios(*cells))}, {rounding(within[-1:])}"
        )
    return Evidence("; ".join(shown), all(other), rounding(within))


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
