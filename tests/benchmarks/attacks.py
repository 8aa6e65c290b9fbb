"""The basic iterative method and robustness curves, against torchattacks, foolbox and ART on the same network.

Every library attacks the same images in [0, 1], clipped to that range, at the same labels with the same steps and no
random start, through its documented call. Ours is given the network after `fuse`, which is part of its time. ART's call
takes and returns NumPy arrays: on a GPU the copies are part of its time. The libraries are imported where they are used: a
process in which one is measured holds no other.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lib import attacks, data
from lib.evaluate import Evaluation, evaluate
from lib.fuse import fuse
from tests.benchmarks import inputs
from tests.benchmarks.timing import OURS, Work

STEPS = 20
EPSILON = 0.03  # a pixel in l-inf; in l2 that of a change of every pixel by as much
SIDE = 1024  # of the large matrices
CURVE_IMAGES = 32
CURVE_STEPS = tuple(range(2, 17, 2))
AHEAD = {"torchattacks": 1.0, "foolbox": 1.0, "art": 1.0}


def bim(kind: str, batch_norm: str | None, norm: str, images: int, goals: dict[str, float], device: torch.device) -> Work:
    network = inputs.network(kind, batch_norm, device)
    batch = inputs.dataset(images, inputs.CIFAR if kind == "vgg8" else inputs.MNIST, device)
    x, labels = data.normalize(batch.images, batch), batch.labels
    epsilon = EPSILON * (math.sqrt(x[0].numel()) if norm == "l2" else 1)

    def contestants(steps: int) -> dict[str, Callable[[], Tensor]]:
        functions = {OURS: _ours, "torchattacks": _torchattacks, "foolbox": _foolbox, "art": _art}
        return {name: functools.partial(f, network, x, labels, norm, epsilon, steps) for name, f in functions.items()}

    limits = {
        "forward-backward": lambda: _forward_backward(network, x, labels),
        "matrix-products": lambda: _matrix_products(network, x),
    }
    settings = f"{images} images of {'x'.join(map(str, x.shape[1:]))}, {STEPS} steps of eps/{STEPS}, eps {epsilon:.3g}"
    return Work(contestants(STEPS) | limits, goals, settings, check=lambda: _assert_agreement(contestants(steps=2)))


def _ours(network: nn.Sequential, x: Tensor, labels: Tensor, norm: str, epsilon: float, steps: int) -> Tensor:
    settings = {"epsilon": epsilon, "steps": steps, "step_size": epsilon / steps}
    return attacks.bim(fuse(network), x, labels, norm=norm, bounds=(0.0, 1.0), **settings)


def _torchattacks(network: nn.Module, x: Tensor, labels: Tensor, norm: str, epsilon: float, steps: int) -> Tensor:
    import torchattacks

    settings = {"eps": epsilon, "alpha": epsilon / steps, "steps": steps}
    if norm == "linf":
        return torchattacks.BIM(network, **settings)(x, labels)
    return torchattacks.PGDL2(network, random_start=False, **settings)(x, labels)


def _foolbox(network: nn.Module, x: Tensor, labels: Tensor, norm: str, epsilon: float, steps: int) -> Tensor:
    import foolbox

    attacks_of_norm = {"linf": foolbox.attacks.LinfBasicIterativeAttack, "l2": foolbox.attacks.L2BasicIterativeAttack}
    attack = attacks_of_norm[norm](abs_stepsize=epsilon / steps, steps=steps)
    # `run` is the attack alone; calling the object would test its success too.
    return attack.run(foolbox.PyTorchModel(network, bounds=(0, 1), device=x.device), x, labels, epsilon=epsilon)


def _art(network: nn.Module, x: Tensor, labels: Tensor, norm: str, epsilon: float, steps: int) -> Tensor:
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    where = {"device_type": "cpu" if x.device.type == "cpu" else "gpu"}
    classifier = PyTorchClassifier(network, nn.CrossEntropyLoss(), x.shape[1:], nb_classes=10, clip_values=(0, 1), **where)
    settings = {"eps": epsilon, "eps_step": epsilon / steps, "max_iter": steps, "batch_size": len(x), "verbose": False}
    attack = ProjectedGradientDescent(classifier, norm=np.inf if norm == "linf" else 2, **settings)
    return torch.from_numpy(attack.generate(x.numpy(force=True), labels.numpy(force=True)))


def _forward_backward(network: nn.Module, x: Tensor, labels: Tensor) -> None:
    """What no attack on the network as it is can do without: a forward pass and an input gradient each step."""
    for _ in range(STEPS):
        point = x.detach().requires_grad_()
        torch.autograd.grad(F.cross_entropy(network(point), labels), point)


def _matrix_products(network: nn.Module, x: Tensor) -> None:
    """As many multiplications and additions as these passes take, in products of large matrices, the machine's best discipline.

    An input gradient takes as many as a forward pass.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    a, b, product = torch.ones(3, SIDE, SIDE, device=x.device)
    for _ in range(round(2 * STEPS * counter.get_total_flops() / (2 * SIDE**3))):
        torch.mm(a, b, out=product)


def _assert_agreement(contestants: dict[str, Callable[[], Tensor]]) -> None:
    """The pixels are the same, but for a few at which the gradient is so small that rounding decides its sign."""
    adversarial = {name: attack() for name, attack in contestants.items()}
    for peer, theirs in adversarial.items():
        same = (theirs.cpu() - adversarial[OURS].cpu()).abs() < 0.01 * EPSILON
        assert same.float().mean() > 0.99, f"{peer} attacks differently: {same.float().mean():.1%} of pixels agree"


def curve(device: torch.device) -> Work:
    """Accuracy at eight epsilons: one path of iterates passes through all of them."""
    network = inputs.network("vgg8", "batch", device)
    test = inputs.dataset(CURVE_IMAGES, inputs.CIFAR, device)
    # The labels are the network's own, so that the curve starts at 100 %.
    test = replace(test, labels=network(data.normalize(test.images, test)).argmax(1))
    step_size = EPSILON / STEPS
    evaluations = [
        Evaluation("bim", epsilon=steps * step_size, steps=steps, step_size=step_size, clip=True) for steps in CURVE_STEPS
    ]
    contestants = {
        OURS: lambda: evaluate(network, test, evaluations, seed=0, image_size=32),
        "foolbox": lambda: _foolbox_curve(network, test, evaluations),
    }

    def check() -> None:
        ours, theirs = (run() for run in contestants.values())
        assert all(abs(ours[label]["accuracy"] - accuracy) <= 100 / len(test) for label, accuracy in theirs.items())

    settings = f"{len(test)} images of 3x32x32, l-inf, {', '.join(map(str, CURVE_STEPS))} steps of {step_size:g}"
    return Work(contestants, {"foolbox": 3.0}, settings, check=check)


def _foolbox_curve(network: nn.Module, test: data.Dataset, evaluations: list[Evaluation]) -> dict[str, float]:
    """The accuracy in percent of each evaluation, by its label."""
    import foolbox

    x = data.normalize(test.images, test)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device=x.device)
    accuracies = {}
    for evaluation in evaluations:
        attack = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=evaluation.step_size, steps=evaluation.steps)
        _, _, success = attack(model, x, test.labels, epsilons=evaluation.epsilon)
        accuracies[evaluation.label] = 100 * (1 - success.float().mean().item())
    return accuracies


def _works() -> dict[str, Callable[[torch.device], Work]]:
    bn_goals = {"torchattacks": 1.4, "foolbox": 2.0, "art": 4.0, "forward-backward": 1.0, "matrix-products": None}
    cases = [("vgg8-bn", "vgg8", "batch", 64, bn_goals), ("vgg8", "vgg8", None, 32, AHEAD)]
    cases += [("mlp-bn", "mlp", "batch", 512, AHEAD), ("mlp", "mlp", None, 512, AHEAD)]
    works = {}
    for name, kind, batch_norm, images, goals in cases:
        for norm in ("linf", "l2"):
            works[f"bim-{norm}-{name}"] = functools.partial(bim, kind, batch_norm, norm, images, goals)
    return works | {"curve-vgg8-bn": curve}


WORKS = _works()
