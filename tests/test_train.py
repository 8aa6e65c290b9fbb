"""Training many seeds at once, and on the native size of enlarged images, against plain torch."""

import math
from dataclasses import replace

import pytest
import torch

from lib import data, models
from lib.train import fit, native

SETTINGS = [
    {"momentum": momentum, "weight_decay": weight_decay} for momentum in (0.0, 0.9) for weight_decay in (0.0, 0.01)
]


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    train = data.load("mnist-5k", "train")
    return replace(train, images=train.images[:400], labels=train.labels[:400])


def networks(seeds, image_size=28, norm=None, hidden=(32, 16)):
    built = []
    for seed in seeds:
        network = models.mlp(image_size**2, hidden, norm=norm) if hidden else models.linear(image_size**2)
        built.append(models.initialize(network, "default", data.generator(seed, "init")))
    return built


def plain_fit(network, train, *, seed, image_size, epochs, batch_size, lr, momentum, weight_decay):
    """The textbook loop, one network on images of full size."""
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=momentum, weight_decay=weight_decay)
    images = data.enlarge(data.normalize(train.images, train), image_size)
    chance = data.generator(seed, "order")
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(train), generator=chance).split(batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch]), train.labels[batch]).backward()
            optimizer.step()


def assert_same(networks, references, tolerance=1e-5):
    for network, reference in zip(networks, references, strict=True):
        for name, expected in reference.state_dict().items():
            found = network.state_dict()[name]
            assert (found - expected).float().norm() <= tolerance * expected.float().norm(), name


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
    assert_same(together, alone)


def test_linear_model_trains_on_the_native_size_as_on_the_enlarged(digits):
    (network,), (reference,) = networks([0], 84, hidden=()), networks([0], 84, hidden=())
    shared = {"image_size": 84, "epochs": 2, "batch_size": 64, "lr": 0.01, "momentum": 0.0, "weight_decay": 0.0225}
    fit([network], digits, seeds=[0], **shared)
    plain_fit(reference, digits, seed=0, **shared)
    assert_same([network], [reference])


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
    assert_same(both[1:], alone, tolerance=1e-6)
    assert [epoch for epoch, _ in losses] == [1, 2] and losses[0][1].shape == (2,)


def test_too_large_a_learning_rate_is_reported_with_its_epoch(digits):
    (network,) = networks([0])
    assert fit([network], digits, seeds=[0], image_size=28, epochs=5, batch_size=100, lr=1e20) == [1]


def test_zero_epochs_leave_the_network_as_it_was(digits):
    (network,), (reference,) = networks([0], 56), networks([0], 56)
    fit([network], digits, seeds=[0], image_size=56, epochs=0, batch_size=100, lr=0.1)
    assert_same([network], [reference], tolerance=1e-6)
