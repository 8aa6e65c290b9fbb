"""The table of chapter 01: what is left of the circles, as numbers."""

import pandas as pd

from lib.batch_norm.claims import DEEP, LAST, SHOWN, at
from lib.report import NORMS, Table, by_scale

METRICS = {
    "neighbours, as shown": "neighbours shown",
    "neighbours, stretched": "neighbours stretched",
    "distance correlation": "distance correlation",
    "roundness": "roundness",
    "moved by one point (%)": "nonlocality",
}


def by_layer(results: pd.DataFrame, name: str, caption: str) -> Table:
    """Every measure at a few layers, without and with batch norm."""
    rows = {
        f"layer {layer}, {words}": {
            title: lambda get, m=metric, a=at(norm, layer): get(m, a) for title, metric in METRICS.items()
        }
        for layer in (1, SHOWN, DEEP, LAST)
        for norm, words in NORMS.items()
    }
    return by_scale(results, name, caption, rows)
