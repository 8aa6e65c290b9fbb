"""Checkpoints come back whole or not at all, and a budget stops the work before the time is over."""

import itertools
import os
import stat
import time
import warnings

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from lib import checkpoints
from lib.checkpoints import Budget, Checkpoint, OutOfTime
from lib.files import in_one_piece
from lib.store import RunError, write_in_one_piece

TENSORS = {
    "weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
    "diverged": torch.tensor([float("nan"), float("inf"), -0.0]),
    "half": torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
    "double": torch.tensor(1 / 3, dtype=torch.float64),
    "count": torch.tensor(7),
    "generator": torch.Generator().manual_seed(3).get_state(),
    "empty": torch.zeros(0, 5),
}
STATE = {"seeds": [3, 1, 7], "epoch": 2, "diverged_at": [None, 1, None]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store" / "0123456789abcdef.safetensors"


@pytest.fixture
def saved(path):
    Checkpoint(path, "abc").save(TENSORS, STATE)
    return path


def load_silently(path, code="abc"):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Checkpoint(path, code).load()


def assert_whole(loaded, tensors=TENSORS, state=STATE):
    found, found_state = loaded
    assert found_state == state | {"seconds": found_state["seconds"]} and found.keys() == tensors.keys()
    for name, value in tensors.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True)


# --- Round trip ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["abc", None])
def test_what_was_saved_comes_back_bit_for_bit(path, code):
    checkpoint = Checkpoint(path, code)
    assert load_silently(path, code) is None and checkpoint.seeds() == []
    checkpoint.save(TENSORS, STATE)
    assert_whole(load_silently(path, code))
    assert Checkpoint(path, code).seeds() == [3, 1, 7]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_last_one_counts(saved):
    other = {"weight": torch.zeros(2)}
    Checkpoint(saved, "abc").save(other, STATE | {"epoch": 3})
    assert_whole(load_silently(saved), other, STATE | {"epoch": 3})


def test_what_was_loaded_and_the_file_do_not_change_each_other(saved):
    """A training goes on in these tensors, and the next checkpoint replaces the file."""
    tensors, _ = load_silently(saved)
    for value in tensors.values():
        value.zero_()
    loaded = load_silently(saved)
    assert_whole(loaded)
    Checkpoint(saved, "abc").save({"weight": torch.zeros(2)}, {"seeds": []})
    assert_whole(loaded)


def test_a_deleted_one_is_gone(saved):
    for _ in range(2):  # the second time there is nothing to delete
        Checkpoint(saved, "abc").delete()
        assert load_silently(saved) is None and not list(saved.parent.iterdir())


@pytest.mark.parametrize(("written", "read"), [("abc", "abd"), ("abc", None), (None, "abc"), ("abc", "abc-dirty")])
def test_one_of_other_code_is_ignored(path, written, read):
    Checkpoint(path, written).save(TENSORS, STATE)
    assert load_silently(path, read) is None and Checkpoint(path, read).seeds() == []
    assert_whole(load_silently(path, written))


# --- Seconds ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when a test says so: clock(seconds)."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[0])

    def sleep(seconds):
        now[0] += seconds
        return now[0]

    return sleep


def test_age_counts_from_the_start_or_the_last_save_and_seconds_through_all_interruptions(path, clock):
    checkpoint = Checkpoint(path)
    clock(20)
    assert (checkpoint.age, checkpoint.seconds) == (20, 20)
    checkpoint.save(TENSORS, STATE)
    clock(5)
    assert (checkpoint.age, checkpoint.seconds) == (5, 25)
    clock(1000)  # the process is gone; what was done after the save is lost
    again = Checkpoint(path)
    _, state = again.load()
    assert state["seconds"] == 20 and again.seconds == 0  # only who goes on from it counts what it took
    again.before = state["seconds"]
    clock(10)
    assert again.seconds == 30
    again.save(TENSORS, STATE)
    clock(1000)
    assert Checkpoint(path).load()[1]["seconds"] == 30


# --- Damage ----------------------------------------------------------------------------------------------------------

WHOLE = save(TENSORS, {"state": "{}", "code": "null"})


def assert_damaged(path):
    with pytest.warns(UserWarning, match=f"{path.name} is damaged.*starts anew"):
        assert Checkpoint(path, "abc").load() is None
    with pytest.warns(UserWarning, match="damaged"):
        assert Checkpoint(path, "abc").seeds() == []


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, len(WHOLE) // 2, -1000, -1])
def test_a_truncated_one_is_reported_and_ignored(saved, size):
    contents = saved.read_bytes()
    saved.write_bytes(contents[:size])
    assert_damaged(saved)


@pytest.mark.parametrize(
    "contents",
    [b"these are no tensors, and more than eight bytes", bytes(range(256)) * 9, b"\0" * 4000, b"\xff" * 4000, WHOLE + b"\0"],
    ids=["text", "bytes", "zeros", "ones", "longer"],
)
def test_foreign_bytes_are_reported_and_ignored(saved, contents):
    saved.write_bytes(contents)
    assert_damaged(saved)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"version": "1"},
        {"state": "{}"},
        {"state": "{", "code": '"abc"'},
    ],
    ids=str,
)
def test_tensors_of_another_program_are_reported_and_ignored(path, metadata):
    path.parent.mkdir()
    save_file(TENSORS, path, metadata)
    assert_damaged(path)


def test_a_folder_in_its_place_is_reported_and_ignored(path):
    path.mkdir(parents=True)
    assert_damaged(path)


def test_a_damaged_one_is_replaced_by_the_next(saved):
    saved.write_bytes(b"")
    Checkpoint(saved, "abc").save(TENSORS, STATE)
    assert_whole(load_silently(saved))


# --- In one piece ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "expected"), [(OSError, RunError), (KeyboardInterrupt, KeyboardInterrupt)])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_one_and_nothing_else(saved, monkeypatch, function, error, expected):
    before = saved.read_bytes()

    def fail(*args):
        raise error("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(expected, match="no space"):
            Checkpoint(saved, "abc").save({"weight": torch.zeros(9)}, STATE)
    assert saved.read_bytes() == before and list(saved.parent.iterdir()) == [saved]
    assert_whole(load_silently(saved))


def test_what_is_not_saved_is_still_work_that_would_be_lost(saved, monkeypatch, clock):
    checkpoint = Checkpoint(saved)
    clock(400)
    monkeypatch.setattr(checkpoints, "write_in_one_piece", lambda *args: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        checkpoint.save(TENSORS, STATE)
    assert checkpoint.age == 400


def test_contents_are_on_the_disk_before_they_have_their_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, original=original: calls.append(name) or original(*args))
    write_in_one_piece(tmp_path / "a" / "b" / "file", b"contents")
    assert calls == ["fsync", "replace"] and (tmp_path / "a" / "b" / "file").read_bytes() == b"contents"


@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_a_file_may_be_read_by_whom_any_other_file_of_this_user_may(tmp_path, monkeypatch, mask):
    before, umask = os.umask(mask), os.umask
    monkeypatch.setattr(os, "umask", None)  # which holds for the whole process, whatever its other threads write meanwhile
    try:
        write_in_one_piece(tmp_path / "file", b"contents")
    finally:
        umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_two_who_write_one_file_at_once_do_not_disturb_each_other(tmp_path):
    """Though they have one process id, as two machines may that share a folder."""
    path = tmp_path / "file"
    with in_one_piece(path) as one, in_one_piece(path) as other:
        assert one != other and {one.parent, other.parent} == {tmp_path}
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]


# --- Budgets ---------------------------------------------------------------------------------------------------------

PIECES = st.lists(st.floats(0.001, 100), max_size=40)


def work(clock, pieces, seconds):
    """Until a budget of so many seconds is spent: how many pieces were done, and when that was, from 0."""
    budget, started = Budget(clock(0) + seconds), clock(0)
    for done, piece in enumerate(pieces, 1):
        clock(piece)
        try:
            budget.check()
        except OutOfTime:
            return done, clock(0) - started
    return None


@given(pieces=PIECES, seconds=st.floats(0, 1000))
@example(pieces=[1.0] * 10, seconds=5.0)
@example(pieces=[0.1, 0.2, 0.4, 0.8, 1.6, 3.0], seconds=6.0)
def test_work_stops_before_the_end(pieces, seconds):
    """Unless a piece, the first for example, is longer than any before it by more than the reserve."""
    now = [1_000_000.0]

    def clock(passed):
        now[0] += passed
        return now[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: now[0])
        stopped = work(clock, pieces, seconds)
    longest = [0.0, *itertools.accumulate(pieces, max)]
    ends = list(itertools.accumulate(pieces))
    too_late = [end + longest[i + 1] > seconds - Budget.RESERVE + 1e-6 for i, end in enumerate(ends)]
    if stopped is None:
        assert not any(end + longest[i + 1] > seconds - Budget.RESERVE + 1e-3 for i, end in enumerate(ends))
        return
    done, at = stopped
    assert at + longest[done] > seconds - Budget.RESERVE - 1e-3  # no earlier than it must
    assert not any(too_late[: done - 1])
    if pieces[done - 1] <= longest[done - 1] + Budget.RESERVE and done > 1:
        assert at <= seconds + 1e-3


def test_every_check_after_the_end_stops(clock):
    budget = Budget(clock(0) + 10)
    clock(20)
    for _ in range(3):
        with pytest.raises(OutOfTime, match="time is over"):
            budget.check()


def test_what_was_waited_for_before_a_restart_is_no_piece_of_work(clock):
    budget = Budget(clock(0) + 100 + Budget.RESERVE)
    clock(30)
    budget.check()
    clock(60)
    budget.restart()
    clock(2)
    budget.check()
    assert budget.longest == 2
    clock(7)
    with pytest.raises(OutOfTime):
        budget.check()


def test_time_without_an_end_is_never_over(clock):
    budget = Budget(float("inf"))
    for seconds in (1, 1e9, 0):
        clock(seconds)
        budget.check()


def test_time_that_is_set_back_is_no_piece_of_work(clock):
    """As time.time, which several machines share, may be."""
    budget = Budget(clock(0) + 10)
    clock(-1000)
    budget.check()
    clock(1)
    budget.check()
    assert budget.longest == 1
