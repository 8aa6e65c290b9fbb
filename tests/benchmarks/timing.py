"""Ours and its peers, taken in turns: medians of their times and the ratios of these."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

RUNS = 5
THREADS = 2
OURS = "ours"


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


def compare(
    work: str, contestants: Mapping[str, Callable[[], Any]], goals: Mapping[str, float], settings: str, precision: str = "fp32"
) -> list[Result]:
    """`contestants["ours"]` against each of the others, warm from a run before. `goals`: the least ratio for each peer."""
    seconds = {name: statistics.median(times) for name, times in in_turns(contestants).items()}
    ours, results = seconds[OURS], []
    for peer, goal in goals.items():
        ratio = seconds[peer] / ours
        met = ratio >= goal
        results.append(Result(work, peer, ratio, f">= {goal:g}", met, ours, seconds[peer], "s", RUNS, precision, settings))
    return results


def in_turns(contestants: Mapping[Any, Callable[[], Any]]) -> dict[Any, list[float]]:
    """Seconds of `RUNS` runs of each. A, B, A, B, …: what slows the machine down for a while slows all of them down."""
    times: dict[Any, list[float]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return times
