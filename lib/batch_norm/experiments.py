"""The experiments of section 2 at each scale, their records, and the records as one data frame.

Nothing is trained, so they are no trials: a record is what one seed measured, and a run takes seconds to minutes.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import torch

from lib import store
from lib.batch_norm import circles, gradients
from lib.provenance import provenance
from lib.trials import SCALES

CIRCLES, GRADIENTS = "figure-01", "gradient-growth"


@dataclass(frozen=True)
class Experiment:
    """`measure(seed, **settings)` returns a data frame of metrics; `seeds` is how many the scale has."""

    measure: Callable[..., pd.DataFrame]
    dataset: str
    precision: str
    seeds: int
    settings: dict = field(default_factory=dict)


def experiments(scale: str) -> dict[str, Experiment]:
    """By name. Raises ValueError for an unknown scale."""
    if scale not in SCALES:
        raise ValueError(f"scale={scale!r}; allowed: {', '.join(SCALES)}")
    width = {"quick": 300, "laptop": 1000, "paper": 1500}[scale]
    return {
        CIRCLES: Experiment(circles.measure, "two circles", "fp64", 10 if scale == "quick" else 50),
        GRADIENTS: Experiment(
            gradients.measure, f"Gaussian inputs, width {width}", "fp32", 4 if scale == "quick" else 20, {"width": width}
        ),
    }


def run(name: str, scale: str, seeds: int | None = None) -> list[dict]:
    """Measure seeds 0, 1, … of an experiment on the CPU: one record each, as JSON writes it. None: as many as the scale has."""
    experiment = experiments(scale)[name]
    return [_record(name, scale, experiment, seed) for seed in range(seeds or experiment.seeds)]


def _record(name: str, scale: str, experiment: Experiment, seed: int) -> dict:
    start = time.perf_counter()
    found = experiment.measure(seed, **experiment.settings)
    seconds = round(time.perf_counter() - start, 2)
    about = {"precision": experiment.precision, "seconds": seconds}
    return {
        "experiment": name,
        "scale": scale,
        "settings": {"dataset": experiment.dataset} | experiment.settings,
        "seed": seed,
        "metrics": {column: [_rounded(value) for value in found[column].tolist()] for column in found},
        "provenance": provenance(torch.device("cpu")) | about,
    }


def _rounded(value):
    return float(f"{value:.5g}") if isinstance(value, float) else value


def publish(scale: str = "paper") -> None:
    """Run everything at a scale and write `book/records/<scale>/<experiment>.jsonl`, one seed a line."""
    for name in experiments(scale):
        lines = [json.dumps(record) + "\n" for record in run(name, scale)]
        store.write_in_one_piece(store.PUBLISHED / scale / f"{name}.jsonl", "".join(lines).encode())


def frame(records: list[dict]) -> pd.DataFrame:
    """One row for each seed, norm and layer, or for each seed, activation and batch size, with the columns lib.report needs."""
    frames = []
    for record in records:
        about = {name: record[name] for name in ("scale", "experiment", "seed")}
        about |= {"dataset": record["settings"]["dataset"], "test_set": "own", "width": 1.0, "epochs": 0, "diverged_at": None}
        about |= {name: record["provenance"][name] for name in ("device", "precision")}
        frames.append(pd.DataFrame(record["metrics"]).assign(**about))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def collect(scale: str, seeds: int | None = None) -> pd.DataFrame:
    """What is measured now at `scale`, and beside it the published records of the other scales."""
    records = []
    for name in experiments(scale):
        for other in SCALES:
            records += run(name, scale, seeds) if other == scale else store.published(name, other)
    return frame(records)
