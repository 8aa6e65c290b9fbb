"""The tables of chapter 06: the paper's 13 beside ours, and those the paper does not have."""

from collections.abc import Callable, Sequence

import pandas as pd

from lib.claims import minus
from lib.common_corruptions.claims import (
    NETWORKS,
    PRINTED,
    TOP_FIVE,
    WITHOUT,
    accuracy,
    arm,
    averaged,
    benchmarks_own,
    clean,
    gap,
)
from lib.common_corruptions.experiments import GENERATED
from lib.corruptions import CATEGORIES, CORRUPTIONS
from lib.paper import Reported, reported, stated
from lib.report import Column, Comparison, Measure, Table, by_scale, measured, rows_of

WORDS = {"none": "no batch norm", "batch": "batch norm", "fixup-he": "Fixup as the code had it", "fixup": "Fixup as published"}
VARIANTS = {"none": "noBN", "batch": "BN", "fixup-he": "Fixup(one BN)"}  # as the paper has them
MEANS = {  # the paper's mean accuracies over all nineteen corruptions, in its text
    ("vgg8", "none"): "VGG8 mean CIFAR-10-C accuracy (called mCE), no BN",
    ("vgg8", "batch"): "VGG8 mean CIFAR-10-C accuracy (called mCE), BN",
}
IMAGES = {"generated": "corrupted here", "official": "the files of CIFAR-10-C"}


def in_words(name: str) -> str:
    """`gaussian_noise` as `Gaussian noise`."""
    words = name.replace("_", " ").replace("jpeg", "JPEG").replace("gaussian", "Gaussian")
    return words[0].upper() + words[1:]


def printed(model: str, norm: str, column: str) -> Reported | None:
    """The paper's number in Table 13."""
    try:
        return reported("13", column, model=NETWORKS[model], variant=VARIANTS[norm])
    except KeyError:
        return None


def others(results: pd.DataFrame, scale: str, corrupted: str = GENERATED) -> list[str]:
    """The models beside VGG8 that were tested at a scale."""
    found = results[results["scale"] == scale]
    return [name for name in NETWORKS if name != "vgg8" and len(rows_of(found, [arm(name, "batch", corrupted)]))]


def table_13(results: pd.DataFrame, corrupted: str = GENERATED) -> Comparison:
    """The paper's rows; where it was tested, Fixup as published stands beside the one that the paper very probably has."""
    pairs = [(model, norm) for model in NETWORKS for norm in (WITHOUT[model], "batch")]
    if len(rows_of(results, [arm("wrn28", "fixup", corrupted)])):
        pairs.append(("wrn28", "fixup"))
    rows = {f"{NETWORKS[model]}, {WORDS[norm]}": arm(model, norm, corrupted) for model, norm in pairs}
    columns = [
        _column("Clean", clean),
        *(_column(PRINTED[name], lambda networks, n=name: accuracy(networks, (n,))) for name in TOP_FIVE),
    ]
    return Comparison(results, rows, columns)


def _column(title: str, measure: Callable[[dict], Measure]) -> Column:
    return Column(
        title,
        find=lambda results, scale, networks: measured(measure(networks), results, scale),
        paper=lambda networks: printed(networks["model"], networks["norm"], title),
    )


def _cells(corruptions, model: str, corrupted: str) -> dict[str, Measure]:
    with_it = arm(model, "batch", corrupted)
    return {
        WORDS[WITHOUT[model]]: accuracy(arm(model, WITHOUT[model], corrupted), corruptions),
        "batch norm": accuracy(with_it, corruptions),
        "gap": gap(model, corruptions, corrupted),
        "batch norm, by corrupted batch": accuracy(with_it, corruptions, by_batch=True),
        "gap left": gap(model, corruptions, corrupted, by_batch=True),
    }


def categories(results: pd.DataFrame, name: str, caption: str, corrupted: str = GENERATED, model: str = "vgg8") -> Table:
    """Mean accuracies by category, clean ones above them; frost is left out where it is generated (`claims.averaged`)."""
    with_it, without = arm(model, "batch", corrupted), arm(model, WITHOUT[model], corrupted)
    unharmed = {
        WORDS[WITHOUT[model]]: clean(without),
        "batch norm": clean(with_it),
        "gap": lambda get: clean(without)(get) - clean(with_it)(get),
        "batch norm, by corrupted batch": clean(with_it, by_batch=True),
        "gap left": lambda get: clean(without)(get) - clean(with_it, by_batch=True)(get),
    }
    rows = {"clean": unharmed}
    kept = averaged(corrupted)
    groups = {category: [corruption.__name__ for corruption in members] for category, members in CATEGORIES.items()}
    for category, members in {**groups, "all": CORRUPTIONS}.items():
        names = [name for name in members if name in kept]
        without_some = " without frost" if len(names) < len(members) else ""
        rows[f"{category}{without_some} ({len(names)})"] = _cells(names, model, corrupted)
    return by_scale(results, name, caption, rows)


def nineteen(
    results: pd.DataFrame, scale: str, name: str, caption: str, corrupted: str = GENERATED, model: str = "vgg8"
) -> Table:
    """Every corruption at one scale, with what the paper says of its gap."""
    rows = {in_words(c): _cells([c], model, corrupted) for c in CORRUPTIONS}
    table = by_scale(results[results["scale"] == scale], name, caption, rows)
    said = {in_words(c): gap_in_print(c, model) for c in CORRUPTIONS}
    table.rows.insert(2, "paper's gap", [said[row].printed if said[row] else "–" for row in table.rows["row"]])
    return Table(
        name, table.caption, table.rows.drop(columns="source").rename(columns={"row": "corruption"}), results=table.results
    )


def gap_in_print(name: str, model: str) -> Reported | None:
    """What the paper says batch norm costs on a corruption, in its text or else by its Table 13."""
    if name not in PRINTED:
        return None
    network, corruption = NETWORKS[model], PRINTED[name]
    costs = (": noBN minus BN, {}", ": Fixup minus BN, {}", " {} gap", " {} blur gap (negative)")
    for claim in costs:
        if said := _said(network + claim.format(corruption)):
            return said
    if gain := _said(f"{network}: BN minus Fixup, {corruption}"):
        return minus(Reported(0.0, None, "", "0"), gain)
    without, with_it = (printed(model, norm, PRINTED[name]) for norm in (WITHOUT[model], "batch"))
    return minus(without, with_it) if without else None


def _said(claim: str) -> Reported | None:
    try:
        return stated(claim)
    except KeyError:
        return None


def mean_errors(results: pd.DataFrame, name: str, caption: str, corrupted: str = GENERATED, model: str = "vgg8") -> Table:
    """The paper's mCE, a plain mean error; and the benchmark's, with our network without batch norm in AlexNet's place.

    The plain one is over all corruptions, the benchmark's over its own fifteen, both without frost where it is generated
    (`claims.averaged`, `claims.benchmarks_own`). The paper's rows follow from its accuracies, which have frost in them.
    """
    names, own = averaged(corrupted), benchmarks_own(corrupted)
    without, with_it = arm(model, WITHOUT[model], corrupted), arm(model, "batch", corrupted)
    plain, relative = f"mean error of {len(names)} (the paper's mCE)", f"mCE of {len(own)}, reference: {WORDS[WITHOUT[model]]}"
    kinds = {
        WORDS[WITHOUT[model]]: (without, False),
        "batch norm": (with_it, False),
        "batch norm, by corrupted batch": (with_it, True),
    }
    rows = {
        label: {
            "clean error": lambda get, n=networks, b=by_batch: 100 - clean(n, by_batch=b)(get),
            plain: lambda get, n=networks, b=by_batch: 100 - accuracy(n, names, by_batch=b)(get),
            relative: relative_mce(networks, without, own, by_batch=by_batch),
        }
        for label, (networks, by_batch) in kinds.items()
    }
    printed_errors = {
        label: dict(zip(("clean error", plain), _errors_in_print(model, networks["norm"]), strict=True))
        for label, (networks, by_batch) in kinds.items()
        if not by_batch
    }
    return by_scale(results, name, caption, rows, printed_errors)


def _errors_in_print(model: str, norm: str) -> tuple[str, str]:
    """The clean and the mean error by the paper's accuracies; the latter is printed for VGG8 alone."""
    mean = stated(MEANS[model, norm]) if (model, norm) in MEANS else None
    accuracies = (printed(model, norm, "Clean"), mean)
    return tuple(minus(Reported(100.0, None, "", "100"), found).printed if found else "–" for found in accuracies)


def relative_mce(networks: dict, reference: dict, corruptions: Sequence[str], *, by_batch: bool = False) -> Measure:
    """100 times the mean over corruptions of the error, summed over severities, over that of the reference, seed by seed."""

    def measure(get) -> pd.Series:
        ratios = [
            (100 - accuracy(networks, (name,), by_batch=by_batch)(get)) / (100 - accuracy(reference, (name,))(get))
            for name in corruptions
        ]
        return 100 * (sum(ratios) / len(corruptions))

    return measure


def constants(name: str, caption: str) -> Table:
    """How the corruptions are sorted, and which of them are extra: in the files, not in the benchmark's own fifteen."""
    rows = [
        {
            "category": category,
            "in the benchmark": ", ".join(in_words(corruption.__name__) for corruption in members[:-1]),
            "extra": in_words(members[-1].__name__),
        }
        for category, members in CATEGORIES.items()
    ]
    return Table(name, caption, pd.DataFrame(rows))
