"""The benchmarks: what is measured where, and what is kept of it. How fast anything is, `make bench` says."""

import io
import json
import os
import statistics
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from common import NARROW
from torch.utils.flop_counter import FlopCounterMode

from lib import costs, provenance, store
from tests.benchmarks import __main__ as bench
from tests.benchmarks import attacks, contestant, corruptions, inputs, memory, scaling, timing, training
from tests.benchmarks.scaling import Scaling
from tests.benchmarks.timing import Result

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)
HERE = [CPU, torch.device("cuda")] if torch.cuda.is_available() else [CPU]
NOWHERE = torch.device("meta")  # tensors without values: what is left on the CPU by mistake is seen


def result(work, peer="foolbox", ours=1.0, met=True, device="cpu"):
    goal = "–" if met is None else "≥ 1"
    return Result(work, peer, device, 2 / ours, goal, met, ours, 2.0, "s", 5, "fp32", "2 images")


def curve(axis, slope=1.0):
    return Scaling("train-mlp", axis, "cpu", (1, 2), [1.0, 2.0], slope)


# --- What is kept ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bench_run(monkeypatch, tmp_path):
    """Runs the command with made-up results, one a work and two of scaling.

    `ours` are the seconds of each; `before` is called before each work.
    """
    run = SimpleNamespace(ours=1.0, before=lambda name: None, measured=[], draft=tmp_path / "runs" / "benchmarks.json")

    def measure(name, device):
        run.before(name)
        run.measured.append(name)
        yield from [curve("seeds"), curve("epsilons")] if name == bench.SCALING else [result(name, ours=run.ours)]

    def command(*arguments):
        run.measured.clear()
        return CliRunner().invoke(bench.main, ["--device", "cpu", *map(str, arguments)])

    monkeypatch.setenv("BATCHNORM_RUNS", str(run.draft.parent))
    monkeypatch.setattr(bench, "RECORD", tmp_path / "published" / "benchmarks.json")
    monkeypatch.setattr(bench, "PACKAGES", ("torch",))  # ART is there for `make bench` alone
    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "prepare", lambda device: None)
    run.command = command
    return run


@pytest.fixture
def published(bench_run):
    bench.RECORD.parent.mkdir()
    bench.RECORD.write_text("of a complete run")
    return bench.RECORD


def works(path):
    """The seconds of ours by the work, as the file holds them."""
    return {row["work"]: row["ours"] for row in json.loads(path.read_text())["results"]}


def interrupt_at(work):
    def before(name):
        if name == work:
            raise KeyboardInterrupt

    return before


def test_results_are_in_the_file_before_the_next_work_begins(bench_run, published):
    seen = []
    bench_run.before = lambda name: seen.append(len(works(bench_run.draft)) if bench_run.draft.exists() else 0)
    assert bench_run.command().exit_code == 0
    assert bench_run.measured == list(bench.NAMES) and seen == list(range(len(bench.NAMES)))


def test_an_interrupted_run_keeps_what_it_measured_and_leaves_the_published_record(bench_run, published):
    first, second, third = bench.NAMES[:3]
    bench_run.before = interrupt_at(third)
    stopped = bench_run.command()
    assert stopped.exit_code == 1 and str(bench_run.draft) in stopped.output
    assert list(works(bench_run.draft)) == [first, second]
    assert published.read_text() == "of a complete run"


def test_scalings_are_kept_one_by_one(bench_run, monkeypatch):
    def measure(name, device):
        yield curve("seeds")
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measure", measure)
    assert bench_run.command("--only", bench.SCALING).exit_code == 1
    assert [row["axis"] for row in json.loads(bench_run.draft.read_text())["scaling"]] == ["seeds"]


def test_a_complete_run_becomes_the_published_record(bench_run, published):
    finished = bench_run.command()
    assert finished.exit_code == 0 and str(published) in finished.output
    record = json.loads(published.read_text())
    assert list(works(published)) == [name for name in bench.NAMES if name != bench.SCALING]
    assert [row["axis"] for row in record["scaling"]] == ["seeds", "epsilons"]
    assert record["machine"]["device"] == record["machine"]["cpu"] == provenance.device_name(CPU)
    assert not bench_run.draft.exists()


@pytest.mark.parametrize("options", [["--only", bench.NAMES[0]], ["--output", "elsewhere.json"]])
def test_any_other_run_leaves_the_published_record(bench_run, published, tmp_path, options):
    options = [tmp_path / option if option.endswith(".json") else option for option in options]
    assert bench_run.command(*options).exit_code == 0 and bench_run.measured
    assert published.read_text() == "of a complete run"


def test_nothing_is_written_to_the_published_record_piece_by_piece(bench_run, published):
    refused = bench_run.command("--only", bench.NAMES[0], "--output", published)
    assert refused.exit_code == 2 and "by a complete run alone" in refused.output
    assert not bench_run.measured and published.read_text() == "of a complete run"


def test_the_rest_of_an_interrupted_run_is_added(bench_run, tmp_path):
    first, second, third = bench.NAMES[:3]
    output = tmp_path / "some.json"
    bench_run.command("--only", first, "--only", second, "--only", bench.SCALING, "--output", output)
    bench_run.ours = 4.0
    added = bench_run.command("--only", second, "--only", third, "--output", output)
    assert added.exit_code == 0 and bench_run.measured == [second, third]
    assert works(output) == {first: 1.0, second: 4.0, third: 4.0}
    assert len(json.loads(output.read_text())["scaling"]) == 2
    assert all(name in added.output for name in (first, second, third, "epsilons"))


def test_results_are_replaced_by_those_of_the_same_peer_or_axis_alone():
    record = {"results": [], "scaling": []}
    for found in (result("a"), result("a", "art"), result("b"), curve("seeds"), curve("epsilons")):
        record = bench.including(record, found)
    record = bench.including(bench.including(record, result("a", "art", ours=4.0)), curve("seeds", slope=2.0))
    assert [(row["work"], row["peer"], row["ours"]) for row in record["results"]] == [
        ("a", "foolbox", 1.0), ("a", "art", 4.0), ("b", "foolbox", 1.0),
    ]  # fmt: skip
    assert [(row["axis"], row["slope"]) for row in record["scaling"]] == [("seeds", 2.0), ("epsilons", 1.0)]


def test_a_run_of_everything_begins_anew(bench_run):
    first, second, third = bench.NAMES[:3]
    bench_run.command("--only", third)
    bench_run.before = interrupt_at(second)
    bench_run.command()
    assert list(works(bench_run.draft)) == [first]


def test_results_of_another_machine_are_not_added_to(bench_run, monkeypatch):
    bench_run.command("--only", bench.NAMES[0])
    before = bench_run.draft.read_bytes()
    monkeypatch.setattr(provenance, "commit", lambda: "another")
    refused = bench_run.command("--only", bench.NAMES[1])
    assert refused.exit_code == 1 and "commit" in refused.output and "another" in refused.output
    assert "--output" in refused.output and "date" not in refused.output
    assert not bench_run.measured and bench_run.draft.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"machine": {}, "results": []}', '{"machine": 1, "results": [], "scaling": []}']
)
def test_a_file_of_something_else_is_not_added_to(bench_run, tmp_path, text):
    output = tmp_path / "other.json"
    output.write_text(text)
    refused = bench_run.command("--only", bench.NAMES[0], "--output", output)
    assert refused.exit_code == 1 and str(output) in refused.output and "--output" in refused.output
    assert not bench_run.measured and output.read_text() == text


def test_no_file_is_half_written(bench_run, monkeypatch):
    first, second, _ = bench.NAMES[:3]
    bench_run.command("--only", first)
    before = bench_run.draft.read_bytes()

    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    failed = bench_run.command("--only", second)
    assert failed.exit_code == 1 and "No space left" in failed.output
    assert bench_run.draft.read_bytes() == before
    assert list(bench_run.draft.parent.iterdir()) == [bench_run.draft]


def test_a_missing_library_is_named_before_anything_is_measured(bench_run, monkeypatch):
    monkeypatch.setattr(bench, "PACKAGES", ("torch", "no-such-library"))
    failed = bench_run.command()
    assert failed.exit_code == 1 and "no-such-library is not installed" in failed.output and "make bench" in failed.output
    assert not bench_run.measured


# --- Devices ---------------------------------------------------------------------------------------------------------


def test_an_unknown_device_is_named_with_what_is_allowed(bench_run):
    failed = bench_run.command("--device", "gpu")
    assert failed.exit_code == 2 and "unknown device 'gpu'" in failed.output and "auto, cpu, cuda" in failed.output
    assert not bench_run.measured


@pytest.mark.parametrize(("device", "devices", "found"), [("cuda", 0, "no"), ("cuda:1", 1, "1")])
def test_a_device_that_is_not_there_is_named(bench_run, monkeypatch, device, devices, found):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    failed = bench_run.command("--device", device)
    assert failed.exit_code == 2 and f"'{device}'" in failed.output and f"{found} CUDA" in " ".join(failed.output.split())
    assert not bench_run.measured


@pytest.mark.parametrize(("there", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(bench_run, monkeypatch, there, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    finished = bench_run.command("--device", "auto", "--only", bench.NAMES[0])
    assert f"{bench.NAMES[0]} on {device} …" in finished.output
    machine = json.loads(bench_run.draft.read_text())["machine"]
    assert machine["device"] == ("NVIDIA H100" if there else machine["cpu"])
    assert ("threads" in machine) == (not there)


def test_every_process_is_prepared_for_its_device(monkeypatch):
    current, threads = [], []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    timing.prepare(CPU)
    assert (current, threads) == ([], [timing.THREADS])
    timing.prepare(GPU)
    timing.prepare(torch.device("cuda"))
    assert (current, threads) == ([1, 0], [timing.THREADS])


def test_the_clock_starts_and_stops_when_the_device_is_idle(monkeypatch):
    events = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append(device))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: events.append("clock") or len(events))
    assert timing.seconds(lambda: events.append("run"), GPU) == 3
    assert events == [GPU, "clock", "run", GPU, "clock"]
    events.clear()
    timing.seconds(lambda: events.append("run"), CPU)
    assert events == ["clock", "run", "clock"]


def test_the_memory_of_a_gpu_is_that_of_its_tensors(monkeypatch):
    allocated = {GPU: 3 * 2**20}
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", allocated.__getitem__)
    assert memory.peak(GPU) == 3
    assert memory.peak(CPU) > 50  # MiB of a process that has imported torch


def test_memory_is_measured_as_often_as_time(monkeypatch):
    commands = []

    def run(command, **settings):
        commands.append(command)
        return SimpleNamespace(stdout=f"{int(command[3]) / 100 + len(commands)}\n")

    monkeypatch.setattr(memory.subprocess, "run", run)
    found = memory.bim("memory", GPU)
    assert found.runs == timing.RUNS == 5 and len(commands) == 2 * timing.RUNS
    assert {tuple(command[2:]) for command in commands} == {
        (memory.__name__, str(images), "cuda:1") for images in (memory.IMAGES, memory.BATCH_SIZE)
    }
    assert found.ours == 100 + statistics.median(range(1, 11, 2)) and found.theirs == 10 + statistics.median(range(2, 11, 2))
    assert (found.device, found.goal, found.met) == ("cuda:1", "–", None)


def test_only_the_first_images_are_attacked_of_all_that_are_held(small, monkeypatch):
    seen = []
    monkeypatch.setattr(memory, "evaluate", lambda network, test, attacks, **settings: seen.append((len(test), *attacks)))
    memory.evaluate_first(4, CPU)
    ((held, attack),) = seen
    assert (held, attack.first, attack.kind) == (8, 4, "bim")


# --- Goals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("device", "goals"), [(CPU, [("≥ 1.5", True), ("≥ 9", False)]), (GPU, [("–", None), ("–", None)])])
def test_goals_are_for_a_cpu(monkeypatch, device, goals):
    """Ours takes one second, the peers take two; each is started once, on the device."""
    started = []

    class Contestant:
        def __init__(self, work, who, device):
            started.append((work, who, device))
            self.run = lambda: 1.0 if who == timing.OURS else 2.0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(timing, "Contestant", Contestant)
    found = timing.compare("work", timing.Work({}, {"a": 1.5, "b": 9.0, "limit": None}, "settings"), device)
    assert started == [("work", who, device) for who in (timing.OURS, "a", "b", "limit")]
    assert [(row.goal, row.met) for row in found] == [*goals, ("–", None)]
    assert [(row.device, row.ratio, row.runs) for row in found] == [(str(device), 2.0, timing.RUNS)] * 3


def test_tables_say_where_there_is_no_goal(monkeypatch, tmp_path):
    record = {
        "machine": {"device": "NVIDIA H100", "cpu": "AMD EPYC"}
        | dict.fromkeys(bench.PACKAGES, "1.0")
        | {"date": "2026-01-01T00:00:00"}
    }
    record |= {"results": [], "scaling": []}
    for found in (result("a"), result("b", met=False), result("c", met=None, device="cuda")):
        record = bench.including(record, found)
    lines = bench.table(record["results"]).splitlines()[1:]
    for line, said in zip(lines, (" cpu ", " cpu ", " cuda "), strict=True):
        assert said in line
    assert " met" in lines[0] and " not met" in lines[1] and " no goal" in lines[2] and " met" not in lines[2]

    bench.write(tmp_path / "benchmarks.json", record)
    monkeypatch.setattr(store, "PUBLISHED", tmp_path)
    shown = costs.ratios("tab", "A caption.", peers=("foolbox",))
    assert list(shown.rows["goal"]) == ["≥ 1, met", "≥ 1, not met", "no goal"]
    assert "NVIDIA H100, AMD EPYC," in shown.caption and "threads" not in shown.caption


def test_corruptions_have_a_row_each_with_their_peers(monkeypatch):
    works = [("corruptions", True), ("corruptions-fog", True), ("corruptions-zoom-blur", False)]
    results = [
        asdict(result(work, peer, met=met)) for work, met in works for peer in ("imagecorruptions", "per-image", "foolbox")
    ]
    machine = dict.fromkeys((*bench.PACKAGES, "cpu"), "1.0") | {"date": "2026-01-01T00:00:00", "threads": 2}
    monkeypatch.setattr(costs, "benchmarks", lambda: {"machine": machine, "results": results})
    found = costs.corruptions("tab", "A caption.").rows
    assert list(found["corruption"]) == ["all of them", "fog", "zoom blur"]
    assert list(found["per-image: ratio"]) == ["2.0 (2 s; ≥ 1, met)", "2.0 (2 s)", "2.0 (2 s)"]


def test_the_published_record_can_still_be_shown():
    published = costs.benchmarks()
    text = bench.shown(published)
    assert all(row["work"] in text for row in published["results"] + published["scaling"])
    assert f"{published['machine']['threads']} threads" in costs.ratios("tab", "A caption.", peers=("art",)).caption


# --- What is measured ------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """The works at a size at which they take no time."""
    monkeypatch.setattr(inputs, "network", partial(inputs.network, width=NARROW))
    for module, settings in (
        (attacks, {"STEPS": 2, "CURVE_IMAGES": 4, "CURVE_STEPS": (2, 4)}),
        (training, {"MLP_SEEDS": 2, "MLP_IMAGES": 130, "VGG_IMAGES": 130}),
        (scaling, {"IMAGES": 32}),
        (memory, {"IMAGES": 8, "BATCH_SIZE": 4}),
        (timing, {"RUNS": 1}),
    ):
        for name, value in settings.items():
            monkeypatch.setattr(module, name, value)


ATTACKS = [("vgg8", "batch", "linf"), ("vgg8", None, "l2"), ("mlp", "batch", "l2"), ("mlp", None, "linf")]


@pytest.mark.parametrize("device", HERE)
@pytest.mark.parametrize(("kind", "batch_norm", "norm"), ATTACKS)
def test_all_libraries_attack_alike(small, monkeypatch, kind, batch_norm, norm, device):
    try:
        import art.attacks.evasion  # noqa: F401
    except ImportError:
        monkeypatch.setattr(attacks, "_art", attacks._torchattacks)
    attacks.bim(kind, batch_norm, norm, 4, {}, device).check()


def test_libraries_that_attack_differently_are_found(small, monkeypatch):
    monkeypatch.setattr(attacks, "_art", lambda network, x, *settings: x)
    with pytest.raises(AssertionError, match="art attacks differently"):
        attacks.bim("mlp", None, "linf", 4, {}, CPU).check()


@pytest.mark.parametrize("who", [timing.OURS, "torchattacks", "foolbox"])
@pytest.mark.parametrize(("kind", "batch_norm", "norm"), ATTACKS)
def test_attacks_stay_on_the_device(small, monkeypatch, who, kind, batch_norm, norm):
    monkeypatch.setattr("foolbox.attacks.gradient_descent_base.verify_input_bounds", lambda x, model: None)  # needs values
    assert attacks.bim(kind, batch_norm, norm, 4, {}, NOWHERE).contestants[who]().device == NOWHERE


def test_the_limit_takes_as_many_multiplications_as_the_passes(small, monkeypatch):
    monkeypatch.setattr(attacks, "SIDE", 14)
    network, x = inputs.network("linear", None, CPU), torch.zeros(7, 1, 28, 28)
    with FlopCounterMode(display=False) as counter:
        attacks._matrix_products(network, x)
    forward = 2 * 7 * 784 * 10
    assert counter.get_total_flops() - forward == 2 * attacks.STEPS * forward


@pytest.mark.parametrize("device", HERE)
def test_curves_are_the_same(small, device):
    work = attacks.curve(device)
    work.check()
    assert (
        list(work.contestants[timing.OURS]()) == list(work.contestants["foolbox"]()) and len(work.contestants["foolbox"]()) == 2
    )


TRAININGS = [partial(training.mlps, (8, 4), 1.0), *(partial(training.vgg, precision, 1.0) for precision in ("fp32", "bf16"))]


@pytest.mark.parametrize("device", HERE)
@pytest.mark.parametrize("build", TRAININGS)
def test_every_contestant_trains(small, build, device):
    work = build(device)
    assert {timing.OURS, *work.goals} == set(work.contestants)
    for run in work.contestants.values():
        run()


@pytest.mark.parametrize("build", TRAININGS)
def test_trainings_stay_on_the_device(small, monkeypatch, build):
    seen = []

    def note(networks, train):
        seen.extend(parameter.device for network in networks for parameter in network.parameters())
        seen.extend([train.images.device, train.labels.device])

    monkeypatch.setattr(training, "fit", lambda networks, train, **settings: note(networks, train))
    cross_entropy = training.F.cross_entropy
    monkeypatch.setattr(
        training.F, "cross_entropy", lambda x, labels: seen.extend([x.device, labels.device]) or cross_entropy(x, labels)
    )
    for who, run in build(NOWHERE).contestants.items():
        seen.clear()
        run()
        assert set(seen) == {NOWHERE}, who


def test_images_are_loaded_for_a_gpu_as_in_the_examples(small):
    train = inputs.dataset(4, inputs.MNIST)
    for device, expected in ((CPU, (0, False, False)), (GPU, (1, True, True))):
        loader = training._loader(train, device)
        assert (loader.num_workers, loader.persistent_workers, loader.pin_memory) == expected


@pytest.mark.parametrize("device", HERE)
def test_scalings_and_memory_run(small, device):
    found = list(scaling.scalings(device))
    assert len({(row.work, row.axis) for row in found}) == len(found) == 7
    assert all(len(row.seconds) == len(row.values) and min(row.seconds) > 0 and row.device == str(device) for row in found)
    memory.evaluate_first(4, device)
    assert memory.peak(device) > 0


def test_a_contestant_runs_once_for_each_line_it_reads(small, monkeypatch, capsys):
    prepared = []
    monkeypatch.setattr(contestant, "prepare", prepared.append)
    monkeypatch.setattr("sys.stdin", io.StringIO("run\nrun\n"))
    contestant.main("bim-linf-mlp", timing.OURS, "cpu")
    assert prepared == [CPU] and all(float(line) > 0 for line in capsys.readouterr().out.split())


def test_a_contestant_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(timing.sys, "executable", "false")
    with (
        pytest.raises(RuntimeError, match="contestant bim-linf-mlp ours cuda:1 failed"),
        timing.Contestant("bim-linf-mlp", "ours", GPU),
    ):
        pass


@pytest.mark.parametrize("name", ["corruptions", "corruptions-fog", "corruptions-pixelate"])
def test_corruptions_do_the_same_work(name, monkeypatch):
    monkeypatch.setattr(corruptions, "IMAGES", 2)
    work = corruptions.WORKS[name](CPU)
    assert {timing.OURS, *work.goals} == set(work.contestants)
    severities = 5 * (19 if name == "corruptions" else 1)
    assert len(work.contestants[timing.OURS]()) == severities and len(work.contestants["per-image"]()) == 2 * severities
    pytest.importorskip("imagecorruptions", reason="`make bench` installs it")
    work.check()
