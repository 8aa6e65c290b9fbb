"""The networks: shapes, sizes, order of layers and initialisation."""

import copy
import math
from functools import partial

import pytest
import torch
from common import EVERY_ARCHITECTURE, RGB, initialized, norms, random_images
from torch import nn
from torch.nn import functional as F

from lib import models
from lib.stack import Row

WIDE_RESNETS = {  # with blocks that change the number of channels, the size, both, and neither
    f"wrn16-{norm}{'-grey' if channels == 1 else ''}": (
        partial(models.wide_resnet, 16, 0.5, norm=norm, channels=channels),
        (channels, 32, 32),
    )
    for norm in models.WIDE_NORMS
    for channels in (3, 1)
}
EVERY_MODEL = EVERY_ARCHITECTURE | WIDE_RESNETS


def stirred(network, seed=0):
    """What begins as zeros or ones, moved as by a training: a wide ResNet is then more than its shortcuts."""
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.min() == parameter.max():
                parameter += 0.1 * torch.randn(parameter.shape, generator=chance)
    return network


@pytest.fixture(params=EVERY_MODEL)
def architecture(request):
    return EVERY_MODEL[request.param]


@pytest.fixture
def build(architecture):
    """Networks of one architecture, by seed."""
    return lambda seed=0: stirred(initialized(architecture[0](), seed, init="he"), seed)


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
    network, images = build().double(), images.double()
    network(images)  # in training mode: batch norm gets statistics of its own
    network.eval()
    logits = network(images)
    assert torch.equal(network(images), logits)
    torch.testing.assert_close(network(images[3:4]), logits[3:4], rtol=1e-9, atol=1e-9)


def test_state_round_trip(build, images, tmp_path):
    network, other = build(0), build(1)
    network(images)
    torch.save(network.state_dict(), tmp_path / "state.pt")
    assert not torch.equal(other.eval()(images), network.eval()(images))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other(images), network(images))


@pytest.mark.parametrize("init", models.INITS)
def test_the_generator_alone_decides_the_weights(architecture, init):
    """The weights there were before do not matter; those that are not zero differ between seeds."""
    builder, _ = architecture
    first, again, other = (initialized(builder(), seed, init) for seed in (0, 0, 1))
    for a, b, c in zip(*map(weighted_layers, (first, again, other)), strict=True):
        for name, values in a.named_parameters():
            assert torch.equal(values, b.get_parameter(name))
            assert not torch.equal(values, c.get_parameter(name)) or not values.any()


@pytest.mark.parametrize("init", models.INITS)
def test_the_global_generator_is_left_alone(architecture, init):
    network = architecture[0]()
    before = torch.get_rng_state()
    initialized(network, init=init)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_parameter_is_in_the_state_once(build):
    """Checkpoints refuse values that share memory."""
    network = build()
    assert {name for name, _ in network.named_parameters()} <= network.state_dict().keys()
    places = [value.data_ptr() for value in network.state_dict().values()]
    assert len(set(places)) == len(places)


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


@pytest.mark.parametrize("norm_layers", [1, 2, 3])
def test_as_many_hidden_layers_as_asked_for_have_batch_norm(norm_layers):
    network = models.mlp(784, (12, 8, 6), norm="batch", norm_layers=norm_layers)
    kinds = [type(module).__name__ for module in network]
    assert [kinds[i : i + 2] == ["Linear", "BatchNorm1d"] for i in range(len(kinds))].count(True) == norm_layers
    assert [module.num_features for module in norms(network)] == [12, 8, 6][:norm_layers]


def test_the_eps_of_batch_norm_is_the_one_asked_for():
    assert {module.eps for module in norms(models.mlp(784, (8, 8), norm="batch", norm_layers=2, eps=1e-3))} == {1e-3}
    assert {module.eps for module in norms(models.mlp(784, norm="batch"))} == {1e-5}


def test_batch_norm_in_no_layer_is_asked_for_by_its_name():
    with pytest.raises(ValueError, match="norm_layers=0.*norm=None"):
        models.mlp(784, norm="batch", norm_layers=0)


# As in the literature: convolutions by their channels, M for max pooling; from 11 on A, B, D and E of Simonyan and Zisserman.
CONFIGURATIONS = {
    8: "64 M 128 M 256 M 512 M 512 M",
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def channels(modules):
    return [module.out_channels for module in modules if isinstance(module, nn.Conv2d)]


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


# The counts of kuangliu/pytorch-cifar, with batch norm.
@pytest.mark.parametrize(("depth", "count"), [(11, 9_231_114), (13, 9_416_010), (16, 14_728_266), (19, 20_040_522)])
def test_parameter_counts_in_the_literature(depth, count):
    with torch.device("meta"):
        assert parameters(models.vgg(depth, norm="batch")) == count


# --- Wide ResNets ----------------------------------------------------------------------------------------------------


def convolutions_by_table(depth, widen):
    """(inputs, outputs, size, stride) of every convolution, from Table 1 of Zagoruyko and Komodakis, in order."""
    yield 3, 16, 3, 1
    inputs = 16
    for outputs, stride in ((round(16 * widen), 1), (round(32 * widen), 2), (round(64 * widen), 2)):
        for block in range((depth - 4) // 6):
            stride = stride if block == 0 else 1
            yield inputs, outputs, 3, stride
            yield outputs, outputs, 3, 1
            if inputs != outputs:
                yield inputs, outputs, 1, stride
            inputs = outputs


@pytest.mark.parametrize(("depth", "widen"), [(28, 10), (40, 4), (16, 0.5), (10, 1), (10, 0.3)])
@pytest.mark.parametrize("norm", models.WIDE_NORMS)
def test_wide_resnets_have_the_sizes_of_the_table(norm, depth, widen):
    with torch.device("meta"):
        network = models.wide_resnet(depth, widen, classes=7, norm=norm)
    convolutions = list(convolutions_by_table(depth, widen))
    found = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in found] == convolutions
    assert all(m.bias is None and m.padding[0] == (m.kernel_size[0] - 1) // 2 for m in found)

    blocks = (depth - 4) // 2
    widest = round(64 * widen)
    expected = sum(inputs * outputs * size**2 for inputs, outputs, size, _ in convolutions) + (widest + 1) * 7
    if norm == "batch":  # before every 3x3 convolution but the first, and before the last ReLU
        expected += sum(2 * inputs for inputs, _, size, _ in convolutions[1:] if size == 3) + 2 * widest
    elif norm == "fixup":  # four biases and a multiplier in a block, biases before the last ReLU and the classifier
        expected += 5 * blocks + 2
    else:
        expected += 2 * blocks + 2 * widest
    assert parameters(network) == expected
    assert network(torch.empty(2, *RGB, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("norm", models.WIDE_NORMS)
def test_wide_resnets_have_at_least_one_channel(norm):
    """Where blocks change the size alone."""
    network = models.wide_resnet(10, 1e-9, norm=norm)
    assert channels(network.modules())[1:] == [1] * 9 and network(torch.zeros(2, *RGB)).shape == (2, 10)


def test_the_default_is_wrn_28_10():
    with torch.device("meta"):
        assert parameters(models.wide_resnet()) == 36_479_194  # the count of the literature, for ten classes


def batch_norm(module, x):
    return F.batch_norm(x, module.running_mean, module.running_var, module.weight, module.bias, eps=1e-5)


def written_out(network, norm, x, blocks):
    """The logits of a wide ResNet in evaluation mode, from its values in the order of their use."""
    convolution = iter([m for m in network.modules() if isinstance(m, nn.Conv2d)])
    normalizer = iter(norms(network))
    multiplier = iter([value for name, value in network.named_parameters() if name.endswith("multiplier")])
    bias = iter([value for name, value in network.named_parameters() if name.endswith("bias") and value.ndim == 0])

    def convolve(x):
        module = next(convolution)
        return F.conv2d(x, module.weight, stride=module.stride, padding=module.kernel_size[0] // 2)

    x = convolve(x)
    for _ in range(blocks):
        if norm == "batch":
            activated = batch_norm(next(normalizer), x).relu()
            branch = convolve(batch_norm(next(normalizer), convolve(activated)).relu())
        elif norm == "fixup":
            activated = (x + next(bias)).relu() + next(bias)
            branch = (convolve(activated) + next(bias)).relu() + next(bias)
            branch = next(multiplier) * convolve(branch)
        else:
            b = next(bias)
            activated = (x + b).relu()
            branch = (convolve(activated) + b).relu() + b
            branch = next(multiplier) * convolve(branch) + b
        x = branch + (x if x.shape == branch.shape else convolve(activated))
    x = (x + next(bias) if norm == "fixup" else batch_norm(next(normalizer), x)).relu().mean((2, 3))
    x = network[-1](x + next(bias) if norm == "fixup" else x)
    assert not any(list(left) for left in (convolution, normalizer, multiplier, bias))
    return x


@pytest.mark.parametrize("norm", models.WIDE_NORMS)
@pytest.mark.parametrize("widen", [0.5, 1])
def test_wide_resnets_compute_what_is_written_out(norm, widen):
    network = stirred(initialized(models.wide_resnet(16, widen, norm=norm), init="he")).double()
    for seed in range(3):
        network(random_images(5, *RGB, seed=seed).double())
    images = random_images(4, *RGB, seed=3).double()
    expected = written_out(network.eval(), norm, images, blocks=6)
    torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("norm", "factor"), [("batch", 1.0), ("fixup", 0.1), ("fixup-he", 1.0)])
def test_only_the_scalars_of_fixup_learn_at_a_tenth_of_the_rate(norm, factor):
    network = models.wide_resnet(10, 0.25, norm=norm)
    factors = {p: getattr(m, "lr_factor", 1.0) for m in network.modules() for p in m.parameters(recurse=False)}
    assert len(factors) == len(list(network.parameters()))
    assert all(found == (factor if parameter.ndim == 0 else 1.0) for parameter, found in factors.items())


@pytest.mark.parametrize("name", WIDE_RESNETS)
def test_wide_resnets_stay_in_bfloat16(name):
    network, images = stirred(initialized(WIDE_RESNETS[name][0](), init="he")), random_images(2, *WIDE_RESNETS[name][1])
    with torch.autocast("cpu", torch.bfloat16):
        for layer in network:
            images = layer(images)
            assert images.dtype == torch.bfloat16, layer


@pytest.mark.parametrize("name", WIDE_RESNETS)
def test_a_row_of_wide_resnets_computes_what_each_does(name):
    builder, shape = WIDE_RESNETS[name]
    networks = [stirred(initialized(builder(), seed, init="he"), seed).double() for seed in range(2)]
    x = random_images(2, 3, *shape).double()
    row = Row(copy.deepcopy(networks))
    found, expected = row(x), torch.stack([network(own) for network, own in zip(networks, x, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    unstacked = [builder().double() for _ in networks]
    row.unstack(unstacked)
    torch.testing.assert_close(unstacked[1].state_dict(), networks[1].state_dict(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", models.WIDE_NORMS)
def test_wide_resnets_learn(norm):
    """In 30 steps on 64 noisy images of one colour each, which octant it is in: without normalisation too."""
    network = initialized(models.wide_resnet(10, 1, norm=norm), seed=1, init="he").train()
    groups = [
        {"params": list(module.parameters(recurse=False)), "lr": 0.05 * getattr(module, "lr_factor", 1.0)}
        for module in network.modules()
    ]
    optimizer = torch.optim.SGD([group for group in groups if group["params"]], momentum=0.9, fused=True)
    colours = random_images(64, 3, 1, 1, seed=1)
    images, labels = colours + 0.5 * random_images(64, *RGB, seed=2), (colours > 0).flatten(1).long() @ torch.tensor([1, 2, 4])
    losses = []
    for _ in range(30):
        loss = models.cross_entropy(network(images), labels).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(10), abs=1e-6)  # from a classifier that is zero
    assert min(losses) < 0.5 * losses[0] and losses[-1] < losses[0]


# --- Initialisation --------------------------------------------------------------------------------------------------


def weighted_layers(network):
    return [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]


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


def assert_normal(values, std):
    """With that standard deviation and mean zero, within four standard errors."""
    n = values.numel()
    assert values.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * n))
    assert values.mean().item() == pytest.approx(0, abs=4 * std / math.sqrt(n))
    assert (values.abs() < std).float().mean().item() == pytest.approx(0.683, abs=4 * 0.465 / math.sqrt(n))


@pytest.mark.parametrize("norm", models.NORMS)
def test_he_initialisation_of_vggs(norm):
    """Convolutions are normal with variance 2 / fan_out, the classifier with standard deviation 0.01; zero biases."""
    *convolutions, classifier = weighted_layers(initialized(models.vgg(8, norm=norm, width=0.25), init="he"))
    for layer in convolutions:
        assert_normal(layer.weight, math.sqrt(2 / (layer.out_channels * 3 * 3)))
    assert_normal(classifier.weight, 0.01)
    assert not any(layer.bias.any() for layer in (*convolutions, classifier))


@pytest.mark.parametrize("norm", models.NORMS)
def test_he_initialisation_of_mlps_draws_the_very_numbers_of_torch(norm):
    """Published records began from them. Nothing else is drawn."""
    own, theirs = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    for layer in weighted_layers(models.initialize(models.mlp(784, norm=norm), "he", own)):
        expected = nn.init.kaiming_normal_(torch.empty(layer.weight.shape), nonlinearity="relu", generator=theirs)
        assert torch.equal(layer.weight, expected)
    assert torch.equal(own.get_state(), theirs.get_state())


@pytest.mark.parametrize("norm", models.WIDE_NORMS)
def test_he_initialisation_of_wide_resnets(norm):
    """As in VGGs; Fixup's is a factor of 6^(-1/2) on the first convolution of each of 6 blocks, and zeros on the last."""
    network = initialized(models.wide_resnet(16, norm=norm), init="he")
    *convolutions, classifier = weighted_layers(network)
    assert not classifier.weight.any() and not classifier.bias.any()
    stem, *within = convolutions
    assert_normal(stem.weight, math.sqrt(2 / (16 * 3 * 3)))
    branches = [layer for layer in within if layer.kernel_size == (3, 3)]
    for layer in within:
        std = math.sqrt(2 / (layer.out_channels * layer.kernel_size[0] ** 2))
        if norm == "fixup" and layer in branches[1::2]:
            assert not layer.weight.any()
        else:
            assert_normal(layer.weight, std / math.sqrt(6) if norm == "fixup" and layer in branches else std)
    for name, value in network.named_parameters():
        if value.ndim == 0:
            assert value == (1 if name.endswith("multiplier") else 0)


@pytest.mark.parametrize("init", models.INITS)
def test_equal_seeds_give_equal_convolutions_in_all_wide_resnets(init):
    """But for the factors of Fixup."""
    batch, fixup, fixup_he = (
        weighted_layers(initialized(models.wide_resnet(16, 0.5, norm=norm), 3, init)) for norm in models.WIDE_NORMS
    )
    for a, b, c in zip(batch, fixup, fixup_he, strict=True):
        assert torch.equal(a.weight, c.weight)
        factor = b.weight.norm() / a.weight.norm() if a.weight.any() else 0.0
        torch.testing.assert_close(b.weight, factor * a.weight)


@pytest.mark.parametrize("init", models.INITS)
def test_fixup_begins_with_the_shortcuts_alone(init):
    network, x = initialized(models.wide_resnet(16, 0.5, norm="fixup"), init=init), random_images(2, *RGB)
    for layer in network:
        before, x = x, layer(x)
        if hasattr(layer, "shortcut"):
            assert torch.equal(x, before if layer.shortcut is None else layer.shortcut(before.relu()))
    assert not x.any()


@pytest.mark.parametrize("builder", [partial(models.mlp, 784, (20, 10)), partial(models.vgg, 8, width=0.1)], ids=["mlp", "vgg"])
@pytest.mark.parametrize("init", models.INITS)
def test_equal_seeds_give_equal_weights_with_and_without_batch_norm(init, builder):
    plain, normalized = (initialized(builder(norm=norm), 3, init) for norm in (None, "batch"))
    for a, b in zip(weighted_layers(plain), weighted_layers(normalized), strict=True):
        assert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)


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


@pytest.mark.parametrize("depth", [4, 20, 28.0, "28", -2])
def test_unknown_depth_of_a_wide_resnet_is_named(depth):
    with pytest.raises(ValueError, match=f"depth={depth!r}.*10, 16, 22, 28, …"):
        models.wide_resnet(depth)


@pytest.mark.parametrize("norm", [None, "layer"])
def test_unknown_norm_of_a_wide_resnet_is_named(norm):
    with pytest.raises(ValueError, match=f"norm={norm!r}.*'batch', 'fixup', 'fixup-he'"):
        models.wide_resnet(10, norm=norm)


@pytest.mark.parametrize("factor", [0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("build", [lambda f: models.vgg(8, width=f), lambda f: models.wide_resnet(10, widen=f)])
def test_factors_of_the_channels_are_positive_numbers(build, factor):
    with pytest.raises(ValueError, match=f"{factor!r} times the channels; allowed: a positive number"):
        build(factor)


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init='xavier'.*default, he"):
        models.initialize(models.linear(4), "xavier", torch.Generator())
