"""Checks for the exercises of the attack lab."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lib import models
from lib.exercises import Hint, called, check, number


@check
def check_same_effect(l2_epsilon: Callable) -> None:
    """Exercise 1: `l2_epsilon(epsilon, w)`, the l2 epsilon that lowers w·x as much as the l-inf epsilon can, for w (D,).

    Tested by what it means: a step of that length along w, and one of epsilon along its signs, do the same.
    """
    chance = torch.Generator().manual_seed(0)
    random = torch.randn(784, generator=chance, dtype=torch.float64)
    cases = {
        "one weight of four is not zero": (0.1, torch.tensor([0.0, -3.0, 0.0, 0.0], dtype=torch.float64)),
        "four weights are of the same size": (0.1, torch.tensor([2.0, -2.0, 2.0, 2.0], dtype=torch.float64)),
        "of 784 random weights three quarters are zero": (0.25, random.where(torch.arange(784) % 4 == 0, 0)),
        "784 weights are random": (0.25, random),
    }
    for kind, (epsilon, w) in cases.items():
        answer = number(called(l2_epsilon, epsilon, w.clone()), "return one number, the length.")
        falls = {"l-inf": float(w @ (epsilon * w.sign())), "l2": float(w @ nn.functional.normalize(w, dim=0)) * answer}
        if not abs(falls["l2"] - falls["l-inf"]) <= 1e-5 * falls["l-inf"]:
            raise Hint(
                f"where {kind}, {'less' if falls['l2'] > falls['l-inf'] else 'more'} than {answer:.4g} does what the l-inf attack "
                "does. In which direction does each attack go, and by how much does w·x fall along it?"
            )


@check
def check_predicted(predicted_epsilon: Callable) -> None:
    """Exercise 2: `predicted_epsilon(network, x, label)` for one input x (1, 1, H, W) and its label, an int.

    Tested by what it means: moved so far, the linearised difference to the nearest rival is used up and no other's is.
    """
    cases = {
        "of a linear network with two classes": models.linear(9, 2),
        "of a linear network with ten classes": models.linear(9, 10),
        "of an MLP": models.mlp(9, (20, 20)),
    }
    hints = (
        "By how much does the difference of two logits fall, at most, if each pixel may move by epsilon?",
        "With two classes it is right. Which of the nine rivals is reached first? It is not always the second largest logit.",
        "For linear networks it is right. Use the gradient at x in place of the weights.",
    )
    for (kind, network), hint in zip(cases.items(), hints, strict=True):
        chance = torch.Generator().manual_seed(0)
        network = models.initialize(network, "default", chance).eval().requires_grad_(False)
        for x in torch.randn(20, 1, 1, 3, 3, generator=chance):
            label = int(network(x).argmax())
            answer = number(
                called(predicted_epsilon, copy.deepcopy(network), x.clone(), label), "return one number, the smallest epsilon."
            )
            left = _differences_left(network, x, label, answer)
            if not (left.isfinite().all() and left.min().abs() <= 1e-3 * left.abs().max() + 1e-5):
                raise Hint(f"{answer:.4g} is not the smallest epsilon {kind}. {hint}")


def _differences_left(network: nn.Module, x: Tensor, label: int, epsilon: float) -> Tensor:
    """Of the logit of `label` to each other, after each has been attacked for itself by epsilon, to first order."""
    rivals = [c for c in range(len(network(x)[0])) if c != label]
    x = x.requires_grad_()
    differences = [network(x)[0, label] - network(x)[0, rival] for rival in rivals]
    gradients = [torch.autograd.grad(difference, x)[0] for difference in differences]
    return torch.stack([d.detach() - epsilon * (g * g.sign()).sum() for d, g in zip(differences, gradients, strict=True)])
