"""Data frames, tables, figures and claims from made-up records whose numbers are known."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from common import record, records_of

from lib import measurements, origin, report, verdicts
from lib.claims import minus
from lib.claims import table as claims_table
from lib.input_dimension import claims, experiments, tables
from lib.paper import reported, stated
from lib.report import Column, Comparison, Table
from lib.trials import Trial

ALL_CLAIMS = {
    name: getattr(claims, name)
    for name in ("LINEAR", "LINEAR_OTHER_BASELINE", "BATCH_NORM", "DECAY", "INITIALISATION", "STATISTICS", "DAMAGE", "LEFTOVER")
}


@pytest.fixture
def results() -> pd.DataFrame:
    """Every table of chapter 05 at the paper's scale: accuracies that depend on the settings, plus the seed."""

    def accuracy(trial: Trial, label: str) -> float:
        batch_norm = 20 if trial.norm else 0
        return 90 - batch_norm - trial.image_size / 10 + trial.seed + len(label) / 10

    made_up = [records_of(table, "paper", accuracy) for table in experiments.EXPERIMENTS.values()]
    return pd.concat([report.frame(records, "paper") for records in made_up], ignore_index=True)


def test_a_row_a_trial_with_its_settings_and_metrics(results):
    assert len(results) == sum(len(table("paper")) for table in experiments.EXPERIMENTS.values())
    row = results[(results["image_size"] == 56) & (results["norm"] == "batch") & (results["init"] == "he")].iloc[0]
    assert row["model"] == "mlp" and row["scale"] == "paper" and np.isfinite(row["accuracy bim-linf-0.1"])


def test_a_model_is_named_by_its_architecture():
    trial = experiments.table_11("paper", seeds=1, sizes=(28,))[0]
    kinds = [trial, dataclasses.replace(trial, hidden=(8,)), dataclasses.replace(trial, architecture="vgg8")]
    assert list(report.frame([record(kind) for kind in kinds], "paper")["model"]) == ["linear", "mlp", "vgg8"]


def test_values_are_indexed_by_seed_and_empty_where_nothing_was_run(results):
    assert list(report.values(results, claims.BIM, "paper", **claims.mlp(28)).index) == [0, 1, 2, 3, 4]
    assert report.values(results, claims.BIM, "laptop", **claims.mlp(28)).empty
    assert report.values(results, "accuracy of something else", "paper", **claims.mlp(28)).empty


def test_diverged_networks_are_left_out_and_counted():
    trials = experiments.table_06("paper", seeds=2, sizes=(28,))
    made_up = [record(trials[0], diverged_at=3), *(record(t, clean=50.0) for t in trials[1:])]
    results = report.frame(made_up, "paper")
    assert list(report.values(results, "accuracy clean", "paper", **claims.mlp(28)).index) == [1]
    assert "1 diverged network left out" in report.sources(results, [claims.mlp(28)])


def test_results_of_different_precision_are_never_put_together():
    exact = experiments.table_06("paper", seeds=2, sizes=(28, 56))
    rough = dataclasses.replace(exact[0], seed=2, precision="bf16")
    assert (rough.image_size, rough.norm) == (28, None)
    results = report.frame([record(trial, clean=50.0) for trial in (*exact, rough)], "paper")
    assert list(report.values(results, "accuracy clean", "paper", **claims.mlp(56)).index) == [0, 1]
    assert list(report.values(results, "accuracy clean", "paper", **claims.mlp(28, "batch")).index) == [0, 1]
    for settings in claims.mlp(28), {}:
        with pytest.raises(ValueError, match="different precision: fp32, bf16; select one"):
            report.values(results, "accuracy clean", "paper", **settings)
    for precision, seeds in ("fp32", [0, 1]), ("bf16", [2]):
        chosen = report.values(results, "accuracy clean", "paper", **claims.mlp(28), precision=precision)
        assert list(chosen.index) == seeds
    assert report.values(results, "accuracy clean", "laptop", **claims.mlp(28)).empty


def test_two_values_of_one_seed_are_never_put_together():
    """As where records stay of an experiment as it was before one of its settings changed that these do not name."""
    trials = experiments.table_06("paper", seeds=3, sizes=(28,))
    older = dataclasses.replace(trials[1], momentum=0.5)
    assert (older.seed, older.norm) == (1, None)
    results = report.frame([record(trial, clean=50.0) for trial in (*trials, older)], "paper")
    clean = report.value_of("accuracy clean", claims.mlp(28))
    for found in (
        lambda: report.values(results, "accuracy clean", "paper", **claims.mlp(28)),
        lambda: report.measured(clean, results, "paper"),
    ):
        with pytest.raises(ValueError, match="several values for one seed: 1; name more settings"):
            found()
    assert list(report.values(results, "accuracy clean", "paper", **claims.mlp(28, "batch")).index) == [0, 1, 2]
    mean = report.measured(lambda get: clean(get).groupby(level=0).mean(), results, "paper")
    assert list(mean.index) == [0, 1, 2]


def test_precisions_are_told_apart_even_where_networks_diverged():
    trials = experiments.table_06("paper", seeds=1, sizes=(28,))[:1]
    trials += [dataclasses.replace(trials[0], seed=1, precision="bf16")]
    results = report.frame([record(trials[0], clean=50.0), record(trials[1], diverged_at=1)], "paper")
    with pytest.raises(ValueError, match="different precision"):
        report.values(results, "accuracy clean", "paper", **claims.mlp(28))


def test_a_caption_names_the_precision(results):
    assert "fp32" in report.sources(results, [claims.mlp(28)])
    rough = results.assign(precision="bf16")
    assert "bf16" in report.sources(rough, [claims.mlp(28)]) and "fp32" not in report.sources(rough, [claims.mlp(28)])


def test_what_was_just_run_replaces_the_published_records_of_its_scale(monkeypatch):
    published = {scale: records_of(experiments.table_11, scale, lambda t, label: 10.0) for scale in ("quick", "paper")}
    monkeypatch.setattr(report.store, "published", lambda experiment, scale: published.get(scale, []))
    fresh = records_of(experiments.table_11, "quick", lambda t, label: 20.0)
    results = report.collect({"table-11": fresh}, "quick")
    assert set(results[results["scale"] == "quick"]["accuracy clean"]) == {20.0}
    assert set(results[results["scale"] == "paper"]["accuracy clean"]) == {10.0}


def test_a_caption_names_only_what_its_table_shows(results):
    some = pd.concat([results, results[results["model"] == "linear"].assign(scale="quick", device="another CPU")])
    assert "another CPU" not in tables.statistics(some, "tab-x", "").caption
    assert "another CPU" in tables.damage(some, "tab-x", "").caption


def test_the_cost_of_batch_norm_is_a_difference_seed_by_seed(results):
    cost = claims.cost_of_batch_norm(claims.BIM, 56)
    found = report.measured(cost, results, "paper")
    assert found.tolist() == pytest.approx([20.0] * 5)


def test_two_columns_of_one_title_are_refused(results):
    column = Column("BIM", find=lambda *_: pd.Series(dtype=float), paper=lambda settings: None)
    with pytest.raises(ValueError, match="title"):
        Comparison(results, {"row": claims.mlp(28)}, [column, column])


def test_either_baseline_stands_beside_the_printed_one(results):
    other = tables.table_11(results, baseline_decay=1e-3)
    assert other.columns[0].paper(other.rows["28 px, λ = 0.001"]).printed == "92.4 ± 0.1"
    assert (other.columns[0].find(results, "paper", claims.linear(28, 1e-3)) > 50).all()
    assert (other.columns[0].find(results, "paper", claims.linear(56)) < 2).all()


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ([92.42, 92.5, 92.46], "92.46 ± 0.02"),
        ([50, 60], "55 ± 5"),
        ([0.2681, 0.2684], "0.2682 ± 0.0002"),
        ([3.0], "3.00"),
        ([], "–"),
        ([1, 1], "1.00 ± 0.00"),
    ],
)
def test_numbers_are_shown_to_the_first_digit_of_their_error(found, shown):
    assert report.number(verdicts.Estimate.of(found)) == shown


def test_a_comparison_shows_paper_ours_and_verdict():
    trials = experiments.table_06("paper", sizes=(28,))
    accuracy = {None: 66.7, "batch": 50.0}
    made_up = [record(t, **{"bim-linf-0.1": accuracy[t.norm] + t.seed * 0.1}) for t in trials]
    rows = {"without": claims.mlp(28), "with": claims.mlp(28, "batch")}
    column = Column(
        "BIM",
        find=lambda results, scale, settings: report.values(results, claims.BIM, scale, **settings),
        paper=lambda settings: reported("6", "eps=0.1", sqrt_d=28, BN=settings["norm"] == "batch"),
    )
    shown = Comparison(report.frame(made_up, "paper"), rows, [column]).table("tab-x", "Caption.").rows
    assert shown["BIM"].tolist() == [
        "66.7 ± 0.9", "66.90 ± 0.07", verdicts.REPRODUCED,
        "22.9 ± 0.7", "50.20 ± 0.07", verdicts.NOT_REPRODUCED,
    ]  # fmt: skip
    assert shown["source"].tolist() == ["paper", "ours, paper", "verdict"] * 2


@pytest.mark.parametrize("build", [tables.table_06, tables.table_07, tables.table_11, tables.table_12])
def test_every_number_of_the_papers_tables_stands_beside_ours(results, build):
    comparison = build(results)
    expected = {"table_06": 18, "table_07": 12, "table_11": 35, "table_12": 36}[build.__name__]
    printed = [c.paper(settings) for settings in comparison.rows.values() for c in comparison.columns]
    assert sum(p is not None for p in printed) == expected
    shown = comparison.table("tab-x", "").rows
    assert not (shown[shown["source"] == "ours, paper"] == "–").to_numpy().any()
    assert isinstance(comparison.figure(), plt.Figure)


@pytest.mark.parametrize("name", ["invariance", "initialisation", "leftover", "damage", "statistics", "uncertainties"])
def test_tables_beyond_the_paper_have_no_gaps_when_all_was_run(results, name):
    shown = getattr(tables, name)(results, "tab-x", "Caption.")
    ours = shown.rows[shown.rows["source"] != "paper"] if "source" in shown.rows else shown.rows
    assert len(ours) and not (ours == "–").to_numpy().any()
    assert "5 seeds" in shown.caption


@pytest.mark.parametrize("name", ALL_CLAIMS)
def test_every_claim_has_a_value_a_seed_and_a_verdict(results, name):
    for claim in ALL_CLAIMS[name]:
        found = report.measured(claim.measure, results, "paper")
        assert list(found.index) == [0, 1, 2, 3, 4], claim.text
        assert claim.judge(found, "paper") in (
            verdicts.REPRODUCED, verdicts.DIRECTION, verdicts.NOT_REPRODUCED, verdicts.inconclusive(5),
        )  # fmt: skip
        assert claim.judge(found.iloc[:0], "paper") == verdicts.NOT_RUN
    shown = claims_table(ALL_CLAIMS[name], results, "tab-x", "Caption.")
    assert len(shown.rows) == len(ALL_CLAIMS[name])


def test_differences_of_printed_numbers_combine_their_errors():
    cost = minus(reported("6", "eps=0.1", sqrt_d=28, BN=False), reported("6", "eps=0.1", sqrt_d=28, BN=True))
    assert cost.value == pytest.approx(43.8) and cost.error == pytest.approx(np.hypot(0.9, 0.7))
    assert cost.printed == "43.8 ± 1.1"
    without_errors = minus(
        stated("invariance examples correct, weight decay"), stated("invariance examples correct, batch norm")
    )
    assert (without_errors.printed, without_errors.error) == ("12", None)


def test_a_table_is_a_directive_in_the_book_and_text_elsewhere():
    shown = Table("tab-x", "A caption.", pd.DataFrame({"a": ["1", "2"], "b": ["3", "4"]}))._repr_mimebundle_()
    assert shown["text/markdown"].splitlines() == [
        ":::{list-table} A caption.", ":name: tab-x", ":header-rows: 1", "",
        "* - a", "  - b", "* - 1", "  - 3", "* - 2", "  - 4", ":::",
    ]  # fmt: skip
    assert "<table" in shown["text/html"] and "A caption." in shown["text/plain"]


def test_a_figure_shows_the_largest_scale_that_was_run_of_its_rows():
    """Not of the whole frame, in which another table may have been run at a larger one."""
    trials = experiments.table_06("quick", seeds=2, sizes=(28,))
    other = experiments.table_11("paper", seeds=2, sizes=(28,))
    frames = [report.frame([record(t, clean=50.0) for t in some], s) for some, s in ((trials, "quick"), (other, "paper"))]
    column = Column("clean", lambda r, scale, arm: report.values(r, "accuracy clean", scale, **arm), lambda arm: None)
    comparison = Comparison(pd.concat(frames, ignore_index=True), {"row": claims.mlp(28)}, [column])
    assert comparison.scales[0] == "paper"
    legend = comparison.figure().legends[0]
    assert [text.get_text() for text in legend.get_texts()][1] == "ours, quick scale"


def test_published_records_of_what_was_not_run_now_are_shown_at_any_scale(monkeypatch):
    trials = experiments.table_11("laptop", seeds=1, sizes=(28,))
    published = {"table-11": [record(trial, clean=50.0) for trial in trials]}
    monkeypatch.setattr(report.store, "published", lambda name, scale: published.get(name, []) if scale == "laptop" else [])
    assert len(report.collect({"table-11": [], "table-06": []}, "laptop")) == len(trials)
    fresh = [record(trial, clean=60.0) for trial in trials]
    assert set(report.collect({"table-11": fresh}, "laptop")["accuracy clean"]) == {60.0}


def with_provenance(trial: Trial, **more) -> dict:
    made_up = record(trial, clean=50.0 + trial.seed)
    made_up["provenance"] |= {
        "commit": "0123456789abcdef-dirty",
        "threads": 2,
        "torch": "2.6.0",
        "train_seconds": 1000.0,
        "evaluate_seconds": 234.5,
        "data": {"train": "f" * 64, "mnist": "e" * 64},
    } | more
    return made_up


@pytest.fixture
def traced() -> pd.DataFrame:
    trials = experiments.table_06("paper", seeds=3, sizes=(28,))
    return report.frame([with_provenance(trial) for trial in trials if trial.seed != 1], "paper", "table-06")


def test_seeds_are_told_as_the_command_line_takes_them_in_whatever_order_they_were_run(traced):
    seeds = [7, 3, 0, 4, 2, 4]
    rows = pd.concat([traced.iloc[[0]].assign(seed=seed) for seed in seeds], ignore_index=True)
    shown = origin.table(rows).iloc[0]
    assert shown["seeds"] == "0,2-4,7" and shown["command"].endswith(" --seeds 0,2-4,7")


def test_where_numbers_come_from_is_told_for_each_experiment_and_scale(traced):
    quick = traced.assign(scale="quick", commit="f" * 40)
    shown = origin.table(pd.concat([traced, quick], ignore_index=True))
    assert shown["scale"].tolist() == ["paper", "quick"]
    assert shown.iloc[0].to_dict() == {
        "scale": "paper",
        "experiment": "table-06",
        "command": ".venv/bin/python -m lib run table-06 --scale paper --seeds 0,2",
        "commit": "0123456789ab-dirty",
        "seeds": "0,2",
        "device": "a CPU, 2 cores",
        "threads": "2",
        "precision": "fp32",
        "torch": "2.6.0",
        "seconds": "4,938",
        "data, SHA-256": f"train {'f' * 12}, mnist {'e' * 12}",
    }
    assert shown.iloc[1]["commit"] == "f" * 12


def test_seconds_count_once_a_record_however_many_rows_it_makes(traced):
    found = {"trial": {"settings": {"dataset": "two circles"}}, "seed": 0}
    found |= {
        "metrics": {"layer": [0, 1, 2], "norm": ["none"] * 3},
        "provenance": {"device": "a CPU", "precision": "fp64", "seconds": 30},
    }
    shown = origin.table(measurements.frame([found, found | {"seed": 1}], "paper", "figure-01"))
    assert shown["seconds"].tolist() == ["60"] and shown["seeds"].tolist() == ["0-1"]
    assert shown["command"].tolist() == [".venv/bin/python -m lib run figure-01 --scale paper --seeds 0-1"]


def test_what_records_do_not_say_is_left_out(results):
    shown = origin.html(origin.table(results.assign(experiment="table-06")))
    assert "commit" not in shown and "seconds" not in shown and "a CPU, 2 cores" in shown


BUILT = {
    "comparison": lambda found: tables.table_06(found).table("tab-x", "Caption."),
    "claims": lambda found: claims_table(claims.BATCH_NORM, found, "tab-x", "Caption."),
    "by scale": lambda found: tables.statistics(found, "tab-x", "Caption."),
}


@pytest.mark.parametrize("build", BUILT.values(), ids=BUILT)
def test_every_table_of_results_folds_out_to_where_they_come_from(traced, build):
    shown = build(traced)._repr_mimebundle_()
    for text in shown["text/markdown"], shown["text/html"]:
        assert (
            text.count("<details") == text.count("</details>") == 1
            and "open" not in text.partition("<details")[2].partition(">")[0]
        )
        assert "--seeds 0,2" in text and "0123456789ab-dirty" in text
    table, _, details = shown["text/markdown"].partition("\n\n<details")
    assert table.endswith("\n:::") and "\n\n" not in details
    for told in ("0123456789ab", "4,938", "details"):  # which another run changes
        assert told not in shown["text/plain"]


def test_a_table_tells_only_of_the_rows_it_shows(traced):
    other = traced.assign(experiment="table-11", model="linear", commit="a" * 40)
    shown = BUILT["comparison"](pd.concat([traced, other], ignore_index=True)).markdown()
    assert "table-06" in shown and "table-11" not in shown and "a" * 12 not in shown


def test_a_table_of_no_results_folds_out_to_nothing(traced):
    assert "details" not in Table("tab-x", "Caption.", traced).markdown()
    assert "details" not in BUILT["comparison"](traced.iloc[:0]).markdown()


def test_what_is_told_is_escaped(traced):
    assert "&lt;script&gt;" in BUILT["comparison"](traced.assign(device="<script>")).origin()
