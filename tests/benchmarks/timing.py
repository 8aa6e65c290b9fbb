"""Ours and its peers, taken in turns, each in a process of its own: medians of their times and the ratios of these."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import torch

from lib.store import REPOSITORY

RUNS = 5
THREADS = 2  # of a CPU
OURS = "ours"


@dataclass(frozen=True)
class Work:
    """What is to be done: by ours, `contestants["ours"]`, and by the peers, with the least ratio aimed at for each on a CPU, if any.

    `check` asserts that all of them do the same.
    """

    contestants: Mapping[str, Callable[[], Any]]
    goals: Mapping[str, float | None]
    settings: str
    precision: str = "fp32"
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Result:
    """One line of the table: `ours` and `theirs` are medians over `runs`, in `unit`.

    `ratio` is theirs / ours in time, so that above 1 ours is the faster one, and ours / theirs in memory. `device` is "cpu",
    "cuda" or "cuda:N"; `met` is None where there is no goal.
    """

    work: str
    peer: str
    device: str
    ratio: float
    goal: str
    met: bool | None
    ours: float
    theirs: float
    unit: str
    runs: int
    precision: str
    settings: str


def prepare(device: torch.device) -> None:
    """To be called first by every process that measures."""
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)  # ART takes the current one
    else:
        torch.set_num_threads(THREADS)


NO_GOAL = ("–", None)


def against(goal: str, met: bool, device: torch.device) -> tuple[str, bool | None]:
    """A goal and whether it is met. They were set for a CPU: elsewhere there is none."""
    return (goal, met) if device.type == "cpu" else NO_GOAL


def compare(name: str, work: Work, device: torch.device) -> list[Result]:
    """Ours against each of the others."""
    work.check()
    with ExitStack() as processes:
        contestants = {who: processes.enter_context(Contestant(name, who, device)) for who in (OURS, *work.goals)}
        times = in_turns({who: contestant.run for who, contestant in contestants.items()})
    seconds = {who: statistics.median(found) for who, found in times.items()}
    ours, results = seconds[OURS], []
    for peer, goal in work.goals.items():
        ratio = seconds[peer] / ours
        both = (ours, seconds[peer], "s", RUNS, work.precision, work.settings)
        aimed_at = NO_GOAL if goal is None else against(f"≥ {goal:g}", ratio >= goal, device)
        results.append(Result(name, peer, str(device), ratio, *aimed_at, *both))
    return results


class Contestant:
    """One side of a comparison in a fresh process, warm from a run before, so that no library works in another's memory."""

    def __init__(self, work: str, who: str, device: torch.device):
        self.command = [sys.executable, "-m", "tests.benchmarks.contestant", work, who, str(device)]

    def __enter__(self) -> "Contestant":
        self.process = subprocess.Popen(self.command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run()
        return self

    def run(self) -> float:
        """Seconds that it took, by its own clock."""
        line = ""
        with suppress(BrokenPipeError):  # it has ended
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)} failed; see above")
        return float(line)

    def __exit__(self, *error: object) -> None:
        self.process.communicate()


def in_turns(contestants: Mapping[Any, Callable[[], float]]) -> dict[Any, list[float]]:
    """Seconds of `RUNS` runs of each. A, B, A, B, …: what slows the machine down for a while slows all of them down."""
    times: dict[Any, list[float]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        for name, run in contestants.items():
            times[name].append(run())
    return times


def seconds(run: Callable[[], Any], device: torch.device) -> float:
    """Until all that it started on the device is done."""
    _wait_for(device)
    started = time.perf_counter()
    run()
    _wait_for(device)
    return time.perf_counter() - started


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
