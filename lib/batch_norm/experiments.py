"""The experiments of section 2 at each scale. Nothing is trained: a record takes seconds."""

import pandas as pd

from lib import measurements
from lib.batch_norm import circles, gradients
from lib.measurements import Measurement, one_by_one

CIRCLES, GRADIENTS = "figure-01", "gradient-growth"


def experiments(scale: str) -> list[Measurement]:
    """Raises ValueError for an unknown scale."""
    quick = scale == "quick"
    width = {"quick": 300, "laptop": 1000}.get(scale, 1500)
    inputs, arms = f"Gaussian inputs, width {width}", ({"width": width},)
    return [
        Measurement(CIRCLES, scale, one_by_one(circles.measure), "two circles", "fp64", 10 if quick else 50, on_cpu=True),
        Measurement(GRADIENTS, scale, one_by_one(gradients.measure), inputs, "fp32", 4 if quick else 20, arms, on_cpu=True),
    ]


def frame(records: list[dict], scale: str, experiment: str) -> pd.DataFrame:
    """One row for each seed, norm and layer, or for each seed, activation and batch size, with the columns lib.report needs."""
    return measurements.frame(records, scale, experiment).assign(
        width=1.0
    )  # theirs is a number of units, and said with the data


def collect(scale: str, seeds: int | None = None) -> pd.DataFrame:
    """What is measured now at `scale`, and beside it the published records of the other scales."""
    return measurements.collect(experiments, scale, seeds).assign(width=1.0)
