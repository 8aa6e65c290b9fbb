"""`python -m lib.activations`: run Figure 7 at the paper's scale and publish it with the book.

What is finished is kept and a training that was stopped goes on, so the command can be given again at any time, also with more
seeds.
"""

from dataclasses import replace

import click

from lib import measurements
from lib.activations import frames
from lib.activations.experiments import experiments


@click.command()
@click.option("--seeds", type=click.IntRange(1), help="Networks of each kind trained to the end.  [default: the scale's own]")
def main(seeds: int | None) -> None:
    """Run what is missing of Figure 7 at the paper's scale and publish it with the book, that of the pictures first."""
    figure, *others = experiments("paper")
    measurements.publish(replace(figure, seeds=1))
    frames.publish("paper")
    for measurement in (*others, replace(figure, seeds=seeds or figure.seeds)):
        measurements.publish(measurement)


if __name__ == "__main__":
    main()
