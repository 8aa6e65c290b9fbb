"""The attacks against two other libraries, against closed forms, and as properties over their settings."""

from dataclasses import replace
from types import SimpleNamespace

import foolbox
import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib import attacks, data, models
from lib.evaluate import frozen
from lib.models import cross_entropy
from lib.train import fit

# --- The same iterates as foolbox and torchattacks -------------------------------------------------------------------

STEPS = [(0.03, 3, 0.01), (0.1, 4, 0.05), (0.3, 6, 0.02), (0.1, 5, 0.1)]  # (l-inf epsilon, steps, step size)
L2_STEPS = [(0.5, 4, 0.05), (1.0, 5, 0.5), (2.0, 6, 0.7), (0.3, 3, 0.3)]


@pytest.fixture(scope="module", params=models.NORMS, ids=["plain", "batch norm"])
def trained(request):
    """A network for pixels in [0, 1], and digits: float64, so that rounding never flips the sign of a gradient."""
    train = replace(data.load("mnist-5k", "train"), mean=(0.0,), std=(1.0,))
    network = models.initialize(models.mlp(784, (32, 16), norm=request.param), "default", data.generator(0, "init"))
    fit([network], train, seeds=[0], image_size=28, epochs=3, batch_size=128, lr=0.05)
    test = data.load("mnist-5k", "test")
    chosen = torch.arange(0, 1000, 33)
    with frozen(network.double()):
        yield network, test.images[chosen].double() / 255, test.labels[chosen]


def ours(trained, norm, epsilon, steps, step_size):
    return attacks.bim(*trained, norm=norm, epsilon=epsilon, steps=steps, step_size=step_size, bounds=(0.0, 1.0))


def by_foolbox(trained, attack, epsilon):
    network, images, labels = trained
    _, adversarial, _ = attack(foolbox.PyTorchModel(network, bounds=(0, 1)), images, labels, epsilons=epsilon)
    return adversarial


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_fgsm_agrees_with_both(trained):
    for epsilon in (0.01, 0.1, 0.3):
        found = attacks.fgsm(*trained, epsilon=epsilon, bounds=(0.0, 1.0))
        assert_same(found, by_foolbox(trained, foolbox.attacks.FGSM(), epsilon))
        assert_same(found, torchattacks.FGSM(trained[0], eps=epsilon)(*trained[1:]))


@pytest.mark.parametrize("setting", STEPS, ids=str)
def test_linf_iterates_agree_with_both(trained, setting):
    """foolbox: step size absolute in place of relative to epsilon, no random start. torchattacks: `steps` given, as 0
    would choose them from epsilon; its loss is a mean, which leaves the sign of the gradient as it is."""
    epsilon, steps, step_size = setting
    for done in range(1, steps + 1):  # every iterate, as the result of a run that stops there
        found = ours(trained, "linf", epsilon, done, step_size)
        options = {"abs_stepsize": step_size, "steps": done, "random_start": False}
        assert_same(found, by_foolbox(trained, foolbox.attacks.LinfBasicIterativeAttack(**options), epsilon))
        assert_same(found, by_foolbox(trained, foolbox.attacks.LinfPGD(**options), epsilon))
        options = {"eps": epsilon, "alpha": step_size, "steps": done}
        assert_same(found, torchattacks.BIM(trained[0], **options)(*trained[1:]))
        assert_same(found, torchattacks.PGD(trained[0], **options, random_start=False)(*trained[1:]))


@pytest.mark.parametrize("setting", L2_STEPS, ids=str)
def test_l2_iterates_agree_with_both(trained, setting):
    """foolbox: as above; its floor of 1e-12 under the norm is out of reach here. torchattacks: the 1e-10 it adds to the
    norm of the gradient, of a mean loss, is set to zero. With it, steps are shorter by as much as gradients are small.
    """
    epsilon, steps, step_size = setting
    for done in range(1, steps + 1):
        found = ours(trained, "l2", epsilon, done, step_size)
        options = {"abs_stepsize": step_size, "steps": done, "random_start": False}
        assert_same(found, by_foolbox(trained, foolbox.attacks.L2BasicIterativeAttack(**options), epsilon))
        assert_same(found, by_foolbox(trained, foolbox.attacks.L2PGD(**options), epsilon))
        options = {"eps": epsilon, "alpha": step_size, "steps": done, "random_start": False, "eps_for_division": 0}
        assert_same(found, torchattacks.PGDL2(trained[0], **options)(*trained[1:]))


# --- Properties over all settings ------------------------------------------------------------------------------------


@st.composite
def situations(draw, dtypes=(torch.float32, torch.float64), bounded=(None, (0.0, 1.0), (-0.5, 1.25), "one a feature")):
    """Images in their bounds, labels, a smooth network and a linear model, with one or two leading dimensions."""
    leading = draw(st.sampled_from([(1,), (5,), (2, 3), (3, 1)]))
    shape = draw(st.sampled_from([(4,), (1, 3, 3), (2, 2, 3)]))
    dtype, bounds = draw(st.sampled_from(dtypes)), draw(st.sampled_from(bounded))
    if bounds == "one a feature":
        bounds = (torch.linspace(-1, 0, shape[-1], dtype=dtype), torch.linspace(0.5, 2, shape[-1], dtype=dtype))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))

    def gaussian(*size):
        return torch.randn(size, generator=chance, dtype=dtype)

    first, second, x = gaussian(torch.Size(shape).numel(), 6), gaussian(6, 3), gaussian(*leading, *shape)
    return SimpleNamespace(
        model=lambda x: torch.tanh(x.flatten(-len(shape)) @ first) @ second,
        linear=lambda x: x.flatten(-len(shape)) @ first[:, :3],
        x=x if bounds is None else x.clamp(*bounds),
        labels=torch.randint(3, leading, generator=chance),
        bounds=bounds,
    )


attack_settings = st.fixed_dictionaries(
    {
        "norm": st.sampled_from(["linf", "l2"]),
        "epsilon": st.sampled_from([0.0, 1e-6, 0.03, 0.5, 3.0]),
        "steps": st.integers(0, 6),
        "step_size": st.sampled_from([0.0, 1e-3, 0.1, 1.0, 20.0]),
        "random_start": st.booleans(),
    }
)
seeds = st.integers(0, 2**32)


def attack(case, options, seed=0, **changes):
    options = options | changes | {"generator": torch.Generator().manual_seed(seed)}
    return attacks.bim(case.model, case.x, case.labels, bounds=case.bounds, **options)


def length(change, labels, norm):
    return change.flatten(labels.ndim).norm(dim=-1, p=torch.inf if norm == "linf" else 2)


@given(situations(), attack_settings, seeds, st.integers(1, 3))
@settings(max_examples=200)
def test_result_lies_in_the_ball_and_in_the_bounds(case, options, seed, restarts):
    result = attack(case, options, seed, restarts=restarts if options["random_start"] else 1)
    assert result.shape == case.x.shape and result.dtype == case.x.dtype and not result.requires_grad
    change = length(result - case.x, case.labels, options["norm"])
    assert (change <= options["epsilon"] * (1 + 1e-5) + 1e-6).all()
    if case.bounds is not None:
        assert (result >= case.bounds[0]).all() and (result <= case.bounds[1]).all()


@given(situations(), attack_settings, seeds)
def test_inputs_are_left_alone(case, options, seed):
    x, labels = case.x.clone(), case.labels.clone()
    attack(case, options, seed)
    assert torch.equal(case.x, x) and torch.equal(case.labels, labels) and not case.x.requires_grad


@given(situations(), attack_settings, seeds)
def test_epsilon_zero_is_the_identity(case, options, seed):
    assert torch.equal(attack(case, options, seed, epsilon=0.0), case.x)


@given(situations(), attack_settings)
def test_no_steps_without_random_start_is_the_identity(case, options):
    assert torch.equal(attack(case, options, steps=0, random_start=False), case.x)


@given(situations(dtypes=[torch.float64]), attack_settings)
def test_each_image_alone_equals_the_batch(case, options):
    """In float64, where rounding, which depends on the batch, flips no sign of a gradient."""
    options |= {"random_start": False}
    together = attack(case, options).flatten(0, case.labels.ndim - 1)
    images, labels = case.x.flatten(0, case.labels.ndim - 1), case.labels.flatten()
    for i, expected in enumerate(together):
        one = SimpleNamespace(model=case.model, x=images[i : i + 1], labels=labels[i : i + 1], bounds=case.bounds)
        torch.testing.assert_close(attack(one, options)[0], expected, rtol=0, atol=1e-6)


@given(situations(), attack_settings, seeds)
def test_the_seed_decides(case, options, seed):
    assert torch.equal(attack(case, options, seed), attack(case, options, seed))
    start = {"random_start": True, "steps": 0, "epsilon": 0.5}
    case.bounds = None
    assert not torch.equal(attack(case, options, seed, **start), attack(case, options, seed + 1, **start))


@given(situations(), attack_settings, seeds, st.integers(1, 3))
def test_the_last_iterate_of_the_best_run_is_returned(case, options, seed, restarts):
    options |= {"random_start": options["random_start"] or restarts > 1}
    result, chance, ends = attack(case, options, seed, restarts=restarts), torch.Generator().manual_seed(seed), []
    for _ in range(restarts):
        path = list(attacks.iterates(case.model, case.x, case.labels, bounds=case.bounds, generator=chance, **options))
        assert len(path) == options["steps"] + 1
        ends.append(path[-1])
    losses = torch.stack([cross_entropy(case.model(end), case.labels) for end in ends])
    expected = torch.stack(ends).take_along_dim(attacks._expand(losses.argmax(0), case.x)[None], 0)[0]
    assert torch.equal(result, expected)


@given(situations(), attack_settings, seeds)
@settings(max_examples=50)
def test_restarts_never_lower_the_loss(case, options, seed):
    losses = [
        cross_entropy(case.model(attack(case, options, seed, random_start=True, restarts=restarts)), case.labels)
        for restarts in (1, 2, 4)
    ]
    assert (losses[1] >= losses[0] - 1e-6).all() and (losses[2] >= losses[1] - 1e-6).all()


@given(situations(), attack_settings)
def test_no_step_lowers_the_loss_of_a_linear_model(case, options):
    """The loss is convex in the input: a step up its gradient, projected back onto the ball, never goes down.

    In l2 without bounds: there the bounds are applied after the ball, which is no longer the nearest point of both.
    """
    bounds = case.bounds if options["norm"] == "linf" else None
    path = attacks.iterates(case.linear, case.x, case.labels, bounds=bounds, **options | {"random_start": False})
    losses = torch.stack([cross_entropy(case.linear(iterate), case.labels) for iterate in path])
    assert (losses.diff(dim=0) >= -1e-5 * losses[1:].clamp(min=1)).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_start_is_uniform_in_the_ball(norm):
    """In 4 dimensions the ball of half the radius is 1 / 2**4 of the whole."""
    x, labels = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(20_000).long()
    options = {"norm": norm, "epsilon": 2.0, "steps": 0, "step_size": 0.1, "random_start": True}
    change = attacks.bim(nn.Identity(), x, labels, **options, generator=torch.Generator().manual_seed(1)) - x
    radius = length(change, labels, norm)
    assert 1.98 < radius.max() <= 2 + 1e-5
    assert (radius < 1).float().mean() == pytest.approx(1 / 2**4, rel=0.1)
    torch.testing.assert_close(change.mean(0), torch.zeros(4), rtol=0, atol=0.05)


# --- Linear models, where the answer is known ------------------------------------------------------------------------


def binary(weight, bias=0.0):
    """Logits (0, w·x + b)."""
    return lambda x: torch.stack([torch.zeros(x.shape[:-1]), x @ weight + bias], -1)


@given(seeds, st.sampled_from([0.0, 1e-3, 0.1, 1.0]), st.integers(1, 50))
def test_fgsm_is_the_worst_case_of_a_linear_model(seed, epsilon, features):
    """The margin falls by exactly epsilon·||w||_1, and the loss is softplus of minus what is left."""
    chance = torch.Generator().manual_seed(seed)
    weight, x = torch.randn(features, generator=chance), torch.randn(8, features, generator=chance)
    labels = torch.randint(2, (8,), generator=chance)
    model, side = binary(weight, 0.3), 2 * labels - 1
    found = cross_entropy(model(attacks.fgsm(model, x, labels, epsilon=epsilon)), labels)
    worst = nn.functional.softplus(epsilon * weight.norm(p=1) - side * (x @ weight + 0.3))
    torch.testing.assert_close(found, worst, rtol=1e-4, atol=1e-5)


@given(seeds, st.sampled_from([0.01, 0.5, 2.0]))
def test_l2_attack_is_the_worst_case_of_a_linear_model(seed, epsilon):
    """Four steps of a quarter of the radius, straight along w: the margin falls by exactly epsilon·||w||_2."""
    chance = torch.Generator().manual_seed(seed)
    weight, x = torch.randn(20, generator=chance), torch.randn(8, 20, generator=chance)
    labels = torch.randint(2, (8,), generator=chance)
    model, side = binary(weight), 2 * labels - 1
    options = {"norm": "l2", "epsilon": epsilon, "steps": 4, "step_size": epsilon / 4}
    found = cross_entropy(model(attacks.bim(model, x, labels, **options)), labels)
    worst = nn.functional.softplus(epsilon * weight.norm() - side * (x @ weight))
    torch.testing.assert_close(found, worst, rtol=1e-4, atol=1e-5)


# --- Gradients that are tiny or zero ---------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("scale", [1e-4, 1e-10, 1e-20, 1e-30, 1e-36])
def test_steps_do_not_depend_on_the_scale_of_the_loss(norm, scale):
    """Squares of these gradients underflow, and a floor under their norm would swallow them."""
    chance = torch.Generator().manual_seed(0)
    weight, x = torch.randn(30, generator=chance), torch.randn(6, 30, generator=chance)
    labels = torch.randint(2, (6,), generator=chance)
    options = {"norm": norm, "epsilon": 1.0, "steps": 5, "step_size": 0.3}
    expected = list(attacks.iterates(binary(weight), x, labels, **options))
    found = list(attacks.iterates(binary(scale * weight), x, labels, **options))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert length(found[1] - x, labels, norm).tolist() == pytest.approx([0.3] * 6)


@pytest.mark.parametrize("margin", [2, 5, 15, 30, 60])
def test_direction_does_not_depend_on_the_confidence(margin):
    """Three classes, the true one ahead by `margin` nats of two equal rivals: the gradient is (w1 + w2) / 2 - w0, scaled."""
    weights = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    lead, labels = torch.tensor([float(margin), 0, 0]), torch.zeros(1).long()
    gradient = attacks.input_gradient(lambda x: x @ weights + lead, torch.zeros(1, 20), labels)[0].double()
    direction = (weights[:, 1] + weights[:, 2]) / 2 - weights[:, 0]
    torch.testing.assert_close(gradient / gradient.norm(), (direction / direction.norm()).double(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_exact_zero_gradients_stay_zero(norm):
    """Also beside an image with a gradient, and for a part of an image."""

    def model(x):
        return torch.stack([torch.zeros(len(x)), x[:, 0].clamp(min=0)], -1)  # flat below 0; the second pixel unused

    x, labels = torch.tensor([[-1.0, 0.5], [1.0, 0.5]]), torch.tensor([0, 0])
    options = {"norm": norm, "epsilon": 0.2, "steps": 3, "step_size": 0.1}
    result = attacks.bim(model, x, labels, **options)
    assert torch.equal(result[0], x[0])
    torch.testing.assert_close(result[1], torch.tensor([1.2, 0.5]))


def test_parameters_get_no_gradient(trained):
    network, images, labels = trained
    options = {"norm": "l2", "epsilon": 0.5, "steps": 2, "step_size": 0.25}
    attacks.bim(network.requires_grad_(), images[:2], labels[:2], **options)
    assert all(parameter.grad is None for parameter in network.parameters())


# --- Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"norm": "l1"}, "norm='l1'.*linf, l2"),
        ({"epsilon": -0.1}, "epsilon=-0.1"),
        ({"step_size": -0.1}, "step_size=-0.1"),
        ({"steps": -1}, "steps=-1"),
        ({"restarts": 2}, "restarts=2 with random_start=False"),
        ({"restarts": 0, "random_start": True}, "restarts=0"),
    ],
    ids=str,
)
def test_wrong_settings_are_named(wrong, message):
    options = {"norm": "linf", "epsilon": 0.1, "steps": 1, "step_size": 0.1} | wrong
    with pytest.raises(ValueError, match=message):
        attacks.bim(nn.Identity(), torch.zeros(1, 3), torch.zeros(1).long(), **options)
