"""Chapter 05: its checks refuse the wrong answers that come to mind, and say what is wrong with them."""

import pandas as pd
import pytest
import torch
from common import records_of, solution

from lib import report, verdicts
from lib.exercises import RIGHT
from lib.input_dimension import claims, exercises, tables
from lib.input_dimension.experiments import table_06
from lib.paper import reported


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


@pytest.mark.parametrize(
    ("errors", "shown", "turned"),
    [
        (0.5, verdicts.REPRODUCED, 0),  # printed errors away from what is printed: two are allowed, or 2/√5
        (0.85, verdicts.REPRODUCED, 0),
        (0.95, f"{verdicts.NOT_REPRODUCED}; as printed: {verdicts.REPRODUCED}", 18),
        (1.95, f"{verdicts.NOT_REPRODUCED}; as printed: {verdicts.REPRODUCED}", 18),
        (2.05, verdicts.NOT_REPRODUCED, 0),
    ],
)
def test_verdicts_that_turn_with_smaller_errors_are_shown(errors, shown, turned):
    columns = {metric.removeprefix("accuracy "): column for _, column, metric in tables.ACCURACIES}

    def accuracy(trial, label):
        if label not in columns:
            return 50.0
        found = reported("6", columns[label], sqrt_d=trial.image_size, BN=trial.norm == "batch")
        return found.value + errors * found.error + 1e-6 * trial.seed

    results = report.frame(records_of(table_06, "paper", accuracy), "paper", "table-06")
    table = tables.with_smaller_errors(results, "tab", "Verdicts.")
    assert set(table.rows.drop(columns="row").to_numpy().flat) == {shown}
    assert f"Turned: {turned} of 18." in table.caption


def test_networks_that_were_not_run_have_no_verdict_that_turns():
    results = report.frame(records_of(lambda scale: table_06(scale, sizes=[28]), "paper"), "paper", "table-06")
    table = tables.with_smaller_errors(results, "tab", "Verdicts.")
    assert "of 6." in table.caption and (table.rows.iloc[2:, 1:] == verdicts.NOT_RUN).all(axis=None)
