"""Chapter 06: its experiments are the paper's, its claims and tables computable from records, its pictures what they say."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from common import records_of, solution

from lib import claims as claim_tables
from lib import corruptions, data, editions, report, runs, verdicts
from lib.book import ROOT
from lib.common_corruptions import claims, exercises, experiments, figures, tables
from lib.common_corruptions.experiments import EXPERIMENT_OF, GENERATED, OFFICIAL, by_corruption
from lib.common_corruptions.parameters import CommonCorruptions
from lib.corruptions import CATEGORIES, CORRUPTIONS, SEVERITIES, corrupt
from lib.corruptions.chance import Chance
from lib.empirical_results.experiments import table_02, table_04
from lib.evaluate import Evaluation, evaluate
from lib.exercises import RIGHT
from lib.fixup.experiments import NORMALIZATION, table_09
from lib.parameters import ParameterError, validate
from lib.trials import SCALES, Trial

CHAPTER = "06-corruptions"
COST = {name: 20 - place for place, name in enumerate(claims.TOP_FIVE)}  # of batch norm; 2 on all others, but where it gains
GAINS = {"snow": -3, "zoom_blur": 0}
SPREAD = 1e-4  # of a cost, from seed to seed: an effect that is equal in all of them is inconclusive


def accuracy(trial, label) -> float:
    """Falls with severity; the statistics of the corrupted batch bring back three quarters of the cost."""
    found = re.search(r"-(?:c|generated)-(\w+)-(\d)", label)
    if not found:
        return 90 + bool(trial.norm == "batch") + 0.1 * trial.seed
    name, severity = found[1], int(found[2])
    cost = COST.get(name, GAINS.get(name, 2.0)) * (1 + SPREAD * trial.seed) if trial.norm == "batch" else 0.0
    return 80 - 3 * severity - cost * (0.25 if "batch-statistics" in label else 1.0) + 0.1 * trial.seed


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Both experiments of the chapter, made up, at every scale."""
    frames = [
        report.frame(records_of(table, scale, accuracy), scale, name)
        for scale in SCALES
        for name, table in experiments.EXPERIMENTS.items()
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def results(frame) -> pd.DataFrame:
    return by_corruption(frame)


# --- Experiments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", experiments.EXPERIMENTS)
def test_networks_are_those_of_other_chapters(scale, experiment):
    """Nothing is trained for this chapter, and nothing but the images distinguishes the two experiments."""
    trained = {trial.training for table in (table_02, table_04, table_09) for trial in table(scale)}
    trials = experiments.EXPERIMENTS[experiment](scale)
    assert {trial.training for trial in trials} <= trained
    if experiment == "table-13" or scale != "quick":
        assert {trial.training for trial in trials} >= {t.training for t in table_02(scale) if t.weight_decay}
    else:
        assert trials == []


def test_at_the_papers_scale_they_are_the_papers():
    trials = experiments.table_13_official("paper")
    assert {(t.architecture, t.norm) for t in trials} == {
        ("vgg8", None), ("vgg8", "batch"), ("vgg13", None), ("vgg13", "batch"),
        ("wrn28", "batch"), ("wrn28", "fixup"), ("wrn28", "fixup-he"),
    }  # fmt: skip
    assert {t.normalization for t in trials if t.architecture == "wrn28"} == {NORMALIZATION}
    assert {t.weight_decay for t in trials} == {5e-4} and {t.width for t in trials} == {1.0}
    assert all(evaluation.first is None for trial in trials for evaluation in trial.evaluations)


@pytest.mark.parametrize("scale", SCALES)
def test_every_corruption_and_severity_is_tested_of_one_source_alone(scale):
    for experiment, part in (("table-13", "generated"), ("table-13-official", "c")):
        for trial in experiments.EXPERIMENTS[experiment](scale):
            base = trial.dataset
            expected = {None, *(f"{base}-{part}-{name}-{severity}" for name in CORRUPTIONS for severity in SEVERITIES)}
            for by_batch in {e.batch_statistics for e in trial.evaluations}:
                tested = [e.dataset for e in trial.evaluations if e.batch_statistics == by_batch]
                assert set(tested) == expected and len(tested) == 96
            assert {e.batch_statistics for e in trial.evaluations} == ({False, True} if trial.norm == "batch" else {False})
            assert {e.kind for e in trial.evaluations} == {"clean"}
            assert len({e.label for e in trial.evaluations}) == len(trial.evaluations)


def test_columns_no_longer_depend_on_data_sets_and_numbers_of_images(results):
    names = {claims.metric(by_batch=b) for b in (False, True)}
    names |= {claims.metric(f"{name} {s}", b) for name in CORRUPTIONS for s in SEVERITIES for b in (False, True)}
    assert names <= set(results.columns) and not any(str(column).startswith("accuracy ") for column in results.columns)
    assert set(results["scale"]) == set(SCALES)
    for scale in SCALES:
        found = report.values(results, "fog 3", scale, **claims.arm("vgg8", "none"))
        assert found.iloc[0] == pytest.approx(80 - 9)


def test_a_frame_of_nothing_has_no_columns_to_name():
    assert len(by_corruption(report.frame([], "quick", "table-13"))) == 0


def test_the_engine_tests_a_network_on_corrupted_images(tmp_path):
    """As evaluating the corrupted images themselves; one corrupted test set at a time is in memory."""
    sets = [f"mnist-m-generated-fog-{severity}" for severity in (1, 5)]
    evaluations = tuple(Evaluation(dataset=name, first=60, batch_statistics=b) for name in sets for b in (False, True))
    trial = Trial("mnist-m", 32, evaluations, norm="batch", architecture="vgg8", width=1 / 16, epochs=0)
    (record,) = runs.run([trial], data_root=tmp_path, store=tmp_path, progress=False)
    assert data._load_corrupted.cache_info().currsize == 1
    network = runs.network(trial, data_root=tmp_path, store=tmp_path)
    clean = data.load("mnist-m", "test", tmp_path)
    for severity, name in zip((1, 5), sets, strict=True):
        foggy = replace(clean, images=corrupt(clean.images[:60], "fog", severity), labels=clean.labels[:60])
        for by_batch in (False, True):
            expected = evaluate(network, foggy, [Evaluation(batch_statistics=by_batch)], seed=0, image_size=32)
            label = Evaluation(dataset=name, first=60, batch_statistics=by_batch).label
            (found,) = expected.values()
            assert record["metrics"][label] == pytest.approx(found)
        assert record["provenance"]["data"][name] == data.load(name, "test", tmp_path).sha256


# --- Claims ------------------------------------------------------------------------------------------------------------


def test_a_gap_is_the_mean_over_severities(results):
    for scale in SCALES:
        seeds = report.values(results, "clean", scale, **claims.arm("vgg8", "none")).index
        found = report.measured(claims.gap("vgg8", ("gaussian_noise",)), results, scale)
        assert found.tolist() == pytest.approx([20.0 * (1 + SPREAD * seed) for seed in seeds])
    by_batch = report.measured(claims.gap("vgg8", ("gaussian_noise",), by_batch=True), results, "laptop")
    assert by_batch.tolist() == pytest.approx([5.0 * (1 + SPREAD * seed) for seed in range(3)])


def test_a_seed_without_one_severity_has_no_mean(frame):
    lacking = frame.copy()
    row = (lacking["scale"] == "laptop") & (lacking["seed"] == 1)
    lacking.loc[row, "accuracy clean-cifar10-generated-fog-2-first-2000"] = np.nan
    measure = claims.gap("vgg8", ("fog", "snow"))
    assert list(report.measured(measure, by_corruption(lacking), "laptop").index) == [0, 2]


@pytest.mark.parametrize("corrupted", [GENERATED, OFFICIAL])
def test_every_claim_is_judged(results, corrupted):
    lists = [make(corrupted) for make in (claims.vgg8, claims.vgg13, claims.wrn, claims.beyond)]
    for number, said in enumerate(lists):
        table = claim_tables.table(said, results, "tab", "Claims.")
        assert len(table.rows) == len(said)
        at_paper = table.rows["verdict, paper"]
        assert not at_paper.str.contains("not run").any()
        if corrupted == OFFICIAL:
            assert (table.rows["verdict, quick"] == verdicts.NOT_RUN).all()
        if number in (1, 2):
            assert (table.rows["verdict, laptop"] == verdicts.NOT_RUN).all()
    texts = [claim.text for said in lists for claim in said]
    assert len(set(texts)) == len(texts)


def test_verdicts_follow_the_made_up_networks(results):
    said = {claim.text: claim for claim in (*claims.VGG8, *claims.VGG13, *claims.WRN, *claims.BEYOND)}

    def verdict(part, scale="paper"):
        claim = next(claim for text, claim in said.items() if part in text)
        return claim_tables.judged(claim, results, scale)[1]

    assert verdict("VGG13: batch norm costs accuracy on Gaussian") == verdicts.REPRODUCED  # 20, printed 20.9
    assert verdict("VGG8: batch norm costs accuracy on Gaussian") == verdicts.DIRECTION  # printed 9.2
    assert verdict("VGG8: batch norm costs accuracy on Gaussian", "laptop") == verdicts.DIRECTION
    assert verdict("WRN-28-10: batch norm gains accuracy on Contrast") == verdicts.NOT_REPRODUCED
    assert verdict("WRN-28-10: batch norm gains accuracy on Snow") == verdicts.REPRODUCED
    assert verdict("no difference on Zoom") == verdicts.REPRODUCED
    assert verdict("the five corruptions of Table 13") == verdicts.DIRECTION
    assert verdict("Gaussian, severity 3") == verdicts.DIRECTION  # 20, the range is 26 to 28
    assert verdict("Impulse, severity 5") == verdicts.REPRODUCED  # 19, the bound is 17
    assert verdict("costs accuracy on fog") == verdicts.DIRECTION
    assert verdict("at least half of the cost on noise") == verdicts.DIRECTION
    assert verdict("is then the better choice") == verdicts.NOT_REPRODUCED  # three quarters are not all


def at_severity(severity: str) -> claim_tables.Claim:
    (claim,) = (claim for claim in claims.VGG13 if claim.text.endswith(severity))
    return claim


@pytest.mark.parametrize("severity", [4, 5])
@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (13.0, verdicts.DIRECTION),  # of a bound, a quarter less is too little
        (16.0, verdicts.DIRECTION),
        (16.9, verdicts.REPRODUCED),  # two standard errors reach it
        (22.0, verdicts.REPRODUCED),
        (40.0, verdicts.REPRODUCED),
        (-20.0, verdicts.NOT_REPRODUCED),
        (0.1, verdicts.inconclusive(3)),
    ],
)
def test_a_bound_is_one_sided(mean, severity, verdict):
    claim, found = at_severity(f"Impulse, severity {severity}"), pd.Series([mean - 0.3, mean, mean + 0.3])
    assert claim.paper == "17 or more" and claim.judge(found, "paper") == verdict
    assert claim.judge(found, "laptop") == (verdict if verdict != verdicts.REPRODUCED else verdicts.DIRECTION)


@pytest.mark.parametrize("severity", [3, 4, 5])
def test_every_severity_of_a_range_is_judged_against_all_of_it(severity):
    claim = at_severity(f"Gaussian, severity {severity}")
    assert claim.paper == "26 to 28"
    for mean, verdict in ((25, verdicts.DIRECTION), (25.8, verdicts.REPRODUCED), (27, verdicts.REPRODUCED)):
        assert claim.judge(pd.Series([mean - 0.3, mean, mean + 0.3]), "paper") == verdict
    assert claim.judge(pd.Series([28.7, 29.0, 29.3]), "paper") == verdicts.DIRECTION


def test_severities_are_of_their_own(results):
    other = results.copy()
    batch = other["norm"] == "batch"
    other.loc[batch, "impulse_noise 5"] += 10.0
    four, five = (at_severity(f"Impulse, severity {severity}") for severity in (4, 5))
    assert claim_tables.judged(four, other, "paper")[1] == verdicts.REPRODUCED
    assert claim_tables.judged(five, other, "paper")[1] == verdicts.DIRECTION


def test_what_the_paper_does_not_say_stands_in_no_column_of_its():
    assert {claim.paper for claim in claims.BEYOND} == {"–"}


def test_a_mean_says_that_the_papers_is_over_all():
    papers = {False: [], True: []}
    for make in (claims.vgg8, claims.vgg13, claims.wrn):
        for ours, theirs in zip(make(GENERATED), make(OFFICIAL), strict=True):
            papers["(without frost)" in ours.text].append((ours.paper, theirs.paper))
    assert all(ours == theirs for ours, theirs in papers[False])
    assert len(papers[True]) == 5 and all(ours == f"{theirs} (all 19)" for ours, theirs in papers[True])


def test_the_five_largest_are_told_from_others(results):
    other = results.copy()
    batch = other["norm"] == "batch"
    others = [name for name in CORRUPTIONS if name not in claims.TOP_FIVE]
    other.loc[batch, others] -= 40.0
    (claim,) = (claim for claim in claims.VGG8 if "the five corruptions" in claim.text)
    assert claim_tables.judged(claim, other, "paper")[1] == verdicts.NOT_REPRODUCED


def test_the_rule_for_the_five_is_not_biased_by_noise():
    """Where all true gaps are equal, as many noisy seeds as one likes give a difference around zero."""
    chance, seeds = np.random.default_rng(0), range(2000)
    drawn = {
        norm: {name: pd.Series(chance.normal(60, 5, len(seeds)), seeds) for name in CORRUPTIONS} for norm in ("none", "batch")
    }
    (claim,) = (claim for claim in claims.VGG8 if "the five corruptions" in claim.text)
    found = claim.measure(lambda metric, arm: drawn[arm["norm"]][metric])
    assert abs(found.mean()) < 4 * found.sem()


def test_generated_frost_is_in_no_mean_that_is_judged(results):
    """Whatever is found on it; the official one is in every mean."""
    other = results.copy()
    other.loc[other["norm"] == "batch", ["frost", "frost, by batch"]] -= 40.0
    for make in (claims.vgg8, claims.vgg13, claims.wrn, claims.beyond):
        for corrupted in (GENERATED, OFFICIAL):
            pairs = [[report.measured(claim.measure, f, "paper") for f in (results, other)] for claim in make(corrupted)]
            assert all(before.equals(after) for before, after in pairs) == (corrupted == GENERATED)
    texts = [claim.text for claim in claims.VGG8]
    assert sum("18 corruptions (without frost)" in text for text in texts) == 3
    assert sum("all 19 corruptions" in claim.text for claim in claims.vgg8(OFFICIAL)) == 3


# --- Tables and figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corrupted", [GENERATED, OFFICIAL])
def test_generated_and_official_images_never_share_a_table(results, corrupted):
    """Taking the records of the other source away changes nothing."""
    results = results[results["scale"] == "laptop"]
    alone = results[results["experiment"] == EXPERIMENT_OF[corrupted]].reset_index(drop=True)
    for both, one in zip(_tables(results, corrupted), _tables(alone, corrupted), strict=True):
        pd.testing.assert_frame_equal(both.rows, one.rows)
        assert set(both.results["experiment"]) == {EXPERIMENT_OF[corrupted]}


def _tables(results, corrupted):
    yield tables.table_13(results, corrupted).table("tab-cc", "Table.")
    yield tables.categories(results, "tab-means", "Means.", corrupted)
    yield tables.nineteen(results, "laptop", "tab-nineteen", "All.", corrupted)
    yield tables.mean_errors(results, "tab-mce", "Errors.", corrupted)


def _rows_of_others(results):
    """All tables of the models that the chapter shows where they were run."""
    for model in tables.others(results, "paper"):
        yield tables.nineteen(results, "paper", "tab-nineteen", "All.", model=model).rows
        yield tables.categories(results, "tab-means", "Means.", model=model).rows
        yield tables.mean_errors(results, "tab-mce", "Errors.", model=model).rows
        yield claim_tables.table(claims.beyond(GENERATED, model), results, "tab-beyond", "Beyond.").rows


def test_others_are_the_models_that_were_tested(results):
    assert tables.others(results, "paper") == ["vgg13", "wrn28"]
    assert tables.others(results, "laptop") == tables.others(results, "quick") == []
    assert tables.others(results[results["experiment"] == EXPERIMENT_OF[GENERATED]], "paper", OFFICIAL) == []


def test_every_network_that_is_tested_is_shown_somewhere(results):
    """Whatever of them is changed, running averages or the statistics of the corrupted batch, changes a table."""
    table_13 = tables.table_13(results).table("tab-cc", "Table.").rows
    shown = list(_rows_of_others(results))
    for model in ("vgg13", "wrn28"):
        other = results.copy()
        other.loc[other["model"] == model, [column for column in other if ", by batch" in str(column)]] -= 30.0
        changed = [not a.equals(b) for a, b in zip(shown, _rows_of_others(other), strict=True)]
        assert sum(changed) == 4
    other = results.copy()
    other.loc[other["norm"] == "fixup", list(CORRUPTIONS)] -= 30.0
    assert not tables.table_13(other).table("tab-cc", "Table.").rows.equals(table_13)


def test_fixup_as_published_is_a_row_where_it_was_tested(results):
    label = "WRN-28-10, Fixup as published"
    rows = tables.table_13(results).table("tab-cc", "Table.").rows
    assert rows[rows["row"] == label]["source"].tolist() == ["ours, paper"]
    laptop = tables.table_13(results[results["scale"] != "paper"])
    assert label not in laptop.rows and len(laptop.rows) == 6


def test_the_papers_table_is_all_there(results):
    comparison = tables.table_13(results)
    rows = comparison.table("tab-cc", "Table.").rows
    printed = rows[rows["source"] == "paper"].set_index("row")
    assert len(printed) == 6 and (printed != "–").all().all()
    assert printed.loc["VGG8, batch norm", "Gaussian"] == "56.4 ± 1.5"
    assert printed.loc["WRN-28-10, Fixup as the code had it", "Contrast"] == "81.2 ± 0.7"
    assert rows[(rows["source"] == "ours, paper")]["row"].tolist() == [""] * 6 + ["WRN-28-10, Fixup as published"]


def test_all_nineteen_are_listed_fog_included(results):
    rows = tables.nineteen(results, "laptop", "tab-nineteen", "All.").rows.set_index("corruption")
    assert list(rows.index) == [tables.in_words(name) for name in CORRUPTIONS] and "Fog" in rows.index
    assert rows.loc["Fog", "paper's gap"] == "–" and rows.loc["Gaussian noise", "paper's gap"] == "9.2 ± 1.9"
    assert rows.loc["Gaussian noise", "gap"].startswith("20.0") and rows.loc["Gaussian noise", "gap left"].startswith("5.0")


def test_gaps_in_print_come_from_the_text_then_from_the_table():
    assert tables.gap_in_print("impulse_noise", "vgg8").printed == "7.5 ± 0.8"  # its table gives 7.6
    assert tables.gap_in_print("jpeg_compression", "wrn28").printed == "4.6 ± 0.3"
    assert tables.gap_in_print("contrast", "vgg13").printed == "-2.4 ± 0.8"
    assert tables.gap_in_print("fog", "vgg8") is None and tables.gap_in_print("snow", "vgg8") is None
    assert [tables.gap_in_print(n, "vgg13").printed for n in ("zoom_blur", "pixelate")] == ["-0.2 ± 1.3", "2.9 ± 0.6"]
    gains = {"contrast": "-4.9 ± 1.1", "snow": "-2.8 ± 0.4", "spatter": "-2.3 ± 0.8"}  # of the wide network, by batch norm
    assert {name: tables.gap_in_print(name, "wrn28").printed for name in gains} == gains


@pytest.mark.parametrize("model", claims.NETWORKS)
def test_what_the_claims_say_of_a_corruption_is_shown_beside_it(model):
    """Every corruption of which a claim has a number of its own, whatever the sign."""
    said = [claim for claim in (*claims.VGG8, *claims.VGG13, *claims.WRN) if claim.text.startswith(claims.NETWORKS[model])]
    for name, words in claims.PRINTED.items():
        named = [claim for claim in said if re.search(rf" on {words}(,|$)", claim.text) and "severity" not in claim.text]
        if named:
            assert tables.gap_in_print(name, model).printed.lstrip("-") in named[0].paper


def test_means_by_category_are_means_over_corruptions(results):
    names = {
        GENERATED: ["clean", "noise (4)", "blur (5)", "weather without frost (4)", "digital (5)", "all without frost (18)"],
        OFFICIAL: ["clean", "noise (4)", "blur (5)", "weather (5)", "digital (5)", "all (19)"],
    }
    for corrupted, expected in names.items():
        rows = tables.categories(results, "tab-means", "Means.", corrupted).rows
        laptop = rows[rows["source"] == "ours, laptop"].set_index("row")
        assert list(laptop.index) == expected
        costs = {n: COST.get(n, GAINS.get(n, 2.0)) for n in claims.averaged(corrupted)}
        groups = [[costs[m.__name__] for m in members if m.__name__ in costs] for members in CATEGORIES.values()]
        for row, members in zip(expected[1:], [*groups, list(costs.values())], strict=True):
            assert float(laptop.loc[row, "gap"].split(" ")[0]) == pytest.approx(np.mean(members), abs=0.006)


@pytest.mark.parametrize(("corrupted", "all_of_them", "own"), [(GENERATED, 18, 14), (OFFICIAL, 19, 15)])
def test_the_two_mean_errors(results, corrupted, all_of_them, own):
    """The plain one is over all corruptions, the benchmark's over those that count for it."""
    plain, relative = f"mean error of {all_of_them} (the paper's mCE)", f"mCE of {own}, reference: no batch norm"
    rows = tables.mean_errors(results, "tab-mce", "Errors.", corrupted).rows
    laptop = rows[rows["source"] == "ours, laptop"].set_index("row")
    costs = {n: COST.get(n, GAINS.get(n, 2.0)) for n in claims.averaged(corrupted)}
    assert len(costs) == all_of_them
    found = float(laptop.loc["batch norm", plain].split(" ")[0])
    assert found == pytest.approx(20 + 9 - 0.1 + np.mean(list(costs.values())), abs=0.05)
    extra = {"speckle_noise", "gaussian_blur", "spatter", "saturate"}
    counting = [100 * (28.9 + cost) / 28.9 for name, cost in costs.items() if name not in extra]
    assert len(counting) == own
    assert float(laptop.loc["batch norm", relative].split(" ")[0]) == pytest.approx(np.mean(counting), abs=0.5)
    assert laptop.loc["no batch norm", relative].startswith("100.00")


def test_extra_corruptions_are_in_no_mce(results):
    other = results.copy()
    other.loc[other["norm"] == "batch", ["speckle_noise", "gaussian_blur", "spatter", "saturate"]] -= 40.0
    before, after = (tables.mean_errors(frame, "tab-mce", "Errors.").rows for frame in (results, other))
    changed = {column for column in before if not before[column].equals(after[column])}
    assert changed == {"mean error of 18 (the paper's mCE)"}


def test_the_papers_mean_error_stands_beside_ours(results):
    rows = tables.mean_errors(results, "tab-mce", "Errors.").rows
    paper = rows[rows["source"] == "paper"].set_index("row")
    assert paper["mean error of 18 (the paper's mCE)"].to_dict() == {"no batch norm": "27.1 ± 0.7", "batch norm": "29.0 ± 0.6"}
    assert paper["clean error"].to_dict() == {"no batch norm": "12.1 ± 0.1", "batch norm": "11.3 ± 0.1"}
    wide = tables.mean_errors(results, "tab-mce", "Errors.", model="wrn28").rows
    wide = wide[wide["source"] == "paper"].set_index("row")
    assert wide.loc["batch norm", "clean error"] == "4.1 ± 0.1" and set(wide["mean error of 18 (the paper's mCE)"]) == {"–"}


def test_every_figure_is_drawn(results):
    for figure in (
        figures.every_corruption(),
        figures.gaps(results, "paper"),
        figures.gaps(results, "laptop", OFFICIAL),
        *(figures.gaps(results, "paper", model=model) for model in ("vgg13", "wrn28")),
        figures.severities(results, "paper", ("fog", "contrast"), model="vgg13"),
        figures.severities(results, "quick", ("fog", "contrast")),
    ):
        assert figure.axes
    axis = figures.gaps(results, "laptop").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [tables.in_words(name) for name in CORRUPTIONS]


def test_the_slider_holds_every_picture_and_needs_nothing_else():
    bundle = figures.Slider()._repr_mimebundle_()
    html = bundle["text/html"]
    assert len(html) < 120_000 and "http" not in html and "src=" not in html
    labels = re.findall(r'role="img" aria-label="([^"]+)"', html)
    assert labels == [tables.in_words(name) for name in CORRUPTIONS]
    assert 'type="range" min="0" max="5"' in html and html.count("<figcaption>") == 19
    sheet = figures.Image.open(figures.io.BytesIO(figures.base64.b64decode(figures.Slider._sheet())))
    assert sheet.size == (19 * 32, 6 * 32)
    column, row = list(CORRUPTIONS).index("pixelate"), 5
    shown = np.asarray(sheet.convert("RGB"))[32 * row : 32 * row + 32, 32 * column : 32 * column + 32].astype(int)
    expected = corrupt(figures.example(), "pixelate", 5)[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(shown - expected).mean() < 12  # WebP loses a little


# --- Parameters and exercises --------------------------------------------------------------------------------------------


def test_official_images_are_not_for_the_quick_scale():
    assert validate(CommonCorruptions, {"scale": "laptop", "corrupted": "official"}).corrupted == "official"
    with pytest.raises(
        ParameterError, match="'official': the official images are of CIFAR-10, .*; allowed is generated, official; at"
    ):
        validate(CommonCorruptions, {"scale": "quick", "corrupted": "official"})
    with pytest.raises(ParameterError, match="corrupted = 'mine'"):
        validate(CommonCorruptions, {"scale": "laptop", "corrupted": "mine"})


@pytest.fixture(scope="module")
def shot_noise_size():
    namespace = {}
    exec(solution(CHAPTER, "ex-cc-shot-noise"), namespace)
    return namespace["shot_noise_size"]


def test_solution_of_the_shot_noise(shot_noise_size):
    assert exercises.check_shot_noise(shot_noise_size) == RIGHT


def test_an_answer_may_draw_the_noise_itself():
    def drawn(pixels, photons, channel_std):
        chance = torch.Generator().manual_seed(1)
        return ((torch.poisson(photons * pixels, chance) / photons - pixels) / channel_std).square().mean().sqrt()

    assert exercises.check_shot_noise(drawn) == RIGHT


def test_the_noises_of_the_question_are_those_of_the_benchmark(shot_noise_size):
    """Their sizes on an image of CIFAR-10's mean brightness, before they are cut off, and their order at every severity."""
    (text,) = (cell for cell in editions.texts(ROOT / "book" / f"{CHAPTER}.ipynb") if "{exercise} A noise that depends" in cell)
    assert f"{np.mean(data.CIFAR10[0]):.4f}" in text and f"{np.mean(data.CIFAR10[1]):.4f}" in text
    image = torch.full((20, 3, 32, 32), 255 * float(np.mean(data.CIFAR10[0])))
    photons, sigmas = (500, 250, 100, 75, 50), (0.04, 0.06, 0.08, 0.09, 0.10)
    for listed in ("500, 250, 100, 75 and 50", "0.04, 0.06, 0.08, 0.09 and 0.10"):
        assert listed in text
    for severity, rate, sigma in zip(SEVERITIES, photons, sigmas, strict=True):
        asked = float(shot_noise_size(image / 255, rate, 1.0))
        for noise, expected in ((corruptions.noise.shot_noise, asked), (corruptions.noise.gaussian_noise, sigma)):
            changed = noise(image, severity, Chance(0, noise.__name__, severity, range(20))) - image
            assert float(changed.square().mean().sqrt()) / 255 == pytest.approx(expected, rel=0.02)
        assert asked < sigma


def test_the_paper_has_higher_accuracies_on_the_weaker_noise():
    pairs = [(model, norm) for model in claims.NETWORKS for norm in (claims.WITHOUT[model], "batch")]
    assert all(tables.printed(*pair, "Shot").value > tables.printed(*pair, "Gaussian").value for pair in pairs)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda pixels, r, std: pixels.mean() / r / std, "variance of a Poisson number"),  # not its root
        (lambda pixels, r, std: (pixels.mean() * r) ** 0.5 / std, "variance of a Poisson number"),  # of m
        (lambda pixels, r, std: pixels.mean() ** 0.5 / r / std, "variance of a Poisson number"),
        (lambda pixels, r, std: pixels.std() / std, "variance of a Poisson number"),
        (lambda pixels, r, std: 0.08 / std, "variance of a Poisson number"),
        (lambda pixels, r, std: 1.02 * (pixels.mean() / r) ** 0.5 / std, "variance of a Poisson number"),
        (lambda pixels, r, std: (pixels.mean() / r) ** 0.5 * std, "What does that do to a change"),
        (lambda pixels, r, std: (pixels.mean() / r) ** 0.5, "What does that do to a change"),
        (lambda pixels, r, std: (pixels.mean() / r / std) ** 0.5, "What does that do to a change"),
        (lambda pixels, r, std: (0.5 / r) ** 0.5 / std, "all three arguments count"),
        (lambda pixels, r, std: (pixels.mean() / 100) ** 0.5 / std, "all three arguments count"),
        (
            lambda pixels, r, std: (pixels.mean() / r) ** 0.5 * 4 if std < 1 else (pixels.mean() / r) ** 0.5,
            "all three arguments",
        ),
        (lambda pixels, r, std: (pixels / r).sqrt().mean() / std, "bright and dark together"),
        (lambda pixels, r, std: (pixels.max() / r) ** 0.5 / std, "bright and dark together"),
        (lambda pixels, r, std: (pixels.median() / r) ** 0.5 / std, "bright and dark together"),
        (lambda pixels, r, std: (pixels.square().mean().sqrt() / r) ** 0.5 / std, "bright and dark together"),
        (lambda pixels, r, std: (pixels / r) ** 0.5 / std, "return one number for all pixels"),
        (lambda pixels: 1, "raises TypeError"),
    ],
)
def test_wrong_answers_about_shot_noise(wrong, hint):
    assert hint in exercises.check_shot_noise(wrong)


def test_solution_of_the_mce():
    namespace = SimpleNamespace()
    exec(solution(CHAPTER, "ex-cc-mce"), vars(namespace))
    assert exercises.check_mce(namespace.mce) == RIGHT


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda e, r: sum(sum(e[n]) / sum(r[n]) for n in e) / len(e), "100 percent"),
        (lambda e, r: 100 * sum(map(sum, e.values())) / sum(map(sum, r.values())), "mean of the two ratios"),
        (lambda e, r: 100 * np.mean([a / b for n in e for a, b in zip(e[n], r[n], strict=True)]), "before you divide"),
        (lambda e, r: None, "return one number"),
        (lambda e, r: 100 * np.median([sum(e[n]) / sum(r[n]) for n in e]), "every one of them counts"),
        (lambda e, r: 100 * sum(sum(e[n]) / sum(r[n]) for n in e) / 2, "the mean is over three"),
        (lambda e, r: 50 * sum(sum(e[n]) / sum(r[n]) for n in ("fog", "snow")), "raises KeyError"),
    ],
)
def test_wrong_answers_about_the_mce(wrong, hint):
    assert hint in exercises.check_mce(wrong)
