"""`python -m tests.benchmarks`: one table of ratios against other tools, all taken in one run on this machine."""

import importlib.metadata
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import pandas as pd
import torch

from lib import provenance, store
from tests.benchmarks import attacks, memory, scaling, training
from tests.benchmarks.timing import THREADS, Result, compare

RECORD = store.PUBLISHED / "benchmarks.json"
PACKAGES = ("torch", "torchvision", "torchattacks", "foolbox", "adversarial-robustness-toolbox", "numpy")
WORKS = attacks.WORKS | training.WORKS
MEMORY, SCALING = "memory-bim-10000", "scaling"


@click.command()
@click.option("--only", type=click.Choice([*WORKS, MEMORY, SCALING]), metavar="WORK", multiple=True, help="May be repeated.")
@click.option("--output", type=Path, help=f"Where the results go.  [default: {RECORD.name} of the book, of a full run alone]")
def main(only: tuple[str, ...], output: Path | None) -> None:
    """Measure, print the table and write the results."""
    torch.set_num_threads(THREADS)
    chosen = only or (*WORKS, MEMORY, SCALING)
    results = []
    for name in chosen:
        if name in WORKS:
            click.echo(f"{name} …", err=True)
            results += compare(name, WORKS[name]())
    if MEMORY in chosen:
        click.echo(f"{MEMORY} …", err=True)
        results.append(memory.bim(MEMORY))
    scalings = []
    if SCALING in chosen:
        click.echo(f"{SCALING} …", err=True)
        scalings = scaling.scalings()

    machine = describe_machine()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()) + "\n")
    if results:
        click.echo(table(results) + "\n")
    for found in scalings:
        click.echo(f"{found.work}: time grows as ({found.axis})^{found.slope:.2f}")
    path = output or (None if only else RECORD)
    if path:
        record = {"machine": machine, "results": list(map(asdict, results)), "scaling": list(map(asdict, scalings))}
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        click.echo(f"\nwritten to {path}")


def table(results: list[Result]) -> str:
    rows = pd.DataFrame(map(asdict, results))
    rows["ratio"] = rows["ratio"].map("{:.2f}x".format)
    rows["met"] = rows["met"].map({True: "met", False: "not met"})
    for column in ("ours", "theirs"):
        rows[column] = rows[column].map("{:.4g}".format) + " " + rows["unit"]
    return rows.drop(columns="unit").to_string(index=False)


def describe_machine() -> dict[str, str | int]:
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {
        "cpu": provenance.device_name(torch.device("cpu")),
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **versions,
        "commit": provenance.commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    main()
