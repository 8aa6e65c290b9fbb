"""Chapter 02: its experiments are the paper's, its claims and tables computable, its exercises checked."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from common import initialized, records_of, solution

from lib import claims as claim_tables
from lib import data, models, report, verdicts
from lib.empirical_results import claims, crosscheck, exercises, experiments, tables
from lib.empirical_results.experiments import BIM, BIM_L2, CLEAN, NOISE, NOISE_AS_PRINTED
from lib.empirical_results.parameters import EmpiricalResults
from lib.evaluate import paths
from lib.exercises import RIGHT
from lib.paper import stated
from lib.parameters import ParameterError, validate
from lib.trials import SCALES

CHAPTER = "02-empirical-results"


def accuracy(trial, label) -> float:
    """Batch norm costs 20 points of anything but clean accuracy, of which it gains 1; curves fall with epsilon."""
    epsilon = float(label.split("-")[2]) if label.startswith("bim-linf") else 0.0
    cost = -1 if label.startswith("clean") else 20
    return 80 - 500 * epsilon - (cost if trial.norm else 0) + 0.1 * trial.seed + (5 if label == "clean-train" else 0)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """Every experiment of the chapter, made up, at every scale."""
    frames = [
        report.frame(records_of(table, scale, accuracy), scale, name)
        for scale in SCALES
        for name, table in experiments.EXPERIMENTS.items()
    ]
    return pd.concat(frames, ignore_index=True)


# --- Experiments -------------------------------------------------------------------------------------------------------


def test_the_attacks_are_those_of_section_3():
    assert (BIM.epsilon, BIM.steps, BIM.norm, BIM.space, BIM.clip) == (0.03, 20, "linf", "normalized", False)
    assert BIM.step_size * BIM.steps == pytest.approx(BIM.epsilon) and BIM_L2.step_size * 20 == pytest.approx(BIM_L2.epsilon)
    assert BIM_L2.epsilon == pytest.approx(1.6628, abs=1e-4)
    assert (NOISE.epsilon, NOISE_AS_PRINTED.epsilon**2) == (0.25, 0.25)


def test_the_papers_scale_is_the_papers():
    for trial in experiments.table_01("paper"):
        settings = (trial.architecture, trial.dataset, trial.epochs, trial.lr, trial.milestones, trial.gamma, trial.batch_size)
        assert settings == ("vgg8", "svhn", 50, 0.01, (25, 40), 0.1, 128)
        assert (trial.momentum, trial.augment, trial.selection, trial.width) == (0.9, False, "last", 1.0)
    for trial in experiments.table_02("paper"):
        settings = (trial.architecture, trial.dataset, trial.epochs, trial.lr, trial.milestones, trial.batch_size)
        assert settings == ("vgg8", "cifar10", 150, 0.01, (), 128) and trial.augment and trial.selection == "best"
    deep = experiments.table_04("paper")
    assert {(t.architecture, t.norm) for t in deep} == {
        (f"vgg{depth}", norm) for depth in (8, 11, 13, 16, 19) for norm in (None, "batch") if norm or depth <= 13
    }
    for trial in deep:
        assert (trial.epochs, trial.milestones, trial.lr) == (350, (150, 250), 0.1 if trial.norm else 0.01)
    assert {t.architecture for t in experiments.table_08("paper")} == {"vgg11", "vgg13", "vgg16", "vgg19"}
    assert {t.init for t in deep} == {"he"} and {t.precision for t in deep} == {"fp32"}


@pytest.mark.parametrize("scale", SCALES)
def test_the_other_test_set_is_tried_on_the_networks_of_table_2(scale):
    trained = {trial.training for trial in experiments.table_02(scale)}
    for table in experiments.table_03, experiments.table_03_cinic:
        assert {trial.training for trial in table(scale)} == {t for t in trained if t.weight_decay}
        assert {e.dataset for t in table(scale) for e in t.evaluations} != {None}


@pytest.mark.parametrize("scale", SCALES)
def test_the_curve_is_one_path_with_bim(scale):
    (trial, *_) = experiments.table_02(scale)
    curve = experiments.curve(scale)
    (path,) = (path for path in paths(trial.evaluations) if len(path) > 1)
    assert len(path) == len(curve) + 1 and {e.label for e in path} == {BIM.label, *(e.label for e in curve)}


def test_strong_attacks_are_on_the_same_images_and_balls():
    for scale in SCALES:
        attacks = experiments.strong_attacks(scale)
        assert len({a.first for a in attacks}) == 1
        assert [(a.kind, a.norm) for a in attacks] == [("bim", "linf"), ("bim", "l2"), ("pgd", "linf"), ("pgd", "l2")]
        assert attacks[2].epsilon == BIM.epsilon and attacks[3].epsilon == BIM_L2.epsilon
        assert all(a.steps * a.step_size > 2 * a.epsilon for a in attacks[2:])


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="'huge'.*quick, laptop, paper"):
        experiments.scale_of("huge")


# --- Claims and tables -------------------------------------------------------------------------------------------------

CLAIMS = {name: getattr(claims, name) for name in ("SVHN", "CIFAR10", "DEPTH", "NO_DECAY", "STRONG")}
CLAIMS |= {"SHIFT": claims.shift("cifar10.1-v6"), "CINIC": claims.shift("cinic10_imagenet")}


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_is_measured_at_the_papers_scale(results, name):
    for claim in CLAIMS[name]:
        found = report.measured(claim.measure, results, "paper")
        assert len(found) == 5 and np.isfinite(found).all(), claim.text
        assert claim.judge(found, "paper") != verdicts.NOT_RUN, claim.text
        if "costs" in claim.text:
            assert found.mean() == pytest.approx(20), claim.text
    shown = claim_tables.table(CLAIMS[name], results, "tab-x", "Caption.")
    assert len(shown.rows) == len(CLAIMS[name])


def test_a_claim_follows_its_numbers(results):
    """A cost of 20 points where the paper has 17 ± 1; a gain of one point where it has 1.86 ± 0.05."""
    gain, *_, linf, l2 = claims.SVHN
    chance = np.linspace(-0.5, 0.5, 5)
    found = report.measured(linf.measure, results, "paper") + chance
    assert linf.paper == stated("SVHN VGG8: BN loss on BIM-linf").printed and linf.judge(found, "paper") == verdicts.REPRODUCED
    assert linf.judge(found, "laptop") == verdicts.DIRECTION
    assert gain.judge(chance - report.measured(gain.measure, results, "paper"), "paper") == verdicts.NOT_REPRODUCED


@pytest.mark.parametrize("name", [name for name in CLAIMS if name != "STRONG"])
def test_every_claim_about_noise_says_how_strong_it_is_and_stands_beside_the_other_reading(results, name):
    """Batch norm costs 20 points on noise of standard deviation 1/4 and brings 20 on noise of 1/2: the verdicts differ."""
    turned = results.copy()
    for column in (column for column in turned if column.startswith(f"accuracy {NOISE_AS_PRINTED.label}")):
        turned.loc[turned["norm"] == "batch", column] += 40
    about = [claim for claim in CLAIMS[name] if "noise" in claim.text]
    assert about
    for script, text in zip(about[::2], about[1::2], strict=True):
        assert script.text.replace("1/4", "1/2, as the text has it") == text.text != script.text
        assert script.paper == text.paper and text.source.startswith("effect of Table")
        chance = np.linspace(-0.5, 0.5, 5)
        of_script, of_text = (report.measured(one.measure, turned, "paper") + chance for one in (script, text))
        assert (of_script.mean(), of_text.mean()) == (pytest.approx(20), pytest.approx(-20))
        assert script.judge(of_script, "paper") == verdicts.DIRECTION
        assert text.judge(of_text, "paper") == verdicts.NOT_REPRODUCED
        as_large_as_the_papers = float(text.paper.partition(" ")[0]) + 0 * of_text + chance
        assert text.judge(as_large_as_the_papers, "paper") == verdicts.DIRECTION, "beyond the paper: its sign alone"


def test_tables_show_the_papers_numbers_beside_the_arms_they_belong_to(results):
    shown = tables.table_02(results).table("tab-x", "Caption.").rows
    papers = shown[shown["source"] == "paper"].set_index("row")
    assert papers.loc["λ = 0.0005, batch norm", "BIM-linf"] == "36.9 ± 0.2"
    assert "λ = 0, batch norm" not in papers.index and "λ = 0, batch norm" in set(shown["row"])
    depth = tables.table_04(results).table("tab-x", "Caption.").rows.set_index("row")
    assert depth.loc["VGG13, no batch norm", "Clean"] == "91.74 ± 0.02" and "VGG16, no batch norm" not in depth.index
    shift = tables.table_03(results).table("tab-x", "Caption.").rows
    papers = shift[shift["source"] == "paper"].set_index("row")["Clean"]
    assert papers["cifar10.1-v6, batch norm"] == "77.3 ± 0.2" and "cinic10_imagenet, batch norm" not in papers.index
    ours = shift[shift["source"] == "ours, paper"]
    assert len(ours) == 4 and (ours["Clean"] != "–").all()


def test_captions_say_what_was_tested_and_how_wide_the_networks_are(results):
    laptop = results[results["scale"] == "laptop"]
    caption = tables.table_03(laptop).table("tab-x", "Caption.").caption
    assert "laptop: cifar10, tested on cifar10.1-v6 and cinic10_imagenet, 1/4 of the channels, 3 seeds, 20 epochs" in caption
    assert "channels" not in tables.table_01(results[results["scale"] == "paper"]).table("tab-x", "Caption.").caption


def test_the_gap_is_training_minus_test(results):
    rows = tables.gaps(results[results["scale"] == "paper"], "tab-x", "Caption.").rows
    assert set(rows["gap"]) == {"5.00 ± 0.00"}


def test_the_strong_table_shows_each_scales_own_images(results):
    table = tables.strong(results, "tab-x", "Caption.")
    assert len(table.rows) == 2 * len(SCALES) and "laptop: 500 images, PGD of 100 steps" in table.caption
    assert not (table.rows == "–").any(axis=None)


def test_the_curve_of_the_figure_is_the_mean_over_seeds(results):
    for scale in SCALES:
        (axis,) = tables.curves(results[results["scale"] == scale]).axes
        lines = [container.lines[0] for container in axis.containers]
        assert len(lines) == 2
        for line, norm in zip(lines, ("none", "batch"), strict=True):
            at = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
            assert at[BIM.epsilon] == pytest.approx(
                report.values(results, claims.accuracy(BIM), scale, **claims.vgg("table-02", norm)).mean()
            )
            assert list(line.get_xdata()) == sorted(line.get_xdata()) and at[0] > at[BIM.epsilon]


def test_the_curve_of_the_figure_is_that_of_the_largest_scale_which_its_title_names(results):
    """Of networks with weight decay alone: at the paper's scale only those without it were run here."""
    some = results[(results["scale"] != "paper") | (results["weight_decay"] == 0)]
    for found, title in (
        (results, "paper: cifar10, 5 seeds, 150 epochs"),
        (some, "laptop: cifar10, 1/4 of the channels, 3 seeds, 20 epochs"),
        (results[results["scale"] == "quick"], "quick: mnist-m, 1/8 of the channels, 2 seeds, 2 epochs"),
    ):
        assert tables.curves(found).get_suptitle().startswith(title)


def test_sizes_in_pixels():
    rows = tables.epsilons("tab-x", "Caption.").rows.set_index(["data", "what"])
    assert rows.loc[("cifar10", "BIM-linf, epsilon"), "of 255"] == f"{255 * 0.03 * np.mean((0.2023, 0.1994, 0.2010)):.1f}/255"


# --- Foolbox -----------------------------------------------------------------------------------------------------------


def test_both_libraries_make_the_same_attack():
    test = data.load("mnist-m", "test")
    network = initialized(models.vgg(8, width=1 / 16, norm="batch"), init="he")
    x, labels = data.normalize(test.images[:12], test), test.labels[:12]
    network.train()(x)  # statistics
    table = crosscheck.compare({"one": network}, pd.DataFrame(), test, 12, "tab-x", "Caption.")
    assert list(table.rows["images that differ"]) == [0, 0] and "first 12 images" in table.caption
    assert list(table.rows["ours"]) == list(table.rows["Foolbox"])
    assert network.training and all(p.requires_grad for p in network.parameters())
    network.eval()
    theirs = crosscheck._foolbox(network, x, labels, epsilon=0.5, steps=20, step_size=0.5 / 15)
    assert (theirs - x).abs().max() == pytest.approx(0.5, abs=1e-4)


# --- Parameters --------------------------------------------------------------------------------------------------------


def test_the_other_test_set_is_a_parameter():
    assert validate(EmpiricalResults, {}).shift == "cifar10.1-v6"
    assert validate(EmpiricalResults, {"shift": "cinic10_imagenet"}).shift == "cinic10_imagenet"
    with pytest.raises(ParameterError, match="shift = 'imagenet': allowed is cifar10.1-v6, cinic10_imagenet"):
        validate(EmpiricalResults, {"shift": "imagenet"})


# --- Exercises ---------------------------------------------------------------------------------------------------------


def test_solution_of_the_containing_ball():
    namespace = {}
    exec(solution(CHAPTER, "ex-containing-ball"), namespace)
    assert exercises.check_containing_ball(namespace["l2_radius"]) == RIGHT


@pytest.mark.parametrize(
    "wrong",
    [
        lambda epsilon, shape: None,
        lambda epsilon, shape: 1 / 0,
        lambda epsilon, shape: torch.zeros(3),
        lambda epsilon, shape: 0.03 * math.sqrt(math.prod(shape)),
        lambda epsilon, shape: epsilon * math.prod(shape),
        lambda epsilon, shape: epsilon * math.sqrt(3072),
    ],
    ids=["unanswered", "raises", "tensor", "epsilon ignored", "no root", "shape ignored"],
)
def test_wrong_balls_get_a_hint(wrong):
    assert exercises.check_containing_ball(wrong).startswith("Not yet. Hint:")


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_solution_of_the_half_epsilon(results, scale):
    steep = results.copy()
    columns = [column for column in steep if column.startswith("accuracy bim-linf")]
    steep[columns] = steep[columns] - 30  # so that the curve falls to half
    namespace = {"report": report, "claims": claims, "experiments": experiments, "results": steep}
    namespace["chosen"] = SimpleNamespace(scale=scale)
    exec(solution(CHAPTER, "ex-half-epsilon"), namespace)
    answers = namespace["half_without"], namespace["half_with"]
    assert exercises.check_half_epsilon(steep, scale, *answers) == RIGHT
    assert answers[0] > answers[1]
    for wrong in ((None, None), (answers[1], answers[0]), (1.1 * answers[0], answers[1]), ("0.01", answers[1])):
        assert exercises.check_half_epsilon(steep, scale, *wrong).startswith("Not yet. Hint:")
    assert "does not fall" in exercises.check_half_epsilon(results[results["norm"] == "none"], scale, *answers)


def test_every_evaluation_of_the_tables_has_its_column():
    assert [evaluation for _, _, evaluation in tables.COLUMNS] == list(experiments.TABLE) and experiments.TABLE[0] == CLEAN
