"""The command line: `python -m lib COMMAND`."""

import os
import re
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import click
import pandas as pd
import psutil

from lib import checkpoints, cluster, experiments, measurements, runs, store
from lib.errors import UserError
from lib.experiments import EXPERIMENTS, MEASURED, planned
from lib.status import status as overview
from lib.trials import SCALES

# What takes seconds to import, and only one command needs, is imported there: workers import this module too.
LAST_SEED = 999


class Seeds(click.ParamType):
    """`0-4`, `3` or `0,2,5-7`: the seeds themselves."""

    name = "seeds"

    def convert(self, value, param, ctx) -> list[int]:
        seeds = set()
        for part in value.split(","):
            if not (found := re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())):
                self.fail(f"{value!r} is not a list of seeds; write 0-4, 3 or 0,2,5-7", param, ctx)
            first, last = int(found[1]), int(found[2] or found[1])
            if last > LAST_SEED:
                self.fail(f"{value!r} goes beyond the last seed, {LAST_SEED}", param, ctx)
            seeds |= set(range(first, last + 1))
        return sorted(seeds) or self.fail(f"{value!r} holds no seed", param, ctx)


class Duration(click.ParamType):
    """`90s`, `9m` or `1h30m`, in seconds."""

    name = "duration"

    def convert(self, value, param, ctx) -> float:
        if not re.fullmatch(r"(\d+(\.\d+)?[smh]\s*)+", value):
            self.fail(f"{value!r} is not a duration; write 90s, 9m or 1h30m", param, ctx)
        try:
            return pd.Timedelta(value).total_seconds()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is too long", param, ctx)


scale_option = click.option(
    "--scale", type=click.Choice(SCALES), default="quick", show_default=True, help="How much is computed."
)
experiment_argument = click.argument("experiment", type=click.Choice(experiments.NAMES), metavar="EXPERIMENT")
NAMES = f"Experiments: {', '.join(experiments.NAMES)}."


@click.group()
def main() -> None:
    """Reproduce "Batch Normalization is a Cause of Adversarial Vulnerability"."""
    warnings.showwarning = lambda message, *where, **more: click.echo(f"Warning: {message}", err=True)


@main.command()
@scale_option
def build(scale: str) -> None:
    """Execute every chapter and build the book at _build/html/index.html."""
    from lib import book

    book.build(scale)


def edition_option(name: str) -> Callable:
    folder = click.Path(path_type=Path)
    return click.option(
        "--output", type=folder, default=store.REPOSITORY / "_build" / name, show_default=True, help="A new folder."
    )


@main.command()
@edition_option("student")
@scale_option
def student(output: Path, scale: str) -> None:
    """Write the edition for students, without solutions: a project of its own, with its pages built."""
    from lib import editions

    click.echo(f"The student edition: {editions.deliver('student', output, scale)}")


@main.command()
@edition_option("instructor")
@scale_option
def instructor(output: Path, scale: str) -> None:
    """Write the edition for instructors, with teaching notes: a project of its own, with its pages built."""
    from lib import editions

    click.echo(f"The instructor edition: {editions.deliver('instructor', output, scale)}")


@main.command()
def pdf() -> None:
    """Print the built book to _build/pdf/book.pdf, with Chromium or Chrome."""
    from lib import one_page

    html = store.REPOSITORY / "_build" / "html"
    click.echo(f"The book on paper: {one_page.pdf(html, html.parent / 'pdf' / 'book.pdf')}")


@main.command(epilog=NAMES)
@experiment_argument
@scale_option
@click.option("--seeds", type=Seeds(), help="Which ones, as 0-4 or 0,2.  [default: all of the scale]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--data-root", help="Folder of the data sets.  [default: $BATCHNORM_DATA or the user's cache]")
@click.option(
    "--scheduler", default="", help="Of trials: local:N for N processes, or the address of a Dask scheduler.  [default: here]"
)
@click.option(
    "--budget",
    type=Duration(),
    help="Stop before this time is over, with everything saved, as 9m or 1h30m; the exit status is then "
    f"{os.EX_TEMPFAIL}. Data that are being loaded, the first piece of work and processes of local:N that are still starting are "
    "waited for.",
)
def run(experiment, scale, seeds, device, data_root, scheduler, budget) -> None:
    """Compute what is missing of an experiment. Stop it whenever you like: it goes on where it was."""
    trials = planned(experiment, scale, seeds)
    if not trials:
        others = ", ".join(other for other in SCALES if planned(experiment, other))
        raise click.UsageError(f"{experiment} has no trials at the {scale} scale; it has some at: {others}")
    cluster.check(scheduler)
    if scheduler and experiment not in EXPERIMENTS:
        raise click.UsageError(f"{experiment} is measured in this process; leave --scheduler out")
    if budget is not None:
        budget -= time.time() - psutil.Process().create_time()  # the imports took their share
    try:
        if experiment in EXPERIMENTS:
            runs.run(trials, device=device, data_root=data_root, scheduler=scheduler, budget=budget)
        else:
            measurements.run(MEASURED[scale][experiment], seeds, device=device, data_root=data_root, budget=budget)
    except KeyboardInterrupt:
        stopped("Ctrl-C", trials, 130)
    except checkpoints.OutOfTime:
        stopped("the time is over", trials, os.EX_TEMPFAIL)
    except cluster.ClusterError as error:
        stopped(str(error), trials, 1)
    click.echo(f"All {len(trials)} trials of {experiment} at the {scale} scale are in {store.runs_root()}")


def stopped(why: str, trials: Sequence[store.Computed], exit_status: int) -> NoReturn:
    """Leave before all is done: say what is."""
    folder = store.runs_root()
    done = sum(store.finished(trial, folder) is not None for trial in trials)
    click.echo(f"Stopped: {why}. {done} of {len(trials)} trials are finished, in {folder}; the same command goes on.", err=True)
    raise SystemExit(exit_status)


@main.command()
def status() -> None:
    """What is done, what is missing and how long the rest takes on this machine, at each scale.

    What is published is not missing; `run` computes it anew where it is not finished here.
    """
    click.echo(overview().to_string(index=False))


@main.command()
@click.option("--scale", type=click.Choice(SCALES), help="One scale alone.  [default: those that are published]")
@click.option("--headlines", is_flag=True, help="The headline claims alone.")
def claims(scale: str | None, headlines: bool) -> None:
    """What became of every claim of the paper, by the published records; at the quick scale by those finished here.

    A star marks the headline claims. Where the paper disagrees with itself comes last.
    """
    from lib import inconsistencies
    from lib.dashboard import page, rows

    collected = rows.rows([scale] if scale else rows.PUBLISHED)
    shown = [row for row in collected if row.headline] if headlines else collected
    click.echo(page.Dashboard(shown).text() + "\n")
    click.echo(rows.summary_of_headlines(collected, "", "").rows.to_string(index=False))
    if not headlines:
        click.echo("\n" + rows.summary(collected, "", "").rows.to_string(index=False))
        click.echo("\nwhere the paper disagrees with itself\n\n" + inconsistencies.text())


@main.command(epilog=NAMES)
@experiment_argument
@click.option("--scale", type=click.Choice(["laptop", "paper"]), required=True, help="The quick scale is never published.")
def publish(experiment: str, scale: str) -> None:
    """Copy the finished records of an experiment to book/records, where every build of the book shows them."""
    path, done, missing = experiments.publish(experiment, scale)
    click.echo(f"{done} trials in {path}" + (f", {missing} not run yet" if missing else ""))


if __name__ == "__main__":
    try:
        main(prog_name="python -m lib", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        raise SystemExit(130) from None
    except UserError as error:
        raise SystemExit(f"Error: {error}") from None
