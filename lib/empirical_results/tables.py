"""The tables and figures of chapter 02: the paper's 1, 2, 3, 4 and 8 beside ours, and those the paper does not have."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib import data, report
from lib.claims import difference
from lib.empirical_results import claims
from lib.empirical_results.claims import PRINTED, accuracy, gap, shifted, vgg
from lib.empirical_results.experiments import (
    BIM,
    BIM_L2,
    CLEAN,
    DEEPEST_WITHOUT,
    EPSILON,
    EPSILON_L2,
    NOISE,
    NOISE_AS_PRINTED,
    SHIFTS,
    WEIGHT_DECAYS,
    curve,
    strong_attacks,
)
from lib.evaluate import Evaluation
from lib.models import VGG
from lib.paper import Reported, reported
from lib.report import NORMS, Column, Comparison, Table, by_scale, value_of, values
from lib.verdicts import Estimate

PAPERS_SHIFT = "cifar10.1-v6"
# Title, the paper's column, evaluation. The paper has one noise; which of the two it was is a question of this chapter.
COLUMNS = [
    ("Clean", "Clean", CLEAN),
    ("Noise, std 1/4", "Noise", NOISE),
    ("Noise, std 1/2", "Noise", NOISE_AS_PRINTED),
    ("BIM-linf", "BIM-linf", BIM),
    ("BIM-l2", "BIM-l2", BIM_L2),
]


def _printed(table: str, column: str, arm: dict) -> Reported | None:
    """The paper's number for an arm; None for a weight decay of 0, which is ours alone, and where its table has no such row."""
    row = {"BN": arm["norm"] == "batch"}
    if table in ("4", "8"):
        row["L"] = int(arm["model"].removeprefix("vgg"))
    if arm.get("test_set", PAPERS_SHIFT) != PAPERS_SHIFT:
        return None
    try:
        return reported(table, column, **row) if arm["weight_decay"] == PRINTED else None
    except KeyError:
        return None


def _column(table: str, title: str, column: str, evaluation: Evaluation) -> Column:
    return Column(
        title,
        find=lambda results, scale, arm: values(results, accuracy(evaluation, arm.get("test_set")), scale, **arm),
        paper=lambda arm: _printed(table, column, arm),
    )


def _decays(results: pd.DataFrame, experiment: str) -> Mapping[str, dict]:
    """Both norms with the printed weight decay, and without it where anything was run so."""
    run = set(results.loc[results["experiment"] == experiment, "weight_decay"])
    return {
        f"λ = {decay:g}, {words}": vgg(experiment, norm, weight_decay=decay)
        for decay in WEIGHT_DECAYS
        if decay in {PRINTED} | run
        for norm, words in NORMS.items()
    }


def table_01(results: pd.DataFrame) -> Comparison:
    return Comparison(results, _decays(results, "table-01"), [_column("1", *column) for column in COLUMNS])


def table_02(results: pd.DataFrame) -> Comparison:
    return Comparison(results, _decays(results, "table-02"), [_column("2", *column) for column in COLUMNS])


def table_03(results: pd.DataFrame) -> Comparison:
    """A row for every other test set: the paper's, whose numbers stand beside it alone, and those that were run."""
    rows = {f"{name}, {words}": shifted(name, norm) for name in test_sets(results) for norm, words in NORMS.items()}
    return Comparison(results, rows, [_column("3", *column) for column in COLUMNS])


def test_sets(results: pd.DataFrame) -> list[str]:
    """The paper's other test set, and those on which networks were tested."""
    return list(dict.fromkeys([PAPERS_SHIFT, *results.loc[results["experiment"].isin(SHIFTS.values()), "test_set"]]))


def table_04(results: pd.DataFrame) -> Comparison:
    rows = {
        f"VGG{depth}, {words}": vgg("table-04", norm, depth)
        for depth in VGG
        for norm, words in NORMS.items()
        if norm == "batch" or depth <= DEEPEST_WITHOUT
    }
    return Comparison(results, rows, [_column("4", *column) for column in COLUMNS[:-1]])


def table_08(results: pd.DataFrame) -> Comparison:
    rows = {f"VGG{depth}, batch norm": vgg("table-08", "batch", depth) for depth in VGG if depth > 8}
    return Comparison(results, rows, [_column("8", *column) for column in COLUMNS])


def gaps(results: pd.DataFrame, name: str, caption: str) -> Table:
    rows = {
        label: {
            "training set": value_of("accuracy clean-train", arm),
            "test set": value_of("accuracy clean", arm),
            "gap": gap("table-02", arm["norm"], arm["weight_decay"]),
        }
        for label, arm in _decays(results, "table-02").items()
    }
    return by_scale(results, name, caption, rows)


def strong(results: pd.DataFrame, name: str, caption: str) -> Table:
    """BIM and PGD on the same images: what the weak attack leaves, and whether l2 is weaker than the ball it contains."""
    rows = {}
    for norm, words in NORMS.items():
        arm = vgg("table-02", norm)
        cells = {f"{kind.upper()}-{ball}": claims.strong(kind, ball, arm) for ball in ("linf", "l2") for kind in ("bim", "pgd")}
        rows[words] = cells | {
            f"l2 - linf, {kind}": difference(cells[f"{kind}-l2"], cells[f"{kind}-linf"]) for kind in ("BIM", "PGD")
        }
    used = {scale: strong_attacks(scale)[-1] for scale in report.scales_of(results)}
    sizes = "; ".join(f"{s}: {a.first} images, PGD of {a.steps} steps from {a.restarts} random starts" for s, a in used.items())
    return by_scale(results, name, f"{caption} First test images – {sizes}.", rows)


def epsilons(name: str, caption: str) -> Table:
    """What the sizes of section 3 are in pixels, of which a grey scale has 256: the channels' standard deviations decide."""
    rows = []
    for dataset in ("svhn", "cifar10"):
        std = np.mean(data.NORMALIZATION[dataset][1])
        for what, size in (
            ("BIM-linf, epsilon", EPSILON),
            ("BIM-l2, epsilon", EPSILON_L2),
            ("noise, std 1/4", NOISE.epsilon),
            ("noise, std 1/2", NOISE_AS_PRINTED.epsilon),
        ):
            pixels = f"{size * std:.4f}" if what.endswith("epsilon") else f"{size * std:.3f}"
            steps = "–" if "l2" in what else f"{255 * size * std:.1f}/255"
            rows.append(
                {"data": dataset, "what": what, "normalised": f"{size:.4g}", "of the range 0 to 1": pixels, "of 255": steps}
            )
    return Table(name, caption, pd.DataFrame(rows))


def curves(results: pd.DataFrame) -> Figure:
    """Accuracy against epsilon at the largest scale that was run, with 95 % t-intervals; the title says what was run.

    The second axis counts in 255ths of the grey scale.
    """
    arms = [vgg("table-02", norm) for norm in NORMS]
    scale = report.scales_of(report.rows_of(results, arms))[0]
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    points = sorted((CLEAN, BIM, *curve(scale)), key=lambda evaluation: evaluation.epsilon)
    epsilon = [evaluation.epsilon for evaluation in points]
    for norm, style in (
        ("none", {"marker": "o", "color": "#00527a"}),
        ("batch", {"marker": "s", "color": "#a23b00", "linestyle": "--"}),
    ):
        found = [Estimate.of(values(results, accuracy(e), scale, **vgg("table-02", norm))) for e in points]
        widths = np.nan_to_num([estimate.half_width for estimate in found])
        axis.errorbar(epsilon, [estimate.mean for estimate in found], yerr=widths, capsize=3, label=NORMS[norm], **style)
    axis.axvline(EPSILON, color="grey", linewidth=0.8)
    axis.set(xlabel="epsilon, normalised pixels (the line: the paper's)", ylabel="accuracy under BIM-linf (%)", ylim=(0, 100))
    in_255 = 255 * np.mean(data.NORMALIZATION["cifar10"][1])
    axis.secondary_xaxis("top", functions=(lambda x: x * in_255, lambda x: x / in_255)).set_xlabel(
        "the same in 255ths of the grey scale"
    )
    axis.grid(alpha=0.3)
    axis.legend()
    figure.suptitle(report.sources(results[results["scale"] == scale], arms), fontsize="small")
    plt.close(figure)
    return figure
