"""The command line: `python -m lib COMMAND`."""

import click

from lib import book
from lib.experiments import SCALES


@click.group()
def main() -> None:
    """Reproduce "Batch Normalization is a Cause of Adversarial Vulnerability"."""


@main.command()
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True, help="How much is computed.")
def build(scale: str) -> None:
    """Execute every chapter and build the book at _build/html/index.html."""
    try:
        book.build(scale)
    except book.BookError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m lib")
