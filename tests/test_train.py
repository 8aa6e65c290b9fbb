"""Training: many seeds at once and enlarged images against plain torch; interrupted against undisturbed; its options."""

import copy
import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from common import NARROW, assert_equal, assert_near, every, in_colour, initialized, plain_fit

from lib import data, models, train
from lib.checkpoints import Checkpoint, OutOfTime
from lib.enlarged import native
from lib.evaluate import Evaluation, evaluate
from lib.train import fit

SETTINGS = [{"momentum": momentum, "weight_decay": weight_decay} for momentum in (0.0, 0.9) for weight_decay in (0.0, 0.01)]


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    loaded = data.load("mnist-5k", "train")
    return replace(loaded, images=loaded.images[:400], labels=loaded.labels[:400])


def networks(seeds, image_size=28, norm=None, hidden=(32, 16)):
    build = partial(models.mlp, image_size**2, hidden, norm=norm) if hidden else partial(models.linear, image_size**2)
    return [initialized(build(), seed) for seed in seeds]


@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("image_size", [28, 56])
def test_seeds_at_once_equal_seeds_one_by_one(digits, norm, settings, image_size):
    """20 steps: four epochs of 400 images in batches of 90, the last of them smaller."""
    seeds = [3, 1, 7]
    together, alone = networks(seeds, image_size, norm), networks(seeds, image_size, norm)
    shared = {"image_size": image_size, "epochs": 4, "batch_size": 90, "lr": 0.01, **settings}
    fit(together, digits, seeds=seeds, **shared)
    for network, seed in zip(alone, seeds, strict=True):
        plain_fit(network, digits, seed=seed, **shared)
    assert_near(together, alone)


def test_after_each_epoch_the_networks_are_as_a_training_of_so_many_epochs_leaves_them(digits):
    shared = {"seeds": [3, 1], "image_size": 28, "batch_size": 90, "lr": 0.1}
    watched, seen = networks([3, 1], norm="batch"), []
    fit(watched, digits, epochs=3, on_epoch=lambda epoch, losses: seen.append(copy.deepcopy(watched)), **shared)
    for epochs, found in enumerate(seen, start=1):
        expected = networks([3, 1], norm="batch")
        fit(expected, digits, epochs=epochs, **shared)
        assert_equal(found, expected)


def test_linear_model_trains_on_the_native_size_as_on_the_enlarged(digits):
    (network,), (reference,) = networks([0], 84, hidden=()), networks([0], 84, hidden=())
    shared = {"image_size": 84, "epochs": 2, "batch_size": 64, "lr": 0.01, "momentum": 0.0, "weight_decay": 0.0225}
    fit([network], digits, seeds=[0], **shared)
    plain_fit(reference, digits, seed=0, **shared)
    assert_near([network], [reference])


def test_native_network_equals_the_large_one_on_enlarged_images(digits):
    (network,) = networks([0], 84, "batch")
    images = data.normalize(digits.images[:50], digits)
    small = native(network.eval(), digits)
    assert small[1].weight.shape == (32, 784)
    torch.testing.assert_close(small(images), network(data.enlarge(images, 84)), rtol=1e-5, atol=1e-5)


def test_both_arms_of_a_comparison_start_from_the_same_weights_and_batches(digits):
    (plain,), (normalized,) = networks([5]), networks([5], norm="batch")
    assert torch.equal(plain[1].weight, normalized[1].weight)
    assert torch.equal(plain[-1].weight, normalized[-1].weight)


def test_divergence_is_a_result_and_spares_the_other_networks(digits):
    seeds = [0, 1]
    both, alone = networks(seeds), networks([1])
    with torch.no_grad():
        both[0][1].weight.fill_(math.inf)
    shared = {"image_size": 28, "epochs": 2, "batch_size": 100, "lr": 0.1}
    losses = []
    diverged = fit(both, digits, seeds=seeds, on_epoch=lambda epoch, loss: losses.append((epoch, loss)), **shared)
    assert diverged == [1, None]
    assert fit(alone, digits, seeds=[1], **shared) == [None]
    assert_near(both[1:], alone, tolerance=1e-6)
    assert [epoch for epoch, _ in losses] == [1, 2] and losses[0][1].shape == (2,)


def test_too_large_a_learning_rate_is_reported_with_its_epoch(digits):
    (network,) = networks([0])
    assert fit([network], digits, seeds=[0], image_size=28, epochs=5, batch_size=100, lr=1e20) == [1]


def test_zero_epochs_leave_the_network_as_it_was(digits):
    (network,), (reference,) = networks([0], 56), networks([0], 56)
    fit([network], digits, seeds=[0], image_size=56, epochs=0, batch_size=100, lr=0.1)
    assert_near([network], [reference], tolerance=1e-6)


# --- Interruptions ---------------------------------------------------------------------------------------------------

SEEDS, STEPS = [3, 1], 5  # a training of three epochs of five steps, the last of them smaller
DECAYED = {"momentum": 0.9, "weight_decay": 0.01}
TRAININGS = {
    "linear-28": (partial(models.linear, 28**2), 28, {}),
    "linear-56": (partial(models.linear, 56**2), 56, DECAYED),
    "mlp-56": (partial(models.mlp, 56**2, (12, 6)), 56, DECAYED),
    "mlp-batch-28": (partial(models.mlp, 28**2, (12, 6), norm="batch"), 28, DECAYED),
    "mlp-batch-56": (partial(models.mlp, 56**2, (12, 6), norm="batch"), 56, DECAYED | {"augment": True}),
    "mlp-batch-bf16": (partial(models.mlp, 28**2, (12, 6), norm="batch"), 28, DECAYED | {"precision": "bf16"}),
    "mlp-diverging": (partial(models.mlp, 28**2, (12, 6)), 28, DECAYED),
    "vgg8-bf16": (partial(models.vgg, 8, width=NARROW), 32, {"momentum": 0.9, "precision": "bf16"}),
    "vgg8-batch": (partial(models.vgg, 8, norm="batch", width=NARROW), 32, DECAYED | {"augment": True}),
}


class Training:
    """One of TRAININGS, started again and again as a new process would: with new objects, all but the file."""

    def __init__(self, name, digits):
        self.name, (self.build, self.image_size, self.settings) = name, TRAININGS[name]
        digits = every(digits, 13)  # 31 images
        self.digits = in_colour(digits) if self.image_size == 32 else digits
        self.undisturbed = self(None)

    def __call__(self, path, seeds=SEEDS, code=None, sha256="", **options):
        """The networks, when they diverged and the losses of each epoch that ended."""
        built, losses = [initialized(self.build(), seed) for seed in seeds], {}
        if self.name == "mlp-diverging":
            torch.nn.init.constant_(built[0][1].weight, math.inf)
        settings = {"epochs": 3, "batch_size": 7, "lr": 0.02, "on_epoch": losses.__setitem__} | self.settings
        settings |= {"checkpoint": path and Checkpoint(path, code)} | options
        diverged = fit(built, replace(self.digits, sha256=sha256), seeds=seeds, image_size=self.image_size, **settings)
        return built, diverged, losses

    def assert_undisturbed(self, networks, diverged, losses):
        assert_equal(networks, self.undisturbed[0])
        assert diverged == self.undisturbed[1] == ([1, None] if self.name == "mlp-diverging" else [None, None])
        for epoch, loss in losses.items():
            torch.testing.assert_close(loss, self.undisturbed[2][epoch], rtol=0, atol=0, equal_nan=True)


@pytest.fixture(scope="module", params=TRAININGS)
def training(request, digits):
    return Training(request.param, digits)


@pytest.fixture(scope="module")
def one_training(digits):
    return Training("mlp-batch-56", digits)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint"


class Spent:
    """A budget that is spent, or a process that dies of another `error`, after so many steps."""

    def __init__(self, steps, error=OutOfTime):
        self.left, self.error = steps, error

    def check(self):
        self.left -= 1
        if self.left == 0:
            raise self.error("stopped by the test")


@pytest.fixture
def steps(monkeypatch):
    """How many steps were taken, as many as the batches that were normalised."""
    taken, normalize = [], data.normalize
    monkeypatch.setattr(data, "normalize", lambda *args: taken.append(1) or normalize(*args))
    return taken


@pytest.mark.parametrize("step", [1, 3, STEPS, 2 * STEPS + 1])
def test_a_training_out_of_time_goes_on_bit_for_bit(training, path, steps, step):
    """After the first step, in an epoch, at the end of one, in the last one."""
    with pytest.raises(OutOfTime):
        training(path, budget=Spent(step))
    assert len(steps) == step
    training.assert_undisturbed(*training(path))
    assert len(steps) == 3 * STEPS


def test_a_training_stopped_after_every_single_step_goes_on_bit_for_bit(training, path, steps):
    for _ in range(3 * STEPS + 1):
        try:
            result = training(path, budget=Spent(1))
            break
        except OutOfTime:
            pass
    training.assert_undisturbed(*result)
    assert len(steps) == 3 * STEPS


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_training_that_dies_between_two_epochs_goes_on_bit_for_bit(training, path, steps, monkeypatch, epoch):
    """With a checkpoint at every step: nothing of the work is lost."""
    monkeypatch.setattr(train, "EVERY", 0)

    def die(reached, losses):
        if reached == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training(path, on_epoch=die)
    assert len(steps) == epoch * STEPS
    networks, diverged, losses = training(path)
    training.assert_undisturbed(networks, diverged, losses)
    assert min(losses) == epoch and len(steps) == 3 * STEPS


@pytest.mark.parametrize(("saved", "died"), [(1, 4), (STEPS - 1, STEPS + 2), (11, 14)])
def test_steps_after_the_last_checkpoint_are_taken_again(training, path, steps, monkeypatch, saved, died):
    age = property(lambda checkpoint: math.inf if len(steps) == saved else 0)
    monkeypatch.setattr(Checkpoint, "age", age)
    with pytest.raises(KeyboardInterrupt):
        training(path, budget=Spent(died, KeyboardInterrupt))
    training.assert_undisturbed(*training(path))
    assert len(steps) == 3 * STEPS + died - saved


def test_checkpoints_change_nothing(training, path, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 0)
    training.assert_undisturbed(*training(path))


def test_a_checkpoint_is_saved_only_when_it_is_worth_it(one_training, path, monkeypatch):
    """Every five minutes, and at the end of a training of more than ten seconds."""
    one_training(path)
    assert not path.exists()
    saved, age = [], [0.0]
    monkeypatch.setattr(train.State, "save", lambda state, checkpoint: saved.append((state.epoch, state.batch)))
    monkeypatch.setattr(Checkpoint, "age", property(lambda checkpoint: age[0]))
    for seconds, expected in (9, []), (11, [(4, 0)]), (299, [(4, 0)]):
        age[0] = seconds
        one_training(path)
        assert saved == expected
        saved.clear()
    age[0] = 301
    one_training(path)
    assert len(saved) == 3 * STEPS + 1


def test_a_finished_training_is_taken_from_its_checkpoint(training, path, steps, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 0)
    training(path)
    taken = len(steps)
    training.assert_undisturbed(*training(path))
    assert len(steps) == taken


def test_a_finished_training_goes_on_with_more_epochs(one_training, path, steps, monkeypatch):
    monkeypatch.setattr(Checkpoint, "age", property(lambda checkpoint: 11.0))  # saved at the end alone
    one_training(path, epochs=2)
    one_training.assert_undisturbed(*one_training(path))
    assert len(steps) == 3 * STEPS


@pytest.mark.parametrize(
    "other",
    [{"seeds": [3, 1, 7]}, {"seeds": [1, 3]}, {"seeds": [3]}, {"code": "another commit"}, {"sha256": "others"}],
    ids=str,
)
def test_a_checkpoint_of_other_seeds_code_or_data_is_ignored(one_training, path, steps, other):
    with pytest.raises(OutOfTime):
        one_training(path, budget=Spent(7), **other)
    steps.clear()
    one_training.assert_undisturbed(*one_training(path))
    assert len(steps) == 3 * STEPS


@pytest.mark.filterwarnings("error")
def test_a_damaged_checkpoint_is_reported_and_the_training_starts_anew(one_training, path, steps):
    with pytest.raises(OutOfTime):
        one_training(path, budget=Spent(7))
    path.write_bytes(path.read_bytes()[:-1])
    steps.clear()
    with pytest.warns(UserWarning, match="damaged.*starts anew"):
        result = one_training(path)
    one_training.assert_undisturbed(*result)
    assert len(steps) == 3 * STEPS


def test_a_budget_without_a_checkpoint_stops_the_training_too(one_training, path, steps):
    with pytest.raises(OutOfTime):
        one_training(None, budget=Spent(4))
    assert len(steps) == 4


# --- Precision -------------------------------------------------------------------------------------------------------


def flat(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("name", ["linear-28", "mlp-56", "mlp-batch-28", "vgg8-bf16"])
def test_bf16_changes_the_results_a_little(digits, name):
    """Its weights stay in float32, and are as near to those of fp32 as eight digits of a binary number are."""
    training = Training(name, digits)
    start = [initialized(training.build(), seed) for seed in SEEDS]
    undisturbed, _, exact_losses = training(None, precision="fp32")
    rough, _, losses = training(None, precision="bf16")
    for network, exact, before in zip(rough, undisturbed, start, strict=True):
        assert {value.dtype for value in network.parameters()} == {torch.float32}
        found, expected, initial = (flat(each) for each in (network, exact, before))
        assert 0 < (found - expected).norm() < 0.3 * (expected - initial).norm()
    for epoch, loss in exact_losses.items():
        torch.testing.assert_close(losses[epoch], loss, rtol=0.02, atol=0)
        assert losses[epoch].dtype == torch.float32 and not torch.equal(losses[epoch], loss)


def test_layers_compute_in_bfloat16_where_asked_for(digits, monkeypatch):
    seen, forward = [], train.side_by_side

    def watch(networks):
        model = forward(networks)
        model.register_forward_hook(lambda module, args, logits: seen.append((args[0].dtype, logits.dtype)))
        return model

    monkeypatch.setattr(train, "side_by_side", watch)
    for precision, dtype in ("fp32", torch.float32), ("bf16", torch.bfloat16):
        seen.clear()
        fit(networks([0]), digits, seeds=[0], image_size=28, epochs=1, batch_size=200, lr=0.1, precision=precision)
        assert seen == [(torch.float32, dtype)] * 2
    assert not torch.is_autocast_enabled("cpu")


def test_an_unknown_precision_is_named(digits):
    (network,) = networks([0])
    with pytest.raises(ValueError, match="precision='fp16'.*fp32, bf16"):
        fit([network], digits, seeds=[0], image_size=28, epochs=1, batch_size=100, lr=0.1, precision="fp16")
    assert_equal([network], networks([0]))


# --- Augmentation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_size", [28, 56])
def test_augmented_seeds_at_once_equal_seeds_one_by_one(digits, image_size):
    """Crops are of the small images, before any enlarging; each seed draws its own, in company as alone."""
    seeds = [3, 1, 7]
    together, alone = networks(seeds, image_size), networks(seeds, image_size)
    shared = {"image_size": image_size, "epochs": 2, "batch_size": 90, "lr": 0.01, "momentum": 0.9, "augment": True}
    fit(together, digits, seeds=seeds, **shared)
    for network, seed in zip(alone, seeds, strict=True):
        plain_fit(network, digits, seed=seed, **shared)
    assert_near(together, alone)


def test_augmentation_leaves_the_order_as_it_was(digits, monkeypatch):
    """Its chance is its own: the batches are those without it."""
    seen, normalize, crop_and_flip = {False: [], True: []}, data.normalize, data.crop_and_flip

    def watch(images, dataset):
        seen[False].extend(images)
        return normalize(images, dataset)

    def watch_before(images, generator, **options):
        seen[True].append(images)
        return crop_and_flip(images, generator, **options)

    shared = {"seeds": [0, 1], "image_size": 28, "epochs": 2, "batch_size": 90, "lr": 0.1}
    monkeypatch.setattr(data, "normalize", watch)
    fit(networks([0, 1]), digits, **shared)
    plain = seen[False].copy()
    monkeypatch.setattr(data, "crop_and_flip", watch_before)
    fit(networks([0, 1]), digits, augment=True, **shared)
    assert len(plain) == len(seen[True]) == 2 * 2 * 5
    assert all(torch.equal(a, b) for a, b in zip(plain, seen[True], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(plain, seen[False][len(plain) :], strict=True))


# --- Schedules, selection ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_learning_rate_falls_at_its_milestones(digits, nesterov):
    """As torch's own scheduler has it: the epochs after the first and the third are slower."""
    (network,), (reference,) = networks([0]), networks([0])
    fit(
        [network], digits, seeds=[0], image_size=28, epochs=4, batch_size=90, lr=0.05, momentum=0.9, weight_decay=0.01,
        milestones=(1, 3), gamma=0.3, nesterov=nesterov,
    )  # fmt: skip
    optimizer = torch.optim.SGD(reference.parameters(), 0.05, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], 0.3)
    order = data.generator(0, "order")
    for _ in range(4):
        for batch in torch.randperm(len(digits), generator=order).split(90):
            optimizer.zero_grad()
            logits = reference(data.normalize(digits.images[batch], digits))
            torch.nn.functional.cross_entropy(logits, digits.labels[batch]).backward()
            optimizer.step()
        scheduler.step()
    assert_near([network], [reference])


@pytest.mark.parametrize("wrong", [{"milestones": (1,)}, {"nesterov": True, "momentum": 0.9}], ids=str)
def test_milestones_and_nesterov_are_refused_for_enlarged_images(digits, wrong):
    with pytest.raises(ValueError, match="milestones=.*nesterov=.*enlarged.*constant learning rate and plain momentum"):
        fit(networks([0], 56), digits, seeds=[0], image_size=56, epochs=1, batch_size=90, lr=0.1, **wrong)


def test_modules_with_an_lr_factor_step_at_that_part_of_the_learning_rate(digits):
    class Shift(torch.nn.Module):
        lr_factor = 0.1

        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return x + self.bias

    images = in_colour(every(digits, 13))
    shared = {"seeds": [0], "image_size": 32, "epochs": 1, "batch_size": len(images), "lr": 0.1}
    conv = initialized(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.Linear(1800, 10)))
    slow, usual = (torch.nn.Sequential(conv[0], Shift(), *conv[1:]) for _ in range(2))
    slow, usual = copy.deepcopy(slow), copy.deepcopy(usual)
    usual[1].lr_factor = 1.0
    for network in slow, usual:
        fit([network], images, **shared)
    assert usual[1].bias != 0
    torch.testing.assert_close(slow[1].bias, usual[1].bias / 10)
    torch.testing.assert_close(slow[0].weight, usual[0].weight)


SELECTED = {"image_size": 32, "batch_size": 7, "lr": 0.05, "momentum": 0.9, "seeds": [3]}


def accuracies(digits, test, epochs):
    """After every epoch, of a training that is stopped there."""
    found = []
    for n in range(1, epochs + 1):
        network = initialized(models.vgg(8, width=NARROW, norm="batch"), 3)
        fit([network], digits, epochs=n, **SELECTED)
        found.append((evaluate(network, test, [Evaluation()], seed=0, image_size=32)["clean"]["accuracy"], network))
    return found


def test_the_network_of_the_best_epoch_is_kept(digits, path):
    images, test = in_colour(every(digits, 13)), in_colour(every(digits, 7))
    found = accuracies(images, test, 4)
    best = max(accuracy for accuracy, _ in found)
    expected = next(network for accuracy, network in found if accuracy == best)  # the first of equals
    network = initialized(models.vgg(8, width=NARROW, norm="batch"), 3)
    fit([network], images, epochs=4, select_on=test, **SELECTED)
    assert_equal([network], [expected])
    for step in (2, 11):  # in the first epoch, in a later one
        network = initialized(models.vgg(8, width=NARROW, norm="batch"), 3)
        own = path.with_suffix(f".{step}")
        with pytest.raises(OutOfTime):
            fit([network], images, epochs=4, select_on=test, checkpoint=Checkpoint(own), budget=Spent(step), **SELECTED)
        network = initialized(models.vgg(8, width=NARROW, norm="batch"), 3)
        fit([network], images, epochs=4, select_on=test, checkpoint=Checkpoint(own), **SELECTED)
        assert_equal([network], [expected])


def test_an_mlp_is_left_as_after_its_best_epoch(digits):
    held_out = data.load("mnist-5k", "test")
    held_out = replace(held_out, labels=held_out.labels.roll(37))  # so that accuracy does not just grow
    shared = {"seeds": [0], "image_size": 28, "batch_size": 90, "lr": 0.1}
    found = []
    for epochs in range(1, 9):
        (network,) = networks([0], norm="batch")
        fit([network], digits, epochs=epochs, **shared)
        found.append((evaluate(network, held_out, [Evaluation()], seed=0, image_size=28)["clean"]["accuracy"], network))
    best = max(accuracy for accuracy, _ in found)
    assert best > found[-1][0], "the last epoch is the best: nothing is tested"
    (network,) = networks([0], norm="batch")
    fit([network], digits, epochs=8, select_on=held_out, **shared)
    assert_equal([network], [next(network for accuracy, network in found if accuracy == best)])


def test_only_one_network_at_a_time_is_selected(digits):
    with pytest.raises(ValueError, match="select_on with 2 networks"):
        fit(networks([0, 1]), digits, seeds=[0, 1], image_size=28, epochs=1, batch_size=90, lr=0.1, select_on=digits)
