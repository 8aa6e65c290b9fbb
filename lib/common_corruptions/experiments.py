"""Table 13 of appendix C as lists of trials, for each scale: trained networks on corrupted test sets.

Two experiments of the same networks: "table-13" on corruptions generated here, "table-13-official" on the files of CIFAR-10-C.
Their accuracies never stand in one table.
"""

import itertools
import re
from dataclasses import replace

import pandas as pd

from lib.corruptions import CORRUPTIONS, SEVERITIES
from lib.empirical_results.experiments import table_02, table_04
from lib.evaluate import Evaluation
from lib.fixup.experiments import NORMALIZATION, table_09
from lib.trials import Seeds, Trial

GENERATED, OFFICIAL = "generated", "official"  # where the corrupted images come from
EXPERIMENT_OF = {GENERATED: "table-13", OFFICIAL: "table-13-official"}
FIRST = {"quick": 128, "laptop": 2_000}  # test images of each corruption and severity; all 10,000 at the paper scale


def table_13(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """The networks of Table 13 on generated corruptions. None stands for the scale's own number of seeds and of epochs.

    VGG8 is that of Table 2, with its weight decay. At the paper's scale VGG13 of Table 4 and the wide residual networks of
    Table 9, in the normalisation of their code, are tested too: the other scales do not train them.
    """
    return [_tested(trial, f"{trial.dataset}-generated", FIRST.get(scale)) for trial in _networks(scale, seeds, epochs)]


def table_13_official(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """The same networks on the official files; none at the quick scale, whose networks know no objects."""
    networks = _networks(scale, seeds, epochs)
    return [] if scale == "quick" else [_tested(trial, "cifar10-c", FIRST.get(scale)) for trial in networks]


def _networks(scale: str, seeds: Seeds | None, epochs: int | None) -> list[Trial]:
    networks = [trial for trial in table_02(scale, seeds, epochs) if trial.weight_decay]
    if scale == "paper":
        networks += [trial for trial in table_04(scale, seeds, epochs) if trial.architecture == "vgg13"]
        networks += [trial for trial in table_09(scale, seeds, epochs) if trial.normalization == NORMALIZATION]
    return networks


def _tested(trial: Trial, prefix: str, first: int | None) -> Trial:
    """The same network, clean and on every corruption; with batch norm also normalised by the corrupted batch."""
    running = [
        Evaluation(dataset=dataset, first=first)
        for dataset in (None, *(f"{prefix}-{name}-{severity}" for name in CORRUPTIONS for severity in SEVERITIES))
    ]
    by_batch = [replace(e, batch_statistics=True) for e in running] if trial.norm == "batch" else []
    # Side by side: each corrupted test set is loaded once for both.
    pairs = zip(running, by_batch, strict=True) if by_batch else zip(running, strict=True)
    return replace(trial, evaluations=tuple(evaluation for pair in pairs for evaluation in pair))


def by_corruption(results: pd.DataFrame) -> pd.DataFrame:
    """The accuracies of a frame under names that no longer depend on the data set: `fog 3`, `fog 3, by batch`, `clean`, …

    `fog` is the mean over severities, NaN where one is missing. Of the first images alone where a scale has no more. All other
    columns of metrics are left out.
    """
    named: dict[str, pd.Series] = {}
    for column in results.columns:
        if name := _name(column):
            named[name] = results[column].combine_first(named[name]) if name in named else results[column]
    for name, by_batch in itertools.product(CORRUPTIONS, (False, True)):
        columns = [metric(f"{name} {severity}", by_batch) for severity in SEVERITIES]
        if named.keys() >= set(columns):
            named[metric(name, by_batch)] = sum(named[column] for column in columns) / len(columns)
    settings = [column for column in results.columns if not re.match(r"(accuracy|loss|top5|zero_gradients) ", column)]
    return pd.concat([results[settings], pd.DataFrame(named, index=results.index)], axis=1)


def _name(column: str) -> str | None:
    found = re.fullmatch(
        r"accuracy clean(?P<batch>-batch-statistics)?(?:-.+-(?:c|generated)-(?P<name>\w+)-(?P<severity>\d))?(?:-first-\d+)?",
        column,
    )
    if not found:
        return None
    return metric(found["name"] and f"{found['name']} {found['severity']}", bool(found["batch"]))


def metric(corrupted: str | None = None, by_batch: bool = False) -> str:
    """The column of `by_corruption` with the accuracy on `fog`, its mean over severities, on `fog 3`, or on clean images."""
    return (corrupted or "clean") + (", by batch" if by_batch else "")


EXPERIMENTS = {"table-13": table_13, "table-13-official": table_13_official}
