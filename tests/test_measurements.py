"""Measurements: run once, kept, published, and read as one data frame."""

import errno
import itertools
import json
import math
import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from lib import checkpoints, experiments, measurements, store
from lib.checkpoints import Budget, OutOfTime
from lib.measurements import Measurement, collect, frame, one_by_one, run


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """A run store and published records of the test's own."""
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(store, "PUBLISHED", tmp_path / "records")
    return tmp_path


class Counting:
    """A measurement of two arms, three seeds, two at a time, that remembers what it was called with."""

    def __init__(self, fails_at=None):
        self.calls, self.fails_at = [], fails_at

    def measure(self, seeds, place, checkpoint, norm, depth=1):
        if len(self.calls) == self.fails_at:
            raise KeyboardInterrupt
        assert isinstance(place.device, torch.device)
        self.calls.append((norm, seeds))
        return [{"epoch": [1, 2], "loss": [seed / 3, math.nan], "final": float(seed)} for seed in seeds]

    def at(self, scale="quick"):
        arms = ({"norm": "batch"}, {"norm": "none", "depth": 2})
        return Measurement("made-up", scale, self.measure, "nothing", "fp32", 3, arms, stacked=2)


def test_every_arm_and_seed_has_a_record():
    counting = Counting()
    records = run(counting.at())
    assert counting.calls == [("batch", [0, 1]), ("none", [0, 1]), ("batch", [2]), ("none", [2])]
    assert [(record["trial"]["settings"], record["seed"]) for record in records] == [
        ({"dataset": "nothing"} | arm, seed) for arm in counting.at().arms for seed in range(3)
    ]
    assert records[1]["metrics"] == {"epoch": [1, 2], "loss": [0.33333, None], "final": 1.0}
    assert {"commit", "torch", "device", "time", "precision", "seconds"} <= set(records[0]["provenance"])


def test_what_is_finished_is_not_measured_again():
    first, more, again = Counting(), Counting(), Counting()
    records = run(first.at(), seeds=1)
    assert run(more.at())[::3] == records
    assert more.calls == [("batch", [1, 2]), ("none", [1, 2])]
    run(again.at("laptop"))  # of the same settings
    assert again.calls == []


def test_a_run_that_is_stopped_goes_on_where_it_was():
    stopped, resumed = Counting(fails_at=2), Counting()
    with pytest.raises(KeyboardInterrupt):
        run(stopped.at())
    assert len(run(resumed.at())) == 6
    assert resumed.calls == [("batch", [2]), ("none", [2])]


def test_what_was_begun_is_kept_until_there_are_records(folders, monkeypatch):
    def begin(seeds, place, checkpoint, norm, depth=1):
        checkpoint.save({}, {"seeds": seeds})
        return Counting().measure(seeds, place, checkpoint, norm, depth)

    measurement = replace(Counting().at(), measure=begin)

    def full(record, path):
        raise store.RunError("no space left")

    with monkeypatch.context() as patch, pytest.raises(store.RunError, match="no space"):
        patch.setattr(store, "write_record", full)
        run(measurement)
    assert [path.suffix for path in (folders / "runs").iterdir()] == [".safetensors"]
    run(measurement)
    assert {path.suffix for path in (folders / "runs").iterdir()} == {".json"}


def test_seeds_may_be_chosen():
    counting = Counting()
    assert [record["seed"] for record in run(counting.at(), [1, 9])] == [1, 9, 1, 9]
    assert counting.calls == [("batch", [1, 9]), ("none", [1, 9])]
    with pytest.raises(ValueError, match="at least 1"):
        run(counting.at(), [])


def test_a_run_stops_in_time_and_goes_on(monkeypatch):
    """A second passes whenever the budget looks at the clock: once before every group."""
    clock = itertools.count(1e9)
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(time=lambda: next(clock), monotonic=time.monotonic))
    monkeypatch.setattr(measurements, "time", SimpleNamespace(time=lambda: next(clock), perf_counter=time.perf_counter))
    first, second = Counting(), Counting()
    with pytest.raises(OutOfTime):
        run(first.at(), budget=3 + Budget.RESERVE)
    assert first.calls == [("batch", [0, 1])]
    assert len(run(second.at(), budget=100)) == 6 and second.calls == [("none", [0, 1]), ("batch", [2]), ("none", [2])]


def test_cuda_is_refused_where_everything_is_measured_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(store.RunError, match="made-up is measured on the CPU.*device='cuda' is not possible"):
        run(replace(Counting().at(), on_cpu=True), device="cuda")
    with pytest.raises(store.RunError, match="unknown device 'gpu'"):
        run(replace(Counting().at(), on_cpu=True), device="gpu")


def test_what_is_measured_on_the_cpu_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (record, *_) = run(replace(Counting().at(), on_cpu=True))
    assert "core" in record["provenance"]["device"]


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_measured(folders, monkeypatch):
    counting = Counting()

    def read_only(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch, pytest.raises(store.RunError, match="Read-only.*Make its folder writable"):
        patch.setattr(os, "replace", read_only)
        run(counting.at())
    assert counting.calls == []
    run(counting.at())
    assert {path.suffix for path in (folders / "runs").iterdir()} == {".json"}


@pytest.mark.parametrize("change", [{"name": "other"}, {"dataset": "other"}, {"arms": ({"norm": "batch", "depth": 2},)}])
def test_other_settings_are_another_measurement(change):
    run(Counting().at())
    other = Counting()
    run(replace(other.at(), **change))
    assert other.calls


def test_a_damaged_record_is_reported_and_measured_again(folders):
    run(Counting().at())
    path = sorted((folders / "runs").iterdir())[0]
    path.write_text(path.read_text().replace("0.33333", "0.44444").replace('"final": ', '"final": 1'))
    again = Counting()
    with pytest.warns(UserWarning, match="damaged"):
        run(again.at())
    assert len(again.calls) == 1


@pytest.fixture
def made_up(monkeypatch):
    """A measurement with a name that experiments are found by, at the paper's scale."""
    measurement = Counting().at("paper")
    monkeypatch.setitem(experiments.MEASURED["paper"], measurement.name, measurement)
    return measurement


def test_published_records_come_back_as_they_were_measured(folders, made_up):
    records = run(made_up)
    path = folders / "records" / "paper" / "made-up.jsonl"
    assert experiments.publish("made-up", "paper") == (path, 6, 0)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"experiment": "made-up", "scale": "paper"} | record for record in records]
    read, measured = (frame(each, "paper", "made-up") for each in (store.published("made-up", "paper"), records))
    pd.testing.assert_frame_equal(read.drop(columns="record"), measured.drop(columns="record"))


def test_publishing_measures_nothing_and_keeps_what_is_published(folders, made_up, monkeypatch):
    with pytest.raises(store.RunError, match="run it first"):
        experiments.publish("made-up", "paper")
    run(made_up, [0, 5])
    assert experiments.publish("made-up", "paper")[1:] == (4, 4)
    monkeypatch.setenv("BATCHNORM_RUNS", str(folders / "elsewhere"))
    run(made_up, [1])
    assert experiments.publish("made-up", "paper")[1:] == (6, 2)
    assert [(r["trial"]["settings"]["norm"], r["seed"]) for r in store.published("made-up", "paper")] == [
        ("batch", 0),
        ("batch", 1),
        ("none", 0),
        ("none", 1),
        ("batch", 5),
        ("none", 5),
    ]


def test_a_frame_has_a_row_for_each_row_of_the_metrics_and_what_reports_need():
    found = frame(run(Counting().at()), "quick", "made-up")
    assert len(found) == 12
    row = found[(found["seed"] == 2) & (found["norm"] == "none") & (found["epoch"] == 2)]
    assert row["final"].item() == 2 and row["loss"].isna().all() and row["depth"].item() == 2
    assert {"scale", "experiment", "dataset", "test_set", "width", "epochs", "diverged_at", "device", "precision"} <= set(found)
    single = Measurement("one-row", "quick", one_by_one(lambda seed: pd.DataFrame({"accuracy": [90.0]})), "nothing", "fp64", 2)
    assert frame(run(single), "quick", "one-row")["accuracy"].tolist() == [90, 90]
    assert frame([], "quick", "one-row").empty


def test_the_scale_at_hand_is_measured_and_the_others_are_read(made_up):
    run(made_up, 2)
    experiments.publish("made-up", "paper")
    results = collect(lambda scale: [Counting().at(scale)], "quick", seeds=1)
    assert results.groupby("scale", sort=False)["seed"].nunique().to_dict() == {"quick": 1, "paper": 2}


def test_one_seed_at_a_time():
    def measure(seed, factor):
        return pd.DataFrame({"layer": [0, 1], "value": [factor * seed, 0.5]})

    measurement = Measurement("single", "quick", one_by_one(measure), "nothing", "fp64", 2, ({"factor": 3},))
    assert [record["metrics"]["value"] for record in run(measurement)] == [[0, 0.5], [3, 0.5]]


def test_an_unknown_scale_or_device_is_refused():
    with pytest.raises(ValueError, match="'huge'; allowed: quick, laptop, paper"):
        Counting().at("huge")
    with pytest.raises(store.RunError, match="unknown device 'gpu'"):
        run(Counting().at(), device="gpu")
    assert measurements.run(Counting().at(), device="auto")
