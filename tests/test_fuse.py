"""Fused networks: the same logits, gradients, predictions and accuracies, from a copy."""

import copy
import itertools
from dataclasses import replace
from functools import partial

import pytest
import torch
from common import CONVOLUTIONAL, EVERY_ARCHITECTURE, NARROW, RGB, every, initialized, norms, random_images
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib import data, evaluate, models
from lib.evaluate import Evaluation
from lib.fuse import fuse
from lib.train import fit

SEEDS = st.integers(0, 2**31)
WIDE_RESNETS = {f"wrn16-{norm}": (partial(models.wide_resnet, 16, 0.5, norm=norm), RGB) for norm in models.WIDE_NORMS}
EVERY_MODEL = EVERY_ARCHITECTURE | WIDE_RESNETS


def seasoned(name, seed=0):
    """In training mode, with batch norms as after a long training: factors of both signs, shifts, running statistics.

    Of wide ResNets, the scalars and the weights that begin as zeros too are what they could be then.
    """
    network = initialized(EVERY_MODEL[name][0](), seed, init="he" if name in WIDE_RESNETS else "default")
    chance = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if name in WIDE_RESNETS and parameter.min() == parameter.max():
            parameter.data += 0.1 * torch.rand(parameter.shape, generator=chance)  # positive: ReLUs let small images through
    for norm in norms(network):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean):
            values.copy_(torch.randn(values.shape, generator=chance))
        norm.running_var.copy_(4 ** (2 * torch.rand(norm.running_var.shape, generator=chance) - 1))
        norm.num_batches_tracked.fill_(100)
    assert not norms(network) or min(norm.weight.min() for norm in norms(network)) < 0
    return network


def with_gradient(network, images, direction):
    """Logits, and the gradient of their product with `direction` by the images."""
    x = images.clone().requires_grad_()
    logits = network(x)
    (gradient,) = torch.autograd.grad(logits, x, direction)
    return logits.detach(), gradient


def assert_near(found, expected, tolerance):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


# --- The same function -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_MODEL)
@settings(max_examples=5)
@given(seed=SEEDS, batch=st.integers(1, 9), scale=st.floats(0.01, 100))
def test_logits_and_their_gradients_are_equal_up_to_rounding(name, seed, batch, scale):
    network = seasoned(name, seed)
    images = scale * random_images(batch, *EVERY_MODEL[name][1], seed=seed)
    direction = random_images(batch, 10, seed=seed + 1)
    fused, plain = fuse(network), copy.deepcopy(network).eval()
    assert_near(fused(images), plain(images).detach(), 1e-5)

    fused, plain = fuse(network.double()), plain.double()
    found = with_gradient(fused, images.double(), direction.double())
    expected = with_gradient(plain, images.double(), direction.double())
    assert expected[1].any()
    for values, plain_values in zip(found, expected, strict=True):
        assert_near(values, plain_values, 1e-12)


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_batch_norm_is_gone_and_relu_comes_after_pooling(name):
    network, fused = seasoned(name), fuse(seasoned(name))
    kinds, before = ([type(module).__name__ for module in each] for each in (fused, network))
    assert not norms(fused) and len(kinds) == len(before) - len(norms(network))
    assert [kinds[i + 1] for i, kind in enumerate(kinds) if kind == "MaxPool2d"] == ["ReLU"] * before.count("MaxPool2d")
    assert "ReLU MaxPool2d" not in " ".join(kinds)


@pytest.mark.parametrize("name", WIDE_RESNETS)
def test_only_batch_norm_that_follows_no_convolution_is_left(name):
    """In six residual blocks, that before their first ReLU, and that before the last of all."""
    network, fused = seasoned(name), fuse(seasoned(name))
    assert (len(norms(network)), len(norms(fused))) == {"batch": (13, 7), "fixup": (0, 0), "fixup-he": (1, 1)}[name[6:]]
    chains = [[type(layer) for layer in module] for module in fused.modules() if isinstance(module, nn.Sequential)]
    assert all(pair != (nn.Conv2d, nn.BatchNorm2d) for chain in chains for pair in itertools.pairwise(chain))


class Sum(nn.Module):
    """Chains of layers inside another module, a chain in a chain, and layers with two places."""

    def __init__(self):
        super().__init__()
        twice = nn.Conv2d(3, 3, 3, padding=1)
        inner = nn.Sequential(twice, nn.BatchNorm2d(3), nn.ReLU())
        self.left = nn.Sequential(nn.BatchNorm2d(3), inner, nn.BatchNorm2d(3), nn.ReLU(), twice, nn.BatchNorm2d(3))
        self.right = nn.Sequential(twice, inner)

    def forward(self, x):
        return self.left(x) + self.right(x)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)], (3, 8, 8)),
        ([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2)], (3, 8, 8)),
        ([nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 5), nn.BatchNorm1d(5)], (3, 2, 2)),
        ([nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.MaxPool2d(2)], (3, 8, 8)),
        ([nn.MaxPool2d(2), nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)], (3, 8, 8)),
        ([nn.Conv2d(3, 3, 3), Sum(), nn.BatchNorm2d(3), nn.AvgPool2d(2), nn.Flatten()], (3, 8, 8)),
        ([], (3, 8, 8)),
    ],
    ids=lambda value: "-".join(type(layer).__name__ for layer in value) if isinstance(value, list) else "",
)
def test_layers_in_any_other_order_are_the_same_function_too(layers, shape):
    """Batch norm first or after the ReLU, where there is nothing before it to become part of; several in a row; in branches."""
    network = nn.Sequential(*layers).double()
    for seed in range(3):
        network(1 + 2 * random_images(20, *shape, seed=seed).double())
    images = random_images(6, *shape).double()
    torch.testing.assert_close(fuse(network)(images), network.eval()(images), rtol=1e-12, atol=1e-12)


# --- A frozen copy ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=EVERY_MODEL)
def network(request):
    """In training mode but for one module, differentiable but for one parameter."""
    network = seasoned(request.param)
    network[-2].eval()
    network[-1].bias.requires_grad_(False)
    network.images = random_images(3, *EVERY_MODEL[request.param][1])
    return network


def everything(network):
    modules = [(id(module), module.training, module._forward_hooks.copy()) for module in network.modules()]
    parameters = [(id(p), p.requires_grad, p.grad, p.stride(), p.data_ptr()) for p in network.parameters()]
    return modules, parameters, {name: (value.clone(), value.stride()) for name, value in network.state_dict().items()}


def test_the_network_is_left_as_it_was(network):
    modules, parameters, state = everything(network)
    with_gradient(fuse(network), network.images, torch.ones(3, 10))
    now = everything(network)
    assert now[:2] == (modules, parameters)
    for name, (value, stride) in state.items():
        assert torch.equal(now[2][name][0], value) and now[2][name][1] == stride, name


def test_the_copy_is_frozen_and_in_evaluation_mode(network):
    fused = fuse(network)
    assert not any(module.training for module in fused.modules())
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    assert not fused(network.images).requires_grad


def test_the_copy_keeps_its_values_when_the_network_goes_on_training(network):
    fused = fuse(network)
    before = fused(network.images)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
    assert torch.equal(fused(network.images), before) and before.any()


@pytest.mark.parametrize("name", CONVOLUTIONAL | WIDE_RESNETS)
def test_convolutions_of_the_copy_are_in_channels_last(name):
    convolutions = [module for module in fuse(seasoned(name)).modules() if isinstance(module, nn.Conv2d)]
    assert all(module.weight.is_contiguous(memory_format=torch.channels_last) for module in convolutions)


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_fusing_again_changes_nothing(name):
    fused, images = fuse(seasoned(name)), random_images(3, *EVERY_MODEL[name][1])
    again = fuse(fused)
    assert list(map(type, again.modules())) == list(map(type, fused.modules())) and torch.equal(again(images), fused(images))


# --- Digits ----------------------------------------------------------------------------------------------------------

EVALUATIONS = [
    Evaluation(),
    Evaluation("fgsm", epsilon=0.1),
    Evaluation("bim", epsilon=0.1, steps=5, step_size=0.03),
    Evaluation("bim", norm="l2", epsilon=2.0, steps=5, step_size=0.6),
    Evaluation("bim", epsilon=0.05, steps=5, step_size=0.01, space="pixel", clip=True),
]
BUILDERS = {
    "mlp": lambda norm: (models.mlp(784, (32, 16), norm=norm), 28),
    "mlp-56": lambda norm: (models.mlp(56**2, (32, 16), norm=norm), 56),
    "vgg8": lambda norm: (models.vgg(8, norm=norm, width=NARROW, channels=1), 32),
}


@pytest.fixture(scope="module", params=[(name, norm) for name in BUILDERS for norm in models.NORMS], ids=str)
def trained(request):
    """A network trained for a moment, the digits it is tested on, and their size; for VGGs, with a margin up to 32x32."""
    name, norm = request.param
    train, test = every(data.load("mnist-5k", "train"), 7), every(data.load("mnist-5k", "test"), 7)
    if name == "vgg8":
        train, test = (replace(digits, images=nn.functional.pad(digits.images, (2, 2, 2, 2))) for digits in (train, test))
    network, size = BUILDERS[name](norm)
    initialized(network, init="he")
    fit([network], train, seeds=[0], image_size=size, epochs=6, batch_size=32, lr=0.02, momentum=0.9)
    return network, test, size


def test_accuracies_are_the_same(trained, monkeypatch):
    network, test, size = trained
    found = evaluate.evaluate(network, test, EVALUATIONS, seed=0, image_size=size)
    monkeypatch.setattr(evaluate, "fuse", lambda network: network)
    expected = evaluate.evaluate(network, test, EVALUATIONS, seed=0, image_size=size)
    assert expected["clean"]["accuracy"] > 50
    for label, metrics in expected.items():
        assert found[label]["accuracy"] == metrics["accuracy"] and found[label].keys() == metrics.keys()
        assert found[label]["loss"] == pytest.approx(metrics["loss"], rel=1e-4)
        assert found[label].get("zero_gradients") == metrics.get("zero_gradients")


def test_predictions_are_the_same(trained):
    network, test, size = trained
    images = data.enlarge(data.normalize(test.images, test), size)
    assert torch.equal(fuse(network)(images).argmax(1), copy.deepcopy(network).eval()(images).argmax(1))


def test_batch_statistics_are_those_of_the_network_itself(trained, monkeypatch):
    """A fused network has none: it is not used for them."""
    network, test, size = trained
    evaluations = [replace(evaluation, batch_statistics=True) for evaluation in EVALUATIONS[:2]]
    found = evaluate.evaluate(network, test, evaluations, seed=0, image_size=size)
    monkeypatch.setattr(evaluate, "fuse", None)
    assert evaluate.evaluate(network, test, evaluations, seed=0, image_size=size) == found
