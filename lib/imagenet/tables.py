"""The tables of chapter 03: what is downloaded, the paper's 5 and 10 beside ours, and both on the networks trained here."""

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from lib.empirical_results import claims as empirical
from lib.empirical_results.experiments import BIM as BIM_CIFAR10
from lib.empirical_results.experiments import CLEAN, NOISE, NOISE_AS_PRINTED
from lib.evaluate import Evaluation
from lib.imagenet import claims
from lib.imagenet.claims import KINDS, OWN_DEPTHS, Accuracy, attacked, printed, printed_transfer, trained
from lib.imagenet.experiments import BIM, NETWORKS, SAMPLE, SOURCES, TARGETS, TRANSFERRED
from lib.imagenet.figures import WHITE_BOX
from lib.paper import Reported
from lib.pretrained import size_of, weights_of
from lib.report import Column, Comparison, Measure, Table, by_scale, measured, scales_of, value_of
from lib.trials import PRETRAINED
from lib.verdicts import Estimate

IMAGES_SIZE = "6.3 GB"  # of the archive of validation images, as image-net.org says
UNATTACKED = replace(CLEAN, first=SAMPLE)
LONGER = replace(TRANSFERRED, epsilon=0.1, steps=20)
NORMS = {"none": "", "batch": ", batch norm"}
OWN = {f"VGG{depth}{words}": (depth, norm) for depth in OWN_DEPTHS for norm, words in NORMS.items()}


def title(name: str) -> str:
    """How the tables call a network of torchvision."""
    return claims.paper_name(name) + (", batch norm" if NETWORKS[name] else "")


def documented(name: str) -> dict[str, float]:
    """Top-1 and top-5 accuracy on ImageNet's validation set in percent, as torchvision documents them."""
    found = weights_of(name).meta["_metrics"]["ImageNet-1K"]
    return {"accuracy": found["acc@1"], "top5": found["acc@5"]}


def downloads(name: str, caption: str) -> Table:
    """Every file that the runs on ImageNet need, with its size, and the accuracies that its network should have."""
    from torchvision.datasets.imagenet import ARCHIVE_META  # takes more than a second, and only these tables need it

    rows = [
        {
            "network": title(network),
            "file": f"`{weights_of(network).url.rpartition('/')[2]}`",
            "size": f"{size_of(network):.0f} MiB",
            "top 1, documented": f"{documented(network)['accuracy']:.2f}",
            "top 5, documented": f"{documented(network)['top5']:.2f}",
            "top 5, paper": printed(network, "Clean").printed,
        }
        for network in NETWORKS
    ]
    rows.append({"network": "all of them", "size": f"{sum(map(size_of, NETWORKS)) / 1024:.1f} GiB"})
    rows.append({"network": "validation images", "file": f"`{ARCHIVE_META['val'][0]}`", "size": IMAGES_SIZE})
    shown = pd.DataFrame(rows).fillna("")
    shown["size"] = shown["size"].str.replace(" ", "\N{NO-BREAK SPACE}")
    return Table(name, caption, shown)


# --- ImageNet: one value an image ------------------------------------------------------------------------------------


def _column(heading: str, about: Callable[[str], Accuracy], paper: Callable[[str], Reported | None]) -> Column:
    """`about` and `paper` take the name of a row's network."""

    def name(row: dict) -> str:
        return row["model"].removeprefix(PRETRAINED)

    return Column(
        heading, lambda found, scale, row: measured(about(name(row)).outcomes, found, scale), lambda row: paper(name(row))
    )


def table_05(results: pd.DataFrame) -> Comparison:
    """The printed accuracy on noise stands beside both readings of its strength; top-1 accuracies are not printed."""
    tests = [
        ("clean", "top5", CLEAN, "Clean"),
        (f"noise {NOISE.epsilon:g}", "top5", NOISE, "Noise"),
        (f"noise {NOISE_AS_PRINTED.epsilon:g}", "top5", NOISE_AS_PRINTED, "Noise"),
        ("BIM", "top5", BIM, "BIM-linf"),
        ("clean", "accuracy", CLEAN, None),
        ("BIM", "accuracy", BIM, None),
    ]
    columns = [
        _column(
            f"{KINDS[kind].lower()}: {heading}",
            lambda name, kind=kind, test=test: Accuracy(name, kind, test),
            lambda name, column=column: printed(name, column) if column else None,
        )
        for heading, kind, test, column in tests
    ]
    return Comparison(results, {title(name): Accuracy(name, "top5", CLEAN).arm for name in NETWORKS}, columns)


def figure_05(results: pd.DataFrame) -> Figure:
    """The columns that the paper prints, ours of the largest scale at which ImageNet was run."""
    comparison = table_05(results)
    clean, noise, _, bim, *_ = comparison.columns
    comparison.columns = [clean, noise, bim]
    run = scales_of(results[results["experiment"] == "table-05"])
    return comparison.figure(run[0] if run else "paper")


def table_10(results: pd.DataFrame, kind: str) -> Comparison:
    """Of `kind` "accuracy" (top 1) or "top5"; a row a source, a column a target."""
    columns = [
        _column(
            title(target),
            lambda source, target=target: Accuracy(target, kind, TRANSFERRED, source),
            lambda source, target=target: printed_transfer(kind, source, target),
        )
        for target in TARGETS
    ]
    return Comparison(results, {title(name): Accuracy(name, kind, TRANSFERRED, name).arm for name in SOURCES}, columns)


def over_images(comparison: Comparison, name: str, caption: str) -> Table:
    """The table of a comparison with one value an image. Where nothing was run, the paper's rows alone."""
    table = comparison.table(name, caption)
    table.caption = table.caption.replace("over seeds", "over images")
    if not table.rows["source"].str.startswith("ours").any():
        table.rows = table.rows[table.rows["source"] == "paper"]
    return table


def transfer_on_imagenet(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For `figures.transfer`: the paper's Table 10, and ours at each scale it was run at."""
    panels = {}
    for kind, shown in KINDS.items():
        cells = {t: {s: printed_transfer(kind, s, t) for s in SOURCES} for t in TARGETS}
        panels[f"{shown}, the paper's Table 10"] = _panel(cells, lambda paper: paper.value if paper else math.nan)
        cells = {t: {s: Accuracy(t, kind, TRANSFERRED, s) for s in SOURCES} for t in TARGETS}
        for scale in scales_of(results):
            ours = _panel(cells, lambda accuracy, scale=scale: Estimate.of(measured(accuracy.outcomes, results, scale)).mean)
            panels |= {f"{shown}, ours, {scale} scale": ours} if ours.notna().any(axis=None) else {}
    return panels


def _panel(cells: dict[str, dict], value: Callable) -> pd.DataFrame:
    return pd.DataFrame({title(t): {title(s): value(cell) for s, cell in column.items()} for t, column in cells.items()})


# --- Networks trained here: one value a seed -------------------------------------------------------------------------


def white_box(results: pd.DataFrame, name: str, caption: str) -> Table:
    tests = {
        "clean": CLEAN,
        f"noise {NOISE.epsilon:g}": NOISE,
        f"noise {NOISE_AS_PRINTED.epsilon:g}": NOISE_AS_PRINTED,
        "BIM": BIM_CIFAR10,
    }
    rows = {
        label: {
            heading: value_of(empirical.accuracy(test), empirical.vgg("table-04", norm, depth))
            for heading, test in tests.items()
        }
        for label, (depth, norm) in OWN.items()
    }
    return by_scale(results, name, caption, rows)


def _cells(source: str, attack: Evaluation) -> dict[str, Measure]:
    """What an attack made from a network leaves of another of each kind, and of itself."""
    arm = trained(*OWN[source])
    others = {f"another {target}": value_of(attacked(*OWN[target], attack=attack), arm) for target in OWN}
    return others | {WHITE_BOX: value_of(attacked(attack=attack), arm)}


def _unattacked() -> dict[str, Measure]:
    return {f"another {target}": value_of(empirical.accuracy(UNATTACKED), trained(*OWN[target])) for target in OWN}


def transfer(results: pd.DataFrame, name: str, caption: str) -> Table:
    """A row a source, with epsilon in brackets, a column a target."""
    rows = {"no attack": _unattacked()} | {
        f"{source} ({attack.epsilon:g})": _cells(source, attack) for attack in (TRANSFERRED, LONGER) for source in OWN
    }
    table = by_scale(results, name, caption, rows)
    table.rows = table.rows.fillna("–").loc[:, lambda shown: (shown != "–").any()]
    return table


def transfer_of_ours(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For `figures.transfer`: mean accuracies over seeds at the largest scale that was run."""
    scale = scales_of(results[results["experiment"] == "table-10-cifar10"])[0]
    panels = {}
    for attack in (TRANSFERRED, LONGER):
        rows = {"no attack": _unattacked()} | {source: _cells(source, attack) for source in OWN}
        means = {
            row: {target: Estimate.of(measured(cell, results, scale)).mean for target, cell in cells.items()}
            for row, cells in rows.items()
        }
        panel = pd.DataFrame(means).T.dropna(how="all").dropna(how="all", axis=1)
        if len(panel) > 1:
            panels[f"{scale} scale, epsilon {attack.epsilon:g} in {attack.steps} steps"] = panel
    return panels
