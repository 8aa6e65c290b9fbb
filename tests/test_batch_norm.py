"""Chapter 01: batch norm written out, the two circles, exploding gradients, their records, claims and exercises."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from common import ROOT, solution
from sklearn.decomposition import PCA
from torch import nn

from lib import claims as claim_tables
from lib import report, store, theory, verdicts
from lib.batch_norm import circles, claims, exercises, experiments, figures, gradients
from lib.batch_norm.equation import batch_norm, running_averages
from lib.batch_norm.parameters import BatchNorm
from lib.exercises import RIGHT
from lib.parameters import ParameterError, validate
from lib.trials import SCALES

CHAPTER = "01-batch-norm"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def notebook():
    return nbformat.read(ROOT / "book" / f"{CHAPTER}.ipynb", 4)


def randn(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


# --- The equation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 3, 32])
def test_the_equation_is_torchs_layer_and_so_is_its_gradient(batch_size):
    layer = nn.BatchNorm1d(5, dtype=torch.float64)
    nn.init.uniform_(layer.weight, generator=generator(1))
    nn.init.normal_(layer.bias, generator=generator(2))
    h, g = (3 + 2 * randn(batch_size, 5, seed=seed) for seed in (3, 4))
    leaves = [h.clone().requires_grad_() for _ in range(2)]
    outputs = batch_norm(leaves[0], layer.weight, layer.bias), layer(leaves[1])
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*(torch.autograd.grad(y, leaf, g)[0] for y, leaf in zip(outputs, leaves, strict=True)))


def test_mean_and_spread_of_the_batch_are_lost():
    h = randn(32, 5)
    torch.testing.assert_close(batch_norm(5 * h + 7, c=0), batch_norm(h, c=0))
    y = batch_norm(h, c=0)
    torch.testing.assert_close(y.mean(0), torch.zeros(5, dtype=torch.float64))
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("momentum", [0.1, 0.5, None])
def test_running_averages_are_torchs(momentum):
    batches = 2 + 3 * randn(7, 16, 5)
    layer = nn.BatchNorm1d(5, momentum=momentum, dtype=torch.float64)
    for batch in batches:
        layer(batch)
    mean, variance = running_averages(batches, momentum)
    torch.testing.assert_close((mean, variance), (layer.running_mean, layer.running_var))
    layer.eval()
    torch.testing.assert_close(layer(batches[0]), (batches[0] - mean) / (variance + 1e-5).sqrt())


# --- The circles -------------------------------------------------------------------------------------------------------


def test_two_circles_in_two_batches():
    points, labels = circles.circles(0)
    assert points.shape == (2, 32, 2) and labels.shape == (2, 32) and labels.sum() == 32
    radii = points.norm(dim=2)
    torch.testing.assert_close(radii, torch.where(labels == 0, 1.0, 1.3).double())
    for label in (0, 1):
        x, y = points[labels == label].T
        gaps = torch.atan2(y, x).sort().values.diff()
        torch.testing.assert_close(gaps, torch.full_like(gaps, 2 * torch.pi / 32))
    assert 0 < labels[0].sum() < 32
    assert torch.equal(circles.circles(0)[0], points) and not torch.equal(circles.circles(1)[0], points)
    smaller, others = circles.circles(0, batch_size=8)  # the same points in the same order
    assert torch.equal(smaller, points.view(8, 8, 2)) and torch.equal(others, labels.view(8, 8))


def test_the_network_is_that_of_figure_1():
    before = torch.random.get_rng_state()
    with_norm, without = (circles.network(norm, 3) for norm in ("batch", "none"))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len(with_norm) == 32 and with_norm.training
    assert [(m.in_features, m.out_features) for m in (with_norm[0], with_norm[-1])] == [(2, 10), (10, 2)]
    for block, plain in zip(with_norm[1:-1], without[1:-1], strict=True):
        norm, linear = block
        assert isinstance(norm, nn.BatchNorm1d) and norm.num_features == 10 and norm.momentum is None
        assert linear.weight.shape == (10, 10) and linear.bias is not None
        assert torch.equal(linear.weight, plain[1].weight) and isinstance(plain[0], nn.Identity)
        assert linear.weight.abs().max() <= 10**-0.5
    weights = torch.cat([p.flatten() for p in without.parameters()])
    assert weights.dtype == torch.float64 and torch.equal(weights, weights.float().double())
    with torch.random.fork_rng(devices=[]):  # the weights are those of anyone who seeds torch and builds the layers in order
        torch.manual_seed(3)
        plain = nn.Linear(2, 10), *(nn.Linear(10, 10) for _ in range(30)), nn.Linear(10, 2)
    linears = [module for module in with_norm.modules() if isinstance(module, nn.Linear)]
    for linear, expected in zip(linears, plain, strict=True):
        assert torch.equal(linear.weight, expected.weight.double()) and torch.equal(linear.bias, expected.bias.double())
    with pytest.raises(ValueError, match="'layer'; allowed: batch, none"):
        circles.network("layer", 0)


def affine_residual(x, y):
    """How far y (N, E) is from an affine image of x (N, D), relative to its spread."""
    x, y = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1), y - y.mean(0)
    return float((y - x @ torch.linalg.lstsq(x, y).solution).norm() / y.norm())


def test_every_mini_batch_goes_through_one_affine_map_but_only_without_batch_norm_all_through_the_same():
    points, _ = circles.circles(3)
    for norm in circles.NORMS:
        layers = circles.representations(circles.network(norm, 3), points)
        assert len(layers) == len(circles.LAYERS) and torch.equal(layers[0], points)
        for layer in layers[1:]:
            assert max(affine_residual(x, y) for x, y in zip(points, layer, strict=True)) < 1e-6
        together = affine_residual(points.flatten(0, 1), layers[14].flatten(0, 1))
        assert together < 1e-6 if norm == "none" else together > 0.1


def test_layers_are_the_outputs_of_linear_layers():
    points, _ = circles.circles(0)
    net = circles.network("batch", 0)
    layers = circles.representations(net, points)
    norm, linear = net[2]
    with torch.no_grad():
        torch.testing.assert_close(layers[3][0], linear(batch_norm(layers[2][0], norm.weight, norm.bias)))


def test_principal_components_are_fitted_on_both_batches_and_not_centred():
    layer = 5 + randn(2, 32, 6) * torch.arange(1, 7)
    flat = layer.flatten(0, 1).numpy()
    expected = flat @ PCA(2).fit(flat).components_.T
    found = circles.principal_components(layer).flatten(0, 1).numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(expected))


def test_distance_correlation():
    x = randn(64, 2)
    rotated = 3 * x @ torch.linalg.qr(randn(2, 2, seed=1)).Q + 7
    assert circles.distance_correlation(x, rotated) == pytest.approx(1)
    flattened = x * torch.tensor([1, 0.1])
    assert circles.distance_correlation(x, flattened) == pytest.approx(circles.distance_correlation(flattened, x))
    assert circles.distance_correlation(x, x**2) < circles.distance_correlation(x, flattened) < 0.99
    unrelated = [circles.distance_correlation(randn(n, 2, seed=2), randn(n, 2, seed=3)) for n in (20, 1000)]
    assert unrelated[1] < unrelated[0] < 0.5 and unrelated[1] < 0.1


def test_distance_correlation_by_hand():
    """Of 0, 1 and 0, 2: centred distances ∓1/2 and ∓1 with equal signs, so 1; of points at 0, 0, 1 and 0, 1, 0 less."""
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    assert circles.distance_correlation(column(0, 1), column(0, 2)) == pytest.approx(1)
    # a = [[-2, -2, 4], [-2, -2, 4], [4, 4, -8]] / 9, b its rows and columns 2 and 3 exchanged: Σab / Σaa = 36 / 144
    assert circles.distance_correlation(column(0, 0, 1), column(0, 1, 0)) == pytest.approx(0.5)


def test_nearest_neighbours_within_and_across():
    labels = torch.arange(2).repeat(2, 16)
    near = randn(2, 32, 2) + 100 * labels[..., None]
    assert {circles.nearest_neighbours(near, labels, among) for among in ("all", "within", "across")} == {100}
    swapped = near.clone()
    swapped[1] = randn(32, 2, seed=1) + 100 * (1 - labels[1])[:, None]
    assert circles.nearest_neighbours(swapped, labels, "within") == 100
    assert circles.nearest_neighbours(swapped, labels, "across") == 0
    assert 0 < circles.nearest_neighbours(swapped, labels) < 100


def test_a_point_is_not_its_own_neighbour():
    labels = torch.zeros(2, 32, dtype=torch.long)
    labels[0, 0] = 1
    assert circles.nearest_neighbours(randn(2, 32, 2), labels) < 100


def test_stretching_undoes_an_affine_map():
    points, labels = circles.circles(0)
    flat = points.flatten(0, 1)
    stretched = circles.stretch(flat @ randn(2, 10) * 1e-3 + 5)
    torch.testing.assert_close(torch.cdist(stretched, stretched), torch.cdist(*[circles.stretch(flat)] * 2), atol=1e-6, rtol=0)
    torch.testing.assert_close(stretched.std(0)[0], stretched.std(0)[1])


def test_roundness():
    angles = 2 * torch.pi * torch.arange(32) / 32
    ring = torch.stack([angles.cos(), angles.sin()], 1).double()
    assert circles.roundness(torch.stack([ring, ring + 9])) == pytest.approx(1)
    assert circles.roundness(torch.stack([ring, ring * torch.tensor([1, 0])])) == pytest.approx(0.5)


def test_nonlocality_is_what_replacing_a_point_does_to_the_others():
    (batch, _), _ = circles.circles(1)
    assert max(circles.nonlocality(circles.network("none", 1), batch)) == 0
    net = circles.network("batch", 1)
    found = circles.nonlocality(net, batch)
    assert found[:2] == [0, 0] and min(found[2:]) > 0  # the first batch norm is after layer 1
    before, squares = circles.representations(net, batch[None])[5][0], []
    for i in range(32):
        other = batch.clone()
        other[i] = -other[i]
        moved = circles.representations(net, other[None])[5][0] - before
        squares += [float(moved[j].square().sum()) for j in range(32) if j != i]
    spread = (before - before.mean(0)).square().sum(1).mean()
    assert found[5] == pytest.approx(100 * (np.mean(squares) / float(spread)) ** 0.5)


def test_a_metric_for_each_norm_and_layer():
    found = circles.measure(0).set_index(["norm", "layer"])
    assert len(found) == 2 * len(circles.LAYERS) and np.isfinite(found.to_numpy()).all()
    first = found.loc[[("batch", 0), ("none", 0), ("batch", 1), ("none", 1)]]
    assert (first["neighbours stretched"] == 100).all() and (first["nonlocality"] == 0).all()
    pd.testing.assert_series_equal(found.loc[("batch", 1)], found.loc[("none", 1)], check_names=False)
    assert (found.loc["none", "neighbours stretched"] == 100).all()
    assert found["neighbours stretched within"].nunique() == 1
    assert (found.loc["batch", "neighbours stretched"].loc[2:] < 100).all()


# --- Gradients ---------------------------------------------------------------------------------------------------------


def test_second_moments_are_those_of_a_network():
    weights = gradients.random_weights(20, generator(1), layers=3)
    found = gradients.second_moments(weights, 8, torch.relu, generator(2))
    chance, outputs = generator(2), []
    h = torch.randn(8, 20, generator=chance)
    for weight in weights:
        linear = nn.Linear(20, 20, bias=False)
        linear.weight.data = weight.T
        h = nn.Sequential(linear, nn.BatchNorm1d(20), nn.ReLU())(h)
        h.retain_grad()
        outputs.append(h)
    h.backward(torch.randn(8, 20, generator=chance))
    torch.testing.assert_close(found, torch.stack([y.grad.square().mean() for y in outputs]))


def test_growth_of_a_geometric_sequence():
    assert gradients.growth(1.5 ** -torch.arange(24.0)) == pytest.approx(1.5, rel=1e-5)


@pytest.mark.parametrize("activation", gradients.ACTIVATIONS)
@pytest.mark.parametrize("size", [8, 32])
def test_gradients_grow_as_the_formula_says(activation, size):
    found = []
    for seed in range(3):
        weights = gradients.random_weights(300, generator(seed))
        moments = gradients.second_moments(weights, size, gradients.ACTIVATIONS[activation], generator(seed + 100))
        found.append(gradients.growth(moments))
    assert np.mean(found) == pytest.approx(float(theory.gradient_growth(size, activation)), rel=0.03)


def test_the_scale_of_the_weights_is_of_no_account():
    weights = gradients.random_weights(100, generator())
    scaled = [3 * weight for weight in weights]
    found = [gradients.growth(gradients.second_moments(w, 16, torch.relu, generator(1))) for w in (weights, scaled)]
    assert found[0] == pytest.approx(found[1], rel=1e-2)  # the c of batch norm is not scaled


# --- Records -----------------------------------------------------------------------------------------------------------


def by_name(scale):
    return {measurement.name: measurement for measurement in experiments.experiments(scale)}


def test_the_papers_scale():
    found = by_name("paper")
    assert found[experiments.GRADIENTS].arms == ({"width": 1500},) and gradients.LAYERS == 24
    assert min(measurement.seeds for measurement in found.values()) >= 20
    for scale in SCALES:
        assert set(by_name(scale)) == set(found)
    with pytest.raises(ValueError, match="'huge'; allowed: quick, laptop, paper"):
        experiments.experiments("huge")


def test_the_scale_at_hand_is_measured_and_the_others_are_read():
    results = experiments.collect("quick", seeds=1)
    assert results.groupby("scale", sort=False)["seed"].nunique().to_dict() == {"quick": 1, "paper": 50}
    assert set(results["width"]) == {1.0} and set(results["epochs"]) == {0}


def test_the_books_records_are_what_this_code_measures():
    (record, *others) = store.published(experiments.CIRCLES, "paper")
    assert len({r["seed"] for r in (record, *others)}) == by_name("paper")[experiments.CIRCLES].seeds
    fresh = circles.measure(record["seed"])
    for name, values in record["metrics"].items():
        if name.startswith("neighbours"):  # a tie may break otherwise elsewhere
            assert np.abs(fresh[name] - values).mean() < 1, name
        elif name != "norm":
            np.testing.assert_allclose(fresh[name], values, rtol=1e-3, atol=1e-6, err_msg=name)
    seeds = [r["seed"] for r in store.published(experiments.GRADIENTS, "paper")]
    assert seeds == list(range(by_name("paper")[experiments.GRADIENTS].seeds))


def test_what_the_text_says_without_a_rule_is_so_in_the_records():
    """Of the distance correlation at deep layers, and of the growth of nonlocality."""
    results = experiments.frame(store.published(experiments.CIRCLES, "paper"), "paper", experiments.CIRCLES)
    deeper = range(20, claims.LAST + 1)
    found = [
        verdicts.Estimate.of(report.measured(claims.without_minus_with("distance correlation", layer), results, "paper"))
        for layer in deeper
    ]
    beyond_chance = [estimate.interval[0] > 0 for estimate in found]
    assert all(estimate.mean > 0 for estimate in found)
    assert any(beyond_chance) and not all(beyond_chance) and not beyond_chance[-1]
    growth = report.measured(claims.WHERE[0].measure, results, "paper")
    assert growth.median() < growth.mean() / 10


# --- Claims and pictures -----------------------------------------------------------------------------------------------

CLAIMS = {name: getattr(claims, name) for name in ("MIXING", "STRETCHED", "WHERE", "GROWTH", "GROWTH_LINEAR", "SLIP")}


def made_up(scale: str, accuracy, growth=lambda activation, size: float(theory.gradient_growth(size, activation))):
    """Records of four seeds: every metric of the circles is accuracy(norm, layer) plus a little for the seed and norm."""
    metrics = [name for name in circles.measure(0) if name not in ("norm", "layer")]
    frames = []
    for seed in range(4):
        arms = [(norm, layer) for norm in circles.NORMS for layer in circles.LAYERS]
        of_seed = {arm: 0.1 * seed * (1 + (arm[0] == "batch")) * (arm[1] + 1) / 32 for arm in arms}
        rounds = {name: [accuracy(*arm) + of_seed[arm] for arm in arms] for name in metrics}
        deep = [(name, size) for name in gradients.ACTIVATIONS for size in gradients.BATCH_SIZES]
        both = {
            experiments.CIRCLES: {"norm": [a for a, _ in arms], "layer": [b for _, b in arms]} | rounds,
            experiments.GRADIENTS: {
                "activation": [a for a, _ in deep],
                "batch_size": [b for _, b in deep],
                "growth": [growth(*arm) + 1e-4 * seed * (1 + 1 / arm[1]) for arm in deep],
            },
        }
        for name, found in both.items():
            about = {"device": "a CPU, 2 cores", "precision": "fp64"}
            record = {"trial": {"settings": {"dataset": "made up"}}, "seed": seed, "metrics": found, "provenance": about}
            frames.append(experiments.frame([record], scale, name))
    return pd.concat(frames, ignore_index=True)


def verdicts_of(name, results):
    return [claim.judge(report.measured(claim.measure, results, "paper"), "paper") for claim in CLAIMS[name]]


def as_the_paper_says(norm, layer):
    return 100.0 if norm == "none" or layer < 2 else 75.0 if layer == 2 else 50.0


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_is_measured_at_each_scale(name):
    results = pd.concat([made_up(scale, as_the_paper_says) for scale in ("quick", "paper")])
    for claim in CLAIMS[name]:
        found = report.measured(claim.measure, results, "paper")
        assert len(found) == 4 and np.isfinite(found).all(), claim.text
    shown = claim_tables.table(CLAIMS[name], results, "tab-x", "Caption.")
    assert len(shown.rows) == len(CLAIMS[name]) and verdicts.NOT_RUN not in set(shown.rows["verdict, paper"])
    assert verdicts.REPRODUCED not in set(shown.rows["verdict, quick"])
    assert "made up" in shown.caption and "4 seeds" in shown.caption


def test_a_world_in_which_the_paper_is_right():
    found = verdicts_of("MIXING", made_up("paper", as_the_paper_says))
    one, rep = verdicts.DIRECTION, verdicts.REPRODUCED
    assert found == [one, one, rep, rep, one, rep, rep]
    *rates, smaller, limit = verdicts_of("GROWTH", made_up("paper", as_the_paper_says))
    assert set(rates) == {rep} and (smaller, limit) == (one, rep)
    assert set(verdicts_of("GROWTH_LINEAR", made_up("paper", as_the_paper_says))) == {rep}
    assert set(verdicts_of("SLIP", made_up("paper", as_the_paper_says))) == {one}


def test_a_world_in_which_it_is_the_other_way_round():
    results = made_up("paper", lambda norm, layer: as_the_paper_says({"none": "batch", "batch": "none"}[norm], layer))
    found = verdicts_of("MIXING", results)
    assert verdicts.REPRODUCED not in found and found[2:] == [verdicts.NOT_REPRODUCED] * 5


def test_a_wrong_rate_of_growth_is_not_reproduced():
    slip = made_up("paper", as_the_paper_says, lambda activation, size: float(theory.gradient_growth_as_plotted(size)))
    for name in "GROWTH", "GROWTH_LINEAR":
        assert verdicts_of(name, slip)[0] == verdicts.NOT_REPRODUCED
    assert verdicts_of("SLIP", slip.assign(growth=slip["growth"] - 0.01)) == [verdicts.NOT_REPRODUCED] * 6


@pytest.mark.parametrize("batch_size", [8, 32])
@pytest.mark.parametrize("stretched", [False, True])
def test_the_picture_shows_every_point_once_by_class_and_batch(stretched, batch_size):
    figure = figures.circles_panels("batch", 3, (0, 14), factor=100, stretched=stretched, batch_size=batch_size)
    assert [axis.get_title() for axis in figure.axes] == ["Input", "Layer 14"]
    for axis in figure.axes:
        assert sum(len(points.get_offsets()) for points in axis.collections) == 64 and len(axis.collections) == 4
        hollow = [len(points.get_facecolors()) == 0 for points in axis.collections]
        assert hollow == [True, True, False, False]
        shapes = [points.get_paths()[0].vertices.shape for points in axis.collections]
        assert shapes[0] == shapes[2] != shapes[1] == shapes[3]


def test_components_are_scaled_in_layers_and_not_in_the_input():
    plain, scaled = (figures.circles_panels("none", 3, (0, 5), factor=factor).axes for factor in (1, 100))
    for axis, other, factor in zip(plain, scaled, (1, 100), strict=True):
        found, expected = (a.collections[0].get_offsets().data for a in (other, axis))
        np.testing.assert_allclose(found, factor * expected)


def test_the_lines_are_means_over_seeds():
    results = made_up("paper", as_the_paper_says)
    axis = figures.over_layers(results, "paper").axes[0]
    expected = report.values(results, "neighbours shown", "paper", **claims.at("batch", 31)).mean()
    assert axis.lines[0].get_ydata()[31] == pytest.approx(expected)
    moments = {size: torch.arange(24.0, 0, -1) for size in gradients.BATCH_SIZES}
    left, right = figures.gradient_growth(results, "paper", moments).axes
    assert len(left.lines) == len(gradients.BATCH_SIZES) and "paper scale, 4 seeds" in right.get_title()


def test_the_explorer_is_a_widget_and_a_picture():
    bundle = figures.Explorer(layers=(1,))._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith('<img src="data:image/png;base64,') and 'alt="Two mini-batches' in bundle["text/html"]


# --- Parameters and exercises ------------------------------------------------------------------------------------------


def test_parameters_are_scale_and_seeds_alone():
    assert validate(BatchNorm, {"In": ["# Parameters\nseeds = '3'"], "scale": "quick", "seeds": "3"}).seeds == 3
    with pytest.raises(ParameterError, match="(?s)scale = 'huge'.*epochs: there is no such parameter"):
        validate(BatchNorm, {"In": ["# Parameters\nepochs = 3"], "scale": "huge", "seeds": None, "epochs": 3})


def test_solution_of_the_backward_pass():
    namespace = {"torch": torch}
    exec(solution(CHAPTER, "ex-batch-norm-backward"), namespace)
    assert exercises.check_backward(namespace["backward"]) == RIGHT


def normalised(h):
    return (h - h.mean()) / (h.var(correction=0) + 1e-5).sqrt()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda h, g: None,
        lambda h, g: 1 / 0,
        lambda h, g: torch.zeros(3),
        lambda h, g: g,
        lambda h, g: (g - g.mean()) / h.std(correction=0),
        lambda h, g: g - g.mean() - normalised(h) * (g * normalised(h)).mean(),
        lambda h, g: -(g - g.mean() - normalised(h) * (g * normalised(h)).mean()) / h.std(correction=0),
        lambda h, g: torch.zeros_like(h),
    ],
    ids=["unanswered", "raises", "shape", "identity", "mean alone", "not divided", "sign", "zero"],
)
def test_wrong_backward_passes_get_a_hint(wrong):
    assert exercises.check_backward(wrong).startswith("Not yet. Hint:")


def test_solution_of_the_leaky_limit(capsys):
    """With the weights that the exercise, as it stands in the page, defines."""
    (exercise,) = (cell.source for cell in notebook().cells if "{exercise} Leaky ReLU" in cell.source)
    namespace = {"torch": torch, "nn": nn, "gradients": gradients, "phi": torch.relu}
    exec(re.search(r"\{exercise\} Leaky ReLU\n.*?```python\n(.*?)```", exercise, re.DOTALL)[1], namespace)
    assert float(capsys.readouterr().out) == pytest.approx(theory.GRADIENT_GROWTH_LIMIT, rel=0.03)
    exec(solution(CHAPTER, "ex-leaky-growth"), namespace)
    assert exercises.check_limit(namespace["limit"]) == RIGHT
    predicted, measured = map(float, capsys.readouterr().out.split())
    assert measured == pytest.approx(predicted, rel=0.03)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda slope: None,
        lambda slope: 1 / 0,
        lambda slope: 1.0,
        lambda slope: torch.pi / (torch.pi - 1),
        lambda slope: slope + (1 - slope) * torch.pi / (torch.pi - 1),
    ],
    ids=["unanswered", "raises", "linear", "ReLU", "in between"],
)
def test_wrong_limits_get_a_hint(wrong):
    assert exercises.check_limit(wrong).startswith("Not yet. Hint:")
