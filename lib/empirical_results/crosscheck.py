"""BIM once more, by another library: the paper checked its attack with Foolbox (appendix A.2)."""

import foolbox
import pandas as pd
import torch
from torch import Tensor, nn

from lib import attacks, data, report
from lib.empirical_results.experiments import EPSILON, STEPS
from lib.evaluate import frozen

UNBOUNDED = (-1e3, 1e3)  # Foolbox wants bounds of valid inputs; normalised pixels are far inside these
PARTS = {"epsilon/20": 20, "epsilon/15": 15}  # step sizes: section 3; the paper's run of Foolbox


def compare(
    networks: dict[str, nn.Module], results: pd.DataFrame, test: data.Dataset, first: int, name: str, caption: str
) -> report.Table:
    """Accuracy of each network on the first images under BIM-linf of both libraries, and on how many images they differ.

    `results` are the networks' rows of a results frame.
    """
    images, labels = data.normalize(test.images[:first], test), test.labels[:first]
    rows = []
    for title, network in networks.items():
        with frozen(network):
            for words, parts in PARTS.items():
                settings = {"epsilon": EPSILON, "steps": STEPS, "step_size": EPSILON / parts}
                ours = _right(network, attacks.bim(network, images, labels, norm="linf", **settings), labels)
                theirs = _right(network, _foolbox(network, images, labels, **settings), labels)
                shown = {what: f"{100 * right.double().mean():.1f}" for what, right in (("ours", ours), ("Foolbox", theirs))}
                shown["images that differ"] = int((ours != theirs).sum())
                rows.append({"network": title, "step": words} | shown)
    return report.Table(
        name, f"{caption} Accuracy in percent on the first {len(labels)} images.", pd.DataFrame(rows), results=results
    )


def _right(network: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return network(inputs).argmax(-1) == labels


def _foolbox(network: nn.Module, images: Tensor, labels: Tensor, *, epsilon: float, steps: int, step_size: float) -> Tensor:
    attack = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=step_size, steps=steps, random_start=False)
    model = foolbox.PyTorchModel(network, bounds=UNBOUNDED, device=images.device)
    return attack(model, images, labels, epsilons=epsilon)[1]
