"""Where the numbers of a table come from: what was typed, which code ran, with which seeds, on what, for how long, on which data."""

import hashlib
import json
from html import escape

import pandas as pd

COLUMNS = ("device", "precision", "commit", "threads", "torch", "seconds", "data", "record")
DIGITS = 12  # of a commit or checksum that are shown


def of_record(record: dict) -> dict:
    """The columns of a data frame that say where a record comes from; None where the record does not say.

    `commit` of the repository; `device`, `threads`, `precision`, `torch`; `seconds` of training and testing; `data`, each data set
    with the start of its SHA-256; and `record`, which tells one record from another where each makes several rows.
    """
    found = record["provenance"]
    parts = ("train_seconds", "evaluate_seconds", "seconds")
    data = ", ".join(f"{name} {digest[:DIGITS]}" for name, digest in found.get("data", {}).items())
    return {
        **{name: found.get(name) for name in ("device", "precision", "commit", "threads", "torch")},
        "seconds": sum(found[part] for part in parts if part in found) if set(parts) & set(found) else None,
        "data": data or None,
        "record": hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest(),
    }


def command(experiment: str, scale: str, seeds: str = "") -> str:
    """What to type, at the top of the repository, to compute an experiment once more."""
    return f".venv/bin/python -m lib run {experiment} --scale {scale}" + (f" --seeds {seeds}" if seeds else "")


def table(results: pd.DataFrame) -> pd.DataFrame:
    """One row for each experiment and scale that these rows of a results frame come from, the columns by their titles."""
    rows = []
    for (scale, experiment), found in results.groupby(["scale", "experiment"], sort=False):
        seeds = _ranges(found["seed"])
        row = {"scale": scale, "experiment": experiment, "command": command(experiment, scale, seeds)}
        row |= {"commit": ", ".join(map(_short, _all(found, "commit"))), "seeds": seeds}
        row |= {name: ", ".join(map(str, _all(found, name))) for name in ("device", "threads", "precision", "torch")}
        if _all(found, "seconds"):
            row["seconds"] = f"{found.drop_duplicates('record')['seconds'].sum():,.0f}"
        row["data, SHA-256"] = "; ".join(_all(found, "data"))
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _all(found: pd.DataFrame, name: str) -> list:
    return list(found[name].dropna().unique()) if name in found else []


def _short(commit: str) -> str:
    """The start of a commit, with its mark where the code was changed after it."""
    digits, _, dirty = commit.partition("-")
    return digits[:DIGITS] + (f"-{dirty}" if dirty else "")


def _ranges(seeds: pd.Series) -> str:
    """`0-4,7`, as the command line takes them."""
    found = pd.Series(sorted(seeds.unique()))
    runs = found.groupby(found - found.index)  # what a run of seeds has in common
    return ",".join(f"{run.min()}-{run.max()}" if len(run) > 1 else f"{run.min()}" for _, run in runs)


def html(origins: pd.DataFrame) -> str:
    """As a block to fold out, one list for each row. Without blank lines, so that it may stand in Markdown."""
    lines = ['<details class="origin">', "<summary>Where these numbers come from</summary>"]
    for row in origins.to_dict("records"):
        lines.append(f"<p>{escape(row.pop('scale'))} scale, {escape(row.pop('experiment'))}</p>")
        lines.append("<dl>")
        for name, value in row.items():
            if value:
                shown = f"<code>{escape(value)}</code>" if name == "command" else escape(value)
                lines.append(f"<dt>{escape(name)}</dt><dd>{shown}</dd>")
        lines.append("</dl>")
    return "\n".join([*lines, "</details>"])
