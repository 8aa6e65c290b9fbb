"""Every computed inconsistency is there in the paper's numbers, and would not be found in a paper without it."""

import json
import math
import re

import pytest
from common import records_of

from lib import inconsistencies, paper, store
from lib.book import ROOT
from lib.evidence import appendices, input_dimension, networks
from lib.evidence.printed import BEYOND, WITHIN, allowed, differ, differences, explained, ratios, rounded
from lib.inconsistencies import BY_READING, BY_RUNS, COMPUTED, INCONSISTENCIES
from lib.input_dimension.experiments import table_11
from lib.paper import Reported, reported

BOOK = ROOT / "book"
COMPUTED_ONES = [one.evidence for one in INCONSISTENCIES if callable(one.evidence)]

CROSSED_MIN = "transfer top-1: BN source -> no-BN target minus no-BN source -> BN target, min"

# For each, numbers that a paper without the inconsistency would have: (table, column, part of the row, value, error).
CORRECTED = {
    networks.double_digits: [
        *(
            ("1", "Noise", {"BN": False}, "99", "1"),
            ("3", "Noise", {"BN": False}, "99", "1"),
            ("2", "Noise", {"BN": False}, "99", "1"),
        ),
        *(("4", "Noise", {"BN": False, "L": depth}, "99", "1") for depth in (8, 11)),
        *(("5", "Noise", {"BN": False, "model": f"VGG-{depth}"}, "99", None) for depth in (11, 13, 16, 19)),
    ],
    networks.noise_panels: [("figure-2", "Noise", {"BN": False}, "85", "3")],
    networks.noise_strength: [("13", "Gaussian", {"model": "VGG8", "variant": "BN"}, "80", "1.5")],
    networks.prose_of_tables_1_and_2: [("prose", "value", {"claim": "CIFAR-10 VGG8: BN loss on BIM-l2"}, "13", "1")],
    networks.noise_on_imagenet: [("5", "Noise", {"model": f"VGG-{depth}", "BN": True}, "40.00", None) for depth in (16, 19)],
    networks.resnet18: [("5", "Clean", {"model": "ResNet18"}, "89.08", None)],
    networks.contained_ball: [("9", "CIFAR-10 BIM-l2", {"variant": "BN"}, "14", "0.9")],
    input_dimension.damage: [("11", "loss eps=0.05", {"sqrt_d": 56, "lambda": 0}, "1.2", "0.006")],
    input_dimension.all_image_widths: [("11", "loss eps=0.05", {"sqrt_d": 112, "lambda": 0}, "3.90", "0.02")],
    input_dimension.root_five: [("prose", "value", {"claim": "MLP sqrt_d=28: BN loss on BIM-linf"}, "43.8", "1.1")],
    input_dimension.clean_difference: [
        ("prose", "value", {"claim": "MLP sqrt_d=28: clean difference due to BN"}, "0.07", "0.05")
    ],
    input_dimension.two_factors_with_size: [("prose", "value", {"claim": "MLP: (28, no BN) minus (84, BN), BIM"}, "42", "1")],
    input_dimension.caption_of_table_6: [("prose", "value", {"claim": "MLP: (28, no BN) minus (84, BN), BIM"}, "60.6", "1.0")],
    input_dimension.two_factors_with_decay: [
        ("prose", "value", {"claim": "MLP sqrt_d=56: (no BN, lambda=0.01) minus (BN, lambda=0), BIM"}, "44.6", "1.1")
    ],
    input_dimension.added_test_error: [
        ("prose", "value", {"claim": "MLP sqrt_d=56, lambda=0.01, BN: increase of test error"}, "1.99", "0.04")
    ],
    input_dimension.other_end: [
        ("prose", "value", {"claim": "MLP sqrt_d=84: (no BN, lambda=0.0225) minus (BN, lambda=0), BIM"}, "81.8", "0.5")
    ],
    input_dimension.relative_errors: [
        ("12", "acc eps=0.1", {"sqrt_d": 28, "BN": True}, "0.34", "0.01"),
        ("12", "acc eps=0.1", {"sqrt_d": 56, "BN": True}, "0.13", "0.01"),
        ("12", "acc eps=0.1", {"sqrt_d": 84, "BN": True}, "0.09", "0.01"),
        ("12", "acc eps=0.1", {"sqrt_d": 84, "BN": False}, "0.71", "0.02"),
    ],
    input_dimension.ratio_row: [("12", "acc Clean", {"sqrt_d": 28, "BN": True}, "97.88", "0.09")],
    input_dimension.last_digits: [("12", "acc Noise", {"sqrt_d": 84, "BN": False}, "1.014", "0.004")],
    input_dimension.impossible_errors: [("11", "acc eps=0.1", {"sqrt_d": 112, "lambda": 0}, "0.10", "0.02")],
    input_dimension.wrong_row: [("11", "acc eps=0.1", {"sqrt_d": 112, "lambda": 0}, "0.10", "0.09")],
    input_dimension.baseline: [("11", "acc eps=0.1", {"sqrt_d": 28, "lambda": 0}, "49.7", "0.3")],
    appendices.coarse_errors: [
        ("8", column, {"L": depth}, "80.5", "0.1") for depth in (11, 13, 16) for column in ("Noise", "BIM-linf", "BIM-l2")
    ],
    appendices.prose_of_table_9: [("prose", "value", {"claim": "WRN: Fixup minus BN, CIFAR-10 noise"}, "11.5", "1.9")],
    appendices.null_and_slight: [("9", "CIFAR-10 BIM-linf", {"variant": "BN"}, "13.2", "0.5")],
    appendices.other_sign: [("9", "CIFAR-10 BIM-linf", {"variant": "BN"}, "7.2", "0.5")],
    appendices.later_readme: [("poster", "Noise", {"variant": "Fixup - BN"}, "17.3", "0.8")],
    appendices.lost_column: [("prose", "value", {"claim": CROSSED_MIN}, "12.0", None)],  # which is printed for 16 layers
    appendices.hidden_sign: [
        ("10", "accuracy", {"acc_type": "Top 1", "target": "VGG-13", "target_BN": True, "source_BN": True}, "40.8", None)
    ],
    appendices.prose_of_table_13: [("prose", "value", {"claim": "VGG8: noBN minus BN, Impulse"}, "7.6", "0.8")],
    appendices.accuracies_called_errors: [
        ("prose", "value", {"claim": "VGG8 mean CIFAR-10-C accuracy (called mCE), no BN"}, "27.1", "0.7"),
        ("prose", "value", {"claim": "VGG8 mean CIFAR-10-C accuracy (called mCE), BN"}, "29.0", "0.6"),
    ],
    appendices.top_five: [("13", "Contrast", {"model": "VGG13", "variant": "BN"}, "60.0", "0.5")],
    appendices.same_networks: [("13", "Clean", {"model": "VGG8", "variant": "BN"}, "89.0", "0.1")],
    appendices.without_errors: [("prose", "value", {"claim": "Adversarial circles noisy test accuracy, BN"}, "94.83", "0.10")],
}
OF_SETTINGS = {networks.dashed_line, appendices.last_drop}  # which no printed number decides


@pytest.fixture
def correct(monkeypatch):
    """Puts other numbers in place of printed ones."""

    def put(corrections):
        records = [dict(record) for record in paper._records()]
        for table, column, row, value, error in corrections:
            (found,) = (
                r
                for r in records
                if r["table"] == table and r["column"] == column and row.items() <= r["row"].items() and r["value"] is not None
            )
            found |= {"value": value, "error": error}
        monkeypatch.setattr(paper, "_records", lambda: records)

    return put


@pytest.mark.parametrize("evidence", COMPUTED_ONES, ids=lambda evidence: evidence.__name__)
def test_it_is_there_in_the_printed_numbers(evidence):
    assert evidence().holds, evidence().found


@pytest.mark.parametrize("evidence", CORRECTED, ids=lambda evidence: evidence.__name__)
def test_it_would_not_be_found_in_a_paper_without_it(evidence, correct):
    correct(CORRECTED[evidence])
    assert not evidence().holds, evidence().found


def test_each_is_tried_both_ways():
    assert set(COMPUTED_ONES) == set(CORRECTED) | OF_SETTINGS


def test_the_dashed_line_of_a_right_derivative_is_no_inconsistency(monkeypatch):
    monkeypatch.setattr(networks.theory, "gradient_growth_as_plotted", networks.theory.gradient_growth)
    assert not networks.dashed_line().holds


def test_a_training_to_the_last_drop_is_no_inconsistency(monkeypatch):
    monkeypatch.setattr(appendices, "EPOCHS", 200)
    assert not appendices.last_drop().holds


def test_our_runs_alone_tell_of_the_baseline(monkeypatch):
    """Of made-up runs that agree with the printed row without weight decay, none is left."""
    made_up = records_of(table_11, "paper", lambda trial, label: 53.9 + (trial.seed - 2) / 10)
    monkeypatch.setattr(store, "published", lambda experiment, scale: made_up)
    assert not input_dimension.baseline().holds


def test_the_numbers_of_some_by_hand():
    """Worked out from the paper's tables without the code above."""
    assert "text ± 0.5, tables ± 1.14, over √5 ± 0.5" in input_dimension.root_five().found
    assert math.hypot(0.9, 0.7) / math.sqrt(5) == pytest.approx(0.51, abs=0.005)
    assert "0.13 ± 0.09, should be 0.129 ± 0.012" in input_dimension.relative_errors().found
    assert 8.6 / 66.7 * math.hypot(0.8 / 8.6, 0.9 / 66.7) == pytest.approx(0.012, abs=0.0005)
    assert "VGG8, impulse: text 7.5 ± 0.8, tables 7.6 ± 0.8" in appendices.prose_of_table_13().found
    added = (1.802 * 0.646 - 1.011 * 0.268) / (0.646 - 0.268)
    assert f"56 px: total 1.80 to 2.45, added {added:.2f} to" in input_dimension.damage().found
    assert "better with it: 3 of 4" in networks.noise_on_imagenet().found
    assert "Table 9, Fixup: 27.5 ± 0.5 and 13.1 ± 0.5, by 14.4 ± 0.7" in networks.contained_ball().found
    assert "noise: its row of differences 17.2 ± 0.8, its other rows 17.3 ± 0.8" in appendices.later_readme().found
    lost, first, fifth = appendices.lost_column().found, 64.4 - 10.5, 90.4 - 5.3
    assert f"kept {first:.1f} (top 1) and {fifth:.1f} (top 5)" in lost and f"{first + 4.9:.1f} (top 1) from the one" in lost
    assert "text 16.5 to 20.4, table VGG-13 20.4, VGG-16 17.8, VGG-19 16.5" in lost and "VGG-16 12.0, VGG-19 –" in lost
    assert "that at 160 is never reached" in appendices.last_drop().found
    assert "mean errors are 29.0 with and 27.1 without" in appendices.accuracies_called_errors().found
    assert "2 (150 epochs at one learning rate), 4 (350 epochs" in appendices.same_networks().found
    assert "as drawn 22.1, 33.5, 38.9, 41.1; by the theorem 19.5, 30.3, 37.1, 40.6" in networks.dashed_line().found


def test_rounding_is_to_the_printed_digits():
    assert rounded(12.94, "12") == "13" and rounded(0.0536, "0.05") == "0.05" and rounded(-0.001, "0.00") == "0.00"
    assert reported("6", "Clean", sqrt_d=28, BN=False).printed == "97.95 ± 0.08"


def test_the_table_has_them_all_and_says_how_each_is_known():
    shown = inconsistencies.table("tab-x", "Caption.").rows
    assert len(shown) == len(INCONSISTENCIES) >= 25 and (shown != "").to_numpy().all()
    for one, how in zip(INCONSISTENCIES, shown["how we know"], strict=True):
        assert how.partition("; ")[0] == (
            BY_READING if isinstance(one.evidence, str) else BY_RUNS if one.evidence is input_dimension.baseline else COMPUTED
        )
    assert shown["what"].is_unique


CHAPTERS = sorted({chapter for one in INCONSISTENCIES for chapter in one.chapters})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_shows_its_own(chapter):
    assert (BOOK / f"{chapter}.ipynb").is_file()
    whole, shown = (inconsistencies.table("tab-x", "Caption.", chapter=name).rows for name in ("", chapter))
    own = [chapter in one.chapters for one in INCONSISTENCIES]
    assert shown.equals(whole[own].reset_index(drop=True)) and 0 < len(shown) < len(whole)


def test_every_one_is_about_a_chapter_and_any_other_name_is_refused():
    assert all(one.chapters for one in INCONSISTENCIES)
    with pytest.raises(ValueError, match="'5': allowed are .*05-input-dimension"):
        inconsistencies.table("tab-x", "Caption.", chapter="5")


def test_notebooks_ask_for_their_own():
    asked = {}
    for notebook in BOOK.glob("*.ipynb"):
        source = "".join("".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
        for chapter in re.findall(r'inconsistencies\.table\(.*chapter="([^"]*)"\)', source):
            asked[notebook.stem] = chapter
    assert len(asked) >= 4 and all(stem == chapter for stem, chapter in asked.items()), asked


EXPLAINED = {
    networks.prose_of_tables_1_and_2,
    input_dimension.clean_difference,
    input_dimension.caption_of_table_6,
    input_dimension.last_digits,
    appendices.prose_of_table_9,
    appendices.later_readme,
    appendices.prose_of_table_13,
}
# For each that rounding explains, a number that it would not explain; and for the others, one that it would.
TOO_FAR = {
    networks.prose_of_tables_1_and_2: [("prose", "value", {"claim": "CIFAR-10 VGG8: BN loss on BIM-l2"}, "11", "1")],
    input_dimension.clean_difference: [
        ("prose", "value", {"claim": "MLP sqrt_d=28: clean difference due to BN"}, "0.09", "0.05")
    ],
    input_dimension.caption_of_table_6: [("prose", "value", {"claim": "MLP: (28, no BN) minus (84, BN), BIM"}, "62", "1")],
    input_dimension.last_digits: [("12", "acc Noise", {"sqrt_d": 84, "BN": False}, "1.016", "0.004")],
    appendices.prose_of_table_9: [("prose", "value", {"claim": "WRN: Fixup minus BN, CIFAR-10 noise"}, "11.7", "1.9")],
    appendices.later_readme: [("poster", "Noise", {"variant": "Fixup - BN"}, "17.0", "0.8")],
    appendices.prose_of_table_13: [("prose", "value", {"claim": "VGG13: noBN minus BN, Speckle"}, "11.1", "0.7")],
}
NEAR = {
    input_dimension.added_test_error: [
        ("prose", "value", {"claim": "MLP sqrt_d=56, lambda=0.01, BN: increase of test error"}, "1.71", "0.01")
    ],
    input_dimension.other_end: [
        ("prose", "value", {"claim": "MLP sqrt_d=84: (no BN, lambda=0.0225) minus (BN, lambda=0), BIM"}, "81.7", "0.5")
    ],
}


def test_rows_of_digits_say_whether_rounding_explains_them():
    said = {evidence: evidence().rounding for evidence in COMPUTED_ONES}
    assert {evidence for evidence, rounding in said.items() if rounding == WITHIN} == EXPLAINED == set(TOO_FAR)
    assert {evidence for evidence, rounding in said.items() if rounding == BEYOND} == set(NEAR)
    shown = inconsistencies.table("tab-x", "Caption.").rows
    for one, how in zip(INCONSISTENCIES, shown["how we know"], strict=True):
        assert how.partition("; ")[2] == said.get(one.evidence, "")


@pytest.mark.parametrize("evidence", TOO_FAR, ids=lambda evidence: evidence.__name__)
def test_what_is_too_far_is_beyond_rounding(evidence, correct):
    correct(TOO_FAR[evidence])
    assert evidence().rounding == BEYOND and BEYOND in evidence().found


@pytest.mark.parametrize("evidence", NEAR, ids=lambda evidence: evidence.__name__)
def test_what_is_near_is_within_rounding(evidence, correct):
    correct(NEAR[evidence])
    assert evidence().rounding == WITHIN and WITHIN in evidence().found


def printed(value: str, error: str = "") -> Reported:
    return Reported(float(value), float(error) if error else None, "", f"{value} ± {error}" if error else value)


def test_what_printed_cells_allow():
    """Half a last digit each, by hand; the ends belong to it."""
    assert allowed("12") == (11.5, 12.5) and allowed("0.08") == pytest.approx((0.075, 0.085))
    assert differences(printed("35.9", "0.5"), printed("23")) == pytest.approx((12.35, 13.45))
    assert ratios(printed("90.0"), printed("80.0")) == pytest.approx((89.95 / 80.05, 90.05 / 79.95))
    assert explained("12", (12.5, 13.0)) and explained("12", (11.0, 11.5)) and explained("12", (11.9, 12.1))
    assert not explained("12", (12.51, 13.0)) and not explained("12", (11.0, 11.49))


def test_errors_are_compared_like_numbers():
    cells = printed("20.0", "0.3"), printed("10.0", "0.4")  # together 0.43 to 0.57, apart from their last digits 0.5
    assert differ([("x", printed("10.0", "0.6"), *cells)]).rounding == WITHIN
    assert differ([("x", printed("10.0", "0.7"), *cells)]).rounding == BEYOND
    assert not differ([("x", printed("10.0", "0.5"), *cells)]).holds
