"""Figure 6 at each scale: two circles learned at two learning rates, with and without batch norm."""

import pandas as pd

from lib import measurements
from lib.measurements import Measurement
from lib.spheres.training import GAMMAS, NORMS, TEST_POINTS, TRAIN_POINTS, UNITS
from lib.spheres.watching import measure

FIGURE = "figure-06"
FAST, SLOW = 0.01, 0.001  # learning rates


def experiments(scale: str) -> list[Measurement]:
    """Raises ValueError for an unknown scale."""
    if scale == "quick":  # where nothing would be learned yet at the slower rate
        seeds, rates, settings = 3, (FAST,), {"epochs": 100, "units": 200, "test_points": 2000}
    else:  # the paper's
        seeds, rates = 5 if scale == "paper" else 2, (FAST, SLOW)
        settings = {"epochs": 200, "units": UNITS, "test_points": TEST_POINTS}
    arms = [{"norm": norm, "lr": lr} | settings for lr in rates for norm in NORMS]
    if scale == "paper":
        arms += [{"norm": "batch", "lr": lr, "gamma": "uniform"} | settings for lr in rates]
    points = f"two circles of {TRAIN_POINTS} points, {settings['units']} units"
    return [Measurement(FIGURE, scale, measure, points, "fp32", seeds, tuple(arms), stacked=seeds)]


def frame(records: list[dict], scale: str, experiment: str) -> pd.DataFrame:
    """One row for each seed, network, learning rate and epoch that was looked at; `last` marks the last epoch."""
    return _completed(measurements.frame(records, scale, experiment))


def collect(scale: str, seeds: int | None = None, device: str = "auto") -> pd.DataFrame:
    """What is measured now at `scale`, and beside it the published records of the other scales."""
    return _completed(measurements.collect(experiments, scale, seeds, device))


def _completed(results: pd.DataFrame) -> pd.DataFrame:
    if results.empty:
        return results
    gamma = results["gamma"] if "gamma" in results else pd.Series(index=results.index, dtype=object)
    return results.assign(last=results["epoch"] == results["epochs"], gamma=gamma.fillna(GAMMAS[0]))
