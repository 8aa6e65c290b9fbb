"""The picture of attacks that are transferred from one network to others."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

WHITE_BOX = "the source itself"


def transfer(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Accuracies in percent under transferred attacks, by the title of a panel: a row a source, a column a target.

    Each cell has its number, – where there is none. White-box cells have a frame: those whose row and column have one name,
    and the column `WHITE_BOX`. Dark is low.
    """
    heights = [len(panel) + 1.6 for panel in panels.values()]
    size = (10, 0.45 * sum(heights))
    figure, axes = plt.subplots(len(panels), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained")
    for axis, (title, panel) in zip(axes.flat, panels.items(), strict=True):
        axis.imshow(panel.to_numpy(dtype=float), cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for row, source in enumerate(panel.index):
            for column, target in enumerate(panel.columns):
                value = panel.loc[source, target]
                shown, dark = ("–", False) if pd.isna(value) else (f"{value:.1f}", value < 47)
                axis.text(column, row, shown, ha="center", va="center", color="white" if dark else "black")
                if target in (source, WHITE_BOX) and not pd.isna(value):
                    frame = {"fill": False, "edgecolor": "#d55e00", "linewidth": 3}
                    axis.add_patch(Rectangle((column - 0.46, row - 0.42), 0.92, 0.84, **frame))
        axis.set_title(title, fontsize="medium", loc="left")
        axis.set_xticks(range(panel.shape[1]), [name.replace(", ", "\n") for name in panel.columns], fontsize="small")
        axis.set_yticks(range(len(panel)), panel.index, fontsize="small")
        axis.tick_params(length=0)
    plt.close(figure)
    return figure
