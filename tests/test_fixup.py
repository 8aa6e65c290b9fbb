"""Chapter 02b: its experiments are the paper's, claims and tables computable, its measurement right, its exercises checked."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from common import random_images, records_of, solution
from torch import nn

from lib import data, models, report, verdicts
from lib.claims import table as claims_table
from lib.empirical_results.experiments import BIM, BIM_L2, CLEAN, EPSILON, NOISE, NOISE_AS_PRINTED, table_02
from lib.evaluate import paths
from lib.exercises import RIGHT
from lib.experiments import EXPERIMENTS
from lib.fixup import claims, exercises, experiments, propagation, tables
from lib.fixup.claims import AS_RUN, BATCH, TRUE
from lib.fixup.experiments import FOOLBOX, NORMALIZATION, ON_TRAIN
from lib.paper import reported, stated
from lib.trials import SCALES, Trial

CHAPTER = "02b-fixup"
GROUPS = ("CIFAR10", "CIFAR10_1", "SURVIVES", "VGG", "ORDER", "LATER")
COLUMNS = {
    "clean": "Clean",
    "noise": "Noise",
    "bim-linf": "BIM-linf",
    "bim-l2": "BIM-l2",
    "pgd-linf": "BIM-linf",
    "pgd-l2": "BIM-l2",
}


def as_printed(trial: Trial, label: str) -> float:
    """The paper's own numbers, and Foolbox's from its prose, with a little noise of the seed, another for each difference."""
    jitter = 0.1 * (trial.seed - 2) * (1.5 if "l2" in label else 1)
    kind = next(kind for kind in COLUMNS if label.startswith(kind))
    if not trial.architecture.startswith("wrn"):
        return reported("2", COLUMNS[kind], BN=False).value + 3 * jitter
    shifted = "cifar10.1" in label
    if label == "clean-train":
        return 100.0
    printed = claims.printed(f"{'CIFAR-10.1 v6' if shifted else 'CIFAR-10'} {COLUMNS[kind]}", trial.norm).value
    if label == FOOLBOX.label:
        printed = 15.0 + (stated(claims.FOOLBOX_CLAIM).value if trial.norm != BATCH else 0)
    return printed + jitter * (1 if trial.norm == BATCH else 2)


def results_of(scale: str, accuracy=as_printed) -> pd.DataFrame:
    made_up = [report.frame(records_of(table, scale, accuracy), scale, name) for name, table in experiments.EXPERIMENTS.items()]
    return pd.concat(made_up, ignore_index=True)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """Every experiment of the chapter at the paper's scale, with its own numbers."""
    return results_of("paper")


# --- Experiments -----------------------------------------------------------------------------------------------------


def test_the_papers_scale_is_the_papers():
    trials = experiments.table_09("paper")
    assert {(t.norm, t.normalization, t.seed) for t in trials} == {
        (norm, normalization, seed)
        for norm in ("batch", "fixup", "fixup-he")
        for normalization in (NORMALIZATION, None)
        for seed in range(5)
    }
    for trial in trials:
        assert (trial.architecture, trial.width, trial.dataset, trial.init, trial.epochs) == (
            "wrn28",
            1.0,
            "cifar10",
            "he",
            150,
        )
        assert (trial.lr, trial.gamma, trial.momentum, trial.nesterov) == (0.1, 0.2, 0.9, True)
        assert (trial.weight_decay, trial.batch_size, trial.selection) == (5e-4, 128, "last")
        assert (trial.augment, trial.padding_mode, trial.precision) == (True, "reflect", "fp32")
        assert {CLEAN, NOISE, NOISE_AS_PRINTED, BIM, BIM_L2, FOOLBOX, ON_TRAIN} <= set(trial.evaluations)
    assert (FOOLBOX.step_size, FOOLBOX.steps, FOOLBOX.epsilon, FOOLBOX.first) == (EPSILON / 15, 20, EPSILON, 2048)


def test_epochs_60_and_120_start_with_a_fifth_of_the_learning_rate():
    """`train.fit` lets the learning rate fall after the epochs it is given."""
    for trial in experiments.table_09("paper"):
        assert trial.milestones == (59, 119)
    assert {t.milestones for t in experiments.table_09("laptop")} == {(1, 3)}
    assert {t.milestones for t in experiments.table_09("quick", epochs=3)} == {()}


@pytest.mark.parametrize("scale", SCALES)
def test_other_test_sets_and_networks_are_those_trained_elsewhere(scale):
    assert {t.training for t in experiments.table_09_shift(scale)} == {t.training for t in experiments.table_09(scale)}
    assert {e.dataset for t in experiments.table_09_shift(scale) for e in t.evaluations} == {experiments.scale_of(scale).shift}
    compared = {trial.training for trial in experiments.table_09_vgg(scale)}
    assert compared <= {trial.training for trial in table_02(scale)} and bool(compared) == (scale != "quick")
    assert {(trial.norm, trial.weight_decay) for trial in compared} <= {(None, 5e-4)}


@pytest.mark.parametrize("scale", SCALES)
def test_attacks_in_fewer_steps_go_as_far(scale):
    reach = {"bim-linf-0.03": EPSILON, FOOLBOX.label: EPSILON * 20 / 15, BIM_L2.label: BIM_L2.epsilon}
    for trial in experiments.table_09(scale):
        for evaluation in trial.evaluations:
            if evaluation.label in reach:
                assert evaluation.steps * evaluation.step_size == pytest.approx(reach[evaluation.label])


@pytest.mark.parametrize("scale", SCALES)
def test_the_two_forms_of_bim_are_not_one_path(scale):
    """Foolbox's steps leave the ball: an iterate of it is not the result of the shorter attack."""
    found = paths(experiments.table_09(scale)[0].evaluations)
    assert [e.label for path in found if any(e.label == FOOLBOX.label for e in path) for e in path] == [FOOLBOX.label]


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_seeds_epochs_and_unknown_scales(name):
    table = experiments.EXPERIMENTS[name]
    assert EXPERIMENTS[name] is table
    assert {(t.seed, t.epochs) for t in table("laptop", seeds=1, epochs=2)} == {(0, 2)}
    with pytest.raises(ValueError, match="unknown scale 'huge'.*quick, laptop, paper"):
        table("huge")


# --- Claims and tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPS)
def test_every_claim_has_a_value_a_seed_and_a_verdict(results, name):
    for claim in getattr(claims, name):
        found = report.measured(claim.measure, results, "paper")
        assert list(found.index) == [0, 1, 2, 3, 4], claim.text
        assert claim.judge(found.iloc[:0], "paper") == verdicts.NOT_RUN
    assert len(claims_table(getattr(claims, name), results, "tab-x", "Caption.").rows) == len(getattr(claims, name))


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR10_1", "SURVIVES", "VGG", "ORDER"])
def test_the_papers_own_numbers_reproduce_it(results, name):
    """The accuracies of both Fixups are those of the paper, in both normalisations, and on both readings of the noise."""
    for claim in getattr(claims, name):
        assert claim.judge(report.measured(claim.measure, results, "paper"), "paper") == verdicts.REPRODUCED, claim.text


def test_the_later_figures_contradict_the_papers(results):
    judged = [claim.judge(report.measured(claim.measure, results, "paper"), "paper") for claim in claims.LATER]
    assert judged == [verdicts.NOT_REPRODUCED, verdicts.DIRECTION, verdicts.NOT_REPRODUCED, verdicts.DIRECTION]


def test_no_flip_where_both_forms_of_the_attack_agree():
    def accuracy(trial: Trial, label: str) -> float:
        return as_printed(trial, label if label != FOOLBOX.label else BIM.label)

    (flip,) = (claim for claim in claims.CIFAR10 if "sign of the effect" in claim.text)
    assert flip.paper == "1.4 ± 0.7"
    found = report.measured(flip.measure, results_of("paper", accuracy), "paper")
    assert flip.judge(found, "paper") == verdicts.NOT_REPRODUCED


def test_a_network_that_has_not_fitted_its_training_set_is_found():
    def accuracy(trial: Trial, label: str) -> float:
        return 97.0 if label == "clean-train" and trial.norm == AS_RUN else as_printed(trial, label)

    (fitted,) = (claim for claim in claims.CIFAR10 if "fitted the training set" in claim.text)
    unfitted = results_of("paper", accuracy)
    assert fitted.judge(report.measured(fitted.measure, unfitted, "paper"), "paper") == verdicts.NOT_REPRODUCED
    assert fitted.judge(report.measured(fitted.measure, unfitted, "paper"), "quick") == verdicts.NOT_JUDGED


@pytest.mark.parametrize("scale", ["quick", "laptop"])
def test_smaller_scales_find_their_own_test_set_and_judge_no_number(scale):
    def accuracy(trial: Trial, label: str) -> float:
        return as_printed(trial, label.replace("mnist-m-flower", "cifar10.1-v6"))

    found = results_of(scale, accuracy)
    for claim in claims.CIFAR10_1:
        values = report.measured(claim.measure, found, scale)
        assert len(values) == experiments.scale_of(scale).seeds and claim.judge(values, scale) == verdicts.DIRECTION
    for claim in claims.VGG:
        assert (len(report.measured(claim.measure, found, scale)) == 0) == (scale == "quick")


def test_every_number_of_table_9_stands_beside_both_forms_of_fixup(results):
    for comparison, count in (
        (tables.table_09(results), 15),
        (tables.table_09(results, "own"), 15),
        (tables.table_09_shift(results), 9),
    ):
        printed = [column.paper(arm) for arm in comparison.rows.values() for column in comparison.columns]
        assert len(printed) == count and all(printed)
        shown = comparison.table("tab-x", "Caption.").rows
        assert (shown[shown["source"] == "verdict"].iloc[:, 2:] == verdicts.REPRODUCED).all(axis=None)
        assert isinstance(comparison.figure(), plt.Figure)
    rows = tables.table_09(results).rows
    assert {arm["norm"] for arm in rows.values()} == {AS_RUN, TRUE, BATCH}


def test_the_normalisations_are_told_apart():
    def accuracy(trial: Trial, label: str) -> float:
        return as_printed(trial, label) - (10 if trial.normalization is None else 0)

    found = results_of("paper", accuracy)
    own, code = (tables.table_09(found, name).table("tab-x", "").rows for name in ("own", NORMALIZATION))
    assert (own[own["source"] == "verdict"].iloc[:, 2:] == verdicts.NOT_REPRODUCED).all(axis=None)
    assert (code[code["source"] == "verdict"].iloc[:, 2:] == verdicts.REPRODUCED).all(axis=None)


def test_the_table_of_attacks_has_no_gaps_and_names_the_images(results):
    shown = tables.attacks(results, "tab-x", "Caption.")
    assert not (shown.rows == "–").to_numpy().any() and "paper: 1000 images, 100 steps from 2 random starts" in shown.caption
    quick = tables.attacks(results_of("quick", lambda trial, label: 50.0), "tab-x", "Caption.")
    assert (quick.rows["PGD-linf"] == "–").all() and "PGD – not run." in quick.caption


def test_only_attacks_that_were_run_are_in_the_caption():
    """VGG8 alone was trained at the laptop scale, and that is no wide network."""
    quick = results_of("quick", lambda trial, label: 50.0)
    vgg8 = results_of("laptop", lambda trial, label: 50.0).query("experiment == 'table-09-vgg'")
    shown = tables.attacks(pd.concat([vgg8, quick], ignore_index=True), "tab-x", "Caption.")
    assert len(vgg8) and "laptop" not in shown.caption


def test_every_claim_about_noise_says_how_strong_it_is():
    about = [claim.text for name in GROUPS for claim in getattr(claims, name) if "noise" in claim.text]
    assert about and all("noise of standard deviation 1/" in text for text in about)


def test_sizes_in_pixels_are_those_of_both_normalisations():
    shown = tables.pixels("tab-x", "Caption.").rows.set_index("what")
    assert shown.loc["BIM-linf, epsilon", "VGGs: red, green, blue"] == "1.55, 1.53, 1.54"
    assert shown.loc["BIM-linf, epsilon", "WRN: red, green, blue"] == "1.89, 1.86, 2.00"
    assert set(shown["of the means"]) == {"1.25"}
    (low, high), images = (
        tables.pixel_range("cifar10"),
        torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).repeat(1, 3, 1, 1),
    )
    white = data.Dataset("", "", images, torch.zeros(2), *data.NORMALIZATION["cifar10"], "")
    normalized = data.normalize(images, white)
    assert (low, high) == (pytest.approx(normalized.min().item()), pytest.approx(normalized.max().item()))


def test_tables_from_print_alone():
    differences = [float(cell.split()[0]) for cell in tables.corruptions("tab-x", "").rows["difference"]]
    assert min(differences[:4]) > 13 and max(differences[4:]) < 7
    later = tables.later_figures("tab-x", "").rows
    gain = later[later.iloc[:, 1] == "Fixup - batch norm"].set_index("network")
    assert gain.loc["ResNet-110, later", "linf"] == "29.6 ± 0.8" and gain.loc["WRN-28-10, Table 9", "linf"] == "-1.4 ± 0.7"


# --- What blocks do before training ----------------------------------------------------------------------------------


def test_variances_are_those_of_the_blocks_written_out():
    images = random_images(4, 3, 32, 32)
    for norm in models.WIDE_NORMS:
        network = models.initialize(models.wide_resnet(10, 0.5, norm=norm), "he", data.generator(3, "init")).train()
        features, seen = images, []
        for module in list(network)[:4]:
            features = module(features)
            seen.append(features.var().item())
        assert propagation.block_variances(images, norm, depth=10, widen=0.5, seed=3) == pytest.approx(seen)


def test_what_each_block_does_to_the_variance():
    images = random_images(8, 3, 32, 32)
    found = {norm: propagation.block_variances(images, norm, depth=28, widen=1.0) for norm in propagation.STYLES}
    assert all(len(variances) == 1 + 12 for variances in found.values())
    assert propagation.per_block(found["fixup-he"]) == pytest.approx(2, rel=0.25)
    assert propagation.per_block(found["fixup"]) == pytest.approx(1, rel=1e-6)
    assert max(found["batch"]) < 6 and found["fixup-he"][-1] > 50 * found["fixup-he"][0]
    assert isinstance(propagation.figure(found), plt.Figure)


def test_a_stages_first_block_does_not_count():
    variances = [1.0]
    for block in range(6):
        variances.append(variances[-1] * (100 if block in (2, 4) else 3))
    assert propagation.per_block(variances, depth=16) == pytest.approx(3)


# --- Exercises -------------------------------------------------------------------------------------------------------


def test_solution_of_the_scale():
    namespace = {}
    exec(solution(CHAPTER, "ex-fixup-scale"), namespace)
    assert exercises.check_fixup_scale(namespace["fixup_scale"]) == RIGHT
    block = models.wide_resnet(28, norm="fixup")[1]
    first = next(module for module in block.branch if isinstance(module, nn.Conv2d))
    assert first.gain == pytest.approx(namespace["fixup_scale"](12, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda blocks, layers: None,
        lambda blocks, layers: 1 / 0,
        lambda blocks, layers: -1.0,
        lambda blocks, layers: 1.0,
        lambda blocks, layers: blocks**-0.5,
        lambda blocks, layers: 1 / blocks,
        lambda blocks, layers: 2 * blocks ** (-1 / (2 * layers - 2)),
    ],
    ids=["unanswered", "raises", "negative", "He's", "two layers alone", "too small", "a factor too much"],
)
def test_wrong_scales_get_a_hint(wrong):
    assert exercises.check_fixup_scale(wrong).startswith("Not yet. Hint:")


def test_one_step_by_hand():
    """One block of weights 3 and 0: its last weight becomes -3 η and its output 1 - 9 η."""
    assert exercises.change_of_one_step(3.0, blocks=1, layers=2) == pytest.approx(9, rel=1e-4)
    assert exercises.change_of_one_step(1.0, blocks=5, layers=3) == pytest.approx(5, rel=1e-4)


def test_solution_of_the_pixels():
    namespace = {"data": data}
    exec(solution(CHAPTER, "ex-fixup-pixels"), namespace)
    same_pixels, found = namespace["same_pixels"], namespace["found"]
    assert exercises.check_same_pixels(same_pixels) == RIGHT
    assert exercises.check_same_pixels(lambda *args: np.array(same_pixels(*args))) == RIGHT
    assert exercises.check_same_pixels(lambda *args: torch.tensor(same_pixels(*args))) == RIGHT
    # What the text says of the two: no channel may change by more than under the VGG's epsilon, or none by less.
    of_vgg, (inside, outside) = 0.03 * _std("cifar10"), (end * _std("cifar10-wrn") for end in (min(found), max(found)))
    assert (inside < of_vgg * (1 + 1e-9)).all() and (outside > of_vgg * (1 - 1e-9)).all() and min(found) < 0.99 * max(found)


def _std(name: str) -> np.ndarray:
    return np.array(data.NORMALIZATION[name][1])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda epsilon, source, target: None,
        lambda epsilon, source, target: 1 / 0,
        lambda epsilon, source, target: epsilon,
        lambda epsilon, source, target: [epsilon],
        lambda epsilon, source, target: [epsilon] * 3,
        lambda epsilon, source, target: epsilon * _std(target) / _std(source),
        lambda epsilon, source, target: epsilon * _std(source),
        lambda epsilon, source, target: [epsilon * _std(source).mean() / _std(target).mean()] * 3,
    ],
    ids=["unanswered", "raises", "a number", "one channel", "unchanged", "the other way round", "pixels", "of the means"],
)
def test_wrong_pixels_get_a_hint(wrong):
    assert exercises.check_same_pixels(wrong).startswith("Not yet. Hint:")
