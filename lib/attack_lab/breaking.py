"""When a network breaks: the smallest epsilon at which an attack changes its answer."""

import numpy as np
import torch
from torch import Tensor

from lib import attacks

# The largest epsilon, in normalised units, and how many there are, evenly spaced: those of the lab's sliders.
GRIDS = {"linf": (0.5, 100), "l2": (10.0, 100)}


def grid(norm: str) -> list[float]:
    """The epsilons that are tried in a norm ("linf" or "l2"), ascending, from the first above 0."""
    largest, count = GRIDS[norm]
    return [largest * i / count for i in range(1, count + 1)]


def breaking_epsilons(model: attacks.Model, x: Tensor, labels: Tensor, *, norm: str, steps: int) -> np.ndarray:
    """For each input (N, …) the smallest epsilon of the grid at which BIM with `steps` equal steps succeeds.

    The steps add up to epsilon; one step in the l-inf norm is FGSM. 0 where the answer is wrong already; inf where none of
    the grid suffices.
    """
    found = torch.full(labels.shape, torch.inf, dtype=torch.float64)
    for epsilon in reversed([0.0, *grid(norm)]):
        settings = {"norm": norm, "epsilon": epsilon, "steps": steps, "step_size": epsilon / steps}
        adversarial = attacks.bim(model, x, labels, **settings)
        with torch.no_grad():
            wrong = model(adversarial).argmax(-1) != labels
        found[wrong.cpu()] = epsilon
    return found.numpy()
