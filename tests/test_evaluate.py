"""Evaluations: networks stay as they were, batches do not matter, and every option does what it says."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from lib import attacks, data, evaluate, models
from lib.checkpoints import Checkpoint, OutOfTime
from lib.enlarged import block_repeat, block_sum
from lib.evaluate import Evaluation, frozen
from lib.experiments import EXPERIMENTS
from lib.input_dimension.experiments import bim
from lib.train import fit
from lib.trials import SCALES

CLEAN = Evaluation()
NOISE = Evaluation("noise", epsilon=1.0)
FGSM = Evaluation("fgsm", epsilon=0.1)
LINF = Evaluation("bim", epsilon=0.1, steps=5, step_size=0.03)
L2 = Evaluation("bim", norm="l2", epsilon=2.0, steps=5, step_size=0.6)
EVERY_KIND = [CLEAN, NOISE, FGSM, LINF, L2]


@pytest.fixture(scope="module")
def test_set() -> data.Dataset:
    return some_of(data.load("mnist-5k", "test"))


def some_of(dataset):
    """Every ninth image: of all classes, whether they are sorted or come in turn."""
    return replace(dataset, images=dataset.images[::9], labels=dataset.labels[::9])


@pytest.fixture(scope="module")
def trained():
    """Networks by (norm, image size), trained for a moment."""
    train, networks = some_of(data.load("mnist-5k", "train")), {}
    for norm in models.NORMS:
        for size in (28, 56):
            network = models.mlp(size**2, (32, 16), norm=norm)
            networks[norm, size] = models.initialize(network, "default", data.generator(0, "init"))
            fit([network], train, seeds=[0], image_size=size, epochs=5, batch_size=32, lr=0.05)
    return networks


@pytest.fixture(params=models.NORMS, ids=["plain", "batch norm"])
def norm(request):
    return request.param


@pytest.fixture
def network(trained, norm):
    return copy.deepcopy(trained[norm, 28])


def run(network, test_set, *evaluations, seed=0, image_size=28, **options):
    return evaluate.evaluate(network, test_set, evaluations, seed=seed, image_size=image_size, **options)


def only(results):
    (result,) = results.values()
    return result


def assert_same(found, expected, tolerance=1e-6):
    assert found.keys() == expected.keys()
    for label, metrics in expected.items():
        assert found[label]["accuracy"] == metrics["accuracy"], label
        assert found[label]["loss"] == pytest.approx(metrics["loss"], rel=tolerance, abs=tolerance), label
        assert found[label].get("zero_gradients") == metrics.get("zero_gradients"), label


class Recorder(nn.Module):
    """A linear network that keeps the inputs it is asked for, outside the attacks' gradients."""

    def __init__(self, image_size=28):
        super().__init__()
        linear = models.linear(image_size**2)
        self.network, self.inputs = models.initialize(linear, "default", data.generator(0, "init")), []

    def forward(self, x):
        if not x.requires_grad:
            self.inputs.append(x.clone())
        return self.network(x)


def recorded(test_set, evaluation, seed=0, image_size=28):
    """The normalised inputs on which a network is evaluated."""
    recorder = Recorder(image_size)
    run(recorder, test_set, evaluation, seed=seed, image_size=image_size)
    return torch.cat(recorder.inputs)


# --- Networks stay as they were --------------------------------------------------------------------------------------


def everything(network):
    """All that an evaluation could change."""
    modules = [(module.training, getattr(module, "track_running_stats", None)) for module in network.modules()]
    flags = [(parameter.requires_grad, parameter.grad) for parameter in network.parameters()]
    return modules, flags, {name: value.clone() for name, value in network.state_dict().items()}


def assert_untouched(network, before):
    modules, flags, state = everything(network)
    assert modules == before[0] and flags == before[1]
    assert all(torch.equal(state[name], value) for name, value in before[2].items())


def with_mixed_flags(network):
    """In training mode but for some modules, differentiable but for some parameters."""
    network.train()
    network[0].eval()
    network[2].eval()
    network[1].bias.requires_grad_(False)
    network[-1].weight.requires_grad_(False)
    return network


def in_evaluation_mode(network):
    return network.eval()


@pytest.mark.parametrize("batch_statistics", [False, True], ids=["running", "batch statistics"])
@pytest.mark.parametrize("prepare", [with_mixed_flags, in_evaluation_mode, nn.Module.train])
def test_the_network_is_left_as_it_was(network, test_set, prepare, batch_statistics):
    before = everything(prepare(network))
    evaluations = [replace(evaluation, batch_statistics=batch_statistics) for evaluation in EVERY_KIND]
    run(network, test_set, *evaluations, replace(FGSM, block_average=True))
    assert_untouched(network, before)

    def fail(fraction, label):
        raise RuntimeError("stopped")

    for evaluation in evaluations:
        with pytest.raises(RuntimeError, match="stopped"):
            run(network, test_set, evaluation, on_batch=fail)
        assert_untouched(network, before)

    with pytest.raises(RuntimeError, match="stopped"), frozen(network, batch_statistics):
        raise RuntimeError("stopped")
    assert_untouched(network, before)


def test_frozen_networks_evaluate_and_have_no_parameter_gradients(network, test_set):
    with frozen(with_mixed_flags(network)):
        assert not any(module.training for module in network.modules())
        assert not network(data.normalize(test_set.images, test_set)).requires_grad


def test_the_test_set_is_left_as_it_was(network, test_set):
    images, labels = test_set.images.clone(), test_set.labels.clone()
    run(network, test_set, *EVERY_KIND)
    assert torch.equal(test_set.images, images) and torch.equal(test_set.labels, labels)


# --- Numbers ---------------------------------------------------------------------------------------------------------


def test_clean_and_noise_equal_a_plain_loop(network, test_set):
    results = run(network, test_set, CLEAN, NOISE)
    chance = data.generator(0, "noise")
    images = (test_set.images / 255 - 0.1307) / 0.3081
    network.eval()
    for label, inputs in ("clean", images), ("noise-1", images + torch.randn(images.shape, generator=chance)):
        logits = network(inputs)
        correct = (logits.argmax(1) == test_set.labels).float().mean().item()
        assert results[label]["accuracy"] == pytest.approx(100 * correct)
        assert results[label]["loss"] == pytest.approx(nn.functional.cross_entropy(logits, test_set.labels).item(), rel=1e-5)
        assert results[label].keys() == {"accuracy", "loss"}


def test_attacks_hurt_and_more_so_with_more_steps(network, test_set):
    results = run(network, test_set, CLEAN, FGSM, bim(0.1, 10))
    assert results["clean"]["accuracy"] > results["fgsm-linf-0.1"]["accuracy"]
    assert results["clean"]["loss"] < results["fgsm-linf-0.1"]["loss"] <= results["bim-linf-0.1"]["loss"]


@pytest.mark.parametrize("options", [{}, {"space": "pixel", "clip": True}, {"block_average": True}], ids=str)
@pytest.mark.parametrize("image_size", [28, 56])
def test_batches_do_not_matter(trained, norm, test_set, options, image_size):
    kinds = EVERY_KIND if "block_average" not in options else [CLEAN, NOISE, FGSM, LINF]
    evaluations = [replace(evaluation, **options) for evaluation in kinds]
    network, found = trained[norm, image_size], []
    for batch_size in (7, 1000):
        found.append(run(network, test_set, *evaluations, image_size=image_size, batch_size=batch_size))
    assert_same(*found)


def test_progress_ends_at_one_for_each_evaluation(trained, test_set):
    seen = {"clean": [], "fgsm-linf-0.1": []}
    run(trained[None, 28], test_set, CLEAN, FGSM, batch_size=40, on_batch=lambda done, label: seen[label].append(done))
    assert len(test_set) == 112 and seen == {label: [40 / 112, 80 / 112, 1.0] for label in seen}


PGD = Evaluation("pgd", epsilon=0.1, steps=3, step_size=0.05, restarts=2)


@pytest.mark.parametrize("evaluation", [*EVERY_KIND, PGD], ids=lambda evaluation: evaluation.label)
def test_an_evaluation_that_was_stopped_goes_on_with_the_next_batch(network, test_set, tmp_path, evaluation):
    whole = run(network, test_set, evaluation, batch_size=40)
    file, told, rest = tmp_path / "evaluation", [], []

    def stop(done, label):
        told.append(done)
        if sum(done >= 80 / 112 for done in told) == (
            2 if evaluation.kind in ("bim", "pgd") else 1
        ):  # with steps, within the third batch
            raise OutOfTime

    with pytest.raises(OutOfTime):
        run(network, test_set, evaluation, batch_size=40, on_batch=stop, checkpoint=Checkpoint(file))
    assert Checkpoint(file).load()[1]["images"] == 80
    goes_on = {"on_batch": lambda done, label: rest.append(done), "checkpoint": Checkpoint(file)}
    assert run(network, test_set, evaluation, batch_size=40, **goes_on) == whole
    assert min(rest, default=1.0) >= 80 / 112
    for change in ({"batch_size": 30}, {"batch_size": 40, "seed": 1}):
        afresh = run(network, test_set, evaluation, **change)
        assert run(network, test_set, evaluation, **change, checkpoint=Checkpoint(file)) == afresh
    other = replace(test_set, images=255 - test_set.images, sha256="other")
    assert run(network, other, evaluation, checkpoint=Checkpoint(file)) == run(network, other, evaluation)


def test_an_evaluation_is_saved_every_few_minutes(network, test_set, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "age", property(lambda checkpoint: 301.0))
    saved, save = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, tensors, state: saved.append(state["images"]) or save(self, tensors, state)
    )
    run(network, test_set, LINF, batch_size=40, checkpoint=Checkpoint(tmp_path / "evaluation"))
    assert saved == [40, 80, 112]


@pytest.mark.parametrize("options", [{}, {"norm": "l2"}, {"clip": True}, {"space": "pixel", "clip": True}], ids=str)
def test_evaluations_on_one_path_equal_each_on_its_own(network, test_set, options):
    """BIM with 50 steps up to epsilon 0.05 is the first half of that with 100 steps up to 0.1."""
    half, full = bim(0.05, 100, **options), bim(0.1, 100, **options)
    assert (half.steps, full.steps) == (50, 100)
    calls = []
    network[0].register_forward_hook(lambda *_: calls.append(1))
    together = run(network, test_set, full, half)
    assert len(calls) == 100 + 2  # the gradients once, and both results
    assert_same(together, run(network, test_set, full) | run(network, test_set, half), tolerance=1e-5)


def test_a_run_that_feels_its_ball_is_no_part_of_another(network, test_set):
    inside, beyond = replace(LINF, epsilon=0.2), replace(LINF, steps=8)
    assert inside.steps * inside.step_size < inside.epsilon and beyond.steps * beyond.step_size > beyond.epsilon
    separately = run(network, test_set, inside) | run(network, test_set, beyond)
    assert_same(run(network, test_set, inside, beyond), separately)


def test_runs_of_equal_steps_in_balls_of_two_sizes_are_both_counted(network, test_set):
    small, large = (Evaluation("bim", epsilon=epsilon, steps=10, step_size=0.01) for epsilon in (0.1, 0.2))
    separately = run(network, test_set, small) | run(network, test_set, large)
    assert_same(run(network, test_set, small, large), separately, tolerance=1e-5)


def test_evaluations_of_several_settings_do_not_mix(network, test_set):
    """Everything at once, in any order, equals one by one."""
    variants = [
        bim(epsilon, 20, **options)
        for epsilon in (0.05, 0.1)
        for options in ({}, {"clip": True}, {"norm": "l2"}, {"space": "pixel"}, {"batch_statistics": True})
    ]
    expected = {}
    for evaluation in EVERY_KIND[:3] + variants:
        expected |= run(network, test_set, evaluation)
    assert len(expected) == 3 + len(variants)
    assert_same(run(network, test_set, *reversed(variants), *EVERY_KIND[:3]), expected, tolerance=1e-5)


@pytest.mark.parametrize("options", [{}, {"clip": True}, {"space": "pixel", "clip": True}], ids=str)
def test_fgsm_is_bim_with_one_step(network, test_set, options):
    one_step = Evaluation("bim", epsilon=0.1, steps=1, step_size=0.1, **options)
    assert only(run(network, test_set, replace(FGSM, **options))) == only(run(network, test_set, one_step))


@pytest.mark.parametrize("attack", [FGSM, LINF, L2, replace(FGSM, space="pixel")], ids=lambda attack: attack.label)
def test_zero_gradients_are_counted(network, test_set, attack):
    assert only(run(network, test_set, attack))["zero_gradients"] == 0
    with torch.no_grad():
        network[1].weight.zero_()
    result = only(run(network, test_set, attack))
    assert result["zero_gradients"] == len(test_set)
    assert result["loss"] == pytest.approx(run(network, test_set, CLEAN)["clean"]["loss"])


# --- Spaces and bounds -----------------------------------------------------------------------------------------------


def scaled(evaluation, factor):
    return replace(evaluation, epsilon=evaluation.epsilon * factor, step_size=evaluation.step_size * factor)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("kind", [NOISE, FGSM, LINF, L2], ids=lambda kind: kind.label)
def test_pixels_and_normalized_values_differ_by_the_standard_deviation(network, test_set, kind, clip):
    (std,) = test_set.std
    normalized = only(run(network, test_set, replace(kind, clip=clip)))
    pixel = only(run(network, test_set, scaled(replace(kind, clip=clip, space="pixel"), std)))
    assert pixel["accuracy"] == normalized["accuracy"]
    assert pixel["loss"] == pytest.approx(normalized["loss"], rel=1e-4)
    other = only(run(network, test_set, replace(kind, clip=clip, space="pixel")))
    assert other["loss"] != pytest.approx(normalized["loss"], rel=1e-2)


@pytest.mark.parametrize("space", evaluate.SPACES)
@pytest.mark.parametrize(
    "kind",
    [
        NOISE,
        FGSM,
        replace(LINF, epsilon=0.5, step_size=0.2),
        L2,
    ],
    ids=lambda kind: kind.label,
)
def test_clip_keeps_inputs_in_the_range_of_pixels(test_set, kind, space):
    def pixels(clip):
        return recorded(test_set, replace(kind, space=space, clip=clip)) * test_set.std[0] + test_set.mean[0]

    free, clipped = pixels(False), pixels(True)
    assert free.min() < -0.01 and free.max() > 1.01
    assert clipped.min() >= -1e-6 and clipped.max() <= 1 + 1e-6


@pytest.mark.parametrize("kind", [FGSM, LINF], ids=lambda kind: kind.label)
@pytest.mark.parametrize("space", evaluate.SPACES)
def test_perturbations_have_the_stated_size(test_set, kind, space):
    change = (recorded(test_set, replace(kind, space=space)) - data.normalize(test_set.images, test_set)).abs()
    expected = kind.epsilon if space == "normalized" else kind.epsilon / test_set.std[0]
    assert change.max().item() == pytest.approx(expected, rel=1e-4)


# --- Noise -----------------------------------------------------------------------------------------------------------


def noise(test_set, evaluation=NOISE, seed=0, image_size=28):
    clean = data.enlarge(data.normalize(test_set.images, test_set), image_size)
    return recorded(test_set, evaluation, seed, image_size) - clean


@pytest.mark.parametrize("std", [0.1, 1.0])
def test_noise_is_gaussian_with_the_stated_standard_deviation(test_set, std):
    drawn = noise(test_set, replace(NOISE, epsilon=std)) / std
    assert drawn.mean().item() == pytest.approx(0, abs=0.02)
    assert drawn.std().item() == pytest.approx(1, rel=0.02)
    assert (drawn.abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)
    in_pixels = noise(test_set, replace(NOISE, epsilon=std, space="pixel"))
    torch.testing.assert_close(in_pixels, std * drawn / test_set.std[0], rtol=0, atol=1e-4)


def test_noise_differs_between_images_and_seeds_but_not_between_runs(test_set):
    drawn = noise(test_set, seed=3)
    assert torch.equal(noise(test_set, seed=3), drawn)
    assert not torch.isclose(noise(test_set, seed=4), drawn).all(1).any()
    assert torch.corrcoef(drawn.flatten(1)).fill_diagonal_(0).abs().max() < 0.25


def test_both_arms_of_a_comparison_see_the_same_noise(trained, test_set):
    seen = {}
    for norm in models.NORMS:
        inputs = seen[norm] = []
        hook = trained[norm, 28][0].register_forward_hook(lambda module, args, output, inputs=inputs: inputs.append(args[0]))
        run(trained[norm, 28], test_set, NOISE, seed=5)
        hook.remove()
    assert torch.equal(torch.cat(seen[None]), torch.cat(seen["batch"]))


@pytest.mark.parametrize("image_size", [56, 84])
def test_noise_is_added_before_enlarging(test_set, image_size):
    enlarged = data.enlarge(noise(test_set), image_size)
    torch.testing.assert_close(noise(test_set, image_size=image_size), enlarged, rtol=0, atol=1e-6)


# --- Options of the networks -----------------------------------------------------------------------------------------


def averaged(network, shape, factor):
    """The network with every first-layer weight replaced by its mean over a block of repeated pixels."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        weight, small_shape = network[1].weight, (-1, *shape)
        weight.copy_(block_repeat(block_sum(weight, small_shape, factor), small_shape, factor))
    return network


def test_block_average_changes_nothing_without_an_attack(trained, norm, test_set):
    plain = run(trained[norm, 56], test_set, CLEAN, NOISE, image_size=56)
    average = [replace(evaluation, block_average=True) for evaluation in (CLEAN, NOISE)]
    found = run(trained[norm, 56], test_set, *average, image_size=56)
    assert_same({label.removesuffix("-block-average"): result for label, result in found.items()}, plain, 1e-5)


@pytest.mark.parametrize(
    "attack",
    [FGSM, LINF, replace(LINF, space="pixel", clip=True)],
    ids=lambda attack: attack.label,
)
def test_block_average_attacks_the_network_of_averaged_weights(trained, norm, test_set, attack):
    """The reference: those weights, on the enlarged images."""
    network = trained[norm, 56]
    with torch.no_grad():  # weights that differ within their blocks, as they do without weight decay
        rough = copy.deepcopy(network)
        rough[1].weight += 0.05 * torch.randn(rough[1].weight.shape, generator=torch.Generator().manual_seed(0))
    found = only(run(rough, test_set, replace(attack, block_average=True), image_size=56))
    expected = only(run(averaged(rough, test_set.images.shape[1:], 2), test_set, attack, image_size=56))
    assert found["accuracy"] == expected["accuracy"]
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert expected["loss"] != pytest.approx(only(run(rough, test_set, attack, image_size=56))["loss"], rel=1e-2)


def test_batch_statistics_are_those_of_training_batches(trained):
    """Clean and FGSM against a copy in training mode, on batches of 128, the last of them smaller."""
    test_set = data.load("mnist-5k", "test")
    test_set = replace(test_set, images=test_set.images[::3], labels=test_set.labels[::3])
    evaluations = [replace(evaluation, batch_statistics=True) for evaluation in (CLEAN, FGSM)]
    found = run(trained["batch", 28], test_set, *evaluations)
    assert run(trained["batch", 28], test_set, *evaluations, batch_size=50) == found

    network = copy.deepcopy(trained["batch", 28]).train()
    correct, loss = torch.zeros(2), torch.zeros(2)
    for images, labels in zip(data.normalize(test_set.images, test_set).split(128), test_set.labels.split(128), strict=True):
        x = images.requires_grad_()
        nn.functional.cross_entropy(network(x), labels).backward()
        for i, inputs in enumerate((images, images + 0.1 * x.grad.sign())):
            logits = network(inputs)
            correct[i] += (logits.argmax(1) == labels).sum()
            loss[i] += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
    for i, label in enumerate(("clean-batch-statistics", "fgsm-linf-0.1-batch-statistics")):
        assert found[label]["accuracy"] == pytest.approx(100 * correct[i].item() / len(test_set))
        assert found[label]["loss"] == pytest.approx(loss[i].item() / len(test_set), rel=1e-4)
    running = run(trained["batch", 28], test_set, CLEAN)
    assert found["clean-batch-statistics"]["loss"] != pytest.approx(running["clean"]["loss"], rel=1e-3)


def test_batch_statistics_change_nothing_without_batch_norm(trained, test_set):
    plain, with_option = (run(trained[None, 28], test_set, replace(FGSM, batch_statistics=b)) for b in (False, True))
    assert only(with_option) == only(plain)


# --- Labels and errors -----------------------------------------------------------------------------------------------


def test_labels_are_stable():
    """They are the keys of published records."""
    evaluations = {
        "clean": CLEAN,
        "noise-1": NOISE,
        "noise-0.5-pixel": Evaluation("noise", epsilon=0.5, space="pixel"),
        "fgsm-linf-0.05": Evaluation("fgsm", epsilon=0.05),
        "bim-linf-0.1": bim(0.1, 100),
        "bim-l2-2": L2,
        "bim-linf-0.1-pixel-clip": bim(0.1, 100, space="pixel", clip=True),
        "bim-linf-0.1-batch-statistics": bim(0.1, 100, batch_statistics=True),
        "fgsm-linf-0.1-block-average": replace(FGSM, block_average=True),
        "clean-invariance-human": Evaluation(dataset="invariance-human"),
    }
    assert {evaluation.label: evaluation for evaluation in evaluations.values()} == evaluations


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_labels_of_a_trial_are_unique(experiment, scale):
    for trial in EXPERIMENTS[experiment](scale):
        assert len({evaluation.label for evaluation in trial.evaluations}) == len(trial.evaluations)


@pytest.mark.parametrize(
    "pair",
    [(bim(0.1, 20), bim(0.1, 100)), (NOISE, replace(NOISE, epsilon=1 + 1e-7)), (FGSM, replace(FGSM, steps=2))],
    ids=["steps", "digits", "unused"],
)
def test_two_evaluations_with_one_label_are_refused(trained, test_set, pair):
    with pytest.raises(ValueError, match="label"):
        run(trained[None, 28], test_set, *pair)


def test_settings_name_what_differs_from_the_defaults():
    assert CLEAN.settings == {"kind": "clean"}
    assert bim(0.05, 100).settings == {"kind": "bim", "epsilon": 0.05, "steps": 50, "step_size": 0.001}
    assert Evaluation(**L2.settings) == L2


def test_unknown_kind_norm_and_space_are_named():
    with pytest.raises(ValueError, match="kind='carlini'.*clean, noise, fgsm, bim, pgd"):
        Evaluation("carlini")
    with pytest.raises(ValueError, match="norm='l1'.*linf, l2"):
        Evaluation("bim", norm="l1")
    with pytest.raises(ValueError, match="space='pixels'.*normalized, pixel"):
        Evaluation(space="pixels")


@pytest.mark.parametrize(
    "wrong", [{"epsilon": -0.1}, {"steps": -1}, {"step_size": -0.1}, {"restarts": 0}, {"first": 0}, {"first": -5}], ids=str
)
def test_numbers_that_make_no_sense_are_refused_before_any_training(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}': {next(iter(wrong.values()))}.*at least 1"):
        Evaluation("pgd", **wrong)


@pytest.mark.parametrize("wrong", [{"kind": "fgsm"}, {"kind": "bim", "block_average": True}], ids=str)
def test_what_is_defined_for_linf_alone_is_refused_for_l2(wrong):
    with pytest.raises(ValueError, match="norm='l2'.*linf alone"):
        Evaluation(norm="l2", epsilon=0.1, **wrong)


# --- Strong attacks, targets, parts of a test set ----------------------------------------------------------------------

PGD = Evaluation("pgd", epsilon=0.1, steps=5, step_size=0.05, restarts=2)


def test_pgd_finds_at_least_what_bim_finds(network, test_set):
    """From the best of several random starts, and never outside of its ball."""
    bim_result = only(run(network, test_set, replace(PGD, kind="bim", restarts=1)))
    one, many = (only(run(network, test_set, replace(PGD, restarts=n))) for n in (1, 6))
    assert many["loss"] > one["loss"] and many["loss"] > 0.98 * bim_result["loss"]
    size, clean = len(test_set), recorded(test_set, CLEAN)
    moved = recorded(test_set, PGD)[-size:] - clean  # the results of single runs are tested before, to choose among them
    assert 0 < moved.abs().max() <= 0.1 + 1e-6
    ball = replace(PGD, norm="l2", epsilon=2.0, step_size=1.0)
    moved = (recorded(test_set, ball)[-size:] - clean).flatten(1).norm(dim=1)
    assert 0 < moved.max() <= 2 + 1e-5


def test_the_random_starts_are_those_of_the_seed(network, test_set):
    assert run(network, test_set, PGD, seed=1) == run(network, test_set, PGD, seed=1)
    assert run(network, test_set, PGD, seed=1) != run(network, test_set, PGD, seed=2)


@pytest.mark.parametrize("batch_size", [3, 8, 100])
def test_noise_is_the_same_in_any_batches(network, test_set, batch_size):
    """Drawn batch by batch, it is bit for bit that of one draw for the whole set."""
    recorder = Recorder()
    run(recorder, test_set, NOISE, seed=5, batch_size=batch_size)
    noise = torch.randn(test_set.images.shape, generator=data.generator(5, "noise"))
    assert torch.equal(torch.cat(recorder.inputs), data.normalize(test_set.images, test_set) + noise)


def test_the_first_images_alone(network, test_set):
    """As if the test set had no others, and no more than there are."""
    few = replace(test_set, images=test_set.images[:17], labels=test_set.labels[:17])
    for evaluation in (CLEAN, NOISE, LINF):
        found = run(network, test_set, replace(evaluation, first=17), batch_size=5)
        assert found.keys() == {f"{evaluation.label}-first-17"}
        assert_same({"": only(found)}, {"": only(run(network, few, evaluation))})
    assert_same({"": only(run(network, few, replace(LINF, first=1000)))}, {"": only(run(network, few, LINF))}, tolerance=0)


def test_targets_are_tested_on_the_inputs_made_for_the_source(trained, test_set):
    source, target = trained[None, 28], trained["batch", 28]
    found = run(source, test_set, CLEAN, LINF, targets={"other": target, "itself": source}, batch_size=20)
    assert_same({"clean-on-other": found["clean-on-other"]}, {"clean-on-other": only(run(target, test_set, CLEAN))})
    for label in ("clean", LINF.label):
        assert found[f"{label}-on-itself"] == found[label]
    with frozen(source), frozen(target):
        x = data.normalize(test_set.images, test_set)
        adversarial = attacks.bim(source, x, test_set.labels, norm="linf", epsilon=0.1, steps=5, step_size=0.03)
        right = (target(adversarial).argmax(1) == test_set.labels).float().mean().item()
    assert found[f"{LINF.label}-on-other"]["accuracy"] == pytest.approx(100 * right)


def test_targets_stay_as_they_were(trained, test_set):
    source, target = copy.deepcopy(trained[None, 28]), copy.deepcopy(trained["batch", 28])
    before = everything(target)
    run(source, test_set, LINF, replace(CLEAN, batch_statistics=True), targets={"other": target})
    assert_untouched(target, before)


def test_the_top_five_are_counted_where_there_are_more_than_ten_classes(test_set):
    many = replace(test_set, labels=(test_set.labels + 3 * torch.arange(len(test_set))) % 40)
    network = models.initialize(models.linear(784, 40), "default", data.generator(0, "init"))
    found = only(run(network, many, CLEAN))
    logits = network(data.normalize(many.images, many))
    ranks = (logits > logits.gather(1, many.labels[:, None])).sum(1)
    assert found["top5"] == pytest.approx(100 * (ranks < 5).float().mean().item())
    assert found["accuracy"] == pytest.approx(100 * (ranks == 0).float().mean().item()) and found["accuracy"] < found["top5"]
    assert "top5" not in only(run(models.linear(784), test_set, CLEAN))
