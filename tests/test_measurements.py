"""Measurements: run once, kept, published, and read as one data frame."""

import errno
import json
import math
import os
from dataclasses import replace

import pandas as pd
import pytest
import torch

from lib import measurements, store
from lib.measurements import Measurement, collect, frame, one_by_one, publish, run


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

    def measure(self, seeds, device, norm, depth=1):
        if len(self.calls) == self.fails_at:
            raise KeyboardInterrupt
        assert isinstance(device, torch.device)
        self.calls.append((norm, seeds))
        return [{"epoch": [1, 2], "loss": [seed / 3, math.nan], "final": float(seed)} for seed in seeds]

    def at(self, scale="quick"):
        arms = ({"norm": "batch"}, {"norm": "none", "depth": 2})
        return Measurement("made-up", scale, self.measure, "nothing", "fp32", 3, arms, stacked=2)


def test_every_arm_and_seed_has_a_record():
    counting = Counting()
    records = run(counting.at())
    assert counting.calls == [("batch", [0, 1]), ("batch", [2]), ("none", [0, 1]), ("none", [2])]
    assert [(record["settings"], record["seed"]) for record in records] == [
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
    assert resumed.calls == [("none", [0, 1]), ("none", [2])]


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_measured(folders, monkeypatch):
    counting = Counting()

    def read_only(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch, pytest.raises(store.RunError, match="Read-only.*Make its folder writable"):
        patch.setattr(os, "replace", read_only)
        run(counting.at())
    assert counting.calls == []
    run(counting.at())
    assert {path.suffix for path in (folders / "runs" / "measurements").iterdir()} == {".json"}


@pytest.mark.parametrize("change", [{"name": "other"}, {"dataset": "other"}, {"arms": ({"norm": "batch", "depth": 2},)}])
def test_other_settings_are_another_measurement(change):
    run(Counting().at())
    other = Counting()
    run(replace(other.at(), **change))
    assert other.calls


def test_a_damaged_record_is_reported_and_measured_again(folders):
    run(Counting().at())
    path = sorted((folders / "runs" / "measurements").iterdir())[0]
    path.write_text(path.read_text().replace("0.33333", "0.44444").replace('"final": ', '"final": 1'))
    again = Counting()
    with pytest.warns(UserWarning, match="damaged"):
        run(again.at())
    assert len(again.calls) == 1


def test_published_records_come_back_as_they_were_measured(folders):
    measurement = Counting().at("paper")
    publish(measurement)
    lines = (folders / "records" / "paper" / "made-up.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run(measurement)
    pd.testing.assert_frame_equal(frame(store.published("made-up", "paper")), frame(run(measurement)))


def test_a_frame_has_a_row_for_each_row_of_the_metrics_and_what_reports_need():
    found = frame(run(Counting().at()))
    assert len(found) == 12
    row = found[(found["seed"] == 2) & (found["norm"] == "none") & (found["epoch"] == 2)]
    assert row["final"].item() == 2 and row["loss"].isna().all() and row["depth"].item() == 2
    assert {"scale", "experiment", "dataset", "test_set", "width", "epochs", "diverged_at", "device", "precision"} <= set(found)
    single = Measurement("one-row", "quick", lambda seeds, device: [{"accuracy": 90.0} for _ in seeds], "nothing", "fp64", 2)
    assert frame(run(single))["accuracy"].tolist() == [90, 90]
    assert frame([]).empty


def test_the_scale_at_hand_is_measured_and_the_others_are_read():
    publish(replace(Counting().at("paper"), seeds=2))
    results = collect(lambda scale: [Counting().at(scale)], "quick", seeds=1)
    assert results.groupby("scale", sort=False)["seed"].nunique().to_dict() == {"quick": 1, "paper": 2}
    publish(Counting().at("quick"))
    again = collect(lambda scale: [Counting().at(scale)], "quick", seeds=1)
    assert again.groupby("scale")["seed"].nunique()["quick"] == 1


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
