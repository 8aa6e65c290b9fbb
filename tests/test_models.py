"""The networks: shapes, sizes, initialisation, and several of them as one."""

import copy
import math

import pytest
import torch
from torch import nn

from lib import data, models

ARCHITECTURES = {
    "linear": lambda inputs: models.linear(inputs),
    "mlp": lambda inputs: models.mlp(inputs, (12, 6)),
    "mlp-batch": lambda inputs: models.mlp(inputs, (12, 6), norm="batch"),
    "mlp-batch-one-layer": lambda inputs: models.mlp(inputs, (12,), norm="batch"),
}


@pytest.fixture(params=[28, 56])
def image_size(request):
    return request.param


@pytest.fixture(params=ARCHITECTURES)
def build(request, image_size):
    """Networks of one architecture for images of one size, by seed."""
    return lambda seed=0: initialized(ARCHITECTURES[request.param](image_size**2), seed)


def initialized(network, seed=0, init="default"):
    return models.initialize(network, init, data.generator(seed, "init"))


def images(*leading, image_size, seed=0):
    return torch.randn(*leading, 1, image_size, image_size, generator=torch.Generator().manual_seed(seed))


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]


# --- Every model -----------------------------------------------------------------------------------------------------


def test_forward_and_backward(build, image_size):
    network, x = build(), images(7, image_size=image_size)
    logits = network(x)
    assert logits.shape == (7, 10)
    models.cross_entropy(logits, torch.arange(7)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_evaluation_is_deterministic_and_sees_each_image_alone(build, image_size):
    network, x = build(), images(7, image_size=image_size)
    network(x)  # in training mode: batch norm gets statistics of its own
    network.eval()
    logits = network(x)
    assert torch.equal(network(x), logits)
    torch.testing.assert_close(network(x[3:4]), logits[3:4], rtol=1e-5, atol=1e-6)


def test_state_round_trip(build, image_size, tmp_path):
    network, other, x = build(0), build(1), images(7, image_size=image_size)
    network(x)
    torch.save(network.state_dict(), tmp_path / "state.pt")
    assert not torch.equal(other.eval()(x), network.eval()(x))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other(x), network(x))


def test_the_seed_decides_the_weights(build):
    first, again, other = build(0).state_dict(), build(0).state_dict(), build(1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["1.weight"], other["1.weight"])


def test_channels_of_a_pixel_are_inputs_too():
    assert models.mlp(3 * 32 * 32, (8,))(torch.randn(2, 3, 32, 32)).shape == (2, 10)


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


# --- Initialisation --------------------------------------------------------------------------------------------------


def linear_layers(network):
    return [module for module in network if isinstance(module, nn.Linear)]


@pytest.mark.parametrize("norm", models.NORMS)
def test_default_initialisation_is_that_of_torch(norm):
    """U(-1/√fan_in, 1/√fan_in) for weights and biases, as a fresh nn.Linear has it."""
    for layer in linear_layers(initialized(models.mlp(784, norm=norm))):
        bound = 1 / math.sqrt(layer.in_features)
        for values in (layer.weight, layer.bias):
            assert values.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
        assert layer.weight.std().item() == pytest.approx(nn.Linear(*layer.weight.shape[::-1]).weight.std().item(), rel=0.05)
        assert layer.bias.abs().sum() > 0


@pytest.mark.parametrize("norm", models.NORMS)
def test_he_initialisation(norm):
    """Normal with variance 2 / fan_in; zero biases."""
    for layer in linear_layers(initialized(models.mlp(784, norm=norm), init="he")):
        std = math.sqrt(2 / layer.in_features)
        assert layer.weight.std().item() == pytest.approx(std, rel=0.03)
        assert layer.weight.mean().item() == pytest.approx(0, abs=4 * std / math.sqrt(layer.weight.numel()))
        assert (layer.weight.abs() < std).float().mean().item() == pytest.approx(0.683, abs=0.03)
        assert not layer.bias.any()


@pytest.mark.parametrize("init", models.INITS)
def test_equal_seeds_give_equal_weights_with_and_without_batch_norm(init):
    plain, normalized = (initialized(models.mlp(784, (20, 10), norm=norm), 3, init) for norm in (None, "batch"))
    for a, b in zip(linear_layers(plain), linear_layers(normalized), strict=True):
        assert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)


def test_initialisation_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    network = models.mlp(784, (8,))
    torch.manual_seed(0)
    initialized(network)
    assert torch.equal(torch.rand(3), expected)


# --- Several networks as one -----------------------------------------------------------------------------------------


def test_stack_computes_what_its_networks_do(build, image_size):
    """In training mode over three mini-batches, the running statistics included, and then in evaluation mode."""
    networks = [build(seed) for seed in range(3)]
    stack = models.Stack(copy.deepcopy(networks))
    for batch in range(3):
        x = images(3, 5, image_size=image_size, seed=batch)
        expected = torch.stack([network(own) for network, own in zip(networks, x, strict=True)])
        torch.testing.assert_close(stack(x), expected, rtol=1e-5, atol=1e-5)

    unstacked = [build(seed + 10) for seed in range(3)]
    stack.unstack(unstacked)
    for found, network in zip(unstacked, networks, strict=True):
        torch.testing.assert_close(found.state_dict(), network.state_dict(), rtol=1e-5, atol=1e-6)
        assert [norm.num_batches_tracked.item() for norm in norms(found)] == [3] * len(norms(found))

    for network in networks:
        network.eval()
    expected = torch.stack([network(own) for network, own in zip(networks, x, strict=True)])
    torch.testing.assert_close(stack.eval()(x), expected, rtol=1e-5, atol=1e-5)


def test_stack_has_the_gradients_of_its_networks(build, image_size):
    networks, x = [build(seed) for seed in range(2)], images(2, 5, image_size=image_size)
    stack, labels = models.Stack(copy.deepcopy(networks)), torch.arange(10).view(2, 5)
    models.cross_entropy(stack(x), labels).sum().backward()
    for network, own, classes in zip(networks, x, labels, strict=True):
        models.cross_entropy(network(own), classes).sum().backward()
    for stacked, *own in zip(stack.parameters(), *(network.parameters() for network in networks), strict=True):
        for found, expected in zip(stacked.grad, own, strict=True):
            found = found.T if found.ndim == 2 else found
            torch.testing.assert_close(found, expected.grad, rtol=1e-4, atol=1e-5)


def test_unstack_gives_back_the_networks_bit_for_bit(build, image_size):
    networks = [build(seed) for seed in range(3)]
    for network in networks:
        network(images(5, image_size=image_size))
    copies = [build(seed + 10) for seed in range(3)]
    models.Stack(networks).unstack(copies)
    for found, expected in zip(copies, networks, strict=True):
        for name, value in expected.state_dict().items():
            assert torch.equal(found.state_dict()[name], value), name


def test_stack_does_not_share_weights_with_its_networks(build, image_size):
    network = build()
    before = copy.deepcopy(network.state_dict())
    stack = models.Stack([network])
    stack(images(1, 5, image_size=image_size))
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_unsupported_layers_cannot_be_stacked():
    with pytest.raises(TypeError, match="Dropout"):
        models.Stack([nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4, 2)) for _ in range(2)])


def test_networks_of_different_depth_cannot_be_stacked():
    with pytest.raises(ValueError, match="longer"):
        models.Stack([nn.Sequential(nn.Linear(4, 3)), nn.Sequential(nn.Linear(4, 3), nn.ReLU())])


def test_unknown_norm_is_named():
    with pytest.raises(ValueError, match="norm='layer'.*'batch'"):
        models.mlp(784, norm="layer")


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init='xavier'.*default, he"):
        models.initialize(models.linear(4), "xavier", torch.Generator())
