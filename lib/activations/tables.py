"""The tables of chapter 08."""

import pandas as pd

from lib import report
from lib.activations.claims import at
from lib.activations.experiments import EARLY, FIGURE
from lib.activations.experiments import INITIAL as UNTRAINED_NETWORKS
from lib.activations.geometry import END, INITIAL, MIDDLE
from lib.report import NORMS
from lib.table import Table

MOMENTS = {INITIAL: UNTRAINED_NETWORKS, MIDDLE: EARLY, END: FIGURE}  # each with the experiment of the most networks
GEOMETRY = {
    "accuracy, training": "accuracy train",
    "accuracy, test": "accuracy test",
    "neighbours": "neighbours",
    "linear": "linear",
    "distance": "distance",
    "spread": "spread",
    "distance / spread": "relative distance",
    "silent": "silent",
    "outside": "outside",
}
FILM = {
    "later fall - fall at the start": "late fall",
    "steepest epoch": "steepest epoch",
    "largest later jump": "late jump",
    "learned": "learned",
}


def geometry(results: pd.DataFrame, moment: str, name: str, caption: str) -> Table:
    """What the plane looks like at one of MOMENTS, with and without batch norm."""
    rows = {
        network: {title: report.value_of(metric, at(norm, MOMENTS[moment], moment)) for title, metric in GEOMETRY.items()}
        for norm, network in NORMS.items()
    }
    return report.by_scale(results, name, caption, rows)


def suddenness(results: pd.DataFrame, name: str, caption: str) -> Table:
    """How the training loss falls, and with how many networks, with and without batch norm."""
    rows = {
        network: {title: report.value_of(metric, at(norm, EARLY, END)) for title, metric in FILM.items()}
        for norm, network in NORMS.items()
    }
    return report.by_scale(results, name, caption, rows)
