"""Checks for the exercises of the attack lab."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lib import models
from lib.exercises import Hint, called, check, number


@check
def check_radius(radius: Callable) -> None:
    """Exercise 1: `radius(epsilon, pixels)` of the smallest l2 ball that holds the whole l-inf ball."""
    for epsilon, pixels in ((0.1, 1), (0.1, 4), (0.25, 9), (0.1, 784)):
        answer = number(called(radius, epsilon, pixels), "return one number, the radius.")
        farthest = torch.full((pixels,), epsilon, dtype=torch.float64).norm()
        where = f"with epsilon {epsilon} and {pixels} pixel{'s' if pixels > 1 else ''}"
        if answer < farthest - 1e-6:
            raise Hint(
                f"{where}, a ball of radius {answer:.4g} leaves out a corner. How far away is a corner of the l-inf ball?"
            )
        if answer > farthest + 1e-6:
            raise Hint(f"{where}, a smaller radius than {answer:.4g} is enough: no point of the l-inf ball is that far away.")


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
            answer = number(called(predicted_epsilon, network, x.clone(), label), "return one number, the smallest epsilon.")
            left = _differences_left(network, x, label, answer)
            if left.min().abs() > 1e-3 * left.abs().max() + 1e-5:
                raise Hint(f"{answer:.4g} is not the smallest epsilon {kind}. {hint}")


def _differences_left(network: nn.Module, x: Tensor, label: int, epsilon: float) -> Tensor:
    """Of the logit of `label` to each other, after each has been attacked for itself by epsilon, to first order."""
    rivals = [c for c in range(len(network(x)[0])) if c != label]
    x = x.requires_grad_()
    differences = [network(x)[0, label] - network(x)[0, rival] for rival in rivals]
    gradients = [torch.autograd.grad(difference, x)[0] for difference in differences]
    return torch.stack([d.detach() - epsilon * (g * g.sign()).sum() for d, g in zip(differences, gradients, strict=True)])
