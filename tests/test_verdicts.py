"""Verdicts on made-up numbers whose verdict is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lib.paper import Reported, reported, stated
from lib.verdicts import DIRECTION, NOT_JUDGED, NOT_REPRODUCED, NOT_RUN, REPRODUCED, Estimate, of_effect, of_equality, of_number


def paper(value, error=0.5):
    return Reported(value, error, "percent_points", f"{value} ± {error}")


AROUND_20 = [19.0, 20.0, 21.0, 20.5, 19.5]  # sem 0.35, t-interval ± 0.98


@pytest.mark.parametrize(
    ("values", "claimed", "scale", "verdict"),
    [
        (AROUND_20, paper(20.3), "paper", REPRODUCED),
        (AROUND_20, paper(21.6), "paper", REPRODUCED),  # two standard errors of each overlap: 0.71 + 1
        (AROUND_20, paper(26.6, 0.1), "paper", REPRODUCED),  # within 25 % of the paper's effect
        (AROUND_20, paper(26.8, 0.1), "paper", DIRECTION),  # not any more
        (AROUND_20, paper(30.0, 4.7), "paper", REPRODUCED),  # 10 < 2·(0.35 + 4.7): not within 25 %, but they overlap
        (AROUND_20, paper(30.0, 4.6), "paper", DIRECTION),  # 10 > 2·(0.35 + 4.6)
        (AROUND_20, paper(40.0), "paper", DIRECTION),
        (AROUND_20, paper(20.0), "quick", DIRECTION),  # a small scale supports no more
        (AROUND_20, paper(20.0), "laptop", DIRECTION),
        (AROUND_20, paper(-20.0), "paper", NOT_REPRODUCED),
        ([-5.0, 6.0, 1.0, -2.0], paper(20.0), "paper", "inconclusive (n = 4)"),
        (
            [0.3, 0.1 + 0.2],
            paper(0.3),
            "paper",
            "inconclusive (n = 2)",
        ),  # equal by chance: an interval of no width says nothing
        ([20.0], paper(20.0), "paper", "inconclusive (n = 1)"),
        ([], paper(20.0), "paper", NOT_RUN),
        ([math.nan, math.nan], paper(20.0), "paper", NOT_RUN),
        ([*AROUND_20, math.nan], paper(20.0), "paper", REPRODUCED),  # a diverged seed does not count
    ],
)
def test_effects(values, claimed, scale, verdict):
    assert of_effect(values, claimed, scale) == verdict


@pytest.mark.parametrize(
    ("values", "claimed", "scale", "verdict"),
    [
        (AROUND_20, paper(21.2), "paper", REPRODUCED),  # 1.2 < 2·√(0.35² + 0.5²) = 1.22
        (AROUND_20, paper(21.3), "paper", NOT_REPRODUCED),
        (AROUND_20, paper(20.0, None), "paper", REPRODUCED),
        (AROUND_20, paper(20.8, None), "paper", NOT_REPRODUCED),  # 0.8 > 2·0.35
        (AROUND_20, paper(20.0), "quick", NOT_JUDGED),
        ([20.0], paper(20.0), "paper", "inconclusive (n = 1)"),
        ([], paper(20.0), "paper", NOT_RUN),
    ],
)
def test_numbers(values, claimed, scale, verdict):
    assert of_number(values, claimed, scale) == verdict


@pytest.mark.parametrize(
    ("values", "margin", "verdict"),
    [
        ([1.00, 1.01, 0.99], 0.05, REPRODUCED),
        ([1.20, 1.21, 1.19], 0.05, NOT_REPRODUCED),
        ([1.03, 1.06, 1.00], 0.05, "inconclusive (n = 3)"),
        ([1.0], 0.05, "inconclusive (n = 1)"),
        ([], 0.05, NOT_RUN),
    ],
)
def test_equality(values, margin, verdict):
    assert of_equality(values, 1.0, margin, "paper") == verdict
    if verdict == REPRODUCED:
        assert of_equality(values, 1.0, margin, "quick") == DIRECTION


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_estimates_agree_with_scipy(values):
    ours = Estimate.of(values)
    assert ours.mean == pytest.approx(np.mean(values))
    assert ours.sem == pytest.approx(stats.sem(values), abs=1e-12)
    if ours.sem > 1e-9:
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert ours.interval == pytest.approx((expected.low, expected.high))


def test_the_paper_is_looked_up_by_name():
    cell = reported("6", "eps=0.1", sqrt_d=28, BN=True)
    assert (cell.value, cell.error, cell.printed) == (22.9, 0.7, "22.9 ± 0.7")
    assert stated("MLP sqrt_d=28: BN loss on BIM-linf").value == 43.8


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("6", "eps=0.1", {"sqrt_d": 28}),  # two rows
        ("6", "eps=0.2", {"sqrt_d": 28, "BN": True}),
        ("10", "accuracy", {"target": "VGG-19", "target_BN": True, "source_BN": True, "acc_type": "Top 1"}),  # lost
    ],
)
def test_a_number_that_is_not_there_or_not_unique_is_an_error(table, column, row):
    with pytest.raises((KeyError, ValueError), match="numbers of the paper match"):
        reported(table, column, **row)
