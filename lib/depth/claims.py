"""The claims of Figures 2 and 3: the end of section 3, and appendix A.4.

The paper makes them with pictures. Where it prints no number, its number is the one read off the colours of Figure 2, a mean over
the same part of the grid (`lib.paper`, status "read_from_figure"). Every claim is about a mean over the part of the grid that was
run: one value a seed. The rules and margins here and in `lib.depth.grid` are older than the runs that they judge, but for a look at a
dozen single networks, most with batches of 250 images, by which the learning rate and the epochs of the laptop scale were chosen, and
for LONGER: its first rule was turned around while Figure 2 was run, and its control came after all runs.
"""

import pandas as pd

from lib import theory
from lib.claims import Claim, difference, effect, equality, positive
from lib.depth.experiments import DEPTHS
from lib.depth.grid import ABOVE, BIM, CHANCE, CLEAN, GAIN, LONGER_GAIN, LOW, NOISE, depth_reached, line, zone
from lib.paper import Reported, reported
from lib.report import Get, Measure

FIGURE_2, FIGURE_3 = "figure-02", "figure-03"
SMALL, MIDDLE, LARGE = 10, 25, 250  # batch sizes that are compared
POINTS = 5  # of accuracy: the margin of what stays as it is
LAYERS = 3  # the same for depths
READ_DEPTHS, READ_SIZES = range(10, 51, 5), (25, 100, 250)  # what was read off Figure 2


def arm(norm: str, experiment: str = FIGURE_2, **settings) -> dict:
    """Networks with batch norm ("batch") or without ("none"), in all of the grid or where they have these settings."""
    return {"experiment": experiment, "norm": norm} | settings


def over(metric: str, norm: str, experiment: str = FIGURE_2, **settings) -> Measure:
    """The mean of a metric over a part of the grid, one value a seed."""
    return lambda get: get(metric, arm(norm, experiment, **settings)).groupby(level=0).mean()


def lost_above(metric: str, norm: str) -> Measure:
    """From well below the line to above it."""
    return difference(over(metric, norm, zone=LOW), over(metric, norm, zone=ABOVE))


def reached(batch_size: int, experiment: str = FIGURE_2) -> Measure:
    """The depth up to which networks with batch norm train."""

    def measure(get: Get) -> pd.Series:
        column = arm("batch", experiment, batch_size=batch_size, complete=True)
        clean = {depth: get(CLEAN, column | {"hidden": depth}) for depth in DEPTHS}
        by_seed = pd.DataFrame({depth: found for depth, found in clean.items() if len(found)})
        return pd.Series({seed: depth_reached(found) for seed, found in by_seed.iterrows()}, dtype=float)

    return measure


def log_ratio(batch_size: int) -> Measure:
    """By what the second moment of gradients grows over that depth at initialisation, says the theorem: its logarithm."""
    return lambda get: reached(batch_size)(get) / growth_layers(batch_size)


def growth_layers(batch_size: int) -> float:
    """The number of layers over which the second moment of gradients grows by e, at initialisation, says the theorem."""
    return line(batch_size) / theory.FITTED_LOG_RATIO


def read_column(column: str, batch_size: int) -> pd.Series:
    """What was read off Figure 2 for one batch size, by depth, for networks with batch norm."""
    return pd.Series({depth: reported("figure-2", column, BN=True, L=depth, B=batch_size).value for depth in READ_DEPTHS})


def read_off(column: str, depths, batch_sizes=READ_SIZES) -> Reported:
    """The mean of what was read off Figure 2, for networks with batch norm; its error is that of reading one colour."""
    cells = [reported("figure-2", column, BN=True, L=depth, B=size) for depth, size in _cells(depths, batch_sizes)]
    return _shown(sum(cell.value for cell in cells) / len(cells))


def read_off_without(column: str) -> Reported:
    return reported("figure-2", column, BN=False)


def _cells(depths, batch_sizes) -> list[tuple[int, int]]:
    """All of these, or those of a zone."""
    everywhere = [(depth, size) for depth in READ_DEPTHS for size in batch_sizes]
    return [cell for cell in everywhere if (zone(*cell) == depths if isinstance(depths, str) else cell[0] in depths)]


def _shown(value: float) -> Reported:
    return Reported(value, 2.0, "percent_points", f"{value:.0f} (error of reading: 2)")


def _difference(a: Reported, b: Reported) -> Reported:
    return _shown(a.value - b.value)


DEPTH = [
    Claim(
        "up to two thirds of the line, networks with batch norm train as well as those without (difference)",
        "Figure 2",
        measure=over(GAIN + CLEAN, "batch", zone=LOW),
        **equality(_difference(read_off("Clean", LOW), read_off_without("Clean")).printed, 0, POINTS),
    ),
    Claim(
        "with batch norm, clean accuracy falls from well below the line to above it (points lost)",
        "Figure 2, section 3",
        measure=lost_above(CLEAN, "batch"),
        **effect(_difference(read_off("Clean", LOW), read_off("Clean", ABOVE))),
    ),
    Claim(
        "without batch norm, clean accuracy does not fall from well below the line to above it (points lost)",
        "Figure 2",
        measure=lost_above(CLEAN, "none"),
        **equality("none", 0, POINTS),
    ),
    Claim(
        "above the line, training with batch norm fails: accuracy is chance",
        "Figure 2, read strictly",
        measure=over(CLEAN, "batch", zone=ABOVE),
        **equality(read_off("Clean", ABOVE).printed, CHANCE, 2 * POINTS),
    ),
]

BATCH_SIZE = [
    Claim(
        f"with batch norm, 40 layers: larger batches train better, {LARGE} - {MIDDLE}",
        "Figure 2",
        measure=difference(*(over(CLEAN, "batch", hidden=40, batch_size=size) for size in (LARGE, MIDDLE))),
        **effect(_difference(*(read_off("Clean", [40], [size]) for size in (LARGE, MIDDLE)))),
    ),
    *(
        Claim(
            f"with batch norm, {depth} layers: larger batches train better, {LARGE} - {SMALL}",
            "Figure 2",
            measure=difference(*(over(CLEAN, "batch", hidden=depth, batch_size=size) for size in (LARGE, SMALL))),
            **positive(),
        )
        for depth in (30, 40)
    ),
    Claim(
        f"without batch norm, 40 layers: the batch size does not matter, {LARGE} - {SMALL}",
        "Figure 2",
        measure=difference(*(over(CLEAN, "none", hidden=40, batch_size=size) for size in (LARGE, SMALL))),
        **equality("0", 0, POINTS),
    ),
    Claim(
        f"the depth reached with batches of {SMALL}, as a part of that with {LARGE}, is what the theorem says",
        "section 2, Figure 2",
        measure=lambda get: reached(SMALL)(get) / reached(LARGE)(get),
        **equality("formula", round(line(SMALL) / line(LARGE), 2), 0.1),
    ),
]

NOISE_CLAIMS = [
    Claim(
        "batch norm costs accuracy on noise, up to two thirds of the line (without - with)",
        "abstract",
        measure=lambda get: -over(GAIN + NOISE, "batch", zone=LOW)(get),
        **positive("positive, in double digits"),
    ),
    Claim(
        "batch norm gains accuracy on noise, up to two thirds of the line, as the paper's own figure has it (with - without)",
        "Figure 2",
        measure=over(GAIN + NOISE, "batch", zone=LOW),
        **effect(_difference(read_off("Noise", LOW), read_off_without("Noise"))),
    ),
    Claim(
        f"10 layers, batches of {LARGE}: batch norm costs accuracy on noise (without - with)",
        "Figure 2",
        measure=lambda get: -over(GAIN + NOISE, "batch", hidden=10, batch_size=LARGE)(get),
        **effect(_difference(read_off_without("Noise"), read_off("Noise", [10], [LARGE]))),
    ),
    Claim(
        "batch norm costs accuracy under BIM, up to two thirds of the line (without - with)",
        "title; not tested by the paper here",
        measure=lambda get: -over(GAIN + BIM, "batch", zone=LOW)(get),
        **positive(),
    ),
]

LONGER = [
    Claim(
        "with batch norm, above the line: four times as many epochs do not help (gain)",
        "appendix A.4, Figure 3",
        measure=over(LONGER_GAIN + CLEAN, "batch", FIGURE_3, zone=ABOVE),
        **equality("none", 0, POINTS),
    ),
    Claim(
        "without batch norm, the same depths: four times as many epochs do not help (gain)",
        "ours, a control added after the runs",
        measure=over(LONGER_GAIN + CLEAN, "none", FIGURE_3, zone=ABOVE),
        **equality("–", 0, POINTS),
    ),
    Claim(
        f"with batch norm, batches of {LARGE}: the depth reached stays where it is (more layers)",
        "appendix A.4, Figure 3",
        measure=difference(reached(LARGE, FIGURE_3), reached(LARGE)),
        **equality("none", 0, LAYERS),
    ),
    Claim(
        "with batch norm, four times as many epochs: clean accuracy still falls from well below the line to above it (points lost)",
        "Figure 3",
        measure=difference(over(CLEAN, "batch", FIGURE_3, zone=LOW), over(CLEAN, "batch", FIGURE_3, zone=ABOVE)),
        **positive(),
    ),
    Claim(
        "with batch norm, four times as many epochs cost accuracy on noise, up to two thirds of the line (loss)",
        "ours",
        measure=lambda get: -over(LONGER_GAIN + NOISE, "batch", FIGURE_3, zone=LOW)(get),
        **positive("–"),
    ),
]
