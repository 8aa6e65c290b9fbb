"""Several networks as one: what a stack and a row compute, and how they train."""

import copy
from functools import partial

import pytest
import torch
from common import (
    ARCHITECTURES,
    CONVOLUTIONAL,
    EVERY_ARCHITECTURE,
    assert_near,
    every,
    in_colour,
    initialized,
    norms,
    plain_fit,
    random_images,
)
from torch import nn

from lib import data, models, stack
from lib.stack import Row, Stack, side_by_side
from lib.train import fit


def builder(name):
    """Networks of one architecture, by seed: in float64, as deep networks make rounding errors large."""
    return lambda seed=0: initialized(EVERY_ARCHITECTURE[name][0](), seed).double()


def images_for(name, *leading, seed=0):
    return random_images(*leading, *EVERY_ARCHITECTURE[name][1], seed=seed).double()


@pytest.fixture(
    params=[*((Stack, name) for name in ARCHITECTURES), *((Row, name) for name in CONVOLUTIONAL | ARCHITECTURES)],
    ids=lambda param: f"{param[0].__name__}-{param[1]}",
)
def case(request):
    """A class, networks of one architecture by seed, and images for them."""
    together, name = request.param
    return together, builder(name), partial(images_for, name)


def one_by_one(networks, x):
    return torch.stack([network(own) for network, own in zip(networks, x, strict=True)])


# --- Stacks and rows -------------------------------------------------------------------------------------------------


def test_several_networks_as_one_compute_what_each_does(case):
    """In training mode over three mini-batches, the running statistics included, and then in evaluation mode."""
    together, build, images = case
    networks = [build(seed) for seed in range(3)]
    model = together(copy.deepcopy(networks))
    for batch in range(3):
        x = images(3, 5, seed=batch)
        torch.testing.assert_close(model(x), one_by_one(networks, x), rtol=1e-9, atol=1e-12)

    unstacked = [build(seed + 10) for seed in range(3)]
    model.unstack(unstacked)
    for found, network in zip(unstacked, networks, strict=True):
        torch.testing.assert_close(found.state_dict(), network.state_dict(), rtol=1e-9, atol=1e-12)
        assert [norm.num_batches_tracked.item() for norm in norms(found)] == [3] * len(norms(found))

    for network in networks:
        network.eval()
    torch.testing.assert_close(model.eval()(x), one_by_one(networks, x), rtol=1e-9, atol=1e-12)


def test_several_networks_as_one_take_the_gradient_steps_of_each(case):
    """From the sum of their losses, the weights of each move by the gradient of its own."""
    together, build, images = case
    networks, x, labels = [build(seed) for seed in range(2)], images(2, 5), torch.arange(10).view(2, 5)
    model, stepped = together(copy.deepcopy(networks)), [build(seed + 10) for seed in range(2)]
    for module in (model, nn.ModuleList(networks)):
        logits = model(x) if module is model else one_by_one(networks, x)
        models.cross_entropy(logits, labels).sum().backward()
        torch.optim.SGD(module.parameters(), lr=1.0).step()
    model.unstack(stepped)
    for found, expected in zip(stepped, networks, strict=True):
        for name, value in expected.named_parameters():
            torch.testing.assert_close(found.get_parameter(name), value, rtol=1e-9, atol=1e-12, msg=name)


def test_unstack_gives_back_the_networks_bit_for_bit(case):
    together, build, images = case
    networks = [build(seed) for seed in range(3)]
    for network in networks:
        network(images(5))
    copies = [build(seed + 10) for seed in range(3)]
    together(networks).unstack(copies)
    for found, expected in zip(copies, networks, strict=True):
        for name, value in expected.state_dict().items():
            assert torch.equal(found.state_dict()[name], value), name


def test_as_many_inputs_as_networks_are_needed(case):
    together, build, images = case
    with pytest.raises((ValueError, RuntimeError)):
        together([build(0), build(1)])(images(3, 5))


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_convolutional_networks_make_a_row_and_all_others_a_stack(name):
    build = builder(name)
    assert type(side_by_side([build(0), build(1)])) is (Row if name in CONVOLUTIONAL else Stack)
    assert type(side_by_side([build(0)])) is (Row if name in CONVOLUTIONAL else Stack)


# --- Stacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stack_has_the_gradients_of_its_networks(name):
    networks, x = [builder(name)(seed) for seed in range(2)], images_for(name, 2, 5)
    stack, labels = Stack(copy.deepcopy(networks)), torch.arange(10).view(2, 5)
    models.cross_entropy(stack(x), labels).sum().backward()
    models.cross_entropy(one_by_one(networks, x), labels).sum().backward()
    for stacked, *own in zip(stack.parameters(), *(network.parameters() for network in networks), strict=True):
        for found, expected in zip(stacked.grad, own, strict=True):
            found = found.T if found.ndim == 2 else found
            torch.testing.assert_close(found, expected.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stack_does_not_share_weights_with_its_networks(name):
    network = builder(name)()
    before = copy.deepcopy(network.state_dict())
    stack = Stack([network])
    stack(images_for(name, 1, 5))
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_unsupported_layers_cannot_be_stacked():
    with pytest.raises(TypeError, match="Dropout"):
        Stack([nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4, 2)) for _ in range(2)])


def test_networks_of_different_depth_cannot_be_stacked():
    with pytest.raises(ValueError, match="longer"):
        Stack([nn.Sequential(nn.Linear(4, 3)), nn.Sequential(nn.Linear(4, 3), nn.ReLU())])


# --- Rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("norm", "augment"), [(None, False), ("batch", True)], ids=["plain", "batch norm, augmented"])
def test_a_row_trains_each_network_as_the_textbook_loop_does(norm, augment, monkeypatch):
    """20 steps: four epochs of 98 images in batches of 23, the last of them smaller. In float64 but for the losses."""
    normalize = data.normalize
    monkeypatch.setattr(data, "normalize", lambda images, dataset: normalize(images, dataset).double())
    digits, seeds = in_colour(every(data.load("mnist-5k", "train"), 41)), [3, 1]
    build = builder(f"vgg8{'-batch' if norm else ''}")
    together, alone = ([build(seed) for seed in seeds] for _ in range(2))
    shared = {"image_size": 32, "epochs": 4, "batch_size": 23, "lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}
    shared |= {"augment": augment}
    assert fit(together, digits, seeds=seeds, **shared) == [None] * 2
    for network, seed in zip(alone, seeds, strict=True):
        plain_fit(network, digits, seed=seed, **shared)
    assert_near(together, alone, tolerance=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_products_do_not_depend_on_how_many_threads_share_them(size):
    a, b = (torch.randn(size, *shape, generator=torch.Generator().manual_seed(0)) for shape in ((7, 4), (4, 3)))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = stack._products(a, b.mT.contiguous().mT)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(found, torch.bmm(a, b))
