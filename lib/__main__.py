"""The command line: `python -m lib COMMAND`."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd
import psutil

from lib import book, checkpoints, cluster, data, editions, one_page, runs, store
from lib.experiments import EXPERIMENTS
from lib.status import status as overview
from lib.trials import SCALES


class Seeds(click.ParamType):
    """`0-4`, `3` or `0,2,5-7`: the seeds themselves."""

    name = "seeds"

    def convert(self, value, param, ctx) -> list[int]:
        seeds = set()
        for part in value.split(","):
            if not (found := re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())):
                self.fail(f"{value!r} is not a list of seeds; write 0-4, 3 or 0,2,5-7", param, ctx)
            first, last = found[1], found[2] or found[1]
            seeds |= set(range(int(first), int(last) + 1))
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
experiment_argument = click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))


@click.group()
def main() -> None:
    """Reproduce "Batch Normalization is a Cause of Adversarial Vulnerability"."""


@main.command()
@scale_option
def build(scale: str) -> None:
    """Execute every chapter and build the book at _build/html/index.html."""
    book.build(scale)


def edition_option(name: str) -> Callable:
    folder = click.Path(path_type=Path)
    return click.option("--output", type=folder, default=book.ROOT / "_build" / name, show_default=True, help="A new folder.")


@main.command()
@edition_option("student")
@scale_option
def student(output: Path, scale: str) -> None:
    """Write the edition for students, without solutions: a project of its own, with its pages built."""
    click.echo(f"The student edition: {editions.deliver('student', output, scale)}")


@main.command()
@edition_option("instructor")
@scale_option
def instructor(output: Path, scale: str) -> None:
    """Write the edition for instructors, with teaching notes: a project of its own, with its pages built."""
    click.echo(f"The instructor edition: {editions.deliver('instructor', output, scale)}")


@main.command()
def pdf() -> None:
    """Print the built book to _build/pdf/book.pdf, with Chromium or Chrome."""
    html = book.ROOT / "_build" / "html"
    click.echo(f"The book on paper: {one_page.pdf(html, html.parent / 'pdf' / 'book.pdf')}")


@main.command()
@experiment_argument
@scale_option
@click.option("--seeds", type=Seeds(), help="Which ones, as 0-4 or 0,2.  [default: all of the scale]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--data-root", help="Folder of the data sets.  [default: $BATCHNORM_DATA or the user's cache]")
@click.option("--scheduler", default="", help="local:N for N processes, or the address of a Dask scheduler.  [default: here]")
@click.option("--budget", type=Duration(), help="Stop before this time is over, with everything saved, as 9m or 1h30m.")
def run(experiment, scale, seeds, device, data_root, scheduler, budget) -> None:
    """Train and evaluate what is missing of an experiment. Stop it whenever you like: it goes on where it was."""
    trials = EXPERIMENTS[experiment](scale, seeds and seeds[-1] + 1)
    chosen = [trial for trial in trials if seeds is None or trial.seed in seeds]
    if budget is not None:
        budget -= time.time() - psutil.Process().create_time()  # the imports took their share
    try:
        runs.run(chosen, device=device, data_root=data_root, scheduler=scheduler, budget=budget)
    except checkpoints.OutOfTime as stopped:
        click.echo(f"Stopped: {stopped}")
    else:
        click.echo(f"All {len(chosen)} trials of {experiment} at the {scale} scale are in {store.runs_root()}")


@main.command()
def status() -> None:
    """What is done, what is missing and how long the rest takes on this machine, at each scale."""
    click.echo(overview().to_string(index=False))


@main.command()
@click.option("--scale", type=click.Choice(SCALES), help="One scale alone.  [default: those that are published]")
@click.option("--headlines", is_flag=True, help="The headline claims alone.")
def claims(scale: str | None, headlines: bool) -> None:
    """What became of every claim of the paper, by the published records; at the quick scale by those finished here.

    A star marks the headline claims. Where the paper disagrees with itself comes last.
    """
    from lib import inconsistencies
    from lib.dashboard import page, rows  # the modules of all chapters take a second, and only this command needs them

    collected = rows.rows([scale] if scale else rows.PUBLISHED)
    shown = [row for row in collected if row.headline] if headlines else collected
    click.echo(page.Dashboard(shown).text() + "\n")
    click.echo(rows.summary_of_headlines(collected, "", "").rows.to_string(index=False))
    if not headlines:
        click.echo("\n" + rows.summary(collected, "", "").rows.to_string(index=False))
        click.echo("\nwhere the paper disagrees with itself\n\n" + inconsistencies.text())


@main.command()
@experiment_argument
@click.option("--scale", type=click.Choice(["laptop", "paper"]), required=True, help="The quick scale is never published.")
def publish(experiment: str, scale: str) -> None:
    """Copy the finished records of an experiment to book/records, where every build of the book shows them."""
    path, done, missing = store.publish(experiment, scale)
    click.echo(f"{done} trials in {path}" + (f", {missing} not run yet" if missing else ""))


if __name__ == "__main__":
    try:
        main(prog_name="python -m lib", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        raise SystemExit(130) from None
    except (
        book.BookError,
        cluster.ClusterError,
        data.DataError,
        editions.EditionError,
        one_page.PrintError,
        store.RunError,
    ) as error:
        raise SystemExit(f"Error: {error}") from None
