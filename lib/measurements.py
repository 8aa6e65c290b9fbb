"""Measurements: the experiments of chapters that measure something else than the accuracy of trials.

A record is what one seed measured with some settings. Finished ones are in the run store, one file each, and never computed
again; `frame` makes of records what `lib.report` and `lib.claims` read.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from lib import origin, store
from lib.checkpoints import Budget, Checkpoint
from lib.provenance import code, commit, provenance
from lib.runs import Place, resolve_device
from lib.store import RunError
from lib.trials import SCALES, Seeds, check_scale, chosen_seeds

Metrics = dict  # by name: a list, the lists all of one length, or one value that holds for every row of them
Measure = Callable[..., list[Metrics]]


@dataclass(frozen=True)
class Piece:
    """What one record is about: one seed of one of the arms of a measurement. Like a trial, it is what its settings are."""

    experiment: str
    arm: dict
    seed: int

    @property
    def settings(self) -> dict:
        return {"experiment": self.experiment, "settings": self.arm, "seed": self.seed}

    @property
    def id(self) -> str:
        return hashlib.sha256(store.key(self.settings).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Measurement:
    """One experiment at one scale.

    `measure(seeds, place, checkpoint, **settings)` returns the metrics of each of these seeds, as Python's own numbers and
    strings; NaN where there is no value. Where it measures what was computed before, their `provenance` says where that comes
    from. It is called with `stacked` seeds at a time, for every one of `arms`, which are the settings; checks the budget of the
    place as often as it can, and may save in the checkpoint what it goes on from, which is deleted once there are records. With
    `on_cpu`, the device of the place is always the CPU. `seeds` is how many the scale has.
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
    on_cpu: bool = False

    def __post_init__(self):
        check_scale(self.scale)

    def pieces(self, seeds: Seeds | None = None) -> list[Piece]:
        """Those of all arms and seeds: as many as the scale has, or these. Raises ValueError for none."""
        arms = [{"dataset": self.dataset} | arm for arm in self.arms]
        chosen = chosen_seeds(self.seeds if seeds is None else seeds)
        return [Piece(self.name, arm, seed) for arm in arms for seed in chosen]

    def device(self, name: str = "auto") -> torch.device:
        """As `runs.resolve_device`. Raises RunError also for CUDA where the measurement is always made on the CPU."""
        device = resolve_device(name)
        if self.on_cpu and device.type != "cpu" and name != "auto":
            raise RunError(f"{self.name} is measured on the CPU, on whatever machine; device={name!r} is not possible")
        return torch.device("cpu") if self.on_cpu else device

    def finish(self, pieces: list[Piece], place: Place) -> None:
        """Called when these are measured, before they have records: what else is to be kept beside those. Here nothing."""


def one_by_one(measure: Callable[..., pd.DataFrame]) -> Measure:
    """For measurements of a single seed in seconds: `measure(seed, **settings)` returns a data frame of metrics."""
    return lambda seeds, place, checkpoint, **settings: [measure(seed, **settings).to_dict("list") for seed in seeds]


def run(
    measurement: Measurement,
    seeds: Seeds | None = None,
    *,
    device: str = "auto",
    data_root: str | Path | None = None,
    budget: float | None = None,
) -> list[dict]:
    """The records of the pieces of these seeds, in their order, as JSON writes them. What is not in the run store is measured now.

    Networks that are compared come first: all arms of the first `stacked` seeds, then of the next. `device` and `data_root` are
    as in `runs.run`, `budget` is the time that may be used, in seconds. Stopped at any moment, a run goes on with the first of
    these groups that has no records. Raises DataError or RunError with what to do, and OutOfTime when the budget was too small
    for all.
    """
    folder, left = store.runs_root(), Budget(math.inf if budget is None else time.time() + budget)
    place = Place(data_root, measurement.device(device), folder, left)
    commit(), code()  # read now: what runs is the code as it is at the start
    pieces = measurement.pieces(seeds)
    records = {piece.id: record for piece in pieces if (record := store.finished(piece, folder))}
    missing = [piece for piece in pieces if piece.id not in records]
    if missing:
        store.check_writable(folder)
    with tqdm(total=len(pieces), initial=len(records), desc=measurement.name, disable=None) as bar:
        for group in _groups(missing, measurement.stacked):
            left.check()
            checkpoint = Checkpoint(folder / f"{group[0].id}.safetensors", code())
            found = _measured(measurement, group, place, checkpoint)
            measurement.finish(group, place)
            for piece, record in zip(group, found, strict=True):
                store.write_record(record, store.record_path(piece, folder))
                records[piece.id] = record
            checkpoint.delete()
            bar.update(len(group))
    return [records[piece.id] for piece in pieces]


def _groups(pieces: list[Piece], stacked: int) -> Iterable[list[Piece]]:
    """Pieces of one arm that are measured together, the arms of some seeds before those of the next."""
    seeds = sorted({piece.seed for piece in pieces})
    for start in range(0, len(seeds), stacked):
        groups: dict[str, list[Piece]] = {}
        for piece in pieces:
            if piece.seed in seeds[start : start + stacked]:
                groups.setdefault(store.kind(piece.settings), []).append(piece)
        yield from groups.values()


def _measured(measurement: Measurement, pieces: list[Piece], place: Place, checkpoint: Checkpoint) -> list[dict]:
    settings = {name: value for name, value in pieces[0].arm.items() if name != "dataset"}
    found = measurement.measure([piece.seed for piece in pieces], place, checkpoint, **settings)
    seconds = round(checkpoint.seconds / len(pieces), 2)
    about = provenance(place.device) | {"precision": measurement.precision, "stacked": len(pieces), "seconds": seconds}
    return [_record(piece, metrics, about) for piece, metrics in zip(pieces, found, strict=True)]


def _record(piece: Piece, metrics: Metrics, about: dict) -> dict:
    values = {name: _plain(value) for name, value in metrics.items() if name != "provenance"}
    about = about | metrics.get("provenance", {})
    return {"trial": piece.settings, "seed": piece.seed, "metrics": values, "provenance": about}


def _plain(value):
    """As JSON can write it: to five digits, and NaN as null."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def frame(records: list[dict], scale: str, experiment: str) -> pd.DataFrame:
    """The rows of all records, with columns for their metrics and settings, and those that `lib.report` needs."""
    frames = []
    for record in records:
        metrics = record["metrics"]
        about = {"scale": scale, "experiment": experiment, "seed": record["seed"]}
        about |= {"test_set": "own", "width": 1.0, "epochs": 0, "diverged_at": None} | record["trial"]["settings"]
        about |= origin.of_record(record)
        rows = metrics if any(isinstance(value, list) for value in metrics.values()) else [metrics]
        frames.append(pd.DataFrame(rows).assign(**about))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def collect(
    experiments: Callable[[str], Iterable[Measurement]], scale: str, seeds: int | None = None, device: str = "auto"
) -> pd.DataFrame:
    """What is measured now at `scale`, and beside it the published records of the other scales."""
    found = []
    for measurement in experiments(scale):
        for other in SCALES:
            records = run(measurement, seeds, device=device) if other == scale else store.published(measurement.name, other)
            found.append(frame(records, other, measurement.name))
    return pd.concat(filter(len, found), ignore_index=True)
