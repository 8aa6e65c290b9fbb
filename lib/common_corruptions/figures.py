"""The pictures of chapter 06."""

import base64
import functools
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lib import report, sources
from lib.common_corruptions.claims import NETWORKS, gap
from lib.common_corruptions.experiments import GENERATED
from lib.common_corruptions.tables import gap_in_print, in_words
from lib.corruptions import CATEGORIES, CORRUPTIONS, SEVERITIES, corrupt
from lib.verdicts import Estimate

BLUE, ORANGE, GREY = "#00527a", "#a23b00", "#555555"


@functools.cache
def example() -> Tensor:
    """A photograph of a flower, which scikit-learn carries, on 32x32 pixels: uint8 (1, 3, 32, 32)."""
    picture = sources.photograph("flower.jpg")
    left = (picture.width - picture.height) // 2
    square = picture.crop((left, 0, left + picture.height, picture.height)).resize((32, 32), Image.Resampling.BOX)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].contiguous()


def _picture(images: Tensor) -> np.ndarray:
    return images[0].permute(1, 2, 0).numpy()


def every_corruption() -> Figure:
    """The photograph under every corruption at every severity, in two columns of rows."""
    names = list(CORRUPTIONS)
    half = (len(names) + 1) // 2
    figure, axes = plt.subplots(half, 13, figsize=(10.5, 8.4), width_ratios=[1] * 6 + [1.6] + [1] * 6)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, name in enumerate(names):
        row, first = place % half, 7 * (place // half)
        shown = [example(), *(corrupt(example(), name, severity) for severity in SEVERITIES)]
        for axis, image in zip(axes[row, first:], shown, strict=False):
            axis.imshow(_picture(image), interpolation="nearest")
        axes[row, first].text(-3, 16, in_words(name), ha="right", va="center", fontsize=8)
    for first in (0, 7):
        for axis, title in zip(axes[0, first:], ("original", *SEVERITIES), strict=False):
            axis.set_title(title, fontsize=8)
    figure.subplots_adjust(left=0.12, right=0.99, top=0.96, bottom=0.01, wspace=0.05, hspace=0.05)
    plt.close(figure)
    return figure


class Slider:
    """The photograph under every corruption, with a slider for the severity: plain HTML, which needs no kernel.

    One picture holds all of it: a column for each corruption, a row for each severity from 0, the original. The slider moves
    it behind nineteen windows.
    """

    def __init__(self, severity: int = 3, size: int = 64):
        self.severity, self.size = severity, size

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"A photograph under {len(CORRUPTIONS)} corruptions, with a slider."}

    def html(self) -> str:
        windows = "".join(
            f'<figure style="--c:{column}"><div role="img" aria-label="{in_words(name)}"></div><figcaption>{in_words(name)}</figcaption></figure>'
            for column, name in enumerate(CORRUPTIONS)
        )
        sheet = f"{len(CORRUPTIONS) * self.size}px {(len(SEVERITIES) + 1) * self.size}px"
        return f"""<div class="severities" style="--s:{self.severity}">
<style>
.severities div[role=img] {{ width: {self.size}px; height: {self.size}px; image-rendering: pixelated;
  background: url(data:image/webp;base64,{self._sheet()}) calc(var(--c) * -{self.size}px) calc(var(--s) * -{self.size}px) / {sheet}; }}
.severities figure {{ margin: 0; width: 6.2rem; display: flex; flex-direction: column; align-items: center; }}
.severities figure figcaption {{ color: inherit; font-size: 0.75rem; text-align: center; line-height: 1.2; }}
.severities .windows {{ display: flex; flex-wrap: wrap; gap: 0.5rem 0.25rem; }}
.severities label {{ display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin-bottom: 0.75rem; }}
</style>
<label>Severity, 0 is the original: <input type="range" min="0" max="{len(SEVERITIES)}" step="1" value="{self.severity}"
 oninput="this.closest('.severities').style.setProperty('--s', this.value); this.nextElementSibling.value = this.value">
 <output>{self.severity}</output></label>
<div class="windows">{windows}</div>
</div>"""

    @staticmethod
    def _sheet() -> str:
        rows = [[example()] * len(CORRUPTIONS)]
        rows += [[corrupt(example(), name, severity) for name in CORRUPTIONS] for severity in SEVERITIES]
        sheet = np.concatenate([np.concatenate([_picture(image) for image in row], 1) for row in rows])
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "WEBP", quality=90)
        return base64.b64encode(file.getvalue()).decode()


def gaps(results: pd.DataFrame, scale: str, corrupted: str = GENERATED, model: str = "vgg8") -> Figure:
    """What batch norm costs on every corruption, with 95 % t-intervals, and the paper's numbers where there are any."""
    names = [corruption.__name__ for members in CATEGORIES.values() for corruption in members]
    figure, axis = plt.subplots(figsize=(9, 8.2), layout="constrained")
    kinds = (
        (False, 0.0, {"marker": "s", "color": BLUE, "label": f"ours, running averages, {scale} scale"}),
        (
            True,
            0.22,
            {"marker": "^", "color": GREY, "markerfacecolor": "white", "label": "ours, statistics of the corrupted batch"},
        ),
    )
    for by_batch, shift, style in kinds:
        found = [Estimate.of(report.measured(gap(model, (n,), corrupted, by_batch=by_batch), results, scale)) for n in names]
        widths = np.nan_to_num([estimate.half_width for estimate in found])
        means = [estimate.mean for estimate in found]
        axis.errorbar(means, np.arange(len(names)) + shift, xerr=widths, linestyle="none", capsize=3, **style)
    said = [(place, gap_in_print(name, model)) for place, name in enumerate(names)]
    said = [(place, paper) for place, paper in said if paper]
    style = {"marker": "o", "color": ORANGE, "markerfacecolor": "white", "linestyle": "none", "capsize": 3, "label": "paper"}
    places, values = np.array([place for place, _ in said]), [paper.value for _, paper in said]
    axis.errorbar(values, places - 0.22, xerr=[2 * (paper.error or 0) for _, paper in said], **style)
    axis.axvline(0, color="black", linewidth=0.8)
    start = 0
    for category, members in CATEGORIES.items():
        if start:
            axis.axhline(start - 0.5, color="grey", linewidth=0.6, linestyle=":")
        axis.text(
            1.01, start + (len(members) - 1) / 2, category, transform=axis.get_yaxis_transform(), rotation=90, va="center"
        )
        start += len(members)
    axis.set_yticks(range(len(names)), [in_words(name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.7)
    axis.set_xlabel(f"points of accuracy that batch norm costs {NETWORKS[model]} (negative: gains), mean over five severities")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    plt.close(figure)
    return figure


def severities(
    results: pd.DataFrame, scale: str, names: tuple[str, ...], corrupted: str = GENERATED, model: str = "vgg8"
) -> Figure:
    """The cost of batch norm against severity, for a few corruptions."""
    figure, axes = plt.subplots(1, len(names), figsize=(10, 3.4), sharey=True, layout="constrained")
    styles = (
        (False, "running averages", {"color": BLUE, "marker": "s"}),
        (True, "corrupted batch", {"color": GREY, "marker": "^", "linestyle": "--"}),
    )
    for axis, name in zip(axes, names, strict=True):
        for by_batch, words, style in styles:
            found = [
                Estimate.of(report.measured(gap(model, (f"{name} {severity}",), corrupted, by_batch=by_batch), results, scale))
                for severity in SEVERITIES
            ]
            widths = np.nan_to_num([estimate.half_width for estimate in found])
            axis.errorbar(SEVERITIES, [estimate.mean for estimate in found], yerr=widths, capsize=3, label=words, **style)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(title=in_words(name), xlabel="severity")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(f"cost of batch norm, {NETWORKS[model]} (points)")
    axes[0].legend(fontsize="small")
    plt.close(figure)
    return figure
