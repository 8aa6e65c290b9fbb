"""Appendices A, C and D: each function gives the evidence for one inconsistency."""

from lib.claims import minus
from lib.evidence.printed import VARIANTS, Evidence, corrupted, decimals, differ, parts, vgg, wide, without_minus_with
from lib.fixup.experiments import DROPS, EPOCHS
from lib.imagenet import claims as imagenet
from lib.paper import reported, stated

FOOLBOX_SAMPLES = 2048  # test images, of which the paper gives the difference under Foolbox's attack


def coarse_errors() -> Evidence:
    """A ± printed to fewer decimals than its number."""
    columns = ("Clean", "Noise", "BIM-linf", "BIM-l2")
    cells = [reported("8", column, L=depth) for depth in (11, 13, 16, 19) for column in columns]
    coarse = [cell.printed for cell in cells if decimals(parts(cell)[1]) < decimals(parts(cell)[0])]
    return Evidence(f"{len(coarse)} of {len(cells)}: {', '.join(coarse)}", 2 * len(coarse) > len(cells))


def prose_of_table_9() -> Evidence:
    return differ([("noise", stated("WRN: Fixup minus BN, CIFAR-10 noise"), wide("Noise", "Fixup"), wide("Noise", "BN"))])


def null_and_slight() -> Evidence:
    linf, l2 = (minus(wide(column, "Fixup"), wide(column, "BN")) for column in ("BIM-linf", "BIM-l2"))
    found = f"Fixup - batch norm: {linf.printed} under linf, called a null result; {l2.printed} under l2, called an improvement"
    return Evidence(found, abs(linf.value) / linf.error > abs(l2.value) / l2.error)


def other_sign() -> Evidence:
    bim = minus(wide("BIM-linf", "Fixup"), wide("BIM-linf", "BN"))
    foolbox = stated("WRN: Foolbox BIM-linf (eps/15, 20 it, 2048 samples): BN loss")
    found = f"Fixup - batch norm: {bim.printed} with the authors' attack on all test images, {foolbox.printed} with Foolbox's, of larger "
    found += f"steps, on {FOOLBOX_SAMPLES:,} samples: not the same images"
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
