"""The tables of chapter 02b: the paper's 9 beside ours, and those the paper does not have."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import data
from lib.claims import minus
from lib.empirical_results.claims import strong
from lib.empirical_results.experiments import BIM, BIM_L2, CLEAN, EPSILON, EPSILON_L2, NOISE, NOISE_AS_PRINTED, strong_attacks
from lib.fixup.claims import AS_RUN, BATCH, NORMS, TRUE, difference, later, on_shift, on_test, printed, wrn
from lib.fixup.experiments import FOOLBOX, NORMALIZATION, WIDE_SCALES
from lib.paper import Reported, reported
from lib.report import Column, Comparison, Measure, Table, by_scale, measured, rows_of, scales_of

VGG_NORMALIZATION = "cifar10"


def _column(title: str, column: str | None, find: Callable[[dict], Measure]) -> Column:
    """`find` takes the settings of a row; `column` is the paper's, None where it has none."""
    return Column(
        title,
        find=lambda results, scale, arm: measured(find(arm), results, scale),
        paper=lambda arm: printed(column, arm["norm"]) if column else None,
    )


def _rows(normalization: str = NORMALIZATION, experiment: str = "table-09") -> dict[str, dict]:
    return {words: wrn(norm, normalization, experiment) for norm, words in NORMS.items()}


def table_09(results: pd.DataFrame, normalization: str = NORMALIZATION) -> Comparison:
    """On CIFAR-10. The paper has one noise, and does not say in which normalisation: its numbers stand beside each."""
    columns = [
        _column(title, column, lambda arm, evaluation=evaluation: on_test(evaluation, arm))
        for title, column, evaluation in (
            ("Clean", "CIFAR-10 Clean", CLEAN),
            ("Noise, std 1/4", "CIFAR-10 Noise", NOISE),
            ("Noise, std 1/2", "CIFAR-10 Noise", NOISE_AS_PRINTED),
            ("BIM-linf", "CIFAR-10 BIM-linf", BIM),
            ("BIM-l2", "CIFAR-10 BIM-l2", BIM_L2),
        )
    ]
    return Comparison(results, _rows(normalization), columns)


def table_09_shift(results: pd.DataFrame) -> Comparison:
    """On CIFAR-10.1 v6."""
    columns = [
        _column(title, column, lambda arm, evaluation=evaluation: on_shift(evaluation, arm))
        for title, column, evaluation in (
            ("Clean", "CIFAR-10.1 v6 Clean", CLEAN),
            ("Noise, std 1/4", "CIFAR-10.1 v6 Noise", NOISE),
            ("Noise, std 1/2", "CIFAR-10.1 v6 Noise", NOISE_AS_PRINTED),
        )
    ]
    return Comparison(results, _rows(experiment="table-09-shift"), columns)


def attacks(results: pd.DataFrame, name: str, caption: str) -> Table:
    """One epsilon, five attacks, and whether accuracy is higher in the larger ball, which converged attacks cannot leave."""
    rows = {}
    for norm, words in NORMS.items():
        arm = wrn(norm)
        cells = {
            "BIM-linf": on_test(BIM, arm),
            "BIM-linf, step epsilon/15": on_test(FOOLBOX, arm),
            "PGD-linf": strong("pgd", "linf", arm),
            "BIM-l2": on_test(BIM_L2, arm),
            "PGD-l2": strong("pgd", "l2", arm),
        }
        order = {f"l2 - linf, {kind}": difference(cells[f"{kind}-l2"], cells[f"{kind}-linf"]) for kind in ("BIM", "PGD")}
        rows[words] = cells | order
    run = scales_of(rows_of(results, map(wrn, NORMS)))
    used = {scale: strong_attacks(scale)[-1] for scale in run if WIDE_SCALES[scale].strong}
    sizes = "; ".join(f"{s}: {a.first} images, {a.steps} steps from {a.restarts} random starts" for s, a in used.items())
    return by_scale(results, name, f"{caption} PGD – {sizes or 'not run'}.", rows)


def pixels(name: str, caption: str) -> Table:
    """The paper's epsilon and noise in 255ths of the grey scale, under both normalisations."""
    stds = {dataset: np.array(data.NORMALIZATION[dataset][1]) for dataset in (VGG_NORMALIZATION, NORMALIZATION)}
    rows = []
    sizes = (("BIM-linf, epsilon", EPSILON), ("BIM-l2, epsilon", EPSILON_L2), ("noise, std 1/4", NOISE.epsilon))
    for what, size in (*sizes, ("noise, std 1/2", NOISE_AS_PRINTED.epsilon)):
        vgg, wide = (255 * size * std for std in stds.values())
        rows.append(
            {
                "what": what,
                "normalised": f"{size:.4g}",
                "VGGs: red, green, blue": _channels(vgg),
                "WRN: red, green, blue": _channels(wide),
                "WRN / VGGs": ", ".join(f"{ratio:.2f}" for ratio in wide / vgg),
                "of the means": f"{wide.mean() / vgg.mean():.2f}",
            }
        )
    return Table(name, caption, pd.DataFrame(rows))


def _channels(sizes: np.ndarray) -> str:
    return ", ".join(f"{size:.2f}" if size < 10 else f"{size:.1f}" for size in sizes)


def pixel_range(dataset: str) -> tuple[float, float]:
    """The smallest and the largest value that a normalised pixel can have, over the channels."""
    mean, std = (np.array(values) for values in data.NORMALIZATION[dataset])
    return float((-mean / std).min()), float(((1 - mean) / std).max())


def corruptions(name: str, caption: str) -> Table:
    """The paper's accuracies on noise in normalised units beside those on Gaussian noise in pixels, of the same networks."""
    networks = [
        *((f"VGG8, {words}", reported("2", "Noise", BN=bn), "VGG8", variant) for bn, words, variant in _PLAIN_AND_BATCH),
        *(
            (f"VGG13, {words}", reported("4", "Noise", L=13, BN=bn), "VGG13", variant)
            for bn, words, variant in _PLAIN_AND_BATCH
        ),
        ("WRN-28-10, Fixup", printed("CIFAR-10 Noise", AS_RUN), "WRN-28-10", "Fixup(one BN)"),
        ("WRN-28-10, batch norm", printed("CIFAR-10 Noise", BATCH), "WRN-28-10", "BN"),
    ]
    rows = []
    for network, noise, model, variant in networks:
        gaussian = reported("13", "Gaussian", model=model, variant=variant)
        cells = {"noise (Tables 2, 4, 9)": noise, "Gaussian, five severities (Table 13)": gaussian}
        cells |= {"difference": minus(noise, gaussian)}
        rows.append({"network": network} | {title: cell.printed for title, cell in cells.items()})
    return Table(name, caption, pd.DataFrame(rows))


_PLAIN_AND_BATCH = ((False, "no batch norm", "noBN"), (True, "batch norm", "BN"))


def later_figures(name: str, caption: str) -> Table:
    """Table 9 beside the ResNet-110 of the authors' later script: both from print, with the differences that follow."""
    kinds = ("Clean", "Noise", "linf", "l2")
    sources: dict[str, Callable[[str, str], Reported]] = {
        "WRN-28-10, Table 9": lambda kind, norm: printed(f"CIFAR-10 {'BIM-' * kind.startswith('l')}{kind}", norm),
        "ResNet-110, later": lambda kind, norm: later(f"{'PGD-' * kind.startswith('l')}{kind}", norm),
    }
    rows = []
    for network, number in sources.items():
        found = {norm: {kind: number(kind, norm) for kind in kinds} for norm in (TRUE, BATCH)}
        found["difference"] = {kind: minus(found[TRUE][kind], found[BATCH][kind]) for kind in kinds}
        for label, numbers in zip(("Fixup", "batch norm", "Fixup - batch norm"), found.values(), strict=True):
            order = {} if "-" in label else {"l2 - linf": minus(numbers["l2"], numbers["linf"]).printed}
            rows.append({"network": network, "": label} | {kind: numbers[kind].printed for kind in kinds} | order)
    return Table(name, caption, pd.DataFrame(rows).fillna("–"))
