"""Appendices A, C and D: each function gives the evidence for one inconsistency."""

from lib.empirical_results.experiments import EMPIRICAL_SCALES
from lib.evidence.printed import VARIANTS, Evidence, corrupted, decimals, differ, parts, vgg, wide, without_minus_with
from lib.fixup import claims as fixup
from lib.fixup.experiments import DROPS, EPOCHS, FOOLBOX
from lib.imagenet import claims as imagenet
from lib.paper import reported, stated

CROSSED = {depth: imagenet.crossed(depth) for depth in imagenet.DEPTHS}
PLAIN, NORMALIZED = ({depth: imagenet.same_target(imagenet.pair(depth)[i]) for depth in imagenet.DEPTHS[1:]} for i in (0, 1))
RANGES = {  # of appendix A.3: the kind of accuracy, the ends, and the pairs of cells of Table 10 whose differences are in them
    "from batch norm to none - the reverse, top 1": ("accuracy", imagenet.CROSSED_RANGE["accuracy"], CROSSED),
    "the same, top 5": ("top5", imagenet.CROSSED_RANGE["top5"], CROSSED),
    "targets without batch norm, source with it - without, top 1": ("accuracy", imagenet.PLAIN_RANGE, PLAIN),
    "targets with batch norm, source with it - without, top 1": ("accuracy", imagenet.MATCHED_RANGE, NORMALIZED),
}


def coarse_errors() -> Evidence:
    """A ± printed to fewer decimals than its number."""
    columns = ("Clean", "Noise", "BIM-linf", "BIM-l2")
    cells = [reported("8", column, L=depth) for depth in (11, 13, 16, 19) for column in columns]
    coarse = [cell.printed for cell in cells if decimals(parts(cell)[1]) < decimals(parts(cell)[0])]
    return Evidence(f"{len(coarse)} of {len(cells)}: {', '.join(coarse)}", 2 * len(coarse) > len(cells))


def prose_of_table_9() -> Evidence:
    return differ([("noise", stated(fixup.NOISE_CLAIM), wide("Noise", "Fixup"), wide("Noise", "BN"))])


def null_and_slight() -> Evidence:
    linf, l2 = (fixup.printed_gain(f"CIFAR-10 {column}") for column in ("BIM-linf", "BIM-l2"))
    found = f"Fixup - batch norm: {linf.printed} under linf, called a null result; {l2.printed} under l2, called an improvement"
    return Evidence(found, abs(linf.value) / linf.error > abs(l2.value) / l2.error)


def other_sign() -> Evidence:
    bim, foolbox = fixup.printed_gain("CIFAR-10 BIM-linf"), stated(fixup.FOOLBOX_CLAIM)
    found = (
        f"Fixup - batch norm: {bim.printed} with the authors' attack on all test images, {foolbox.printed} with Foolbox's, "
        f"of larger steps, on {FOOLBOX.first:,} samples: not the same images"
    )
    return Evidence(found, bim.value * foolbox.value < 0)


def later_readme() -> Evidence:
    """The authors' ResNet-110: where the row of differences is not what follows from the two above it."""
    return differ(
        (
            (
                name,
                reported("poster", column, variant="Fixup - BN"),
                *(fixup.later(column, n) for n in (fixup.TRUE, fixup.BATCH)),
            )
            for name, column in (("noise", "Noise"), ("PGD-l2", "PGD-l2"))
        ),
        "its row of differences",
        "its other rows",
    )


def hidden_sign() -> Evidence:
    """On targets with batch norm, what the source with it leaves more than the source without."""
    found = {depth: imagenet.printed_difference("accuracy", cells) for depth, cells in NORMALIZED.items()}
    printed = {depth: difference for depth, difference in found.items() if difference}
    shown = ", ".join(f"VGG-{depth} {difference.value:+.1f}" for depth, difference in printed.items())
    said = imagenet.stated_range(imagenet.MATCHED_RANGE)
    return Evidence(
        f"text: a difference of {said} by matching; accuracy left, matched - not: {shown}, so that matching helps the target",
        all(difference.value > 0 for difference in printed.values()),
    )


def lost_column() -> Evidence:
    """The ends of the text's ranges that are of no printed depth must be those of VGG-19, whose column is not printed."""
    shown, fits, ends_left = [], [], []
    for name, (kind, ends, cells) in RANGES.items():
        found = {depth: imagenet.printed_difference(kind, pair) for depth, pair in cells.items()}
        printed = {depth: one.printed if one else "–" for depth, one in found.items()}
        left = [stated(end) for end in ends if stated(end).printed not in printed.values()]
        fits.append(len(left) == list(found.values()).count(None))
        ends_left += left
        by_depth = ", ".join(f"VGG-{depth} {one}" for depth, one in printed.items())
        shown.append(f"{name}: text {imagenet.stated_range(ends)}, table {by_depth}")
    if not (ends_left and all(fits)):
        return Evidence("; ".join(shown), False)
    top_1, top_5, matched = ends_left
    without = {
        kind: imagenet.printed_transfer(kind, imagenet.SOURCES[1], "vgg19").value - end.value
        for kind, end in (("accuracy", top_1), ("top5", top_5))
    }
    shown.append(
        f"so VGG-19 with batch norm kept {without['accuracy']:.1f} (top 1) and {without['top5']:.1f} (top 5) from the source "
        f"without batch norm and, if the sign is that of the other depths, {without['accuracy'] + matched.value:.1f} (top 1) "
        "from the one with it"
    )
    return Evidence("; ".join(shown), True)


def last_drop() -> Evidence:
    missed = [drop for drop in DROPS if drop > EPOCHS]
    found = (
        f"training stops after {EPOCHS} epochs, the learning rate of the code it names falls at {', '.join(map(str, DROPS))}: "
    )
    found += f"that at {', '.join(map(str, missed))} is never reached"
    return Evidence(found, missed == [EPOCHS + 10])


def prose_of_table_13() -> Evidence:
    return differ(
        (f"{model}, {column.lower()}", stated(f"{model}: {claim}, {column}"), *(corrupted(model, v, column) for v in variants))
        for model, column, claim, variants in (
            ("VGG8", "Impulse", "noBN minus BN", VARIANTS["VGG8"]),
            ("VGG13", "Speckle", "noBN minus BN", VARIANTS["VGG13"]),
            ("WRN-28-10", "Contrast", "BN minus Fixup", reversed(VARIANTS["WRN-28-10"])),
        )
    )


def accuracies_called_errors() -> Evidence:
    without, with_it = (stated(f"VGG8 mean CIFAR-10-C accuracy (called mCE), {norm}") for norm in ("no BN", "BN"))
    found = (
        f"{with_it.printed} and {without.printed}, which rise without batch norm: an error would fall; the mean errors are "
        f"{100 - with_it.value:.1f} with and {100 - without.value:.1f} without"
    )
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
    paper = EMPIRICAL_SCALES["paper"]
    found = (
        f"its {len(pairs)} clean accuracies are those of Tables 2 ({paper.epochs} epochs at one learning rate), 4 "
        f"({paper.deep_epochs} epochs with drops) and 9 ({EPOCHS} epochs of another code)"
    )
    return Evidence(found, all(a.printed == b.printed for a, b in pairs))


def without_errors() -> Evidence:
    norms = ("BN", "no BN")
    cells = {norm: stated(f"Adversarial circles noisy test accuracy, {norm}") for norm in norms}
    found = ", ".join(f"{norm} {cell.printed}" for norm, cell in cells.items())
    return Evidence(f"{found}: no ±", all(cell.error is None for cell in cells.values()))
