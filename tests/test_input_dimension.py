"""Chapter 05: its checks refuse the wrong answers that come to mind, and say what is wrong with them."""

import pandas as pd
import pytest
import torch
from common import solution

from lib import report
from lib.exercises import RIGHT
from lib.input_dimension import claims, exercises


@pytest.fixture
def results() -> pd.DataFrame:
    """Accuracies under BIM of two seeds, made up."""
    rows = []
    for arm, accuracy in (
        (claims.mlp(28), 66.0),
        (claims.mlp(28, "batch"), 30.0),
        (claims.mlp(56), 48.0),
        (claims.mlp(56, "batch"), 6.0),
    ):
        rows += [arm | {"scale": "quick", "precision": "fp32", "seed": seed, claims.BIM: accuracy + seed} for seed in (0, 1)]
    return pd.DataFrame(rows)


def test_solution_of_the_worst_case():
    namespace = {"torch": torch}
    exec(solution("05-input-dimension", "ex-worst-case"), namespace)
    assert exercises.check_worst_case_loss(namespace["worst_case_loss"]) == RIGHT


@pytest.mark.parametrize(
    "wrong",
    [
        lambda w, b, x, y, epsilon: None,
        lambda w, b, x, y, epsilon: 1 / 0,
        lambda w, b, x, y, epsilon: torch.zeros(3),
        lambda w, b, x, y, epsilon: torch.nn.functional.softplus(-y * (x @ w + b)),
        lambda w, b, x, y, epsilon: torch.nn.functional.softplus(-(y * (x @ w + b) - epsilon * w.norm())),
        lambda w, b, x, y, epsilon: torch.nn.functional.softplus(-(y * (x @ w + b) + epsilon * w.abs().sum())),
    ],
    ids=["unanswered", "raises", "shape", "no attack", "l2 norm", "wrong sign"],
)
def test_wrong_worst_cases_get_a_hint(wrong):
    assert exercises.check_worst_case_loss(wrong).startswith("Not yet. Hint:")


def test_solution_of_two_factors(results):
    namespace = {"report": report, "claims": claims, "results": results, "chosen": type("P", (), {"scale": "quick"})}
    exec(solution("05-input-dimension", "ex-two-factors"), namespace)
    answers = namespace["cost_of_batch_norm"], namespace["cost_of_enlarging"]
    assert exercises.check_two_factors(results, "quick", *answers) == RIGHT


def test_answers_in_double_precision_are_as_good():
    def worst_case_loss(w, b, x, y, epsilon):
        w, x, y = w.double(), x.double(), y.double()
        return torch.nn.functional.softplus(-(y * (x @ w + b) - epsilon * w.abs().sum()))

    assert exercises.check_worst_case_loss(worst_case_loss) == RIGHT


def test_an_answer_may_overwrite_what_it_gets():
    def worst_case_loss(w, b, x, y, epsilon):
        x -= epsilon * y[:, None] * w.sign()
        y *= -1
        return torch.nn.functional.softplus(y * (x @ w + b))

    assert exercises.check_worst_case_loss(worst_case_loss) == RIGHT


def test_networks_that_were_not_run_are_no_answer(results):
    only_28 = results[results["image_size"] == 28]
    assert "not run" in exercises.check_two_factors(only_28, "quick", 36.0, 18.0)


@pytest.mark.parametrize(
    "answers", [(None, None), ("36", "18"), (36.0, 60.0), (60.0, 18.0), (-36.0, -18.0), (float("nan"), 18.0)]
)
def test_wrong_factors_get_a_hint(results, answers):
    assert exercises.check_two_factors(results, "quick", *answers).startswith("Not yet. Hint:")
