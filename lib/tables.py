"""The tables of chapter 05: the paper's 6, 7, 11 and 12 beside ours, and those the paper does not have."""

import math

import pandas as pd
from scipy import stats

from lib import claims, report
from lib.claims import linear, mlp
from lib.experiments import LINEAR_SIZES, MLP_SIZES, SCALES, WEIGHT_DECAY
from lib.paper import Reported, reported
from lib.report import Column, Comparison, Table, values
from lib.verdicts import Estimate

NORMS = {"none": "no batch norm", "batch": "batch norm"}
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


def _by_scale(results: pd.DataFrame, name: str, caption: str, rows: list[tuple[str, dict]]) -> Table:
    """Rows (label, {column title: find(scale)}) at every scale there is, the largest first."""
    scales = [scale for scale in reversed(SCALES) if scale in set(results["scale"])]
    lines = [
        {"row": label, "source": f"ours, {scale}"} | {title: cell(scale) for title, cell in cells.items()}
        for label, cells in rows
        for scale in scales
    ]
    caption = f"{caption} Mean ± standard error over seeds – {report.sources(results)}."
    return Table(name, caption, pd.DataFrame(lines))


def _mean(results: pd.DataFrame, metric: str, arm: dict):
    return lambda scale: report.number(Estimate.of(values(results, metric, scale, **arm)))


def invariance(results: pd.DataFrame, name: str, caption: str) -> Table:
    arms = {
        "56 px, λ = 0, no batch norm": mlp(56),
        "56 px, λ = 0, batch norm": mlp(56, "batch"),
        "56 px, λ = 0.01, no batch norm": mlp(56, weight_decay=0.01),
        "56 px, λ = 0.01, batch norm": mlp(56, "batch", 0.01),
    }
    labels = {"original labels": "original", "human labels": "human"}
    rows = [
        (label, {title: _mean(results, f"accuracy clean-invariance-{which}", arm) for title, which in labels.items()})
        for label, arm in arms.items()
    ]
    return _by_scale(results, name, caption, rows)


def initialisation(results: pd.DataFrame, name: str, caption: str) -> Table:
    rows = []
    for size in MLP_SIZES:
        for init, label in (("default", "PyTorch's default"), ("he", "He")):
            cells = {NORMS[norm]: _mean(results, claims.BIM, mlp(size, norm, init=init)) for norm in NORMS}
            cost = claims.cost_of_batch_norm(claims.BIM, size, init=init)
            cells["cost of batch norm"] = lambda scale, cost=cost: report.number(
                Estimate.of(cost(lambda metric, arm: values(results, metric, scale, **arm)))
            )
            rows.append((f"{size} px, {label}", cells))
    return _by_scale(results, name, caption, rows)


def noise(results: pd.DataFrame, name: str, caption: str) -> Table:
    arms = {f"linear, {size} px": linear(size) for size in LINEAR_SIZES}
    arms |= {f"MLP, {label}": arm for label, arm in MLP_ROWS.items()}
    rows = []
    for label, arm in arms.items():
        averaged = claims.FGSM if arm["image_size"] == 28 else f"{claims.FGSM}-block-average"
        cells = {"clean": claims.CLEAN, "FGSM, as trained": claims.FGSM, "FGSM, block averages": averaged}
        rows.append((label, {title: _mean(results, metric, arm) for title, metric in cells.items()}))
    return _by_scale(results, name, caption, rows)


def damage(results: pd.DataFrame, name: str, caption: str) -> Table:
    rows = []
    for size in LINEAR_SIZES[1:]:
        cells = {"prediction": lambda scale, size=size: f"{size // 28}"}
        for title, growth in (("total loss", claims.loss_ratio), ("added loss", claims.loss_increase)):
            for epsilon in ("0.05", "0.1"):

                def cell(scale, growth=growth, epsilon=epsilon, size=size):
                    get = lambda metric, arm: values(results, metric, scale, **arm)  # noqa: E731
                    return report.number(Estimate.of(growth(get, f"loss fgsm-linf-{epsilon}", size).dropna()))

                cells[f"{title}, epsilon {epsilon}"] = cell
        rows.append((f"{size} px", cells))
    return _by_scale(results, name, caption, rows)


def statistics(results: pd.DataFrame, name: str, caption: str) -> Table:
    metrics = {"Clean": claims.CLEAN, "Noise": claims.NOISE, "BIM, epsilon 0.1": claims.BIM}
    rows = [
        ("no batch norm", {title: _mean(results, metric, mlp(28)) for title, metric in metrics.items()}),
        ("batch norm, running averages", {t: _mean(results, metric, mlp(28, "batch")) for t, metric in metrics.items()}),
        (
            "batch norm, test batch",
            {t: _mean(results, f"{metric}-batch-statistics", mlp(28, "batch")) for t, metric in metrics.items()},
        ),
    ]
    return _by_scale(results, name, caption, rows)


def uncertainties(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Every printed ± of Table 6 against the 95 % chi-squared interval of our standard deviation, and of our error."""
    rows = []
    for label, arm in MLP_ROWS.items():
        for title, column, metric in ACCURACIES:
            found = values(results, metric, "paper", **arm)
            row = {"row": label, "column": title, "printed ±": reported("6", column, sqrt_d=arm["image_size"], BN=arm["norm"] == "batch").error}
            n = len(found)
            if n < 2:
                row |= {"our standard deviation": "–", "our standard error": "–", "printed ± can be": "not run at this scale"}
            else:
                low, high = (found.std() * math.sqrt((n - 1) / stats.chi2.ppf(p, n - 1)) for p in (0.975, 0.025))
                can_be = {
                    "a standard deviation": low <= row["printed ±"] <= high,
                    "a standard error": low <= row["printed ±"] * math.sqrt(n) <= high,
                }
                row["our standard deviation"] = f"{found.std():.2f}"
                row["our standard error"] = f"{found.sem():.2f}"
                row["printed ± can be"] = " or ".join(what for what, fits in can_be.items() if fits) or "neither"
            rows.append(row)
    published = results[results["scale"] == "paper"]
    return Table(name, f"{caption} {report.sources(published)}." if len(published) else caption, pd.DataFrame(rows))
