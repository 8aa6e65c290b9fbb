"""The lab without JavaScript: one attack as a picture."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lib import attacks, data
from lib.attack_lab.page import AttackLab
from lib.report import NORMS

SIGNS = LinearSegmentedColormap.from_list("signs", ["#0a326e", "#828282", "#ffe16e"])  # as in the page


def still(lab: AttackLab, place: int, *, norm: str, epsilon: float, steps: int) -> Figure:
    """The digit of the lab at `place` before and after BIM of equal steps, a row for each network, with the perturbation."""
    x, labels = data.normalize(lab.digits.images[[place]], lab.digits), lab.digits.labels[[place]]
    figure, axes = plt.subplots(2, 4, figsize=(9, 4.6), layout="constrained", width_ratios=(1, 1, 1, 1.5))
    for row, name in zip(axes, NORMS, strict=True):
        network = lab.networks[name]
        attacked = attacks.bim(network, x, labels, norm=norm, epsilon=epsilon, steps=steps, step_size=epsilon / steps)
        before, after = (network(images).softmax(1)[0].numpy() for images in (x, attacked))
        low, high = data.normalize(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), lab.digits).flatten().tolist()
        for axis, images in zip(row, (x, attacked), strict=False):
            axis.imshow(images[0, 0].numpy(), cmap="gray", vmin=low, vmax=high)
        change = (attacked - x)[0, 0].numpy()
        largest = float(np.abs(change).max()) or 1
        shown = row[2].imshow(change, cmap=SIGNS, vmin=-largest, vmax=largest)
        figure.colorbar(shown, ax=row[2], label="darker – lighter", shrink=0.8)
        for axis in row[:3]:
            axis.set_xticks([]), axis.set_yticks([])
        digits = np.arange(10)
        row[3].bar(digits - 0.2, 100 * before, 0.4, color="white", edgecolor="black", label="before")
        row[3].bar(digits + 0.2, 100 * after, 0.4, color="#00527a", edgecolor="black", label="after")
        row[3].set(xticks=digits, ylim=(0, 100), ylabel="percent")
        row[0].set_ylabel(NORMS[name])
        row[3].set_title(f"says {int(before.argmax())}, then {int(after.argmax())}", fontsize="medium")
    for axis, title in zip(axes[0], ("before", "after", "perturbation"), strict=False):
        axis.set_title(title, fontsize="medium")
    axes[0][3].legend(fontsize="small")
    plt.close(figure)
    return figure
