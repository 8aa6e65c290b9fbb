"""The command line: what is typed is checked, and a sweep can be run, watched and published without a notebook."""

import pytest
from click.testing import CliRunner

from lib import __main__ as cli
from lib import costs, experiments, status, store
from lib.evaluate import Evaluation
from lib.trials import Trial, over_seeds

TRIAL = Trial("mnist-5k", 28, (Evaluation(),), epochs=1, batch_size=1000)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs a command with one experiment of three small trials, in a store of its own."""
    table = lambda scale, seeds=None: over_seeds([TRIAL], seeds or 3)  # noqa: E731
    monkeypatch.setattr(status, "EXPERIMENTS", {"table-11": table})
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


def test_a_budget_too_small_is_no_error(command):
    result = command("run", "table-11", "--budget", "1s")
    assert result.exit_code == 0 and "Stopped" in result.output and "run again" in result.output


def test_the_published_benchmarks_can_be_shown():
    shown = costs.ratios("tab", "A caption.", peers=("torchattacks",)).rows
    assert {"`bim-linf-vgg8-bn`", "`bim-l2-vgg8-bn`"} <= {work.partition(":")[0] for work in shown["work"]}
    assert costs.growth().axes and len(costs.trials("tab", "A caption.").rows)
