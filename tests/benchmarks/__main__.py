"""`python -m tests.benchmarks`: one table of ratios against other tools, all taken on one device of this machine."""

import importlib.metadata
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import pandas as pd
import torch

from lib import provenance, store
from lib.costs import MET
from lib.runs import resolve_device
from tests.benchmarks import attacks, corruptions, memory, scaling, training
from tests.benchmarks.timing import THREADS, Result, compare, prepare

RECORD = store.PUBLISHED / "benchmarks.json"
PACKAGES = ("torch", "torchvision", "torchattacks", "foolbox", "adversarial-robustness-toolbox", "imagecorruptions", "numpy")
WORKS = attacks.WORKS | training.WORKS | corruptions.WORKS
MEMORY, SCALING = "memory-bim-10000", "scaling"
NAMES = (*WORKS, MEMORY, SCALING)


def _device(context: click.Context, option: click.Parameter, name: str) -> torch.device:
    try:
        return resolve_device(name)
    except store.RunError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option("--only", type=click.Choice(NAMES), metavar="WORK", multiple=True, help="May be repeated.  [default: all]")
@click.option(
    "--device", default="auto", show_default=True, callback=_device, help="auto, cpu, cuda or cuda:N. Goals are for a CPU."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the results go, after every work.  [default: benchmarks.json in $BATCHNORM_RUNS, else in .runs]",
)
def main(only: tuple[str, ...], device: torch.device, output: Path | None) -> None:
    """Measure, write the results after every work, and print the table.

    With --only, results of the output file are kept but for those measured again, as long as they are of the same machine,
    device, versions and commit; so a run that was interrupted is finished. Without it the file is begun anew, and, where
    there is no --output, it becomes the record that the book shows as soon as all works are done.
    """
    machine, path = describe_machine(device), output or store.runs_root() / RECORD.name
    if path.resolve() == RECORD.resolve():
        raise click.UsageError(f"{RECORD} is written by a complete run alone; choose another file with --output, or none")
    record = {"machine": machine, "results": [], "scaling": []}
    if only and path.exists():
        record = read(path, machine)
    prepare(device)
    click.echo(f"The results so far are in {path}", err=True)
    for name in only or NAMES:
        click.echo(f"{name} on {device} …", err=True)
        for found in measure(name, device):
            record = including(record, found)
            write(path, record)

    click.echo(shown(record))
    if not (only or output):
        write(RECORD, record)
        path.unlink()
        path = RECORD
    click.echo(f"\nwritten to {path}")


def measure(name: str, device: torch.device) -> Iterable[Result | scaling.Scaling]:
    """What one work gives, as soon as it is known."""
    if name == MEMORY:
        return [memory.bim(MEMORY, device)]
    if name == SCALING:
        return scaling.scalings(device)
    return compare(name, WORKS[name](device), device)


def including(record: dict, found: Result | scaling.Scaling) -> dict:
    """The record with this result, in place of one of the same work and peer, or work and axis."""
    kind, second = ("results", "peer") if isinstance(found, Result) else ("scaling", "axis")
    rows = {(row["work"], row[second]): row for row in [*record[kind], asdict(found)]}
    return record | {kind: list(rows.values())}


def read(path: Path, machine: dict) -> dict:
    """The results measured before, if on the same machine as it is now. Raises ClickException where they are not."""
    remedy = "Choose another file with --output, or delete this one"
    try:
        record = json.loads(path.read_text())
        before, _, _ = (record[part] for part in ("machine", "results", "scaling"))
        other = [name for name in before | machine if name != "date" and before.get(name) != machine.get(name)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path} holds no results that could be added to ({error!r}). {remedy}") from None
    if other:
        differences = ", ".join(f"{name} {before.get(name)}, now {machine.get(name)}" for name in other)
        raise click.ClickException(f"the results in {path} are not of this machine as it is: {differences}. {remedy}")
    return record | {"machine": machine}


def write(path: Path, record: dict) -> None:
    try:
        store.write_in_one_piece(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    except store.RunError as error:
        raise click.ClickException(str(error)) from None


def shown(record: dict) -> str:
    """The record as text: the machine, the table, the growth."""
    parts = ["\n".join(f"{name}: {value}" for name, value in record["machine"].items())]
    if record["results"]:
        parts.append(table(record["results"]))
    if record["scaling"]:
        slopes = (f"{row['work']}: time grows as ({row['axis']})^{row['slope']:.2f}" for row in record["scaling"])
        parts.append("\n".join(slopes))
    return "\n\n".join(parts)


def table(results: list[dict]) -> str:
    rows = pd.DataFrame(results)
    rows["ratio"] = rows["ratio"].map("{:.2f}x".format)
    rows["met"] = [MET[result["met"]] for result in results]
    for column in ("ours", "theirs"):
        rows[column] = rows[column].map("{:.4g}".format) + " " + rows["unit"]
    return rows.drop(columns="unit").to_string(index=False)


def describe_machine(device: torch.device) -> dict[str, str | int]:
    """What the results depend on, and the date. Raises ClickException where a library to compare with is missing."""
    try:
        versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    except importlib.metadata.PackageNotFoundError as error:
        how = "`make bench` installs it, or pip install -r tests/benchmarks/requirements.txt"
        raise click.ClickException(f"{error.name} is not installed; {how}") from None
    return {
        "cpu": provenance.device_name(torch.device("cpu")),
        "device": provenance.device_name(device),
        **({"threads": THREADS} if device.type == "cpu" else {}),
        "system": platform.platform(),
        "python": platform.python_version(),
        **versions,
        "commit": provenance.commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    main()
