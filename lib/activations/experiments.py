"""The experiments of Appendix E at each scale: one network watched to the end, more of them at the start, many untrained."""

import functools

from lib.activations import frames, geometry
from lib.measurements import Measurement
from lib.trials import check_scale

FIGURE, EARLY, INITIAL = "figure-07", "figure-07-early", "figure-07-initial"
NORMS = ("none", "batch")
SETTINGS = {
    "quick": {"hidden": "98-49-2-49", "batch_size": 64, "lr": 0.1, "weight_decay": 1e-3},
    "laptop": {"hidden": "392-196-2-49", "batch_size": 128, "lr": 1e-2, "weight_decay": 1e-3},
    "paper": {"hidden": "392-196-2-49", "batch_size": 128, "lr": 1e-2, "weight_decay": 1e-3},
}
EPOCHS = {"quick": (25, 25, 0), "laptop": (50, 50, 0), "paper": (500, 50, 0)}  # of FIGURE, EARLY and INITIAL
SEEDS = {"quick": (2, 3, 10), "laptop": (2, 2, 30), "paper": (5, 5, 30)}


def experiments(scale: str) -> list[Measurement]:
    """Raises ValueError for an unknown scale. At the paper's scale, EARLY are the first epochs of FIGURE, with more seeds."""
    check_scale(scale)
    dataset = "mnist-5k" if scale == "quick" else "mnist"
    measure = functools.partial(geometry.measure, dataset)
    found = []
    for name, epochs, seeds in zip((FIGURE, EARLY, INITIAL), EPOCHS[scale], SEEDS[scale], strict=True):
        arms = tuple({"norm": norm, "epochs": epochs} | SETTINGS[scale] for norm in NORMS)
        kind = frames.Figure if name == FIGURE else Measurement
        found.append(kind(name, scale, measure, dataset, "fp32", seeds, arms))
    return found
