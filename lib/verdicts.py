"""Statistics over seeds and the rules that turn them into verdicts.

The rules were fixed before any run, but for one that was added later: effects that are equal in all seeds, which happens with few
seeds and coarse measures, are inconclusive, since an interval of no width says nothing.

Three levels: *direction*, the sign of an effect, whose 95 % t-interval excludes zero; *size*, intervals of two standard
errors around the paper's effect and ours overlap, or ours is within 25 % of the paper's; *number*, a mean within two
combined standard errors of the paper's. Only the paper's own scale can support more than a direction.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lib.paper import Reported

REPRODUCED = "reproduced"
DIRECTION = "direction only"
NOT_REPRODUCED = "not reproduced"
NOT_RUN = "not run at this scale"
NOT_JUDGED = "not judged at this scale"  # a number, elsewhere than at the paper's own


def inconclusive(n: int) -> str:
    return f"inconclusive (n = {n})"


@dataclass(frozen=True)
class Estimate:
    """The mean of `n` seeds, its standard error (NaN for one seed), and the 95 % t-interval."""

    mean: float
    sem: float
    n: int

    @classmethod
    def of(cls, values) -> "Estimate":
        """Of one value a seed; seeds without a value (NaN: diverged) do not count."""
        values = np.asarray(values, dtype=float)
        values = values[np.isfinite(values)]
        n = len(values)
        mean = float(values.mean()) if n else math.nan
        return cls(mean, float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan, n)

    @property
    def half_width(self) -> float:
        """Half the 95 % t-interval."""
        return float(stats.t.ppf(0.975, self.n - 1) * self.sem) if self.n > 1 else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return self.mean - self.half_width, self.mean + self.half_width


def of_effect(values, paper: Reported, scale: str) -> str:
    """Verdict on an effect of the paper, such as a loss of accuracy due to batch norm: one value a seed."""
    ours = Estimate.of(values)
    if too_few := _too_few(ours):
        return too_few
    low, high = ours.interval
    if low <= 0 <= high or math.isclose(low, high):
        return inconclusive(ours.n)
    if np.sign(ours.mean) != np.sign(paper.value):
        return NOT_REPRODUCED
    difference = abs(ours.mean - paper.value)
    overlap = difference <= 2 * (ours.sem + (paper.error or 0.0))
    same_size = overlap or difference <= 0.25 * abs(paper.value)
    return REPRODUCED if same_size and scale == "paper" else DIRECTION


def of_number(values, paper: Reported, scale: str) -> str:
    """Verdict on a number of the paper. Scales other than the paper's cannot judge one."""
    ours = Estimate.of(values)
    if scale != "paper" and ours.n:
        return NOT_JUDGED
    if too_few := _too_few(ours):
        return too_few
    combined = math.hypot(ours.sem, paper.error or 0.0)
    return REPRODUCED if abs(ours.mean - paper.value) <= 2 * combined else NOT_REPRODUCED


def of_equality(values, target: float, margin: float, scale: str) -> str:
    """Verdict on a claim that nothing changes: the 95 % interval lies within `margin` of `target`, or outside."""
    ours = Estimate.of(values)
    if too_few := _too_few(ours):
        return too_few
    low, high = ours.interval
    if target - margin <= low and high <= target + margin:
        return REPRODUCED if scale == "paper" else DIRECTION
    return NOT_REPRODUCED if high < target - margin or low > target + margin else inconclusive(ours.n)


def _too_few(ours: Estimate) -> str | None:
    if ours.n == 0:
        return NOT_RUN
    return inconclusive(1) if ours.n == 1 else None
