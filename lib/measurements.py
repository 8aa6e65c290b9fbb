"""Measurements: the experiments of chapters that measure something else than the accuracy of trials.

A record is what one seed measured with some settings. Finished ones are in the run store, one file each, and never computed
again; `publish` copies them to the book's records, and `frame` makes of records what `lib.report` and `lib.claims` read.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from lib import origin, store
from lib.provenance import commit, provenance
from lib.runs import resolve_device
from lib.trials import SCALES, check_scale

Metrics = dict  # by name: a list, the lists all of one length, or one value that holds for every row of them
Measure = Callable[..., list[Metrics]]


@dataclass(frozen=True)
class Measurement:
    """One experiment at one scale.

    `measure(seeds, device, **settings)` returns the metrics of each of these seeds, as Python's own numbers and strings; NaN
    where there is no value. Where it measures what was computed before, their `provenance` says where that comes from. It is
    called with `stacked` seeds at a time, for every one of `arms`, which are the settings. `seeds` is how many the scale has.
    `dataset` and `precision` are what tables say of it.
    """

    name: str
    scale: str
    measure: Measure
    dataset: str
    precision: str
    seeds: int
    arms: tuple[dict, ...] = ({},)
    stacked: int = 1

    def __post_init__(self):
        check_scale(self.scale)


def one_by_one(measure: Callable[..., pd.DataFrame]) -> Measure:
    """For measurements of a single seed on the CPU: `measure(seed, **settings)` returns a data frame of metrics."""
    return lambda seeds, device, **settings: [measure(seed, **settings).to_dict("list") for seed in seeds]


@dataclass(frozen=True)
class _Piece:
    """What one record is about; the hash of its settings is its identity, as that of a trial."""

    experiment: str
    arm: dict
    seed: int

    @property
    def settings(self) -> dict:
        return {"experiment": self.experiment, "settings": self.arm, "seed": self.seed}

    @property
    def path(self) -> Path:
        name = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]
        return store.runs_root() / "measurements" / f"{name}.json"


def run(measurement: Measurement, seeds: int | None = None, device: str = "cpu") -> list[dict]:
    """A record for each arm and each seed 0, 1, …, as JSON writes it. What is not in the run store is measured now.

    `seeds` is how many, None: as many as the scale has. `device` is as in `runs.resolve_device`. Stopped at any moment, a run
    goes on with the first group of `stacked` seeds that has no records. Raises RunError where one cannot be written.
    """
    device = resolve_device(device)
    commit()  # read now: what runs is the code as it is at the start
    arms = [{"dataset": measurement.dataset} | arm for arm in measurement.arms]
    pieces = [_Piece(measurement.name, arm, seed) for arm in arms for seed in range(seeds or measurement.seeds)]
    records = [store.read_record(piece.path, piece) for piece in pieces]
    if None in records:
        store.check_writable(pieces[0].path.parent)
    with tqdm(total=len(pieces), initial=len(pieces) - records.count(None), desc=measurement.name, disable=None) as bar:
        for arm in arms:
            missing = [i for i, piece in enumerate(pieces) if piece.arm == arm and records[i] is None]
            for start in range(0, len(missing), measurement.stacked):
                group = missing[start : start + measurement.stacked]
                found = _measured(measurement, [pieces[i] for i in group], device)
                for i, record in zip(group, found, strict=True):
                    store.write_record(record, pieces[i].path)
                    records[i] = record
                bar.update(len(group))
    return [_as_published(measurement, record) for record in records]


def _measured(measurement: Measurement, pieces: list[_Piece], device: torch.device) -> list[dict]:
    start = time.perf_counter()
    settings = {name: value for name, value in pieces[0].arm.items() if name != "dataset"}
    found = measurement.measure([piece.seed for piece in pieces], device, **settings)
    seconds = round((time.perf_counter() - start) / len(pieces), 2)
    about = provenance(device) | {"precision": measurement.precision, "stacked": len(pieces), "seconds": seconds}
    return [_record(piece, metrics, about) for piece, metrics in zip(pieces, found, strict=True)]


def _record(piece: _Piece, metrics: Metrics, about: dict) -> dict:
    values = {name: _plain(value) for name, value in metrics.items() if name != "provenance"}
    return {"trial": piece.settings, "metrics": values, "provenance": about | metrics.get("provenance", {})}


def _plain(value):
    """As JSON can write it: to five digits, and NaN as null."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def _as_published(measurement: Measurement, record: dict) -> dict:
    about = {"experiment": measurement.name, "scale": measurement.scale}
    return (
        about
        | {name: record["trial"][name] for name in ("settings", "seed")}
        | {n: record[n] for n in ("metrics", "provenance")}
    )


def publish(measurement: Measurement, device: str = "cpu") -> None:
    """Run what is missing and write `book/records/<scale>/<name>.jsonl`, one seed of one arm a line."""
    lines = [json.dumps(record) + "\n" for record in run(measurement, device=device)]
    store.write_in_one_piece(store.PUBLISHED / measurement.scale / f"{measurement.name}.jsonl", "".join(lines).encode())


def frame(records: list[dict]) -> pd.DataFrame:
    """The rows of all records, with columns for their metrics and settings, and those that `lib.report` needs."""
    frames = []
    for record in records:
        metrics = record["metrics"]
        about = {name: record[name] for name in ("scale", "experiment", "seed")}
        about |= {"test_set": "own", "width": 1.0, "epochs": 0, "diverged_at": None} | record["settings"]
        about |= origin.of_record(record)
        rows = metrics if any(isinstance(value, list) for value in metrics.values()) else [metrics]
        frames.append(pd.DataFrame(rows).assign(**about))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def collect(
    experiments: Callable[[str], Iterable[Measurement]], scale: str, seeds: int | None = None, device: str = "cpu"
) -> pd.DataFrame:
    """What is measured now at `scale`, and beside it the published records of the other scales."""
    records = []
    for measurement in experiments(scale):
        for other in SCALES:
            records += run(measurement, seeds, device) if other == scale else store.published(measurement.name, other)
    return frame(records)
