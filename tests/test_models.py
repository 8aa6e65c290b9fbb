"""The networks: shapes, sizes, order of layers and initialisation."""

import math
from functools import partial

import pytest
import torch
from common import EVERY_ARCHITECTURE, RGB, initialized, random_images
from torch import nn

from lib import models


@pytest.fixture(params=EVERY_ARCHITECTURE)
def architecture(request):
    return EVERY_ARCHITECTURE[request.param]


@pytest.fixture
def build(architecture):
    """Networks of one architecture, by seed."""
    return lambda seed=0: initialized(architecture[0](), seed)


@pytest.fixture
def images(architecture):
    return random_images(7, *architecture[1])


# --- Every model -----------------------------------------------------------------------------------------------------


def test_forward_and_backward(build, images):
    network = build()
    logits = network(images)
    assert logits.shape == (7, 10) and logits.isfinite().all()
    models.cross_entropy(logits, torch.arange(7)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_evaluation_is_deterministic_and_sees_each_image_alone(build, images):
    network = build()
    network(images)  # in training mode: batch norm gets statistics of its own
    network.eval()
    logits = network(images)
    assert torch.equal(network(images), logits)
    torch.testing.assert_close(network(images[3:4]), logits[3:4], rtol=1e-5, atol=1e-6)


def test_state_round_trip(build, images, tmp_path):
    network, other = build(0), build(1)
    network(images)
    torch.save(network.state_dict(), tmp_path / "state.pt")
    assert not torch.equal(other.eval()(images), network.eval()(images))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other(images), network(images))


def test_the_seed_decides_the_weights(build):
    first, again, other = build(0), build(0), build(1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    for a, b in zip(weighted_layers(first), weighted_layers(other), strict=True):
        assert not torch.equal(a.weight, b.weight) and not torch.equal(a.bias, b.bias)


# --- The architectures of the paper ----------------------------------------------------------------------------------


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("size", [28, 56, 84, 112])
def test_parameter_counts(size):
    inputs = size**2
    hidden = (inputs * 392 + 392) + (392 * 196 + 196) + (196 * 10 + 10)
    assert parameters(models.linear(inputs)) == inputs * 10 + 10
    assert parameters(models.mlp(inputs)) == hidden
    assert parameters(models.mlp(inputs, norm="batch")) == hidden + 2 * 392


def test_batch_norm_follows_the_first_linear_layer_and_precedes_its_relu():
    kinds = [type(module).__name__ for module in models.mlp(784, norm="batch")]
    assert kinds == ["Flatten", "Linear", "BatchNorm1d", "ReLU", "Linear", "ReLU", "Linear"]
    kinds.remove("BatchNorm1d")
    assert [type(module).__name__ for module in models.mlp(784)] == kinds


# As in the literature: convolutions by their channels, M for max pooling; from 11 on A, B, D and E of Simonyan and Zisserman.
CONFIGURATIONS = {
    8: "64 M 128 M 256 M 512 M 512 M",
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def channels(network):
    return [module.out_channels for module in network if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("depth", CONFIGURATIONS)
class TestVGG:
    @pytest.fixture
    def network(self, depth, norm):
        with torch.device("meta"):  # of full width, and no time is spent on weights
            return models.vgg(depth, norm=norm)

    def test_parameter_counts(self, network, depth, norm):
        expected, inputs = 512 * 10 + 10, 3
        for outputs in map(int, CONFIGURATIONS[depth].replace("M", "").split()):
            expected += 9 * inputs * outputs + outputs + (2 * outputs if norm else 0)
            inputs = outputs
        assert parameters(network) == expected

    def test_order_of_layers(self, network, depth, norm):
        convolution = ["Conv2d", "BatchNorm2d", "ReLU"] if norm else ["Conv2d", "ReLU"]
        expected = [["MaxPool2d"] if layer == "M" else convolution for layer in CONFIGURATIONS[depth].split()]
        assert [type(module).__name__ for module in network] == [*sum(expected, []), "Flatten", "Linear"]
        assert channels(network) == [int(layer) for layer in CONFIGURATIONS[depth].split() if layer != "M"]
        assert network[0].in_channels == 3

    def test_convolutions_keep_the_size_and_pooling_halves_it(self, network, depth, norm):
        x = torch.empty(2, *RGB, device="meta")
        for module in network:
            size, x = x.shape[-1], module(x)
            if isinstance(module, nn.Conv2d):
                assert module.kernel_size == (3, 3) and module.stride == (1, 1) and module.bias is not None
            if x.ndim == 4:
                assert x.shape[-1] == (size // 2 if isinstance(module, nn.MaxPool2d) else size)
        assert x.shape == (2, 10)

    @pytest.mark.parametrize("width", [2, 0.5, 0.25, 1 / 16, 1e-9])
    def test_width_multiplies_all_channels_down_to_one(self, network, depth, norm, width):
        with torch.device("meta"):
            other = models.vgg(depth, norm=norm, width=width)
        assert channels(other) == [max(1, width * full) for full in channels(network)]
        assert [type(module) for module in other] == [type(module) for module in network]
        assert other[-1].in_features == channels(other)[-1]


# --- Initialisation --------------------------------------------------------------------------------------------------


def weighted_layers(network):
    return [module for module in network if isinstance(module, nn.Linear | nn.Conv2d)]


@pytest.mark.parametrize("norm", models.NORMS)
def test_default_initialisation_is_that_of_torch(norm):
    """U(-1/√fan_in, 1/√fan_in) for weights and biases, as a fresh nn.Linear has it."""
    for layer in weighted_layers(initialized(models.mlp(784, norm=norm))):
        bound = 1 / math.sqrt(layer.in_features)
        for values in (layer.weight, layer.bias):
            assert values.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
        assert layer.weight.std().item() == pytest.approx(nn.Linear(*layer.weight.shape[::-1]).weight.std().item(), rel=0.05)
        assert layer.bias.abs().sum() > 0


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_default_initialisation_draws_the_very_numbers_of_torch(name):
    """From equal seeds, for a convolution as for a linear layer, in the order of the layers."""
    builder, _ = EVERY_ARCHITECTURE[name]
    with torch.random.fork_rng():
        torch.manual_seed(7)
        own = builder()
    network = models.initialize(builder(), "default", torch.Generator().manual_seed(7))
    torch.testing.assert_close(network.state_dict(), own.state_dict(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("norm", models.NORMS)
def test_he_initialisation_of_linear_layers(norm):
    """Normal with variance 2 / fan_in; zero biases."""
    for layer in weighted_layers(initialized(models.mlp(784, norm=norm), init="he")):
        std = math.sqrt(2 / layer.in_features)
        assert layer.weight.std().item() == pytest.approx(std, rel=0.03)
        assert layer.weight.mean().item() == pytest.approx(0, abs=4 * std / math.sqrt(layer.weight.numel()))
        assert (layer.weight.abs() < std).float().mean().item() == pytest.approx(0.683, abs=0.03)
        assert not layer.bias.any()


@pytest.mark.parametrize("norm", models.NORMS)
def test_he_initialisation_of_convolutions(norm):
    """Normal with variance 2 / fan_out; zero biases. The last layer is linear and keeps its fan_in."""
    *convolutions, last = weighted_layers(initialized(models.vgg(8, norm=norm, width=0.25), init="he"))
    for layer in convolutions:
        std, n = math.sqrt(2 / (layer.out_channels * 3 * 3)), layer.weight.numel()
        assert layer.weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * n))  # four standard errors
        assert layer.weight.mean().item() == pytest.approx(0, abs=4 * std / math.sqrt(n))
        assert (layer.weight.abs() < std).float().mean().item() == pytest.approx(0.683, abs=4 * 0.465 / math.sqrt(n))
        assert not layer.bias.any()
    assert last.weight.std().item() == pytest.approx(math.sqrt(2 / last.in_features), rel=0.1) and not last.bias.any()


@pytest.mark.parametrize("builder", [partial(models.mlp, 784, (20, 10)), partial(models.vgg, 8, width=0.1)], ids=["mlp", "vgg"])
@pytest.mark.parametrize("init", models.INITS)
def test_equal_seeds_give_equal_weights_with_and_without_batch_norm(init, builder):
    plain, normalized = (initialized(builder(norm=norm), 3, init) for norm in (None, "batch"))
    for a, b in zip(weighted_layers(plain), weighted_layers(normalized), strict=True):
        assert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)


def test_initialisation_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    network = models.mlp(784, (8,))
    torch.manual_seed(0)
    initialized(network)
    assert torch.equal(torch.rand(3), expected)


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_unknown_norm_is_named():
    with pytest.raises(ValueError, match="norm='layer'.*'batch'"):
        models.mlp(784, norm="layer")
    with pytest.raises(ValueError, match="norm='layer'.*'batch'"):
        models.vgg(8, norm="layer")


@pytest.mark.parametrize("depth", [9, 0, "8"])
def test_unknown_depth_is_named(depth):
    with pytest.raises(ValueError, match=f"depth={depth!r}.*8, 11, 13, 16, 19"):
        models.vgg(depth)


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init='xavier'.*default, he"):
        models.initialize(models.linear(4), "xavier", torch.Generator())
