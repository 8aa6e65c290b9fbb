"""The line of Figure 2 to move by hand, over the networks that were trained: a piece of a page without a kernel or a network."""

import json
import string
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from lib import report, theory
from lib.depth.claims import FIGURE_2, arm
from lib.depth.grid import BIM, CLEAN, NOISE, TRAINED

HERE = Path(__file__).parent
CSS, SCRIPT, PAGE = ((HERE / f"explorer.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))
GROWTHS = {
    "the theorem": theory.gradient_growth,
    "as in the paper, with the slip": theory.gradient_growth_as_plotted,
    "linear networks": lambda sizes: theory.gradient_growth(sizes, "linear"),
}
METRICS = {"clean": CLEAN, "noise": NOISE, "BIM": BIM}
TICKS = (5, 10, 25, 50, 100, 250)


class Explorer:
    """The cells with batch norm of one scale, and the line with a slider for its constant."""

    def __init__(self, results: pd.DataFrame, scale: str):
        self.grid = results[(results["scale"] == scale)]
        self.about = f"Networks with batch norm, mean over seeds – {report.sources(self.grid, [arm('batch', FIGURE_2)])}."

    def data(self) -> dict:
        """What the script reads: for each growth the depth of a line of constant 1, and the accuracies of the cells in percent."""
        chosen = self.grid[(self.grid["experiment"] == FIGURE_2) & (self.grid["norm"] == "batch")]
        means = chosen.groupby(["batch_size", "hidden"])[list(METRICS.values())].mean()
        sizes = sorted({*np.geomspace(5, 250, 80).round(2).tolist(), *map(float, chosen["batch_size"])})
        cells = [
            {"size": float(size), "depth": int(depth)} | {name: round(row[metric], 1) for name, metric in METRICS.items()}
            for (size, depth), row in means.iterrows()
        ]
        lines = {name: theory.trainable_depth(growth(sizes), 1.0).round(4).tolist() for name, growth in GROWTHS.items()}
        deepest = int(max(60, chosen["hidden"].max()))
        return {"sizes": sizes, "ticks": TICKS, "growths": lines, "cells": cells, "deepest": deepest, "trained": TRAINED}

    def html(self) -> str:
        options = {
            name: "".join(f"<option>{escape(o)}</option>" for o in found)
            for name, found in (("growths", GROWTHS), ("metrics", METRICS))
        }
        data = json.dumps(self.data()).replace("<", r"\u003c")
        about = {"about": escape(self.about), "trained": f"{TRAINED:g}"}
        return string.Template(PAGE).substitute(css=CSS, script=SCRIPT, data=data, **options, **about)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"The line of Figure 2 with a slider. {self.about}"}
