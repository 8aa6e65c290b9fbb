"""How fast gradients grow: the formula against known values and a measurement of its own."""

import math

import numpy as np
import pytest

from lib import theory

# Measured with networks 1,500 wide and 24 layers deep, by code of another hand: batch size, growth, standard error.
MEASURED = [
    (6, 2.008, 0.007),
    (8, 1.790, 0.005),
    (10, 1.698, 0.003),
    (16, 1.589, 0.003),
    (32, 1.522, 0.001),
    (64, 1.4926, 0.0009),
]


@pytest.mark.parametrize(("size", "growth", "error"), MEASURED)
def test_growth_is_the_measured_one(size, growth, error):
    assert theory.gradient_growth(size) == pytest.approx(growth, abs=2.5 * error)


def test_growth_at_known_batch_sizes():
    found = theory.gradient_growth([5, 6, 8, 10, 15, 20, 25, 50, 100, 250])
    known = [2.274, 2.004, 1.788, 1.696, 1.600, 1.561, 1.540, 1.501, 1.483, 1.473]
    np.testing.assert_allclose(found, known, atol=6e-4)


def test_the_dashed_line_of_figure_2_has_the_other_derivative():
    sizes = [5, 6, 8, 10, 15, 20, 25, 50, 100, 250]
    plotted = theory.trainable_depth(theory.gradient_growth_as_plotted(sizes))
    np.testing.assert_allclose(plotted, [22.1, 26.1, 30.9, 33.5, 36.7, 38.1, 38.9, 40.4, 41.1, 41.5], atol=0.06)
    right = theory.trainable_depth(theory.gradient_growth(sizes))
    np.testing.assert_allclose(right, [19.5, 23.0, 27.5, 30.3, 34.0, 35.9, 37.1, 39.4, 40.6, 41.3], atol=0.06)


def test_over_the_trainable_depth_gradients_grow_by_the_ratio():
    growth = np.array([[1.2, 1.5], [2.0, 10.0]])
    for log_ratio in (1.0, 16.0):
        np.testing.assert_allclose(growth ** theory.trainable_depth(growth, log_ratio), math.exp(log_ratio))
    assert float(theory.trainable_depth(math.e)) == theory.FITTED_LOG_RATIO


def test_what_does_not_grow_can_be_of_any_depth():
    assert (theory.trainable_depth([1.0, 0.5]) == math.inf).all()


def test_growth_falls_to_its_limit_and_the_slip_is_below_it():
    sizes = np.arange(4, 200)
    right, slip = theory.gradient_growth(sizes), theory.gradient_growth_as_plotted(sizes)
    assert (np.diff(right) < 0).all() and (right > theory.GRADIENT_GROWTH_LIMIT).all()
    assert (slip < right).all()
    for growth in theory.gradient_growth, theory.gradient_growth_as_plotted:
        assert growth(1e7) == pytest.approx(math.pi / (math.pi - 1), rel=1e-6)


def test_the_derivative_is_that_of_the_mean_product():
    """J and J' are read back out of the formulas at two derivatives, and compared with differences of J."""

    def product(rho):
        return (math.sqrt(1 - rho**2) + (math.pi - math.acos(rho)) * rho) / math.pi

    for size in (4, 7, 30):
        rho = -1 / (size - 1)
        slope = (product(rho + 1e-6) - product(rho - 1e-6)) / 2e-6
        from_formula = (theory.gradient_growth(size) * (size - 3) + 1) * (1 - product(rho)) - (size - 1)
        assert from_formula == pytest.approx(slope, abs=1e-6)


def test_linear_networks():
    np.testing.assert_allclose(theory.gradient_growth([4, 6, 100], "linear"), [2, 4 / 3, 98 / 97])


def test_one_batch_size_gives_one_number():
    assert float(theory.gradient_growth(32)) == pytest.approx(1.522, abs=1e-3)


def test_where_the_formula_does_not_hold_is_said():
    for growth in theory.gradient_growth, theory.gradient_growth_as_plotted:
        with pytest.raises(ValueError, match="4 or more"):
            growth([32, 3])
    with pytest.raises(ValueError, match="'tanh'; allowed: relu, linear"):
        theory.gradient_growth(32, "tanh")
