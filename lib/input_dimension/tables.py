"""The tables of chapter 05: the paper's 6, 7, 11 and 12 beside ours, and those the paper does not have."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from lib import report
from lib.input_dimension import claims
from lib.input_dimension.claims import linear, mlp
from lib.input_dimension.experiments import LINEAR_SIZES, MLP_SIZES, WEIGHT_DECAY
from lib.paper import Reported, reported, stated
from lib.report import NORMS, Column, Comparison, Table, by_scale, value_of, values
from lib.verdicts import NOT_RUN, Estimate

MLP_ROWS = {f"{size} px, {NORMS[norm]}": mlp(size, norm) for size in MLP_SIZES for norm in NORMS}


def _printed(table: str, column: str, settings: dict) -> Reported | None:
    """The paper's number for our settings, None where its table has no such row."""
    row = {"sqrt_d": settings["image_size"], "lambda": settings["weight_decay"]}
    if settings["model"] == "mlp":
        row["BN"] = settings["norm"] == "batch"
    try:
        return reported(table, column, **row)
    except KeyError:
        return None


def _absolute(table: str, title: str, column: str, metric: str) -> Column:
    return Column(
        title,
        find=lambda results, scale, settings: values(results, metric, scale, **settings),
        paper=lambda settings: _printed(table, column, settings),
    )


def _relative(table: str, title: str, column: str, metric: str, baseline: dict) -> Column:
    """As the paper's ratio tables: each row divided by the baseline, seed by seed, but for the baseline itself.

    Whatever our baseline, the paper's number beside it is that of its own, without weight decay.
    """

    def find(results: pd.DataFrame, scale: str, settings: dict) -> pd.Series:
        found = values(results, metric, scale, **settings)
        return found if settings == baseline else (found / values(results, metric, scale, **baseline)).dropna()

    def paper(settings: dict) -> Reported | None:
        return _printed(table, column, settings | {"weight_decay": 0.0} if settings == baseline else settings)

    return Column(title, find, paper)


ACCURACIES = [("Clean", "Clean", claims.CLEAN), ("Noise", "Noise", claims.NOISE), ("BIM, epsilon 0.1", "eps=0.1", claims.BIM)]


def table_06(results: pd.DataFrame) -> Comparison:
    return Comparison(results, MLP_ROWS, [_absolute("6", *column) for column in ACCURACIES])


def table_07(results: pd.DataFrame) -> Comparison:
    rows = {
        f"{size} px, λ = {WEIGHT_DECAY[size]:g}, {NORMS[norm]}": mlp(size, norm, WEIGHT_DECAY[size])
        for size in (56, 84)
        for norm in NORMS
    }
    return Comparison(results, rows, [_absolute("7", *column) for column in ACCURACIES])


def table_12(results: pd.DataFrame) -> Comparison:
    columns = [
        ("accuracy: clean", "acc Clean", claims.CLEAN),
        ("accuracy: noise", "acc Noise", claims.NOISE),
        ("accuracy: BIM 0.1", "acc eps=0.1", claims.BIM),
        ("loss: clean", "loss Clean", "loss clean"),
        ("loss: BIM 0.05", "loss eps=0.05", "loss bim-linf-0.05"),
        ("loss: BIM 0.1", "loss eps=0.1", "loss bim-linf-0.1"),
    ]
    first = next(iter(MLP_ROWS))
    return Comparison(results, MLP_ROWS, [_relative("12", *column, MLP_ROWS[first]) for column in columns], baseline=first)


def table_11(results: pd.DataFrame, baseline_decay: float = 0.0) -> Comparison:
    """With `baseline_decay` 1e-3 the rows are ratios to the other 28-pixel network, which fits the printed baseline."""
    columns = [
        ("accuracy: clean", "acc Clean", claims.CLEAN),
        ("accuracy: FGSM 0.1", "acc eps=0.1", claims.FGSM),
        ("loss: clean", "loss Clean", "loss clean"),
        ("loss: FGSM 0.05", "loss eps=0.05", "loss fgsm-linf-0.05"),
        ("loss: FGSM 0.1", "loss eps=0.1", "loss fgsm-linf-0.1"),
    ]
    first, baseline = f"28 px, λ = {baseline_decay:g}", linear(28, baseline_decay)
    rows = {first: baseline}
    for size in LINEAR_SIZES[1:]:
        rows[f"{size} px, λ = 0, Pred. {size // 28}"] = linear(size)
        rows[f"{size} px, λ = {WEIGHT_DECAY[size]:g}"] = linear(size, WEIGHT_DECAY[size])
    return Comparison(results, rows, [_relative("11", *column, baseline) for column in columns], baseline=first)


def invariance(results: pd.DataFrame, name: str, caption: str) -> Table:
    arms = {
        "56 px, λ = 0, no batch norm": mlp(56),
        "56 px, λ = 0, batch norm": mlp(56, "batch"),
        "56 px, λ = 0.01, no batch norm": mlp(56, weight_decay=0.01),
        "56 px, λ = 0.01, batch norm": mlp(56, "batch", 0.01),
    }
    labels = {"original labels": "original", "human labels": "human"}
    rows = {
        label: {title: value_of(f"accuracy clean-invariance-{which}", arm) for title, which in labels.items()}
        for label, arm in arms.items()
    }
    table = by_scale(results, name, caption, rows)
    printed = [
        {"row": label, "source": "paper", "original labels": stated(f"invariance examples correct, {label}").printed}
        for label in ("weight decay", "batch norm")
    ]
    table.rows = pd.concat([pd.DataFrame(printed), table.rows], ignore_index=True).fillna("–")
    return table


def initialisation(results: pd.DataFrame, name: str, caption: str) -> Table:
    rows = {
        f"{size} px, {label}": {NORMS[norm]: value_of(claims.BIM, mlp(size, norm, init=init)) for norm in NORMS}
        | {"cost of batch norm": claims.cost_of_batch_norm(claims.BIM, size, init=init)}
        for size in MLP_SIZES
        for init, label in (("default", "PyTorch's default"), ("he", "He"))
    }
    return by_scale(results, name, caption, rows)


def leftover(results: pd.DataFrame, name: str, caption: str) -> Table:
    arms = {f"linear, {size} px": linear(size) for size in LINEAR_SIZES}
    arms |= {f"MLP, {label}": arm for label, arm in MLP_ROWS.items()}
    rows = {}
    for label, arm in arms.items():
        averaged = claims.FGSM if arm["image_size"] == 28 else f"{claims.FGSM}-block-average"
        cells = {"clean": claims.CLEAN, "FGSM, as trained": claims.FGSM, "FGSM, block averages": averaged}
        rows[label] = {title: value_of(metric, arm) for title, metric in cells.items()}
    return by_scale(results, name, caption, rows)


def damage(results: pd.DataFrame, name: str, caption: str) -> Table:
    growths = {"total loss": claims.ratio, "added loss": claims.loss_increase}
    rows = {
        f"{size} px, Pred. {size // 28}": {
            f"{title}, epsilon {epsilon}": partial(growth, metric=f"loss fgsm-linf-{epsilon}", size=size)
            for title, growth in growths.items()
            for epsilon in ("0.05", "0.1")
        }
        for size in LINEAR_SIZES[1:]
    }
    return by_scale(results, name, caption, rows)


def statistics(results: pd.DataFrame, name: str, caption: str) -> Table:
    metrics = {"clean": "clean", "noise": "noise-1", "BIM 0.1": "bim-linf-0.1"}
    arms = {
        "no batch norm": (mlp(28), ""),
        "batch norm, running averages": (mlp(28, "batch"), ""),
        "batch norm, test batch": (mlp(28, "batch"), "-batch-statistics"),
    }
    rows = {
        label: {
            f"{kind}: {title}": value_of(f"{kind} {metric}{suffix}", arm)
            for kind in ("accuracy", "loss")
            for title, metric in metrics.items()
        }
        for label, (arm, suffix) in arms.items()
    }
    return by_scale(results, name, caption, rows)


def uncertainties(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Every printed ± of Table 6 over the standard deviation of our seeds, and all of them together.

    Single cells say little: the ratio of two standard deviations from five seeds may well be 3. Over all cells the mean log
    ratio is near 0 if the paper prints standard deviations, near -log(√5) if standard errors.
    """
    rows, ratios = [], []
    for label, arm in MLP_ROWS.items():
        for title, column, metric in ACCURACIES:
            found = values(results, metric, "paper", **arm)
            if len(found) > 1:
                printed = reported("6", column, sqrt_d=arm["image_size"], BN=arm["norm"] == "batch").error
                ratios.append(printed / found.std())
                shown = {
                    "printed ±": f"{printed:g}",
                    "our standard deviation": f"{found.std():.2f}",
                    "ratio": f"{ratios[-1]:.2f}",
                }
                rows.append({"row": label, "column": title} | shown)
    if len(ratios) > 1:
        mean = Estimate.of(np.log(ratios))
        low, high = np.exp(mean.interval)
        fits = {"a standard deviation": low <= 1 <= high, "a standard error": low <= 5**-0.5 <= high}
        verdict = " or ".join(what for what, fit in fits.items() if fit) or "neither"
        interval = f"{np.exp(mean.mean):.2f} ({low:.2f} to {high:.2f}): {verdict}"
        rows.append(
            {
                "row": "all",
                "column": "geometric mean, 95 % interval",
                "printed ±": "",
                "our standard deviation": "",
                "ratio": interval,
            }
        )
    shown = pd.DataFrame(rows, columns=["row", "column", "printed ±", "our standard deviation", "ratio"])
    ours = report.rows_of(results[results["scale"] == "paper"], MLP_ROWS.values())
    return Table(name, f"{caption} Ours – {report.sources(ours, MLP_ROWS.values())}.", shown, results=ours)


def with_smaller_errors(results: pd.DataFrame, name: str, caption: str) -> Table:
    """The verdicts of Table 6 by ±/√5, the standard error if what is printed is the standard deviation of five seeds.

    Beside one that is another than by the ± as printed stands that one, too.
    """
    printed = table_06(results)
    smaller = replace(printed, columns=[_with_smaller_error(column) for column in printed.columns])
    rows, verdicts = [], []
    for label in MLP_ROWS:
        row = {"row": label}
        for before, after in zip(printed.columns, smaller.columns, strict=True):
            was, now = printed.verdict(label, before), smaller.verdict(label, after)
            verdicts.append((was, now))
            row[before.title] = now if now == was else f"{now}; as printed: {was}"
        rows.append(row)
    turned, judged = sum(was != now for was, now in verdicts), sum(was != NOT_RUN for was, _ in verdicts)
    ours = report.rows_of(results[results["scale"] == "paper"], MLP_ROWS.values())
    caption = f"{caption} Turned: {turned} of {judged}. Ours – {report.sources(ours, MLP_ROWS.values())}."
    return Table(name, caption, pd.DataFrame(rows), results=ours)


def _with_smaller_error(column: Column) -> Column:
    def paper(settings: dict) -> Reported:
        found = column.paper(settings)
        return replace(found, error=found.error / 5**0.5)

    return replace(column, paper=paper)
