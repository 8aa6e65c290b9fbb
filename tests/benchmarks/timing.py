"""Ours and its peers, taken in turns, each in a process of its own: medians of their times and the ratios of these."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lib.store import REPOSITORY

RUNS = 5
THREADS = 2
OURS = "ours"


@dataclass(frozen=True)
class Work:
    """What is to be done: by ours, `contestants["ours"]`, and by the peers, with the least ratio aimed at for each.

    `check` asserts that all of them do the same.
    """

    contestants: Mapping[str, Callable[[], Any]]
    goals: Mapping[str, float]
    settings: str
    precision: str = "fp32"
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Result:
    """One line of the table: `ours` and `theirs` are medians over `runs`, in `unit`.

    `ratio` is theirs / ours in time, so that above 1 ours is the faster one, and ours / theirs in memory.
    """

    work: str
    peer: str
    ratio: float
    goal: str
    met: bool
    ours: float
    theirs: float
    unit: str
    runs: int
    precision: str
    settings: str


def compare(name: str, work: Work) -> list[Result]:
    """Ours against each of the others."""
    work.check()
    with ExitStack() as processes:
        contestants = {who: processes.enter_context(Contestant(name, who)) for who in (OURS, *work.goals)}
        times = in_turns({who: contestant.run for who, contestant in contestants.items()})
    seconds = {who: statistics.median(found) for who, found in times.items()}
    ours, results = seconds[OURS], []
    for peer, goal in work.goals.items():
        ratio = seconds[peer] / ours
        both = (ours, seconds[peer], "s", RUNS, work.precision, work.settings)
        results.append(Result(name, peer, ratio, f"≥ {goal:g}", ratio >= goal, *both))
    return results


class Contestant:
    """One side of a comparison in a fresh process, warm from a run before, so that no library works in another's memory."""

    def __init__(self, work: str, who: str):
        self.command = [sys.executable, "-m", "tests.benchmarks.contestant", work, who]

    def __enter__(self) -> "Contestant":
        self.process = subprocess.Popen(
            self.command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.run()
        return self

    def run(self) -> float:
        """Seconds that it took, by its own clock."""
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"{' '.join(self.command)} failed; see above")
        return float(line)

    def __exit__(self, *error: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def in_turns(contestants: Mapping[Any, Callable[[], float]]) -> dict[Any, list[float]]:
    """Seconds of `RUNS` runs of each. A, B, A, B, …: what slows the machine down for a while slows all of them down."""
    times: dict[Any, list[float]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        for name, run in contestants.items():
            times[name].append(run())
    return times


def seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
