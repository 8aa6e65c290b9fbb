"""The run store: nothing is computed twice, and nothing that was finished is lost or believed blindly."""

import ast
import errno
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from common import NARROW, every, in_colour
from filelock import FileLock

from lib import checkpoints, data, evaluate, experiments, networks, provenance, runs, store, train, trials
from lib.checkpoints import Budget, Checkpoint, OutOfTime
from lib.depth import experiments as depth
from lib.evaluate import Evaluation
from lib.store import RunError
from lib.trials import Trial, over_seeds

EVALUATIONS = (Evaluation(), Evaluation("fgsm", epsilon=0.1))
DIGITS = Trial("mnist-5k", 28, EVALUATIONS, hidden=(8,), epochs=1)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Folders of arrays: "few", 98 digits of mnist-5k to train and 48 to test, of all classes; "colour", they on 32x32."""
    root = tmp_path_factory.mktemp("data")
    for name in ("few", "colour"):
        (root / name).mkdir()
        for split, step in ("train", 41), ("test", 21):
            digits = every(data.load("mnist-5k", split), step)
            images = in_colour(digits).images.permute(0, 2, 3, 1) if name == "colour" else digits.images[:, 0]
            np.save(root / name / f"{split}-images.npy", images.numpy())
            np.save(root / name / f"{split}-labels.npy", digits.labels.numpy().astype(np.uint8))
    return root


FEW = replace(DIGITS, dataset="few")
VGG = replace(DIGITS, dataset="colour", image_size=32, hidden=(), architecture="vgg8", norm="batch", width=NARROW)


@pytest.fixture
def sweep(data_root, tmp_path):
    """Runs trials in a store of their own, without a warning."""

    def run(trials, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return runs.run(trials, data_root=data_root, store=tmp_path, progress=False, **options)

    return run


@pytest.fixture
def fitted(monkeypatch):
    """The seeds that were trained, one list a call of `fit`."""
    calls = []

    def fit(networks, training_set, *, seeds, **settings):
        calls.append(seeds)
        return train.fit(networks, training_set, seeds=seeds, **settings)

    monkeypatch.setattr(networks, "fit", fit)
    return calls


def files(folder):
    """What a record must keep: its bytes and its time."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("*.json")}


def names(trials):
    return {f"{trial.id}.json" for trial in trials}


# --- Records ---------------------------------------------------------------------------------------------------------


def test_records_are_complete(tmp_path):
    trials = over_seeds([DIGITS], 2)
    records = runs.run(trials, store=tmp_path, progress=False)
    test_set = data.load("mnist-5k", "test")
    for trial, record in zip(trials, records, strict=True):
        assert record.keys() == {"trial", "seed", "metrics", "diverged_at", "provenance"}
        assert record["trial"] == trial.settings and record["seed"] == trial.seed and record["diverged_at"] is None
        assert record["metrics"].keys() == {"clean", "fgsm-linf-0.1"}
        assert 0 <= record["metrics"]["fgsm-linf-0.1"]["accuracy"] < record["metrics"]["clean"]["accuracy"] <= 100
        assert record["metrics"]["clean"]["loss"] < record["metrics"]["fgsm-linf-0.1"]["loss"]
        provenance = record["provenance"]
        assert {"library", "commit", "torch", "device", "precision", "threads"} < provenance.keys()
        assert provenance["torch"] == torch.__version__ and provenance["precision"] == "fp32"
        assert provenance["train_seconds"] > 0 and provenance["evaluate_seconds"] >= 0 and provenance["stacked"] == 2
        assert datetime.now(UTC) - datetime.fromisoformat(provenance["time"]) < timedelta(minutes=5)
        assert provenance["data"] == {"train": data.load("mnist-5k", "train").sha256, "mnist-5k": test_set.sha256}
        assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", provenance["commit"] or "0" * 40)
    assert records[0]["metrics"] != records[1]["metrics"]


def test_a_record_is_what_plain_training_and_evaluation_give(sweep, data_root):
    """A linear model, seed 3: the textbook loop, with the authors' attack written out."""
    trial = replace(FEW, hidden=(), seed=3, epochs=4, batch_size=30, lr=0.05)
    (record,) = sweep([trial])
    train_set, test_set = (data.load("few", split, data_root) for split in data.SPLITS)
    network = networks.build(trial, train_set)
    optimizer, order = torch.optim.SGD(network.parameters(), trial.lr), data.generator(3, "order")
    for _ in range(trial.epochs):
        for batch in torch.randperm(len(train_set), generator=order).split(trial.batch_size):
            optimizer.zero_grad()
            logits = network(data.normalize(train_set.images[batch], train_set))
            torch.nn.functional.cross_entropy(logits, train_set.labels[batch]).backward()
            optimizer.step()
    x = data.normalize(test_set.images, test_set).requires_grad_()
    torch.nn.functional.cross_entropy(network(x), test_set.labels).backward()
    for label, inputs in ("clean", x), ("fgsm-linf-0.1", x + 0.1 * x.grad.sign()):
        logits, found = network(inputs), record["metrics"][label]
        assert found["accuracy"] == pytest.approx(100 * (logits.argmax(1) == test_set.labels).float().mean().item())
        assert found["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, test_set.labels).item(), rel=1e-4)


def test_nothing_is_computed_twice(sweep, fitted, tmp_path):
    trials = over_seeds([FEW, replace(FEW, norm="batch")], 2)
    records, before = sweep(trials), files(tmp_path)
    assert fitted == [[0, 1], [0, 1]] and before.keys() == names(trials)
    assert sweep(trials) == records
    assert sweep(trials[::-1]) == records[::-1]
    assert len(fitted) == 2 and files(tmp_path) == before


def test_only_missing_seeds_are_computed(sweep, fitted, tmp_path):
    first = sweep(over_seeds([FEW], 2))
    before = files(tmp_path)
    (tmp_path / f"{replace(FEW, seed=1).id}.json").unlink()
    records = sweep(over_seeds([FEW], 4))
    assert fitted == [[0, 1], [1, 2, 3]]
    assert [record["seed"] for record in records] == [0, 1, 2, 3] and records[0] == first[0]
    name = f"{FEW.id}.json"
    assert files(tmp_path)[name] == before[name]
    for again, once in zip(records, first, strict=False):  # in whatever company a seed is trained
        assert again["metrics"]["clean"] == pytest.approx(once["metrics"]["clean"], rel=1e-5)


def test_seeds_do_not_depend_on_each_other(sweep, tmp_path, data_root):
    together = sweep(over_seeds([replace(FEW, norm="batch")], 3))
    alone = runs.run([replace(FEW, norm="batch", seed=2)], data_root=data_root, store=tmp_path / "alone", progress=False)
    for label, metrics in alone[0]["metrics"].items():
        assert together[2]["metrics"][label] == pytest.approx(metrics, rel=1e-4)


def test_the_store_is_the_argument_then_the_environment_then_the_repository(monkeypatch, tmp_path):
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "environment"))
    assert store.runs_root() == tmp_path / "environment"
    assert store.runs_root(tmp_path / "argument") == tmp_path / "argument"
    monkeypatch.delenv("BATCHNORM_RUNS")
    assert store.runs_root() == store.REPOSITORY / ".runs"


def test_both_arms_of_a_comparison_see_the_same_batches(sweep, monkeypatch):
    seen, normalize = {None: [], "batch": []}, data.normalize

    def watch(images, dataset):
        if images.ndim == 5:  # (seeds, batch, C, H, W): in training
            seen[norm].append(images)
        return normalize(images, dataset)

    monkeypatch.setattr(data, "normalize", watch)
    for norm in seen:
        sweep(over_seeds([replace(FEW, norm=norm, epochs=2, batch_size=30)], 2))
    plain, normalized = seen.values()
    assert len(plain) == len(normalized) == 2 * 4
    assert all(torch.equal(a, b) for a, b in zip(plain, normalized, strict=True))
    assert not torch.equal(plain[0][0], plain[0][1]) and not torch.equal(plain[0], plain[4])  # seeds and epochs differ


# --- Damage ----------------------------------------------------------------------------------------------------------


def truncate(path):
    path.write_text(path.read_text()[:-40])


def empty(path):
    path.write_text("")


def edit_a_metric(path):
    record = json.loads(path.read_text())
    record["metrics"]["clean"]["accuracy"] += 1
    path.write_text(json.dumps(record))


def edit_the_seed(path):
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"seed": 7}))


def remove_the_checksum(path):
    record = json.loads(path.read_text())
    del record["checksum"]
    path.write_text(json.dumps(record))


def swap_with_another_trial(path):
    (other,) = set(path.parent.glob("*.json")) - {path}
    path.write_bytes(other.read_bytes())


def write_bytes(path):
    path.write_bytes(bytes(range(256)))


def write_null(path):
    path.write_text("null")


def write_a_list(path):
    path.write_text("[1, 2]")


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        empty,
        edit_a_metric,
        edit_the_seed,
        remove_the_checksum,
        swap_with_another_trial,
        write_bytes,
        write_null,
        write_a_list,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_record_is_reported_and_computed_again(sweep, fitted, data_root, tmp_path, damage):
    trials = over_seeds([FEW], 2)
    records, before = sweep(trials), files(tmp_path)
    damaged = f"{trials[1].id}.json"
    damage(tmp_path / damaged)
    with pytest.warns(UserWarning, match=f"{damaged} is damaged.*computed again"):
        again = runs.run(trials, data_root=data_root, store=tmp_path, progress=False)
    assert fitted == [[0, 1], [1]]
    assert again[0] == records[0] and again[1]["metrics"]["clean"] == pytest.approx(records[1]["metrics"]["clean"], rel=1e-5)
    assert files(tmp_path)[f"{trials[0].id}.json"] == before[f"{trials[0].id}.json"]
    assert sweep(trials) == again  # and no warning any more


# --- Kills -----------------------------------------------------------------------------------------------------------

MANY = [replace(FEW, weight_decay=i / 100) for i in range(12)]

# Forks processes that run a sweep and are killed: each line it reads is (trials, data root, store, moment, seconds between
# two checkpoints), where the moment is None, seconds from the start, or the place of a file's writing and which file, be it
# a record or a checkpoint. It answers with how the
# process ended and after how long. It computes nothing itself, as torch's threads would not survive the fork.
HOST = """
import os, signal, sys, time
import torch
import torch._dynamo  # the first optimizer would import it, in every fork anew
from lib import data, networks, provenance, runs, train
from lib.evaluate import Evaluation
from lib.trials import Trial

def kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)

def write_half(fsync, file):
    os.ftruncate(file, os.fstat(file).st_size // 2)
    kill()

def rename(replace, *names):
    replace(*names)
    kill()

PLACES = {"half written": ("fsync", write_half), "written": ("replace", kill), "renamed": ("replace", rename)}

def die_while_writing(place, number):
    name, act = PLACES[place]
    original, calls = getattr(os, name), []
    def call(*args):
        calls.append(args)
        return act(original, *args) if len(calls) == number + 1 else original(*args)  # the first file is a try, whether one can write
    setattr(os, name, call)

torch.set_num_threads(1)
provenance.commit()
for line in sys.stdin:
    trials, root, store, moment, train.EVERY = eval(line)
    for split in data.SPLITS:
        data.load(trials[0].dataset, split, root)
    started, child = time.perf_counter(), os.fork()
    if child == 0:
        if isinstance(moment, tuple):
            die_while_writing(*moment)
        runs.run(trials, data_root=root, store=store, progress=False)
        os._exit(0)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    print((os.waitstatus_to_exitcode(status), time.perf_counter() - started), flush=True)
"""


@pytest.fixture(scope="module")
def host(data_root):
    process = subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning:lib", "-c", HOST],
        cwd=store.REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def sweep(store, moment=None, trials=MANY, every=300.0):
        process.stdin.write(f"{(trials, str(data_root), str(store), moment, every)}\n")
        process.stdin.flush()
        return ast.literal_eval(process.stdout.readline())

    yield sweep
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_sweep_killed_again_and_again_goes_on_where_it_was(host, sweep, fitted, tmp_path, tmp_path_factory):
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    ended, seconds = host(undisturbed)
    assert ended == 0 and files(undisturbed).keys() == names(MANY)

    kept = {}
    chance = random.Random(0)
    places = [("half written", 1), ("half written", 3), ("written", 1), ("written", 2), ("renamed", 1), ("renamed", 2)]
    for kill, moment in enumerate(places + [chance.uniform(0, seconds / 2) for _ in range(20)]):
        ended, _ = host(tmp_path, moment)
        assert ended == -signal.SIGKILL or (ended == 0 and kill >= len(places))
        finished = files(tmp_path)
        assert {name: finished[name] for name in kept} == kept and finished.keys() <= names(MANY)
        if kill < len(places):  # what was written before, and the record itself once it has its name
            place, record = moment
            assert len(finished) == len(kept) + record - (place != "renamed")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert sum(store.finished(trial, tmp_path) is not None for trial in MANY) == len(finished)
        kept = finished

    assert len(kept) > 6  # the kills at random moments found the sweep at work
    assert len(list(tmp_path.glob(".*.part"))) >= 4  # left by the kills while writing, and no records
    records = sweep(MANY)
    assert sum(map(len, fitted)) == len(MANY) - len(kept)
    finished = files(tmp_path)
    assert finished.keys() == names(MANY) and {name: finished[name] for name in kept} == kept
    for trial, record in zip(MANY, records, strict=True):
        for label, metrics in store.finished(trial, undisturbed)["metrics"].items():
            assert record["metrics"][label] == pytest.approx(metrics, rel=1e-4)
    fitted.clear()
    assert sweep(MANY) == records and not fitted


# --- Interruptions and budgets ---------------------------------------------------------------------------------------

LONGER = [replace(trial, epochs=3, batch_size=30, momentum=0.9) for trial in (FEW, replace(VGG, augment=True))]
LONG = over_seeds(LONGER, 2)  # 12 steps each, two seeds of the MLP at once
PIECES = (12 + 2 * 2) + 2 * (12 + 2)  # of work: steps and, for each seed, evaluations


@pytest.fixture
def steps(monkeypatch):
    """How many training steps were taken: batches for several networks, each with its own, have five dimensions."""
    taken, normalize = [], data.normalize

    def watch(images, dataset):
        if images.ndim == 5:
            taken.append(len(images))
        return normalize(images, dataset)

    monkeypatch.setattr(data, "normalize", watch)
    return taken


@pytest.fixture
def ticking(monkeypatch):
    """A clock that advances a second whenever the budget looks at it, so that each piece of work takes a second."""
    clock = itertools.count(1e9)
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(time=lambda: next(clock), monotonic=time.monotonic))
    monkeypatch.setattr(runs, "time", SimpleNamespace(time=lambda: next(clock), perf_counter=time.perf_counter))


@pytest.fixture(scope="module")
def undisturbed(data_root, tmp_path_factory):
    records = runs.run(LONG, data_root=data_root, store=tmp_path_factory.mktemp("undisturbed"), progress=False)
    return [results(record) for record in records]


def results(record):
    """Of a record, what must be the same bit for bit."""
    return {name: value for name, value in record.items() if name != "provenance"}


def left_over(folder):
    """What lies in the store besides records and kept networks."""
    return [path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".json"]


def kept(folder):
    """Whose networks are kept there."""
    return sorted(path.stem for path in (folder / "networks").glob("*.safetensors"))


def long_ago(monkeypatch):
    """As if every training took longer than it takes to write a checkpoint at its end, and less than to write one before."""
    monkeypatch.setattr(Checkpoint, "age", property(lambda checkpoint: 11.0))


@pytest.mark.parametrize("pieces", [8, 9, 15, 40])
def test_a_sweep_with_a_budget_stops_and_goes_on_bit_for_bit(sweep, steps, ticking, monkeypatch, undisturbed, tmp_path, pieces):
    long_ago(monkeypatch)
    finished, count = [], 0
    for _ in range(30):
        before = files(tmp_path)
        try:
            records = sweep(LONG, budget=pieces + Budget.RESERVE)
            break
        except OutOfTime as error:
            count += 1
            now = files(tmp_path)
            assert f"{len(now)} of 4 trials finished; run again" in str(error)
            assert {name: now[name] for name in before} == before
            finished.append(len(now) + len(kept(tmp_path)))
            assert all(re.fullmatch(r"[0-9a-f]{16}\.(safetensors|evaluation)", name) for name in left_over(tmp_path))
            assert left_over(tmp_path) or kept(tmp_path) or len(now) > len(before)
    assert count >= PIECES // pieces and finished == sorted(finished)
    assert [results(record) for record in records] == undisturbed
    assert left_over(tmp_path) == [] and files(tmp_path).keys() == names(LONG)
    assert len(steps) == 12 + 2 * 12  # none is taken twice


def test_a_sweep_out_of_time_has_a_checkpoint_of_its_training(sweep, steps, ticking, tmp_path):
    with pytest.raises(OutOfTime, match="0 of 4 trials finished"):
        sweep(LONG, budget=8)
    (name,) = left_over(tmp_path)
    assert name == f"{LONG[0].training.id}.safetensors" and not files(tmp_path)
    _, state = Checkpoint(tmp_path / name, provenance.code()).load()
    assert state["seeds"] == [0, 1] and 0 < len(steps) == 4 * (state["epoch"] - 1) + state["batch"] < 12


def test_one_evaluation_longer_than_the_budget_is_finished_in_several_runs(sweep, ticking, monkeypatch, data_root, tmp_path):
    monkeypatch.setattr(evaluate, "_batch_size", lambda *about: 10)  # of 48 images
    attack = Evaluation("pgd", epsilon=0.1, steps=3, step_size=0.05, restarts=2)
    trial, count = replace(VGG, evaluations=(attack,)), 0
    sweep([trial.training])
    for _ in range(30):
        try:
            (record,) = sweep([trial], budget=15 + Budget.RESERVE)
            break
        except OutOfTime:
            count += 1
            assert [Path(name).suffix for name in left_over(tmp_path)] == [".evaluation"]
    assert count >= 2 and left_over(tmp_path) == []
    (undisturbed,) = runs.run([trial], data_root=data_root, store=tmp_path / "other", progress=False)
    assert record["metrics"] == undisturbed["metrics"]


def test_what_is_under_way_is_kept_until_there_is_a_record(sweep, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "WORTH_SAVING", 0.0)
    monkeypatch.setattr(Checkpoint, "age", property(lambda checkpoint: 301.0))

    def full(record, path):
        if path.suffix == ".json":
            raise RunError("no space left")
        store.write_record(record, path)

    with monkeypatch.context() as patch, pytest.raises(RunError, match="no space"):
        patch.setattr(runs, "write_record", full)
        sweep([VGG])
    assert {".partial", ".evaluation"} <= {Path(name).suffix for name in left_over(tmp_path)}
    sweep([VGG])
    assert not {".partial", ".evaluation"} & {Path(name).suffix for name in left_over(tmp_path)}


def test_a_budget_that_is_enough_changes_nothing(sweep, undisturbed, tmp_path):
    assert [results(record) for record in sweep(LONG, budget=3600)] == undisturbed
    assert left_over(tmp_path) == []


def test_the_time_to_load_the_data_is_no_piece_of_work(sweep, monkeypatch):
    """They are loaded for half of the budget; the many short pieces after that need next to nothing."""
    now, loaded, load = [1e9], set(), data.load

    def slow(name, split, *args, **options):
        now[0] += 0 if split in loaded else 30
        loaded.add(split)
        return load(name, split, *args, **options)

    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic))
    monkeypatch.setattr(runs, "time", SimpleNamespace(time=lambda: now[0], perf_counter=time.perf_counter))
    monkeypatch.setattr(data, "load", slow)
    assert len(sweep([FEW], budget=100)) == 1 and loaded == set(data.SPLITS)


def test_without_any_time_nothing_is_trained(sweep, steps, tmp_path):
    for budget in (0, -1, Budget.RESERVE):
        with pytest.raises(OutOfTime, match="0 of 4 trials finished"):
            sweep(LONG, budget=budget)
    assert not steps and not list(tmp_path.iterdir())


def test_finished_trials_need_no_time(sweep):
    records = sweep(LONG[:2])
    assert sweep(LONG[:2], budget=0) == records


def interrupt_after(monkeypatch, records):
    """Stops the sweep as Ctrl-C does, once so many records are written."""
    write, written = runs.write_record, []

    def stop(record, path):
        write(record, path)
        written.append(path)
        if len(written) == records:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_record", stop)


@pytest.mark.parametrize("trials", [LONG[:2], LONG[2:]], ids=["stacked", "alone"])
def test_a_training_is_not_repeated_when_its_evaluation_was_interrupted(
    sweep, fitted, steps, monkeypatch, undisturbed, tmp_path, trials
):
    """The checkpoint holds both seeds of a stack, of which one is finished: the other is taken from there."""
    long_ago(monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 1)
        sweep(trials)
    stacked = trials[0].stackable
    assert len(left_over(tmp_path)) == stacked and kept(tmp_path) == ([] if stacked else [trials[0].training.id])
    assert files(tmp_path).keys() == names(trials[:1])
    steps.clear()
    fitted.clear()
    records = sweep(trials)
    assert fitted == ([[0, 1]] if stacked else [[1]]) and len(steps) == (0 if stacked else 12)
    expected = undisturbed[:2] if stacked else undisturbed[2:]
    assert [results(record) for record in records] == expected
    assert records[1]["provenance"]["stacked"] == (2 if stacked else 1)


def test_a_checkpoint_without_all_missing_seeds_is_not_used(sweep, fitted, steps, monkeypatch, tmp_path):
    long_ago(monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 1)
        sweep(over_seeds([FEW], 2))
    steps.clear()
    fitted.clear()
    sweep(over_seeds([FEW], 3))
    assert fitted == [[1, 2]] and len(steps) == 1 and left_over(tmp_path) == []


def test_a_checkpoint_of_other_code_is_not_used(sweep, steps, monkeypatch, undisturbed, tmp_path):
    long_ago(monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(networks, "code", lambda: "0" * 40)
        interrupt_after(patch, 1)
        sweep(LONG[:2])
    steps.clear()
    (tmp_path / f"{LONG[0].id}.json").unlink()
    assert [results(record) for record in sweep(LONG[:2])] == undisturbed[:2]
    assert len(steps) == 12 and left_over(tmp_path) == []


def test_a_damaged_checkpoint_is_reported_and_its_training_repeated(sweep, data_root, monkeypatch, undisturbed, tmp_path):
    long_ago(monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 1)
        sweep(LONG[:2])
    checkpoint = tmp_path / left_over(tmp_path)[0]
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=f"{checkpoint.name} is damaged.*starts anew"):
        records = runs.run(LONG[:2], data_root=data_root, store=tmp_path, progress=False)
    for record, expected in zip(records, undisturbed[:2], strict=True):
        for label, metrics in expected["metrics"].items():  # the second seed alone, not in a stack
            assert record["metrics"][label] == pytest.approx(metrics, rel=1e-4)


def test_seconds_of_training_are_those_of_the_training_that_was_used(sweep, monkeypatch, tmp_path):
    """Those before an interruption count; those of a checkpoint that was not used do not."""
    long_ago(monkeypatch)
    save = Checkpoint.save

    def save_as_after_an_hour(checkpoint, tensors, state):
        checkpoint.started -= 3600
        save(checkpoint, tensors, state)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_as_after_an_hour)
        interrupt_after(patch, 1)
        sweep(over_seeds([FEW], 2))
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for seeds, hours in (2, 1), (3, 0):
        for path, contents in kept.items():
            path.write_bytes(contents)
        record = sweep(over_seeds([FEW], seeds))[1]
        assert record["provenance"]["train_seconds"] == pytest.approx(hours * 1800, abs=60)
        for path in tmp_path.iterdir():
            path.unlink()


def test_convolutional_networks_are_trained_one_after_another(sweep, fitted, undisturbed):
    records = sweep(LONG[:1:-1])
    assert fitted == [[1], [0]] and [results(record) for record in records] == undisturbed[:1:-1]
    assert [record["provenance"]["stacked"] for record in records] == [1, 1]


def test_a_training_killed_again_and_again_goes_on_bit_for_bit(host, sweep, steps, undisturbed, tmp_path):
    """In a new process each time, with a checkpoint at every step; of the VGG, 12 steps and then its record."""
    trial = LONG[2:3]
    moments = [("half written", 1), ("renamed", 1), ("written", 2), ("half written", 4), ("renamed", 4), ("renamed", 3)]
    saved = 0
    for place, number in moments:
        assert host(tmp_path, (place, number), trial, every=0.0)[0] == -signal.SIGKILL
        saved += number - (place != "renamed")
        checkpoint = tmp_path / f"{replace(trial[0], seed=0).training.id}.safetensors"
        assert checkpoint.exists() == (saved > 0) and not files(tmp_path)
        if saved:
            _, state = Checkpoint(checkpoint, provenance.code()).load()
            assert 4 * (state["epoch"] - 1) + state["batch"] == saved
    assert saved == 12
    (record,) = sweep(trial)
    assert results(record) == undisturbed[2] and not steps and not checkpoint.exists()


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_at_a_checkpoint_says_what_to_do(sweep, monkeypatch, tmp_path, function):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train, "EVERY", 0)
    with monkeypatch.context() as patch, pytest.raises(RunError, match=r"(?s)No space left.*BATCHNORM_RUNS.*run again"):
        patch.setattr(os, function, full)
        sweep(LONG[:2])
    assert not list(tmp_path.iterdir())
    assert len(sweep(LONG[:2])) == 2


# --- Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_says_what_to_do_and_keeps_what_was_finished(sweep, fitted, monkeypatch, tmp_path, function):
    original, calls = getattr(os, function), []

    def full(*args):
        calls.append(args)
        if len(calls) > 3:  # after the first try and two records
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        with pytest.raises(RunError, match=r"(?s)No space left.*kept.*free some space.*BATCHNORM_RUNS.*run again"):
            sweep(MANY[:4])
    before = files(tmp_path)
    assert before.keys() == names(MANY[:2])
    assert {path.name for path in tmp_path.iterdir()} == before.keys()  # nothing half written stays on the full disk
    fitted.clear()
    sweep(MANY[:4])
    assert len(fitted) == 2 and {name: files(tmp_path)[name] for name in before} == before


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_trained(sweep, fitted, monkeypatch, tmp_path):
    def read_only(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", read_only)
        with pytest.raises(RunError, match=r"Read-only file system.*Make its folder writable or free some space"):
            sweep(MANY[:2])
    assert not fitted and not list(tmp_path.iterdir())
    finished = sweep(MANY[:2])
    assert files(tmp_path).keys() == {path.name for path in tmp_path.iterdir()} == names(MANY[:2])
    monkeypatch.setattr(os, "replace", read_only)
    assert sweep(MANY[:2]) == finished, "where nothing is missing nothing is written"


def test_a_store_that_is_a_file_is_named(data_root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        runs.run([FEW], data_root=data_root, store=tmp_path / "file", progress=False)


def test_an_unknown_data_set_stops_the_sweep_and_keeps_what_was_finished(sweep, tmp_path):
    with pytest.raises(data.DataError, match="nowhere"):
        sweep([FEW, replace(FEW, dataset="nowhere")])
    assert files(tmp_path).keys() == names([FEW])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_where_there_is_none_is_refused(sweep, fitted, device):
    assert runs.resolve_device("auto") == torch.device("cpu")
    with pytest.raises(RunError, match=f"device='{device}'.*no CUDA device.*'cpu' or 'auto'"):
        sweep([FEW], device=device)
    assert not fitted


def test_an_unknown_device_is_named():
    assert runs.resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(RunError, match="unknown device 'gpu'.*auto, cpu, cuda"):
        runs.resolve_device("gpu")


def test_a_diverged_network_is_a_record_without_metrics(sweep, fitted):
    trials = over_seeds([replace(FEW, lr=1e20, epochs=3, batch_size=10)], 2)
    records = sweep(trials)
    assert [(record["diverged_at"], record["metrics"]) for record in records] == [(1, {}), (1, {})]
    assert sweep(trials) == records and len(fitted) == 1


def test_a_network_that_diverges_in_its_very_last_step_is_one_too(sweep):
    (record,) = sweep([replace(FEW, lr=1e30, epochs=1)])  # a single step: its loss is that of the initial network
    assert record["metrics"] == {} and record["diverged_at"] == 1


# --- Trials ----------------------------------------------------------------------------------------------------------

OTHER = {
    "dataset": "mnist",
    "image_size": 56,
    "evaluations": EVALUATIONS[:1],
    "hidden": (8, 8),
    "norm": "batch",
    "init": "he",
    "epochs": 2,
    "batch_size": 64,
    "lr": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "seed": 1,
    "architecture": "vgg8",
    "width": 0.5,
    "augment": True,
    "precision": "bf16",
    "milestones": (1,),
    "gamma": 0.5,
    "nesterov": True,
    "padding_mode": "reflect",
    "selection": "best",
    "normalization": "cifar10",
    "targets": (DIGITS,),
    "norm_layers": 2,
    "eps": 1e-3,
}
OTHER_EVALUATION = {
    "kind": "fgsm",
    "norm": "l2",
    "epsilon": 0.2,
    "steps": 2,
    "step_size": 0.1,
    "space": "pixel",
    "clip": True,
    "dataset": "mnist",
    "batch_statistics": True,
    "block_average": True,
    "restarts": 2,
    "first": 10,
}


def test_the_identity_of_a_trial_depends_on_every_field():
    assert OTHER.keys() == {field.name for field in fields(Trial)}
    assert OTHER_EVALUATION.keys() == {field.name for field in fields(Evaluation)}
    trials = [DIGITS, *(replace(DIGITS, **{name: value}) for name, value in OTHER.items())]
    attack = Evaluation("bim", epsilon=0.3, steps=3, step_size=0.05)
    changed = [replace(attack, **{name: value}) for name, value in OTHER_EVALUATION.items()]
    trials += [replace(DIGITS, evaluations=(Evaluation(), evaluation)) for evaluation in changed]
    trials += [replace(DIGITS, evaluations=EVALUATIONS[::-1])]
    assert len({trial.id for trial in trials}) == len(trials)


def test_the_identity_of_a_trial_stays():
    """Finished records are found by it, in another process and another year."""
    older = {name: value for name, value in OTHER.items() if name not in trials.ADDED}
    assert (DIGITS.id, replace(DIGITS, **older).id) == ("6b617a31defe92a8", "68cc3941f7694d9a")


def test_equal_trials_have_one_identity():
    one, other = replace(DIGITS, weight_decay=1), replace(DIGITS, weight_decay=1.0)
    assert one == other and one.id == other.id
    attack = Evaluation("bim", epsilon=2, steps=4, step_size=1)
    one, other = (replace(DIGITS, evaluations=(a,)) for a in (attack, replace(attack, epsilon=2.0, step_size=1.0)))
    assert one == other and one.id == other.id


def test_two_evaluations_of_one_label_are_refused():
    """On whatever paths they lie: the second would never be run."""
    attack = Evaluation("bim", epsilon=0.1, steps=20, step_size=0.01)
    for other in replace(attack, steps=10), replace(attack, step_size=0.005), replace(attack, restarts=5):
        with pytest.raises(ValueError, match="two evaluations have one label: bim-linf-0.1, bim-linf-0.1"):
            replace(DIGITS, evaluations=(attack, other))


def test_trials_survive_json():
    for trial in (DIGITS, replace(DIGITS, **OTHER)):
        settings = json.loads(json.dumps(trial.settings))
        evaluations = tuple(Evaluation(**evaluation) for evaluation in settings["evaluations"])
        assert settings == trial.settings
        lists = {"evaluations": evaluations, "targets": tuple(target.training for target in trial.targets)}
        lists |= {name: tuple(settings[name]) for name in ("hidden", "milestones") if name in settings}
        assert settings.get("targets", []) == [target.settings for target in lists["targets"]]
        assert Trial(**settings | lists) == replace(trial, targets=lists["targets"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"norm": "layer"},
        {"init": "xavier"},
        {"architecture": "vgg9"},
        {"precision": "fp8"},
        {"epochs": -1},
        {"batch_size": 0},
        {"seed": -1},
    ],
    ids=str,
)
def test_wrong_settings_are_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        replace(DIGITS, **wrong)


@pytest.mark.parametrize("table", experiments.EXPERIMENTS.values(), ids=experiments.EXPERIMENTS)
class TestExperiments:
    def test_trials_are_unique_and_every_seed_has_the_same_settings(self, table):
        trials = table("quick", seeds=3)
        assert len({trial.id for trial in trials}) == len(trials)
        by_seed = [[replace(trial, seed=0, targets=()) for trial in trials if trial.seed == seed] for seed in range(3)]
        assert by_seed[0] == by_seed[1] == by_seed[2] and len(by_seed[0]) == len(trials) / 3

    def test_seeds_and_epochs_are_settings(self, table):
        trials = table("paper", seeds=2, epochs=7)
        assert {trial.seed for trial in trials} == {0, 1}
        times = depth.LONGER if table is depth.figure_03 else 1
        assert {trial.epochs for trial in trials} == {0 if trials[0].is_pretrained else 7 * times}

    def test_an_unknown_scale_is_named(self, table):
        with pytest.raises(ValueError, match="scale 'huge'.*quick, laptop, paper"):
            table("huge")

    @pytest.mark.parametrize("seeds", [0, -1])
    def test_at_least_one_seed_is_needed(self, table, seeds):
        with pytest.raises(ValueError, match=f"seeds={seeds}"):
            table("quick", seeds=seeds)


@pytest.mark.parametrize("seeds", [0, -1])
def test_at_least_one_seed_is_needed(seeds):
    with pytest.raises(ValueError, match=f"seeds={seeds}"):
        over_seeds([DIGITS], seeds)


# --- Publishing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def publication(monkeypatch, tmp_path_factory):
    """An experiment of three trials, published beside the test."""
    folder = tmp_path_factory.mktemp("published")
    monkeypatch.setattr(store, "PUBLISHED", folder)
    monkeypatch.setitem(experiments.EXPERIMENTS, "few", lambda scale, seeds: over_seeds([FEW], 3))
    return folder / "quick" / "few.jsonl"


def test_published_records_are_read_back(sweep, publication, tmp_path):
    assert store.published("few", "quick") == []
    trials = over_seeds([FEW], 3)
    for finished in (2, 3):
        records = sweep(trials[:finished])
        assert experiments.publish("few", "quick", tmp_path) == (publication, finished, 3 - finished)
        assert len(publication.read_text().splitlines()) == finished
        expected = [{"experiment": "few", "scale": "quick"} | record for record in records]
        assert store.published("few", "quick") == expected
    assert store.published("few", "paper") == []


def test_publishing_again_changes_no_byte(sweep, publication, tmp_path):
    sweep(over_seeds([FEW], 3))
    experiments.publish("few", "quick", tmp_path)
    before = publication.read_bytes()
    sweep(over_seeds([FEW], 3))
    experiments.publish("few", "quick", tmp_path)
    assert publication.read_bytes() == before


def test_damaged_records_are_not_published(sweep, publication, tmp_path):
    sweep(over_seeds([FEW], 3))
    edit_a_metric(tmp_path / f"{FEW.id}.json")
    with pytest.warns(UserWarning, match="damaged"):
        assert experiments.publish("few", "quick", tmp_path) == (publication, 2, 1)


def test_what_another_machine_published_stays(sweep, data_root, publication, tmp_path):
    first, second, third = over_seeds([FEW], 3)
    sweep([first, second])
    experiments.publish("few", "quick", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    runs.run([third], data_root=data_root, store=elsewhere, progress=False)
    assert experiments.publish("few", "quick", elsewhere) == (publication, 3, 0)
    assert [record["seed"] for record in store.published("few", "quick")] == [0, 1, 2]


def test_seeds_beyond_the_scales_own_are_published_and_trials_of_other_settings_are_not(sweep, publication, tmp_path):
    sweep([*over_seeds([FEW], 3), replace(FEW, seed=7), replace(FEW, seed=5), replace(FEW, lr=0.3), VGG])
    assert experiments.publish("few", "quick", tmp_path) == (publication, 5, 0)
    assert [record["seed"] for record in store.published("few", "quick")] == [0, 1, 2, 5, 7]


def test_records_with_other_targets_are_not_of_the_experiment(sweep, publication, monkeypatch, tmp_path):
    """As after its targets were changed; those of the same targets are, whatever the seeds."""
    plain, other = replace(VGG, norm=None), replace(VGG, norm=None, lr=0.02)
    attacked = [replace(VGG, targets=(replace(plain, seed=seed).training,), seed=seed) for seed in range(2)]
    monkeypatch.setitem(experiments.EXPERIMENTS, "few", lambda scale, seeds: attacked)
    sweep([*attacked, replace(attacked[1], seed=5), replace(VGG, targets=(other.training,)), VGG])
    assert experiments.publish("few", "quick", tmp_path) == (publication, 3, 0)
    published = [record["trial"] for record in store.published("few", "quick")]
    assert [trial["seed"] for trial in published] == [0, 1, 5] and {t["targets"][0]["lr"] for t in published} == {0.01}


def test_nothing_to_publish_is_an_error(publication, tmp_path):
    with pytest.raises(RunError, match="nothing of few at the quick scale is finished"):
        experiments.publish("few", "quick", tmp_path)
    assert not publication.exists()


# --- Networks that are kept ----------------------------------------------------------------------------------------------


def test_another_experiment_tests_the_same_network(sweep, fitted, tmp_path):
    (first,) = sweep([VGG])
    other = replace(VGG, evaluations=(Evaluation(), Evaluation("fgsm", epsilon=0.05)))
    (second,) = sweep([other])
    assert fitted == [[0]] and kept(tmp_path) == [VGG.training.id]
    assert second["metrics"]["clean"] == first["metrics"]["clean"]
    training = first["provenance"]["training"]
    assert second["provenance"]["training"] == training and second["provenance"]["train_seconds"] == training["train_seconds"]


def test_a_network_that_another_sweep_has_trained_meanwhile_is_read(sweep, fitted, monkeypatch):
    other, found = replace(VGG, evaluations=(Evaluation(),)), []

    def lock(path, timeout):
        if not found:
            found.append({})  # the other sweep comes first to the lock
            found[0] |= sweep([other])[0]
        return FileLock(path, timeout=timeout)

    monkeypatch.setattr(checkpoints, "FileLock", lock)
    (record,) = sweep([VGG])
    assert fitted == [[0]] and record["metrics"]["clean"] == found[0]["metrics"]["clean"]


def test_waiting_for_another_sweep_ends_with_the_budget(fitted, tmp_path):
    training_set = data.load("mnist-m", "train")
    (tmp_path / "networks").mkdir()
    with (
        FileLock(tmp_path / "networks" / f"{VGG.training.id}.lock"),
        pytest.raises(OutOfTime, match="another process trains VGG8"),
    ):
        networks.trained([VGG], training_set, None, tmp_path, Budget(time.time() + Budget.RESERVE + 0.1))
    assert fitted == []


def test_a_kept_network_is_the_trained_one(sweep, data_root, tmp_path):
    sweep([VGG])
    read, fresh = (
        runs.network(VGG, device="cpu", data_root=data_root, store=folder) for folder in (tmp_path, tmp_path / "empty")
    )
    assert not read.training
    for name, value in fresh.state_dict().items():
        assert torch.equal(read.state_dict()[name], value), name


def test_the_training_decides_which_network_is_kept():
    same = replace(VGG, evaluations=(Evaluation(),), targets=(replace(VGG, norm=None),))
    assert same.training == VGG.training and same.id != VGG.id
    for change in {"seed": 1}, {"epochs": 2}, {"norm": None}, {"milestones": (1,)}, {"selection": "best"}:
        assert replace(VGG, **change).training.id != VGG.training.id


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:40]], ids=["short", "empty", "header"])
def test_a_damaged_kept_network_is_named(sweep, tmp_path, damage):
    sweep([VGG])
    path = tmp_path / "networks" / f"{VGG.training.id}.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=f"{path.name} is damaged.*Delete it"):
        sweep([replace(VGG, evaluations=(Evaluation(),))])


def test_a_kept_network_of_other_data_is_not_tested_as_if_it_were_of_these(sweep, tmp_path):
    sweep([VGG])
    others = replace(data.load("mnist-m", "train"), sha256="others")
    with pytest.raises(RunError, match="trained on other images than those of mnist-m now. Delete it"):
        networks.trained([VGG], others, None, tmp_path, Budget(float("inf")))


def test_attacks_are_transferred_to_targets_that_are_trained_once(sweep, fitted, tmp_path, data_root):
    one, other = VGG, replace(VGG, norm=None, seed=1)
    sources = [replace(a, targets=(b.training,)) for a, b in ((one, other), (other, one))]
    records = sweep(sources)
    assert sorted(fitted) == [[0], [1]] and len(kept(tmp_path)) == 2
    for record, target in zip(records, (other, one), strict=True):
        assert {f"clean-on-{target.network_name}", f"fgsm-linf-0.1-on-{target.network_name}"} < record["metrics"].keys()
        (own,) = sweep([target])
        assert record["metrics"][f"clean-on-{target.network_name}"] == own["metrics"]["clean"]
    assert len(fitted) == 2


def test_two_targets_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two targets have one name: vgg8-batch, vgg8-batch"):
        replace(VGG, targets=(VGG, replace(VGG, seed=1)))


def test_finished_evaluations_survive_an_interruption(sweep, monkeypatch, tmp_path, data_root):
    """With evaluations that are worth saving: each is computed once, and nothing is left behind."""
    monkeypatch.setattr(runs, "WORTH_SAVING", 0.0)
    trial = replace(VGG, evaluations=(*EVALUATIONS, Evaluation("noise", epsilon=0.5), Evaluation(dataset="train")))
    computed, evaluate = [], runs.evaluate

    def interrupted(network, test_set, path, **settings):
        if len(computed) == 2:
            computed.append(None)
            raise KeyboardInterrupt
        computed.append(path[-1].label)
        return evaluate(network, test_set, path, **settings)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runs, "evaluate", interrupted)
        sweep([trial])
    assert [Path(name).suffix for name in left_over(tmp_path)] == [".partial"]
    again = []
    monkeypatch.setattr(
        runs, "evaluate", lambda *args, **settings: again.append(args[2][-1].label) or evaluate(*args, **settings)
    )
    (record,) = sweep([trial])
    assert sorted([*computed[:2], *again]) == sorted(record["metrics"]) and len(again) == 2
    assert left_over(tmp_path) == []
    (undisturbed,) = runs.run([trial], data_root=data_root, store=tmp_path / "other", progress=False)
    assert record["metrics"] == undisturbed["metrics"]


def test_data_that_do_not_fit_the_network_are_refused(sweep, data_root):
    with pytest.raises(
        data.DataError, match="few has 10 classes and images .1, 28, 28.*for colour.*Test it on a data set of the same kind"
    ):
        sweep([replace(VGG, evaluations=(Evaluation(dataset="few"),))])
    with pytest.raises(data.DataError, match="vgg8 is for images of 32x32 pixels; those of few are 28x28"):
        sweep([replace(VGG, dataset="few", image_size=28)])


def test_a_last_batch_of_one_image_is_refused_where_batch_norm_cannot_train_or_be_tested_on_it(sweep, fitted, data_root):
    """Of 98 images to train and 48 to test; before any training."""
    for name, size in ("one", 129), ("more", 130):
        (data_root / name).mkdir(exist_ok=True)
        for kind in "images", "labels":
            shown = np.load(data_root / "few" / f"train-{kind}.npy")
            np.save(data_root / name / f"test-{kind}.npy", np.concatenate([shown, shown])[:size])
    normed = replace(FEW, norm="batch")
    with pytest.raises(data.DataError, match="98 images of few in batches of 97 leave a last batch of one.*another batch size"):
        sweep([replace(normed, batch_size=97)])
    for evaluation in Evaluation(dataset="one"), Evaluation(dataset="more", first=129):
        with pytest.raises(data.DataError, match=f"129 images of {evaluation.dataset} in batches of 128 leave a last"):
            sweep([replace(normed, evaluations=(Evaluation(), replace(evaluation, batch_statistics=True)))])
    assert fitted == [[0]]  # the first, of which the training itself was refused
    tested = replace(normed, evaluations=(Evaluation(dataset="more", batch_statistics=True),))
    allowed = [replace(FEW, batch_size=97), tested, replace(VGG, batch_size=97)]
    assert [record["diverged_at"] for record in sweep(allowed)] == [None] * 3


def test_other_test_sets_are_normalised_as_the_training_set(sweep, data_root):
    """The very images of another name, with statistics of their own, are the same to the network."""
    for split in data.SPLITS:
        for kind in "images", "labels":
            target = data_root / "again" / f"{split}-{kind}.npy"
            target.parent.mkdir(exist_ok=True)
            np.save(target, np.load(data_root / "colour" / f"test-{kind}.npy"))
    (record,) = sweep([replace(VGG, evaluations=(Evaluation(), Evaluation(dataset="again")))])
    assert record["metrics"]["clean-again"] == record["metrics"]["clean"]


def test_the_selected_epoch_is_chosen_on_the_test_set(sweep, monkeypatch):
    seen, fit = [], networks.fit
    monkeypatch.setattr(networks, "fit", lambda *args, **settings: seen.append(settings["select_on"]) or fit(*args, **settings))
    sweep([VGG, replace(VGG, selection="best")])
    assert seen[0] is None and seen[1].name == "colour" and seen[1].split == "test"


def test_an_epoch_is_selected_for_each_seed_by_itself(sweep, fitted):
    sweep(over_seeds([replace(FEW, selection="best")], 2))
    assert fitted == [[0], [1]]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_diverged_network_is_not_attacked_and_as_a_target_spares_the_source(sweep, monkeypatch, epochs):
    """In its only step, so that just its evaluation shows it, or earlier."""
    diverging = replace(VGG, norm=None, lr=1e20, seed=1, epochs=epochs)
    evaluated, evaluate = [], runs.evaluate
    monkeypatch.setattr(runs, "evaluate", lambda *args, **settings: evaluated.append(1) or evaluate(*args, **settings))
    (record,) = sweep([diverging])
    assert record["diverged_at"] and record["metrics"] == {} and bool(evaluated) == (epochs == 1)
    (source,) = sweep([replace(VGG, targets=(diverging.training,))])
    (alone,) = sweep([VGG])
    assert source["diverged_at"] is None and source["metrics"] == alone["metrics"]
