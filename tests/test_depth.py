"""Chapter 04: its grid is the paper's, the rules of what counts, claims and tables computable, gradients, exercises, explorer."""

import json
import math
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from common import random_images, records_of, solution

from lib import data, networks, report, theory, verdicts
from lib.claims import table as claims_table
from lib.depth import claims, exercises, experiments, figures, gradients, grid, tables
from lib.depth.explorer import GROWTHS, Explorer
from lib.depth.grid import ABOVE, CHANCE, CLEAN, GAIN, LONGER_GAIN, LOW, NEAR, NOISE
from lib.exercises import RIGHT
from lib.experiments import EXPERIMENTS
from lib.paper import reported
from lib.trials import SCALES

CHAPTER = "04-depth"
GROUPS = ("DEPTH", "BATCH_SIZE", "NOISE_CLAIMS", "LONGER")


def as_read(trial, label: str) -> float:
    """What was read off Figure 2, between the cells that were read, with a little noise of the seed, more in deep networks."""
    jitter = 0.3 * (trial.seed - 1) * (1 + len(trial.hidden) / 100)
    if label.startswith("bim"):
        return 40.0 + jitter
    column, depth = "Clean" if label == "clean" else "Noise", len(trial.hidden)
    if trial.norm is None:
        return reported("figure-2", column, BN=False).value - jitter
    size = min(claims.READ_SIZES, key=lambda known: abs(known - trial.batch_size))
    depths = list(claims.READ_DEPTHS)
    read = [reported("figure-2", column, BN=True, L=known, B=size).value for known in depths]
    return float(np.interp(depth * 41.3 / grid.line(max(trial.batch_size, 25)), depths, read)) + jitter


def results_of(scale: str, accuracy=as_read) -> pd.DataFrame:
    made_up = [report.frame(records_of(table, scale, accuracy), scale, name) for name, table in experiments.EXPERIMENTS.items()]
    return pd.concat(made_up, ignore_index=True)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return grid.prepared(results_of("paper"))


# --- The experiments ----------------------------------------------------------------------------------------------------


def test_the_papers_grid():
    trials = experiments.figure_02("paper")
    assert {len(t.hidden) for t in trials} >= set(range(10, 51, 5)) and {w for t in trials for w in t.hidden} == {384}
    assert {t.batch_size for t in trials} == {5, 10, 15, 20, *range(25, 251, 25)}
    assert {(t.epochs, t.seed) for t in trials} == {(10, 0), (10, 1), (10, 2)}
    for t in trials:
        assert t.lr == pytest.approx(1e-5 * t.batch_size) and t.momentum == t.weight_decay == 0
        normed = (t.norm, t.norm_layers, t.eps, t.init) == ("batch", len(t.hidden), 1e-3, "default")
        assert normed or (t.norm, t.norm_layers, t.eps, t.init) == (None, 1, 1e-5, "he")
        assert {e.kind: e.epsilon for e in t.evaluations} == {"clean": 0, "noise": 1.0, "bim": 0.1}
    longer = experiments.figure_03("paper")
    assert {t.epochs for t in longer} == {40} and {t.batch_size for t in longer} == set(range(25, 251, 25))


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_has_both_norms_everywhere_and_every_part_of_the_grid(scale):
    for name in experiments.EXPERIMENTS:
        trials = EXPERIMENTS[name](scale, seeds=2, epochs=1)
        assert len({t.id for t in trials}) == len(trials) == 2 * len({networks.shared(t) for t in trials})
        cells = {norm: {(len(t.hidden), t.batch_size) for t in trials if t.norm == norm} for norm in (None, "batch")}
        assert cells[None] == cells["batch"]
        assert {grid.zone(*cell) for cell in cells[None]} >= {LOW, ABOVE}
        assert {t.epochs for t in trials} == {1 if name == "figure-02" else experiments.LONGER}


def test_unknown_scale_is_named():
    with pytest.raises(ValueError, match="'huge'; allowed: quick"):
        experiments.figure_02("huge")


def test_the_order_of_the_depths_is_coarse_first():
    values = list(range(10, 61, 5))
    order = experiments.coarse_first(values)
    assert sorted(order) == values and set(order[:2]) == {10, 60} and order[2] == 35
    for n in range(2, len(order)):
        gaps = np.diff(sorted(order[:n]))
        assert max(gaps) <= 2 * min(gaps) + 5
    assert experiments.coarse_first([7]) == [7] and experiments.coarse_first([3, 1]) == [1, 3]


def test_the_grid_runs_by_cost():
    sizes = [t.batch_size for t in experiments.figure_02("laptop")]
    assert sizes == sorted(sizes, reverse=True)


# --- What counts --------------------------------------------------------------------------------------------------------


def test_zones():
    line = grid.line(25)
    assert [grid.zone(depth, 25) for depth in (line * 0.66, line * 0.67, line, line + 0.1)] == [LOW, NEAR, NEAR, ABOVE]
    assert grid.zone(20, 5) == ABOVE and grid.zone(20, 250) == LOW


def rule_of(norm: str, clean: float, diverged_at=None) -> pd.Series:
    frame = results_of("laptop").iloc[:2].copy()
    frame = frame.assign(norm=[norm, "batch" if norm == "none" else "none"], seed=0, hidden=10, batch_size=250)
    frame.loc[frame.index[0], [CLEAN, "diverged_at"]] = clean, diverged_at
    return grid.prepared(frame).iloc[0]


def test_without_batch_norm_failed_networks_are_left_out_and_counted():
    for clean, diverged_at in ((19.9, None), (math.nan, 2)):
        row = rule_of("none", clean, diverged_at)
        assert row["failed"] and row[grid.ACCURACIES].isna().all()
    assert not rule_of("none", 20.0)["failed"]


def test_with_batch_norm_none_is_left_out():
    low, diverged = rule_of("batch", 12.0), rule_of("batch", math.nan, 2)
    assert not low["failed"] and low[CLEAN] == 12.0
    assert not diverged["failed"] and (diverged[grid.ACCURACIES] == CHANCE).all()


def test_gains_are_of_one_network_over_the_other(results):
    keys = ["experiment", "hidden", "batch_size", "seed"]
    by_norm = {norm: found.set_index(keys) for norm, found in results.groupby("norm")}
    for metric in (CLEAN, NOISE):
        expected = by_norm["batch"][metric] - by_norm["none"][metric].loc[by_norm["batch"].index]
        pd.testing.assert_series_equal(by_norm["batch"][GAIN + metric], expected, check_names=False)
    assert by_norm["none"][GAIN + CLEAN].isna().all()
    long = results[results["experiment"] == "figure-03"].set_index(["norm", *keys[1:]])
    short = results[results["experiment"] == "figure-02"].set_index(["norm", *keys[1:]])
    expected = long[CLEAN] - short[CLEAN].loc[long.index]
    pd.testing.assert_series_equal(long[LONGER_GAIN + CLEAN], expected, check_names=False)
    assert short[LONGER_GAIN + CLEAN].isna().all()


def test_a_gain_over_a_failed_network_is_none():
    found = grid.prepared(results_of("laptop", lambda trial, label: 50.0 if trial.norm or trial.seed else 10.0))
    gains = found[found["norm"] == "batch"].groupby("seed")[GAIN + CLEAN]
    assert gains.count()[0] == 0 and (gains.mean()[[1, 2]] == 0).all()


@pytest.mark.parametrize(
    ("accuracies", "depth"),
    [
        ({10: 95, 20: 90, 30: 70, 40: 20}, 25.0),
        ({10: 95, 20: 70, 30: 90, 40: 40}, 32.0),  # the deepest fall counts
        ({10: 95, 20: 80, 30: 79}, 20.0),
        ({10: 95, 20: math.nan, 30: 65}, 20.0),
        ({10: 95, 20: 90}, math.nan),
        ({10: 50, 20: 40}, math.nan),
        ({}, math.nan),
    ],
)
def test_the_depth_reached(accuracies, depth):
    assert grid.depth_reached(pd.Series(accuracies, dtype=float)) == pytest.approx(depth, nan_ok=True)


def test_the_depth_reached_is_told_for_seeds_with_all_depths_alone(results):
    """Of seed 1 the networks between 20 and 50 layers are still to be trained."""
    missing = (results["seed"] == 1) & results["hidden"].between(21, 49)
    found = grid.prepared(results_of("paper")[~missing])
    assert not found.loc[found["seed"] == 1, "complete"].any() and found.loc[found["seed"] != 1, "complete"].all()
    reached = report.measured(claims.reached(25), results, "paper")
    pd.testing.assert_series_equal(report.measured(claims.reached(25), found, "paper"), reached.drop(1))


# --- Claims, tables, figures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_claims_are_computable_from_what_the_paper_shows(group, results):
    table = claims_table(getattr(claims, group), results, "name", "Caption.")
    found = dict(zip(table.rows["claim"], table.rows["verdict, paper"], strict=True))
    assert verdicts.NOT_RUN not in found.values()
    refuted = [claim for claim, verdict in found.items() if verdict == verdicts.NOT_REPRODUCED]
    # What the figure itself contradicts: the abstract on noise, and that training above the line fails altogether.
    assert all("abstract" in claim or "chance" in claim or "BIM" in claim for claim in refuted), found
    assert group != "DEPTH" or [c for c in refuted if "chance" in c]
    assert group != "NOISE_CLAIMS" or [c for c in refuted if "abstract" in c]


def test_effects_read_off_the_figure_are_reproduced_by_it(results):
    for claim in (claims.DEPTH[1], claims.NOISE_CLAIMS[1], claims.NOISE_CLAIMS[2]):
        found = report.measured(claim.measure, results, "paper")
        assert claim.judge(found, "paper") == verdicts.REPRODUCED, claim.text
        assert claim.judge(found, "laptop") == verdicts.DIRECTION


def test_a_limit_that_longer_training_lifts_is_noticed():
    def accuracy(trial, label):
        return as_read(trial, label) + (8 if trial.epochs == 40 and trial.norm and len(trial.hidden) > 40 else 0)

    results = grid.prepared(results_of("paper", accuracy))
    found = [claim.judge(report.measured(claim.measure, results, "paper"), "paper") for claim in claims.LONGER]
    assert found[0] == verdicts.NOT_REPRODUCED and found[1] == verdicts.REPRODUCED and found[3] == verdicts.DIRECTION


def test_claims_without_any_run():
    nothing = grid.prepared(results_of("paper").iloc[:0])
    for group in GROUPS:
        for claim in getattr(claims, group):
            assert claim.judge(claim.measure(lambda metric, arm: pd.Series(dtype=float)), "paper") == verdicts.NOT_RUN
    assert nothing.empty


def test_a_part_of_the_grid_is_enough(results):
    """As after a run that was stopped: whole batch sizes are missing."""
    part = results[(results["batch_size"] == 250) & (results["experiment"] == "figure-02")]
    for group in GROUPS:
        claims_table(getattr(claims, group), part, "name", "Caption.")
    shown = tables.depths_reached(part, "name", "Caption.").rows
    assert shown["source"].tolist() == ["paper"] * 3 + ["ours, paper"]
    assert shown["row"].tolist()[2:] == ["B = 250, line at 41.3"] * 2
    assert shown["depth reached"].iloc[2] == "43"  # 87 % at 40 layers, 75 % at 45
    plt.close(figures.heat_maps(part, "paper"))


def test_the_constant_of_the_line_comes_back():
    """Networks that train exactly up to a line of another constant reach that depth at every batch size."""
    reach = {size: float(theory.trainable_depth(theory.gradient_growth(size), 12.0)) for size in (5, 10, 25, 250)}

    def accuracy(trial, label):
        return 80.0 + (reach.get(trial.batch_size, 30.0) - len(trial.hidden)) if trial.norm else 90.0

    results = grid.prepared(results_of("paper", accuracy))
    for size, depth in reach.items():
        assert report.measured(claims.reached(size), results, "paper").tolist() == pytest.approx([depth] * 3)
        assert report.measured(claims.log_ratio(size), results, "paper").tolist() == pytest.approx([12.0] * 3)


def test_no_depth_is_told_from_a_part_of_the_depths(results):
    whole = report.measured(claims.reached(250), results, "paper")
    part = grid.prepared(results_of("paper").query("hidden != 55"))
    assert len(whole) == 3 and report.measured(claims.reached(250), part, "paper").empty
    other = grid.prepared(results_of("paper").query("hidden != 55 or batch_size != 100"))
    pd.testing.assert_series_equal(report.measured(claims.reached(250), other, "paper"), whole)


def test_tables(results):
    read = tables.read_off(results)
    assert not any(read.verdict(label, column) == verdicts.NOT_RUN for label in read.rows for column in read.columns)
    assert read.columns[1].paper(read.rows["40\N{NO-BREAK SPACE}layers"]).value == 87
    whole = tables.parts(results, "name", "Caption.").rows
    assert len(whole) == 6
    counts = tables.failed(results, "name", "Caption.").rows
    assert counts["failed, left out"].tolist() == [0, 0] and counts["without batch norm"].tolist() == [462, 330]


def test_failed_networks_are_counted():
    results = grid.prepared(results_of("laptop", lambda trial, label: 15.0 if len(trial.hidden) == 50 else 90.0))
    row = tables.failed(results, "name", "Caption.").rows.iloc[0]
    assert (row["failed, left out"], row["below 20 %, kept"]) == (9, 9)


def test_heat_maps_say_every_number_and_hatch_what_was_not_run(results):
    cell = (results["batch_size"] == 100) & (results["hidden"] == 30)
    figure = figures.heat_maps(results[~cell], "paper")
    assert len(figure.axes) == 7
    for axis in figure.axes[:6]:
        assert len(axis.texts) == 11 * 14 - 1
        assert [patch.get_hatch() for patch in axis.patches] == ["///"]
    assert {len(axis.lines) for axis in figure.axes[:3]} == {0} and {len(axis.lines) for axis in figure.axes[3:6]} == {4}
    plt.close(figure)


def test_curves(results):
    figure = figures.collapse(results, "paper")
    assert len(figure.axes[0].containers) == len(figure.axes[1].containers) == 14
    plt.close(figure)


# --- Gradients ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("mnist-5k", "train")


def test_second_moments_are_those_of_autograd(digits):
    """Against gradients kept by hand in the plain network."""
    network = networks.build(experiments.trial("quick", "batch", 4, 8, 1), digits).train()
    x, labels, kept = random_images(8, 1, 28, 28), torch.arange(8), []
    h = x
    for module in network:
        h = module(h)
        if isinstance(module, torch.nn.ReLU):
            h.retain_grad()
            kept.append(h)
    torch.nn.functional.cross_entropy(h, labels, reduction="sum").backward()
    expected = torch.stack([output.grad.square().mean() for output in kept])
    torch.testing.assert_close(gradients.second_moments(network, x, labels), expected)


@pytest.mark.parametrize("size", [8, 50])
def test_with_batch_norm_gradients_of_digits_grow_as_the_theorem_says_and_without_they_do_not(digits, size):
    growth = {}
    for norm in ("batch", None):
        before, after = gradients.before_and_after(experiments.trial("paper", norm, 30, size, 1), digits)
        assert before.shape == after.shape == (30,)
        growth[norm] = float((before[4] / before[24]) ** (1 / 20))
    assert growth["batch"] == pytest.approx(float(theory.gradient_growth(size)), rel=0.06)
    assert growth[None] == pytest.approx(1, abs=0.1)


# --- Exercises, explorer ------------------------------------------------------------------------------------------------


def names_of(label: str, **names) -> dict:
    exec(solution(CHAPTER, label), names | {"theory": theory, "math": math, "exercises": exercises}, names)
    return names


def test_layers():
    assert exercises.check_layers(lambda growth, ratio: math.log(ratio) / math.log(growth)) == RIGHT
    for wrong in (None, lambda g, r: r / g, lambda g, r: math.log(r), lambda g, r: 1 / 0, lambda g, r: "7"):
        assert exercises.check_layers(wrong).startswith("Not yet")
    assert exercises.check_layers(names_of("ex-depth-layers")["layers"]) == RIGHT


def test_smallest_batch():
    def right(depth):
        return next((size for size in range(4, 5000) if grid.line(size) >= depth), None)

    assert exercises.check_smallest_batch(right) == RIGHT
    wrong = (lambda d: right(d) or 5000, lambda d: (right(d) or -1) + 1, lambda d: 4, lambda d: None, lambda d: 7.5, 3)
    for answer in wrong:
        assert exercises.check_smallest_batch(answer).startswith("Not yet")
    assert exercises.check_smallest_batch(names_of("ex-depth-batch")["smallest_batch"]) == RIGHT


def test_constant():
    def accuracy(trial, label):
        return 90.0 if len(trial.hidden) <= theory.trainable_depth(theory.gradient_growth(trial.batch_size), 9.0) else 30.0

    results = grid.prepared(results_of("laptop", accuracy))
    assert exercises.wrong_side(results, "laptop", 9.0) == 0
    assert exercises.check_constant(results, "laptop", 9.0) == RIGHT
    for wrong in (16, None, math.nan, "nine", 0.5):
        assert exercises.check_constant(results, "laptop", wrong).startswith("Not yet")
    found = names_of("ex-depth-constant", results=results, chosen=SimpleNamespace(scale="laptop"))
    assert exercises.check_constant(results, "laptop", found["constant"]) == RIGHT


def test_the_explorer_holds_lines_and_cells(results):
    page = Explorer(results, "paper").html()
    held = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])
    assert len(held["cells"]) == 11 * 14 and {cell["size"] for cell in held["cells"]} <= set(held["sizes"])
    assert held["growths"].keys() == GROWTHS.keys()
    at = held["sizes"].index(25.0)
    assert 16 * held["growths"]["the theorem"][at] == pytest.approx(grid.line(25), abs=1e-2)
    assert "$" not in page.replace("${", "") and "http://www.w3.org/2000/svg" in page
    assert not re.search(r"(src|href)=", page)
