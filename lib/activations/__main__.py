"""`python -m lib.activations`: run Figure 7 at the paper's scale and publish it with the book.

What is finished is kept and published seed by seed, and a training that was stopped goes on: stop it at any time, and give the
command again, also with more seeds.
"""

from collections.abc import Iterator
from dataclasses import replace

import click

from lib import measurements
from lib.activations import frames
from lib.activations.experiments import experiments
from lib.measurements import Measurement


@click.command()
@click.option("--seeds", type=click.IntRange(1), help="Networks of each kind trained to the end.  [default: the scale's own]")
def main(seeds: int | None) -> None:
    """Run what is missing of Figure 7 at the paper's scale and publish it with the book, that of the pictures first."""
    figure, early, initial = experiments("paper")
    measurements.publish(replace(figure, seeds=1))
    frames.publish("paper")
    for measurement in (initial, *_seed_by_seed(early), *_seed_by_seed(replace(figure, seeds=seeds or figure.seeds))):
        measurements.publish(measurement)


def _seed_by_seed(measurement: Measurement) -> Iterator[Measurement]:
    """The measurement with one seed, with two, and so on: both kinds of networks of a seed before the next."""
    return (replace(measurement, seeds=seeds) for seeds in range(1, measurement.seeds + 1))


if __name__ == "__main__":
    main()
