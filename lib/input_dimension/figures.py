"""The pictures that only one chapter draws."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from lib.theory import LinearClassifier, scaled_softplus

BLUE, ORANGE = "#00527a", "#c25a00"


def scaled_softplus_panels(small: LinearClassifier, medium: LinearClassifier, large: LinearClassifier) -> Figure:
    """Figure 4: scores, margins and penalties of one classifier, then the scaled softplus at three weight decays."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    (scores, margins, penalty), below = axes
    for label, style in ((-1, {"color": ORANGE, "hatch": "//"}), (1, {"color": BLUE})):
        scores.hist(small.scores[small.labels == label].numpy(), bins=40, alpha=0.6, label=f"y = {label:+d}", **style)
    scores.set(title="(a) two classes, two humps", xlabel="w·x + b")
    scores.legend()

    margin = (small.labels * small.scores).numpy()
    for axis in (margins, penalty):
        _, _, bars = axis.hist(margin, bins=60, color=BLUE, alpha=0.6)
        for bar in bars:
            if bar.get_x() + bar.get_width() / 2 < 0:
                bar.set(color=ORANGE, hatch="//")
    margins.set(title="(b) times y: errors on the left", xlabel="y(w·x + b)")
    penalty.set(title="(c) the penalty of each point", xlabel="y(w·x + b)")
    z = torch.linspace(float(margin.min()), float(margin.max()), 200)
    _penalty(penalty, z, scaled_softplus(z, 1.0))

    for axis, letter, classifier in zip(below, "def", (small, medium, large), strict=True):
        distances = classifier.distances
        axis.hist(distances.numpy(), bins=60, color=BLUE, alpha=0.6)
        d = torch.linspace(float(distances.min()), float(distances.max()), 200)
        _penalty(axis, d, scaled_softplus(d, classifier.norm))
        title = f"({letter}) λ = {classifier.weight_decay:g}, ‖w‖ = {classifier.norm:.2f}"
        axis.set(title=title, xlabel="distance to the boundary, y(w·x + b)/‖w‖")
    for axis in axes.flat:
        axis.axvline(0, color="grey", linewidth=0.8)
        axis.set_yticks([])
    plt.close(figure)
    return figure


def _penalty(axis, distances: torch.Tensor, loss: torch.Tensor) -> None:
    """The loss as a curve on an axis of its own to the right."""
    right = axis.twinx()
    right.plot(distances, loss, color="black", linestyle="--")
    right.set(ylim=(0, None), ylabel="softplus loss (nats, dashed)")
