"""The command line: what is typed is checked, and a sweep can be run, watched and published without a notebook."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lib import __main__ as cli
from lib import cluster, costs, experiments, runs, status, store
from lib.evaluate import Evaluation
from lib.trials import Trial, over_seeds

TRIAL = Trial("mnist-5k", 28, (Evaluation(),), epochs=1, batch_size=1000)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs a command with one experiment of three small trials, in a store of its own."""
    table = lambda scale, seeds=None: over_seeds([TRIAL], seeds or 3)  # noqa: E731
    monkeypatch.setattr(status, "NAMES", ["table-11", "figure-01"])
    monkeypatch.setitem(experiments.EXPERIMENTS, "table-11", table)
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(store, "PUBLISHED", tmp_path / "published")
    return lambda *arguments: CliRunner().invoke(cli.main, arguments)


def row(result, scale):
    return next(line.split() for line in result.output.splitlines() if f" {scale} " in line)


@pytest.mark.parametrize(("text", "seeds"), [("3", [3]), ("0-4", [0, 1, 2, 3, 4]), ("0,2,5-6", [0, 2, 5, 6]), ("1,1", [1])])
def test_seeds(text, seeds):
    assert cli.Seeds().convert(text, None, None) == seeds


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("9m", 540), ("1h30m", 5400), ("1.5h", 5400)])
def test_durations(text, seconds):
    assert cli.Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--seeds", "x", "write 0-4, 3 or 0,2,5-7"),
        ("--seeds", "4-0", "holds no seed"),
        ("--seeds", "0-9999999", "beyond the last seed, 999"),
        ("--budget", "9", "write 90s, 9m or 1h30m"),
        ("--budget", "999999999999999h", "too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(command, option, value, message):
    result = command("run", "table-11", option, value)
    assert result.exit_code == 2 and message in result.output


def test_a_sweep_is_run_watched_and_published(command):
    assert row(command("status"), "laptop")[2:6] == ["3", "0", "0", "3"]
    result = command("run", "table-11", "--scale", "laptop", "--seeds", "0,2")
    assert result.exit_code == 0 and "All 2 trials" in result.output
    found = row(command("status"), "laptop")
    assert found[2:6] == ["3", "2", "0", "1"] and found[6] != "unknown"
    assert "2 trials" in command("publish", "table-11", "--scale", "laptop").output
    assert row(command("status"), "laptop")[2:6] == ["3", "2", "2", "1"]


def test_what_is_no_table_of_trained_networks_is_run_watched_and_published_alike(command):
    assert command("run", "figure-01", "--scale", "laptop", "--seeds", "0,2").exit_code == 0
    found = [line.split() for line in command("status").output.splitlines() if "figure-01 laptop" in line]
    assert found[0][2:6] == ["50", "2", "0", "48"] and found[0][6] != "unknown"
    assert "2 trials" in command("publish", "figure-01", "--scale", "laptop").output
    late = command("run", "figure-01", "--scale", "laptop", "--budget", "1s")
    assert late.exit_code == os.EX_TEMPFAIL and "2 of 50 trials are finished" in late.output
    elsewhere = command("run", "figure-01", "--scheduler", "local:2")
    assert elsewhere.exit_code == 2 and "leave --scheduler out" in elsewhere.output


@pytest.mark.parametrize("scale", ["quick", "laptop", "paper"])
@pytest.mark.parametrize("table", experiments.EXPERIMENTS.values(), ids=experiments.EXPERIMENTS)
def test_trials_of_chosen_seeds_are_those_among_all(table, scale):
    assert table(scale, [1, 9]) == [trial for trial in table(scale, 10) if trial.seed in (1, 9)]


@pytest.mark.parametrize(
    ("error", "exit_status", "why"),
    [
        (KeyboardInterrupt(), 130, "Ctrl-C"),
        (runs.OutOfTime("too long"), 75, "the time is over"),
        (cluster.ClusterError("no cluster any more"), 1, "no cluster any more"),
    ],
)
def test_whatever_ends_a_run_early_one_sentence_says_what_is_finished(command, monkeypatch, tmp_path, error, exit_status, why):
    command("run", "table-11", "--seeds", "0")

    def stop(*args, **options):
        raise error

    monkeypatch.setattr(runs, "run", stop)
    result = command("run", "table-11")
    assert result.exit_code == exit_status
    said = f"{why}. 1 of 3 trials are finished, in {tmp_path / 'runs'}; the same command goes on."
    assert result.output == f"Stopped: {said}\n"


def test_a_budget_too_small_has_an_exit_status_of_its_own(command):
    result = command("run", "table-11", "--budget", "1s")
    assert result.exit_code == 75 and "0 of 3 trials are finished" in result.output


def test_a_scheduler_that_cannot_be_meant_is_refused(command):
    assert isinstance(command("run", "table-11", "--scheduler", "local").exception, cluster.ClusterError)


def test_an_experiment_without_trials_at_a_scale_is_refused_with_the_scales_that_it_has(command):
    result = command("run", "table-13-official")
    assert result.exit_code == 2 and "no trials at the quick scale; it has some at: laptop, paper" in result.output


def test_nothing_to_compute_shows_no_progress(capsys, tmp_path):
    assert runs.run([], store=tmp_path) == [] and capsys.readouterr() == ("", "")


def test_names_of_experiments_are_listed_once(command):
    for arguments in (["run"], ["run", "--help"], ["publish", "--help"]):
        assert command(*arguments).output.count("table-10-cifar10") == 1


def test_a_damaged_record_is_a_warning_in_a_line(command, tmp_path):
    command("run", "table-11", "--scale", "laptop")
    (path, *_) = (tmp_path / "runs").glob("*.json")
    path.write_text("{}")
    for arguments in (["status"], ["publish", "table-11", "--scale", "laptop"]):
        (warning,) = {line for line in command(*arguments).output.splitlines() if "Warning" in line or "warn(" in line}
        assert warning.startswith(f"Warning: the record {path} is damaged")


def test_commands_import_what_they_need():
    """Chapters are executed and plotted by few: the others, and every worker, need not wait for that."""
    code = "import sys, lib.__main__; sys.exit(str({'matplotlib', 'papermill'} & {*sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], cwd=store.REPOSITORY, capture_output=True, text=True)
    assert found.stderr.strip() == "set()"


def test_the_published_benchmarks_can_be_shown():
    shown = costs.ratios("tab", "A caption.", peers=("torchattacks",)).rows
    assert {"`bim-linf-vgg8-bn`", "`bim-l2-vgg8-bn`"} <= {work.partition(":")[0] for work in shown["work"]}
    assert costs.growth().axes and len(costs.trials("tab", "A caption.").rows)
