"""The command line: `python -m lib COMMAND`."""

import click

from lib import book, data, runs
from lib.experiments import EXPERIMENTS, SCALES

scale_option = click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True, help="How much is computed.")
experiment_argument = click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))


@click.group()
def main() -> None:
    """Reproduce "Batch Normalization is a Cause of Adversarial Vulnerability"."""


@main.command()
@scale_option
def build(scale: str) -> None:
    """Execute every chapter and build the book at _build/html/index.html."""
    book.build(scale)


@main.command()
@experiment_argument
@scale_option
@click.option("--seeds", type=click.IntRange(1), help="Networks for each setting.  [default: those of the scale]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--data-root", help="Folder of the data sets.  [default: $BATCHNORM_DATA or the user's cache]")
def run(experiment: str, scale: str, seeds: int | None, device: str, data_root: str | None) -> None:
    """Train and evaluate what is missing of an experiment. Stop it whenever you like: it goes on where it was."""
    records = runs.run(EXPERIMENTS[experiment](scale, seeds), device=device, data_root=data_root)
    click.echo(f"{len(records)} trials of {experiment} at the {scale} scale are in {runs.runs_root()}")


@main.command()
@experiment_argument
@click.option("--scale", type=click.Choice(["laptop", "paper"]), required=True, help="The quick scale is never published.")
def publish(experiment: str, scale: str) -> None:
    """Copy the finished records of an experiment to book/records, where every build of the book shows them."""
    path, done, missing = runs.publish(experiment, scale)
    click.echo(f"{done} trials in {path}" + (f", {missing} not run yet" if missing else ""))


if __name__ == "__main__":
    try:
        main(prog_name="python -m lib", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        raise SystemExit(130) from None
    except (book.BookError, data.DataError, runs.RunError) as error:
        raise SystemExit(f"Error: {error}") from None
