"""Records as data frames, and what is made of them: "paper against ours" tables and dot-and-interval figures."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib import origin, store, verdicts
from lib.paper import Reported
from lib.table import Table, number
from lib.trials import SCALES
from lib.verdicts import Estimate

# of a trial, as a frame has them
SETTINGS = ("dataset", "image_size", "norm", "init", "batch_size", "lr", "weight_decay", "epochs", "seed")
ADDED_SETTINGS = {"width": 1.0, "normalization": None}  # which records do not show at these defaults
COLUMNS = ("scale", "experiment", "model", *SETTINGS, "hidden", *ADDED_SETTINGS, "test_set", "diverged_at", *origin.COLUMNS)
NORMS = {"none": "no batch norm", "batch": "batch norm"}  # the `norm` of a frame, in words


def frame(records: list[dict], scale: str, experiment: str = "") -> pd.DataFrame:
    """One row a trial: `scale`, `experiment`, `model`, settings, and columns such as `accuracy clean` (percent), `loss clean`.

    `test_set` is that of all evaluations if it is another than the trial's own, else "own". `hidden` is how many hidden layers an
    MLP has. Where it comes from: see `origin.of_record`.
    """
    rows = []
    for record in records:
        trial = record["trial"]
        architecture = trial.get("architecture", "mlp")
        row = {
            "scale": scale,
            "experiment": experiment,
            "model": "linear" if architecture == "mlp" and not trial["hidden"] else architecture,
        }
        row |= {name: trial[name] for name in SETTINGS} | {"norm": trial["norm"] or "none", "hidden": len(trial["hidden"])}
        row |= {name: trial.get(name, default) or "own" for name, default in ADDED_SETTINGS.items()}
        tested = {evaluation.get("dataset") for evaluation in trial["evaluations"]}
        row |= {"test_set": tested.pop() or "own" if len(tested) == 1 else "own"}
        row |= {"diverged_at": record["diverged_at"]} | origin.of_record(record)
        row |= {f"{kind} {label}": v for label, found in record["metrics"].items() for kind, v in found.items()}
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def collect(run: dict[str, list[dict]], scale: str) -> pd.DataFrame:
    """What was just run at `scale`, records by experiment, and beside it the published records of all that was not run now."""
    frames = [
        frame(store.published(experiment, other), other, experiment)
        for experiment in run
        for other in SCALES
        if other != scale or not run[experiment]
    ]
    return pd.concat(
        [*(f for f in frames if len(f)), *(frame(records, scale, name) for name, records in run.items())], ignore_index=True
    )


def values(results: pd.DataFrame, metric: str, scale: str, **settings) -> pd.Series:
    """One value a seed of the trials with these settings, indexed by seed; empty where none were run.

    Raises ValueError where they were computed in different precisions, which are never put together, and where a seed has several
    values: the settings then fit networks of more than one kind.
    """
    return _one_a_seed(_values(results, metric, scale, settings))


def _values(results: pd.DataFrame, metric: str, scale: str, settings: dict) -> pd.Series:
    """As `values`, of as many networks a seed as there are."""
    chosen = _having(results, {"scale": scale} | settings)
    precisions = results.loc[chosen, "precision"].unique()
    if len(precisions) > 1:
        raise ValueError(f"results of different precision: {', '.join(precisions)}; select one of them")
    if metric not in results:
        return pd.Series(dtype=float)
    return results.loc[chosen, ["seed", metric]].set_index("seed")[metric].astype(float).dropna().sort_index()


def _one_a_seed(found: pd.Series) -> pd.Series:
    if twice := sorted(set(found.index[found.index.duplicated()])):
        raise ValueError(
            f"several values for one seed: {', '.join(map(str, twice))}; name more settings of the networks that are meant"
        )
    return found


def _having(results: pd.DataFrame, settings: dict) -> pd.Series:
    """Which rows have these settings."""
    chosen = pd.Series(True, index=results.index)
    for name, value in settings.items():
        chosen &= results[name] == value
    return chosen


def scales_of(results: pd.DataFrame) -> list[str]:
    """The scales at which anything was run, the largest first."""
    return [scale for scale in reversed(SCALES) if scale in set(results["scale"])]


Get = Callable[[str, dict], pd.Series]  # (metric, settings of the networks) → one value a seed
Measure = Callable[[Get], pd.Series]


def value_of(metric: str, arm: dict) -> Measure:
    """The measure that is one metric of one kind of networks."""
    return lambda get: get(metric, arm)


def measured(measure: Measure, results: pd.DataFrame, scale: str) -> pd.Series:
    """What a measure, such as a difference of two kinds of networks, gives at a scale: one value a seed.

    Raises ValueError as `values` does, unless the measure itself makes one value of several, such as their mean.
    """
    return _one_a_seed(measure(lambda metric, arm: _values(results, metric, scale, arm)).dropna())


def arms(measures: Iterable[Measure]) -> list[dict]:
    """The settings of the networks that these measures are about, each once."""
    used = []
    for measure in measures:
        measure(lambda metric, arm: used.append(arm) or pd.Series(dtype=float))
    return [arm for i, arm in enumerate(used) if arm not in used[:i]]


def rows_of(results: pd.DataFrame, arms: Iterable[dict]) -> pd.DataFrame:
    """The rows of the networks with any of these settings."""
    used = pd.Series(False, index=results.index)
    for arm in arms:
        used |= _having(results, arm)
    return results[used]


def sources(results: pd.DataFrame, arms: Iterable[dict]) -> str:
    """What a table of these arms was computed from: scale, data, seeds and device, as its caption says it."""
    parts = []
    for scale, found in rows_of(results, arms).groupby("scale", sort=False):
        diverged = int(found["diverged_at"].notna().sum())
        said = [
            ", ".join(found["dataset"].unique()),
            _tested(found),
            _widths(found),
            _count(found["seed"].nunique(), "seed"),
            " or ".join(_count(n, "epoch") for n in sorted(found["epochs"].unique()) if n),
            ", ".join(found["device"].unique()),
            ", ".join(found["precision"].unique()),
            f"{_count(diverged, 'diverged network')} left out" if diverged else "",
        ]
        parts.append(f"{scale}: {', '.join(filter(None, said))}")
    return "; ".join(parts) or "nothing was run"


def _tested(found: pd.DataFrame) -> str:
    others = [name for name in found["test_set"].unique() if name != "own"]
    return f"tested on {' and '.join(others)}" if others else ""


def _widths(found: pd.DataFrame) -> str:
    """What a reader must know of networks that are not as wide as the paper's."""
    narrow = sorted({Fraction(width).limit_denominator(100) for width in found["width"]} - {1})
    return f"{' or '.join(map(str, narrow))} of the channels" if narrow else ""


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def by_scale(
    results: pd.DataFrame,
    name: str,
    caption: str,
    rows: dict[str, dict[str, Measure]],
    printed: Mapping[str, dict[str, str]] = MappingProxyType({}),
) -> Table:
    """Rows by label, cells by column title, each at every scale it was run at, the largest first.

    Above them stands what is `printed` in the paper, also by label and title.
    """
    lines = []
    for label, cells in rows.items():
        if label in printed:
            lines.append({"row": label, "source": "paper"} | dict.fromkeys(cells, "–") | printed[label])
        for scale in scales_of(results):
            shown = {title: number(Estimate.of(measured(cell, results, scale))) for title, cell in cells.items()}
            if set(shown.values()) != {"–"}:
                lines.append({"row": label, "source": f"ours, {scale}"} | shown)
    used = arms(cell for cells in rows.values() for cell in cells.values())
    caption = f"{caption} Mean ± standard error over seeds – {sources(results, used)}."
    return Table(
        name, caption, pd.DataFrame(lines, columns=None if lines else ["row", "source"]), results=rows_of(results, used)
    )


@dataclass(frozen=True)
class Column:
    """A column of a comparison: its title, how one value a seed is found, and the column of the paper's table.

    `find` takes (results, scale, settings of the row) and returns one value a seed.
    """

    title: str
    find: Callable[[pd.DataFrame, str, dict], pd.Series]
    paper: Callable[[dict], Reported | None]


@dataclass
class Comparison:
    """The paper's table beside ours: every row's settings by its label, every column, at every scale there is.

    `baseline` is the row that the others are ratios to, which a figure leaves out.
    """

    results: pd.DataFrame
    rows: Mapping[str, dict]
    columns: list[Column]
    baseline: str | None = None
    scales: list[str] = field(init=False)

    def __post_init__(self):
        if len({column.title for column in self.columns}) < len(self.columns):
            raise ValueError("two columns have one title")
        self.scales = scales_of(self.results)

    def estimate(self, label: str, column: Column, scale: str) -> Estimate:
        return Estimate.of(column.find(self.results, scale, self.rows[label]))

    def verdict(self, label: str, column: Column) -> str:
        """At the paper's scale, the only one that can judge a number."""
        settings = self.rows[label]
        paper = column.paper(settings)
        return verdicts.of_number(column.find(self.results, "paper", settings), paper, "paper") if paper else "–"

    def table(self, name: str, caption: str) -> Table:
        lines, judged = [], self._was_run("paper")
        for label, settings in self.rows.items():
            cells = {"paper": lambda c: paper.printed if (paper := c.paper(settings)) else "–"}
            cells |= {f"ours, {s}": lambda c, s=s: number(self.estimate(label, c, s)) for s in self.scales}
            if judged:
                cells |= {"verdict": lambda c: self.verdict(label, c)}
            shown = {source: {c.title: cell(c) for c in self.columns} for source, cell in cells.items()}
            told = {source: values for source, values in shown.items() if set(values.values()) != {"–"}}
            for place, (source, values) in enumerate(told.items()):
                lines.append({"row": "" if place else label, "source": source} | values)
        caption = f"{caption} Mean ± standard error over seeds; ours – {sources(self.results, self.rows.values())}."
        caption += "" if judged else " No verdicts: not run at the paper's scale."
        return Table(name, caption, pd.DataFrame(lines), results=rows_of(self.results, self.rows.values()))

    def _was_run(self, scale: str) -> bool:
        cells = ((label, column) for label in self.rows for column in self.columns)
        return any(self.estimate(label, column, scale).n for label, column in cells)

    def figure(self, scale: str | None = None) -> Figure:
        """Every cell as a dot with its interval: the paper's ± 2 printed errors, ours a 95 % t-interval."""
        scale = scale or next((s for s in self.scales if self._was_run(s)), self.scales[0])
        rows = {label: settings for label, settings in self.rows.items() if label != self.baseline}
        across = min(3, len(self.columns))
        down = math.ceil(len(self.columns) / across)
        size = (10, down * (1.0 + 0.36 * len(rows)))
        figure, axes = plt.subplots(down, across, figsize=size, sharey=True, squeeze=False, layout="constrained")
        for axis in axes.flat[len(self.columns) :]:
            axis.set_visible(False)
        for axis, column in zip(axes.flat, self.columns, strict=False):
            for position, (label, settings) in enumerate(rows.items()):
                if paper := column.paper(settings):
                    dot(axis, paper.value, 2 * (paper.error or 0), position - 0.15, PAPER_STYLE)
                ours = self.estimate(label, column, scale)
                dot(axis, ours.mean, np.nan_to_num(ours.half_width), position + 0.15, OUR_STYLE)
            axis.set_title(column.title, fontsize="medium")
            axis.grid(axis="x", alpha=0.3)
        axes[0][0].set_yticks(range(len(rows)), rows.keys())
        axes[0][0].set_ylim(len(rows) - 0.5, -0.5)
        handles = [plt.Line2D([], [], **style) for style in (PAPER_STYLE, OUR_STYLE | {"label": f"ours, {scale} scale"})]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
        plt.close(figure)
        return figure


PAPER_STYLE = {"marker": "o", "color": "#a23b00", "markerfacecolor": "white", "linestyle": "-", "label": "paper"}
OUR_STYLE = {"marker": "s", "color": "#00527a", "linestyle": "-"}


def dot(axis, x: float, half_width: float, y: float, style: dict) -> None:
    axis.errorbar(x, y, xerr=half_width, capsize=3, **{k: v for k, v in style.items() if k != "label"})
