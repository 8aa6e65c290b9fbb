"""Chapter 08: films of a layer of two units, what is measured in them, their pictures, records and claims."""

import functools
import itertools
import json
import math
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from browser import browser, page, watched  # noqa: F401
from common import plain_fit
from filelock import FileLock
from scipy.special import expit
from torch import nn

from lib import claims as judging
from lib import data, measurements, models, report, store, train
from lib import experiments as registry
from lib.activations import claims, experiments, figures, film, frames, geometry, tables
from lib.activations.animation import COLOURS, Animation
from lib.activations.parameters import Activations
from lib.checkpoints import Budget, Checkpoint, OutOfTime
from lib.parameters import ParameterError, validate
from lib.runs import Place
from lib.store import RunError
from lib.verdicts import DIRECTION, NOT_REPRODUCED, Estimate

SETTINGS = {"hidden": "12-6-2-5", "batch_size": 100, "lr": 0.1, "weight_decay": 1e-3}
CPU = torch.device("cpu")


def here(budget=None):
    """The run store of the environment."""
    return Place(None, CPU, store.runs_root(), budget or Budget())


def take(budget=None, **settings):
    """The film of seed 3."""
    digits = (film.data.load("mnist-5k", split) for split in ("train", "test"))
    return film.film(*digits, 3, here(budget), **SETTINGS | settings)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty run store."""
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k", "train"), data.load("mnist-5k", "test")


# --- Films -----------------------------------------------------------------------------------------------------------------


def by_hand(network, images, batch_statistics):
    """The two units of a small network with batch norm, written out."""
    h = images.flatten(1)
    for linear, norm in ((network[1], network[2]), (network[4], network[5])):
        h = h @ linear.weight.T + linear.bias
        mean, variance = (h.mean(0), h.var(0, correction=0)) if batch_statistics else (norm.running_mean, norm.running_var)
        h = ((h - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias).clamp(min=0)
    return h @ network[7].weight.T + network[7].bias


@pytest.mark.parametrize("statistics", [film.RUNNING, film.BATCH])
def test_a_snapshot_is_what_the_units_give_and_leaves_the_network_alone(digits, statistics):
    train_set, test_set = digits
    network = film.network_of(train_set, 0, "batch", "12-6-2-5").train()
    network(data.normalize(train_set.images[:500], train_set))  # so that the running averages are something
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seen = film.snapshot(network, train_set, test_set, 7, statistics)
    assert network.training and all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    for dataset, points in ((train_set, seen.train), (test_set, seen.test)):
        assert points.shape == (len(dataset), 2) and points.dtype == torch.float32
        last = slice(len(dataset) // 128 * 128, None)  # the last mini-batch, which is smaller
        for batch in (slice(128), last):
            expected = by_hand(network, data.normalize(dataset.images[batch], dataset), statistics == film.BATCH)
            torch.testing.assert_close(points[batch], expected, atol=1e-4, rtol=1e-4)


def test_accuracy_is_that_of_the_whole_network(digits):
    network = film.network_of(digits[0], 0, "batch", "12-6-2-5")
    plain_fit(network, digits[0], seed=0, image_size=28, epochs=1, batch_size=100, lr=0.1)
    seen = film.snapshot(network, *digits, 1, film.RUNNING)
    with torch.no_grad():
        correct = network.eval()(data.normalize(digits[1].images, digits[1])).argmax(1) == digits[1].labels
    assert seen.accuracy_test == pytest.approx(100 * correct.double().mean().item())
    assert seen.accuracy_test > 12 and seen.accuracy_train > 12


def test_the_layers_are_split_before_the_relu_of_the_two_units():
    for norm_layers in (2, 3):
        network = models.mlp(784, (12, 6, 2, 5), norm="batch", norm_layers=norm_layers)
        below, above = film.split(network)
        assert [*below, *above] == [*network] and isinstance(above[0], nn.ReLU)
        assert below(torch.zeros(4, 1, 28, 28)).shape == (4, 2)


def test_untrained_and_in_evaluation_mode_batch_norm_makes_no_difference(digits):
    plain, normed = (film.network_of(digits[0], 5, norm, "12-6-2-5") for norm in ("none", "batch"))
    same, other = (film.snapshot(normed, *digits, 0, statistics).train for statistics in (film.RUNNING, film.BATCH))
    expected = film.snapshot(plain, *digits, 0, film.RUNNING).train
    torch.testing.assert_close(same, expected, atol=1e-4, rtol=0)
    assert (other - expected).abs().max() > 0.1


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_film_ends_with_the_network_of_the_textbook_loop(runs, digits, norm):
    seen = take(norm=norm, epochs=2)
    network = film.network_of(digits[0], 3, norm, "12-6-2-5")
    plain_fit(network, digits[0], seed=3, image_size=28, epochs=2, batch_size=100, lr=0.1, weight_decay=1e-3)
    expected = film.snapshot(network, *digits, 2, film.RUNNING)
    torch.testing.assert_close(seen.snapshots[-1].train, expected.train, atol=1e-3, rtol=1e-3)
    twice = [(0, film.BATCH)] * (norm == "batch")
    assert [(s.epoch, s.statistics) for s in seen.snapshots] == [*twice, *((epoch, film.RUNNING) for epoch in range(3))]
    assert len(seen.losses) == 2 and seen.losses[1] < seen.losses[0] < math.log(10) + 0.1


def same(a, b):
    return a.losses == b.losses and all(
        torch.equal(x.train, y.train) and torch.equal(x.test, y.test) and x.accuracy_test == y.accuracy_test
        for x, y in zip(a.snapshots, b.snapshots, strict=True)
    )


def test_an_interrupted_film_goes_on_and_a_longer_one_goes_on_from_a_shorter_one(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "undisturbed"))
    expected = take(norm="batch", epochs=4)

    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "interrupted"))
    monkeypatch.setattr(train, "EVERY", -1)  # a checkpoint after every step
    take(norm="batch", epochs=1)
    trained = []

    def stop_at_3(network, *where):
        trained.append(where[2])
        if where[2] == 3:
            raise KeyboardInterrupt
        return snapshot(network, *where)

    snapshot = film.snapshot
    monkeypatch.setattr(film, "snapshot", stop_at_3)
    with pytest.raises(KeyboardInterrupt):
        take(norm="batch", epochs=4)
    assert trained == [0, 0, 1, 2, 3]  # of epoch 1 its end alone, after the last checkpoint
    monkeypatch.setattr(film, "snapshot", snapshot)
    assert same(take(norm="batch", epochs=4), expected)


def test_a_finished_film_is_read_and_not_taken_again(runs, monkeypatch):
    first = take(norm="none", epochs=2)
    monkeypatch.setattr(film, "fit", None)
    again, shorter = take(norm="none", epochs=2), take(norm="none", epochs=1)
    assert same(first, again) and [s.epoch for s in shorter.snapshots] == [0, 1] and shorter.losses == first.losses[:1]


def test_a_film_that_is_read_later_comes_from_where_it_was_trained(runs, monkeypatch, digits):
    first = take(norm="none", epochs=2)
    monkeypatch.setattr(film, "provenance", lambda device: {"commit": "of the reader"})
    assert first.provenance["data"] == {"mnist-5k": digits[0].sha256} and first.provenance["seconds"] > 0
    assert take(norm="none", epochs=2).provenance == first.provenance
    (found,) = geometry.measure("mnist-5k", [3], here(), Checkpoint(runs / "none"), norm="none", epochs=1, **SETTINGS)
    shorter = found["provenance"]
    assert 0 < shorter["seconds"] < first.provenance["seconds"] and shorter | {"seconds": 0} == first.provenance | {
        "seconds": 0
    }
    assert take(norm="batch", epochs=1).provenance["commit"] == "of the reader"


def test_a_film_of_other_data_is_another_film(runs, monkeypatch, digits):
    first = take(norm="none", epochs=0)
    others = {d.split: replace(d, images=255 - d.images, sha256="other") for d in digits}
    monkeypatch.setattr(film.data, "load", lambda name, split, device=None: others[split])
    assert not torch.equal(take(norm="none", epochs=0).snapshots[0].train, first.snapshots[0].train)


def test_a_damaged_film_says_what_to_do(runs):
    take(norm="none", epochs=0)
    (path,) = (runs / "films").rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="is damaged .* Delete the folder"):
        take(norm="none", epochs=0)
    (path.parent / "training.json").write_text("{")
    with pytest.raises(RunError, match="is damaged .* Delete the folder"):
        take(norm="none", epochs=0)


def test_a_training_that_diverges_says_so(runs):
    with pytest.raises(RunError, match="seed-3-.* stopped being finite in epoch 1"):
        take(norm="none", epochs=2, lr=1e9)


def test_epochs_are_those_of_a_snapshot(runs):
    with pytest.raises(ValueError, match="epochs=21; allowed: 0, 1, 2"):
        take(norm="none", epochs=21)


# --- Geometry --------------------------------------------------------------------------------------------------------------


def clusters(seed=0, each=60, apart=4.0):
    """Ten classes of Gaussian clusters of spread 1 on a ring, as points (N, 2) and labels."""
    chance = np.random.default_rng(seed)
    labels = np.tile(np.arange(10), each)
    centres = apart * np.stack([np.cos(2 * np.pi * labels / 10), np.sin(2 * np.pi * labels / 10)], 1)
    return centres + chance.normal(size=(len(labels), 2)), labels


def test_distances_are_those_of_the_definition():
    points, labels = clusters()
    centroids = [points[labels == label].mean(0) for label in range(10)]
    distance = np.mean([math.dist(a, b) for a, b in itertools.combinations(centroids, 2)])
    spread = math.sqrt(np.mean([math.dist(p, centroids[label]) ** 2 for p, label in zip(points, labels, strict=True)]))
    found = geometry.distances(points, labels)
    assert found == pytest.approx({"distance": distance, "spread": spread, "relative distance": distance / spread})
    moved = geometry.distances(3 * points + 5, labels)
    assert moved["distance"] == pytest.approx(3 * distance)
    assert moved["relative distance"] == pytest.approx(distance / spread)


def test_separability_is_chance_for_one_cloud_and_all_for_clusters_far_apart():
    far, near = (clusters(0, apart=apart) + clusters(1, apart=apart) for apart in (40, 0))
    assert geometry.separability(*far) == {"neighbours": 100, "linear": 100}
    assert all(2 < share < 20 for share in geometry.separability(*near).values())


def test_separability_does_not_depend_on_the_scale_nor_the_linear_one_on_a_shear():
    points, labels, others, other_labels = clusters(0) + clusters(1)
    found = geometry.separability(points, labels, others, other_labels)
    assert geometry.separability(1e-3 * points + 7, labels, 1e-3 * others + 7, other_labels) == pytest.approx(found, abs=0.2)
    shear = np.array([[1, 5], [0, 0.2]])
    sheared = geometry.separability(points @ shear, labels, others @ shear, other_labels)
    assert sheared["linear"] == pytest.approx(found["linear"], abs=0.2)


def test_points_on_one_line_are_no_error():
    points, labels = clusters()
    points[:, 1] = points[:, 0]
    assert geometry.separability(points, labels, points, labels)["linear"] > 15


def test_a_learning_curve_has_no_transition_and_a_step_has_one():
    epochs = np.arange(0.5, 40)  # where in time the means of epochs are
    curve = math.log(10) * np.exp(-epochs / 3)
    step = math.log(10) * expit((10 - epochs) / 1.5)
    assert geometry.steepest(list(curve))[0] < 0
    late, epoch = geometry.steepest(list(step))
    assert late > 0.3 and abs(epoch - 11) <= 1
    assert all(map(math.isnan, geometry.steepest([2.0])))


def made_film(epochs, accuracy=95.0):
    """A film of clusters that move apart, of 1, 2, … epochs."""
    snapshots = []
    for epoch in range(epochs + 1):
        for statistics in (film.BATCH, film.RUNNING)[epoch > 0 :]:
            points = torch.from_numpy(clusters(apart=epoch)[0]).float()
            own = accuracy if epoch else 10.0
            snapshots.append(film.Snapshot(epoch, statistics, points, points[:100], own, own))
    return film.Film(snapshots, [2.0 / epoch for epoch in range(1, epochs + 1)], {})


def test_metrics_say_which_snapshot_is_which():
    labels = clusters()[1]
    found = geometry.metrics(made_film(22), labels, labels[:100], Budget())
    assert found["moment"][:3] == [geometry.INITIAL, geometry.UNTRAINED, ""]
    assert {found["epoch"][i]: moment for i, moment in enumerate(found["moment"]) if moment and i > 1} == {
        20: "middle",
        22: "end",
    }
    assert math.isnan(found["loss"][0]) and found["loss"][2:4] == [2.0, 1.0]
    assert (
        found["learned"] == 100
        and geometry.metrics(made_film(2, accuracy=19.9), labels, labels[:100], Budget())["learned"] == 0
    )
    assert found["late jump"] == pytest.approx(np.diff(found["neighbours"][2:]).max())
    assert len({len(value) for value in found.values() if isinstance(value, list)}) == 1
    untrained = geometry.metrics(made_film(0), labels, labels[:100], Budget())
    assert untrained["moment"] == [geometry.INITIAL, geometry.UNTRAINED] and math.isnan(untrained["learned"])


def test_silent_and_outside_are_shares_of_the_training_images():
    points = torch.tensor([[-1.0, -1.0], [0.0, -2.0], [1.0, -1.0], [11.0, 0.0]]).repeat(10, 1)
    labels = np.arange(10).repeat(4)
    seen = film.Film([film.Snapshot(0, film.RUNNING, points, points, 10.0, 10.0)], [], {})
    found = geometry.metrics(seen, labels, labels, Budget())
    assert found["silent"] == [50.0] and found["outside"] == [25.0]


# --- Experiments, records and claims ---------------------------------------------------------------------------------------


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="unknown scale 'huge'; allowed: quick, laptop, paper"):
        experiments.experiments("huge")


def test_the_paper_scale_is_the_papers():
    figure, early, initial = experiments.experiments("paper")
    assert [arm["norm"] for arm in figure.arms] == ["none", "batch"] and figure.dataset == "mnist"
    expected = {"hidden": "392-196-2-49", "epochs": 500, "batch_size": 128, "lr": 0.01, "weight_decay": 0.001}
    assert all(expected.items() <= arm.items() for arm in figure.arms)
    assert [arm["epochs"] for arm in early.arms + initial.arms] == [50, 50, 0, 0]
    names = [[m.name for m in experiments.experiments(scale)] for scale in ("quick", "laptop", "paper")]
    assert names[0] == names[1] == names[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The quick scale, small and with its middle after one epoch: its results. Its run store stays in place."""
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCHNORM_RUNS", str(folder))
        patch.setattr(store, "PUBLISHED", folder / "published")
        patch.setitem(experiments.SETTINGS, "quick", SETTINGS | {"hidden": "48-24-2-12", "batch_size": 50})
        patch.setitem(experiments.EPOCHS, "quick", (3, 3, 0))
        patch.setitem(experiments.SEEDS, "quick", (1, 2, 2))
        for module in (geometry, frames):
            patch.setattr(module, "MIDDLE_EPOCH", 1)
        yield measurements.collect(experiments.experiments, "quick")


def test_every_claim_and_table_is_computed_from_records_of_a_run(tiny):
    assert set(tiny["experiment"]) == {experiments.FIGURE, experiments.EARLY, experiments.INITIAL}
    for name in ("INITIALLY", "SUDDENNESS", "IN_THE_MIDDLE", "AT_THE_END"):
        for claim in getattr(claims, name):
            assert len(report.measured(claim.measure, tiny, "quick")) >= 1, claim.text
    for moment in tables.MOMENTS:
        table = tables.geometry(tiny, moment, "tab", "Plane.")
        assert len(table.rows) == 2 and not (table.rows == "–").any(axis=None)
    assert len(tables.suddenness(tiny, "tab", "Falls.").rows) == 2


def record(experiment, norm, seed, scale="paper", learned=100.0, **better):
    """A made-up record: every metric of networks with batch norm is larger by `better`."""
    epochs = {experiments.FIGURE: [0, 20, 500], experiments.EARLY: [0, 20, 50], experiments.INITIAL: [0]}[experiment]
    moments = [geometry.INITIAL, geometry.MIDDLE, geometry.END][: len(epochs)]
    rows = [*zip(epochs, moments, strict=True)] + [(0, geometry.UNTRAINED)] * (norm == "batch")
    more = norm == "batch"
    wobble = 0.01 * seed * (1 + more)
    names = (
        "loss",
        "accuracy train",
        "accuracy test",
        "neighbours",
        "linear",
        "distance",
        "spread",
        "relative distance",
        "silent",
    )
    metrics = {
        name: [1.0 + wobble + better.get(name.replace(" ", "_"), 1) * more * (m != "untrained averages") for _, m in rows]
        for name in names
    }
    metrics |= {"epoch": [epoch for epoch, _ in rows], "moment": [moment for _, moment in rows]}
    metrics |= {"late fall": (-0.5 if more else 0.5) + wobble, "steepest epoch": 4.0, "late jump": 9.0 - 5 * more + 2 * wobble}
    about = {"device": "a CPU, 2 cores", "precision": "fp32"}
    settings = {"dataset": "mnist", "norm": norm, "epochs": epochs[-1], "hidden": "392-196-2-49"}
    metrics |= {"learned": learned if epochs[-1] else None}
    return {"trial": {"settings": settings}, "seed": seed, "metrics": metrics, "provenance": about}


def made_up(**better):
    every = list(itertools.product(("none", "batch"), range(4)))
    names = (experiments.FIGURE, experiments.EARLY, experiments.INITIAL)
    found = [measurements.frame([record(name, *which, **better) for which in every], "paper", name) for name in names]
    return pd.concat(found, ignore_index=True)


ALL = claims.INITIALLY + claims.SUDDENNESS + claims.IN_THE_MIDDLE + claims.AT_THE_END


def test_records_as_the_paper_says_are_judged_so():
    results = made_up()
    for claim in ALL:
        found = report.measured(claim.measure, results, "paper")
        said = claim.judge(found, "paper")
        if claim.source.startswith("appendix") or claim.source.startswith("Figure"):
            assert said == DIRECTION, claim.text


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("neighbours", "the classes are easier to separate with batch norm: nearest neighbours"),
        ("linear", "the classes are easier to separate with batch norm: linear"),
        ("distance", "distances between classes are larger with batch norm"),
        ("relative_distance", "distances relative"),
        ("distance", "after 20 epochs distances"),
        ("distance", "at the end distances"),
    ],
)
def test_records_of_the_opposite_are_not_reproduced(metric, text):
    (claim,) = [claim for claim in ALL if claim.text.startswith(text)]
    assert claim.judge(report.measured(claim.measure, made_up(**{metric: -0.5}), "paper"), "paper") == NOT_REPRODUCED


def test_networks_that_have_not_learned_are_left_out_of_what_training_led_to():
    stuck = [
        record(experiments.FIGURE, norm, seed, learned=100.0 * (seed > 0)) for norm in ("none", "batch") for seed in range(4)
    ]
    results = measurements.frame(stuck, "paper", experiments.FIGURE)
    measure = claims.once_learned("distance", "none", experiments.FIGURE)
    assert list(report.measured(measure, results, "paper").index) == [1, 2, 3]
    assert Estimate.of(report.measured(claims.AT_THE_END[0].measure, results, "paper")).n == 3


def test_a_table_of_claims_shows_them_all():
    table = judging.table(ALL, made_up(), "tab", "All.")
    assert len(table.rows) == len(ALL) and "mnist, 4 seeds" in table.caption


# --- Pictures --------------------------------------------------------------------------------------------------------------


def figure():
    return experiments.experiments("quick")[0]


@pytest.fixture(scope="module")
def pictures(tiny):
    return frames.frames(figure(), here())


def test_points_of_frames_are_those_of_the_film(pictures):
    (arm, *_) = figure().arms
    seen = (
        film.film(data.load("mnist-5k", "train"), data.load("mnist-5k", "test"), frames.SEED, here(), **arm)
        .snapshots[-1]
        .train.numpy()
    )
    labels = data.load("mnist-5k", "train").labels.numpy()
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[: frames.EACH] for label in range(10)]))
    assert np.array_equal(pictures.labels, labels[chosen]) and pictures.points.shape == (2, 4, 800, 2)
    *corner, side = pictures.boxes[0, -1]
    decoded = corner + pictures.points[0, -1] / frames.STEPS * side
    np.testing.assert_allclose(decoded, seen[chosen], atol=0.51 * side / frames.STEPS + 1e-4)
    np.testing.assert_allclose(pictures.centroids[0, -1, 4], seen[labels == 4].mean(0), rtol=1e-4)
    assert pictures.epochs[pictures.stills].tolist() == [0, 1, 3]


def test_a_cell_has_the_class_most_frequent_in_it():
    points = np.array([[0.1, 0.1], [0.2, 0.2], [0.1, 0.2], [9.9, 0.1], [-50.0, 3.0]])
    found = frames.class_map(points, np.array([0, 2, 2, 1, 1]), (0.0, 0.0, 10.0 * frames.CELLS / 10))
    expected = np.full((frames.CELLS, frames.CELLS), frames.EMPTY)
    expected[0, 0], expected[0, 9] = 2, 1  # rows upwards, columns to the right
    assert np.array_equal(found, expected)


def test_frames_are_kept_and_read_again(pictures):
    path = figure().path(store.runs_root())
    read = frames.Frames.read(path)
    assert all(np.array_equal(value, getattr(pictures, name)) for name, value in read.__dict__.items())
    whole = path.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:-100], whole[:middle] + bytes(50) + whole[middle + 50 :]):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match="Delete it and the record beside it.*git checkout"):
            frames.Frames.read(path)
    path.unlink()
    with pytest.raises(RunError, match=f"is missing; delete {path.stem}.json"):
        frames.Frames.read(path)
    path.write_bytes(whole)


def test_the_largest_scale_that_has_frames_is_shown(pictures):
    assert frames.at_the_largest_scale(figure())[0] == "quick"
    published = store.PUBLISHED / "paper" / "figure-07.npz"
    store.write_in_one_piece(published, pictures.bytes())
    assert frames.at_the_largest_scale(figure())[0] == "paper"
    published.unlink()


def test_pictures_show_both_networks_at_three_moments(pictures, tiny):
    for own_axes in (False, True):
        axes = figures.stills(pictures, "quick", own_axes).axes
        assert [axis.get_title() for axis in axes[:2]] == ["without batch norm, untrained", "without batch norm, epoch 1"]
        assert all(sorted(text.get_text() for text in axis.texts) == list("0123456789") for axis in axes)
    assert axes[0].get_xlim() != (-10, 10) and figures.stills(pictures, "quick").axes[0].get_xlim() == (-10, 10)
    (axis, *_) = [a for a in figures.over_epochs(tiny, "quick").axes if a.get_title().startswith("class told")]
    own = tiny[(tiny["experiment"] == experiments.EARLY) & (tiny["norm"] == "batch") & (tiny["seed"] == 1)]
    own = own[own["moment"] != geometry.UNTRAINED].sort_values("epoch")
    drawn = [line.get_ydata() for line in axis.lines]
    assert len(drawn) == 4 and any(np.array_equal(line, own["neighbours"]) for line in drawn)


def contrast(colour, other):
    def luminance(c):
        parts = [int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_stand_out_from_light_and_dark_pages():
    assert len(set(COLOURS)) == 10
    assert all(contrast(colour, back) >= 3 for colour in COLOURS for back in ("#ffffff", "#16191d"))


def test_the_animation_is_small_enough_for_a_page():
    chance, count = np.random.default_rng(0), len(film.SNAPSHOTS)
    largest = frames.Frames(
        epochs=np.array(film.SNAPSHOTS),
        accuracies=chance.uniform(0, 100, (2, count)),
        centroids=chance.normal(size=(2, count, 10, 2)),
        points=chance.integers(0, 256, (2, count, 800, 2), dtype=np.uint8),
        labels=np.arange(10).repeat(80).astype(np.uint8),
        boxes=chance.normal(size=(2, count, 3)),
        stills=np.array([0, 20, count - 1]),
        maps=np.full((2, 2, 3, frames.CELLS, frames.CELLS), frames.EMPTY, np.uint8),
    )
    assert len(Animation(largest, "paper").html()) < 400_000


@pytest.fixture
def animated(pictures, tmp_path):
    html = f"<!doctype html><title>film</title><meta charset=utf-8>{Animation(pictures, 'quick').html()}"
    path = tmp_path / "film.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def ink(page, net):
    """How many points of a canvas have none of its most frequent colours."""
    return page.evaluate(
        """net => {
          const canvas = document.querySelectorAll("canvas")[net], count = {};
          const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
          for (const pixel of pixels) count[pixel] = (count[pixel] || 0) + 1;
          return pixels.length - Object.values(count).sort((a, b) => b - a).slice(0, 2).reduce((a, b) => a + b);
        }""",
        net,
    )


def test_the_film_is_turned_with_the_keyboard(page, animated, pictures):
    page.goto(animated)
    slider, status = page.get_by_role("slider", name="Epoch"), page.get_by_role("status")
    assert "Epoch 0." in status.inner_text() and min(ink(page, 0), ink(page, 1)) > 100
    first = page.locator("canvas").first.screenshot()
    slider.press("End")
    assert page.locator(".film-epoch").inner_text() == "3" and slider.get_attribute("aria-valuetext") == "epoch 3"
    assert f"{pictures.accuracies[1, -1]:.0f} % with it" in status.inner_text()
    assert "without batch norm at epoch 3" in page.locator("canvas").first.get_attribute("aria-label")
    end = page.locator("canvas").first.screenshot()
    page.get_by_label("axes that fit").check()
    assert len({first, end, page.locator("canvas").first.screenshot()}) == 3
    slider.press("ArrowLeft")
    assert page.locator(".film-epoch").inner_text() == "2"


def test_the_film_plays_to_its_end_and_stops(page, animated):
    page.goto(animated)
    page.get_by_role("slider").fill("1")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Play").wait_for(timeout=10_000)
    assert page.locator(".film-epoch").inner_text() == "3"


def test_the_film_fits_a_phone_and_follows_the_theme(browser, animated):
    with watched(browser, viewport={"width": 360, "height": 640}) as page:
        page.goto(animated)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        light = page.locator("canvas").first.screenshot()
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.wait_for_function("getComputedStyle(document.querySelector('.film')).backgroundColor === 'rgb(22, 25, 29)'")
        assert page.locator("canvas").first.screenshot() != light


# --- Publishing, budget and parameters ---------------------------------------------------------------------------------------


@pytest.fixture
def registered(tiny, monkeypatch):
    """The small figure by its name, as the command line finds it."""
    small = {measurement.name: measurement for measurement in experiments.experiments("quick")}
    monkeypatch.setitem(registry.MEASURED, "quick", small)


def test_frames_are_published_with_the_records_and_publishing_computes_nothing(registered, monkeypatch):
    for place, name in ((film, "fit"), (data, "load"), (frames, "frames"), (geometry, "metrics")):
        monkeypatch.setattr(place, name, None)
    for name in (experiments.FIGURE, experiments.EARLY, experiments.INITIAL):
        path, done, missing = registry.publish(name, "quick")
        assert path.is_file() and (done, missing) == (len(registry.planned(name, "quick")), 0)
        assert path.with_suffix(".npz").is_file() == (name == experiments.FIGURE)


def test_frames_that_another_machine_published_stay(registered, tmp_path):
    path = registry.publish(experiments.FIGURE, "quick")[0].with_suffix(".npz")
    path.write_bytes(b"theirs")
    registry.publish(experiments.FIGURE, "quick", tmp_path)
    assert path.read_bytes() == b"theirs" and not list(tmp_path.iterdir())
    path.unlink()


def test_frames_wait_for_the_films_of_their_seed(registered, monkeypatch, runs):
    measurements.run(figure(), [5])
    assert not list(runs.glob("*.npz"))


def test_frames_are_those_of_the_record_beside_them(registered, monkeypatch, runs):
    measurements.run(figure(), [frames.SEED])
    (path,) = runs.glob("*.npz")
    first = path.read_bytes()
    path.write_bytes(b"of another training")
    path.with_suffix(".json").unlink()
    measurements.run(figure(), [frames.SEED])
    assert path.read_bytes() == first


def test_films_are_of_the_data_in_the_folder_that_was_asked_for(registered, runs, tmp_path):
    elsewhere = replace(figure(), dataset="elsewhere")
    with pytest.raises(data.DataError, match="elsewhere"):
        measurements.run(elsewhere, [0], data_root=tmp_path / "data")
    for split in ("train", "test"):
        digits = data.load("mnist-5k", split)
        (tmp_path / "data" / "elsewhere").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "data" / "elsewhere" / f"{split}-images.npy", digits.images[:, 0].numpy())
        np.save(tmp_path / "data" / "elsewhere" / f"{split}-labels.npy", digits.labels.numpy().astype(np.uint8))
    measure = functools.partial(geometry.measure, "elsewhere")
    assert measurements.run(replace(elsewhere, measure=measure), [0], data_root=tmp_path / "data")


TWICE = """
import sys, torch
from lib import data
from lib.activations import film
from lib.checkpoints import Budget
from lib.runs import Place
from pathlib import Path
digits = [data.load("mnist-5k", split) for split in ("train", "test")]
place = Place(None, torch.device("cpu"), Path(sys.argv[1]), Budget())
fit, calls = film.fit, []
film.fit = lambda *networks, **settings: calls.append(1) or fit(*networks, **settings)
seen = film.film(*digits, 3, place, norm="none", epochs=5, hidden="12-6-2-5", batch_size=20, lr=0.1, weight_decay=1e-3)
print(len(seen.losses), len(calls))
"""


def test_two_processes_that_want_one_film_take_it_once(tmp_path):
    started = [
        subprocess.Popen([sys.executable, "-c", TWICE, str(tmp_path)], stdout=subprocess.PIPE, cwd=store.REPOSITORY)
        for _ in "12"
    ]
    said = [process.communicate()[0].split() for process in started]
    assert sorted(said) == [[b"5", b"0"], [b"5", b"1"]]
    (training,) = tmp_path.rglob("training.json")
    assert len(json.loads(training.read_text())["losses"]) == 5


def test_films_of_several_seeds_are_taken_at_a_time(runs):
    first = take(norm="none", epochs=0)
    (lock,) = runs.rglob("lock")
    with FileLock(lock):
        digits = [data.load("mnist-5k", split) for split in ("train", "test")]
        other = film.film(*digits, 4, here(Budget(time.time() + 60)), norm="none", epochs=0, **SETTINGS)
    assert not torch.equal(first.snapshots[0].train, other.snapshots[0].train)


def test_a_film_stops_in_time_and_goes_on(monkeypatch, tmp_path):
    whole = take(norm="batch", epochs=2)
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path))
    with pytest.raises(OutOfTime):
        take(Budget(0), norm="batch", epochs=2)
    assert list(tmp_path.rglob("checkpoint.safetensors"))
    resumed = take(norm="batch", epochs=2)
    assert resumed.losses == whole.losses
    assert all(torch.equal(one.train, other.train) for one, other in zip(whole.snapshots, resumed.snapshots, strict=True))


def test_parameters_are_scale_seeds_and_device():
    assert validate(Activations, {"In": ["# Parameters\nseeds = '3'"], "scale": "quick", "seeds": "3"}).seeds == 3
    with pytest.raises(ParameterError, match="(?s)device = 'tpu'.*epochs: there is no such parameter"):
        validate(Activations, {"In": ["# Parameters\nepochs = 3"], "scale": "quick", "device": "tpu", "epochs": 3})
