"""The page "What ran": how long each chapter took in a build, on which machine, and with which versions."""

import importlib.metadata
import os
import platform
import re
from dataclasses import dataclass

import pandas as pd
import psutil
import torch

from lib.provenance import provenance
from lib.report import Table
from lib.runs import resolve_device
from lib.store import REPOSITORY


@dataclass(frozen=True)
class Ran:
    """A chapter that was executed: its name, how long it took, and how many records and tables of results it made."""

    name: str
    seconds: float
    records: int
    tables: int


def page(chapters: list[Ran], scale: str) -> str:
    """The page, in MyST Markdown."""
    text = f"""# What ran

Every chapter of this book was executed at the `{scale}` scale, one after the other, and these pages show what came out. A
build makes no pages at all when a cell fails, or when a chapter has fewer results of the scale than it should."""
    tables = (run_times(chapters, scale), machine(), versions())
    return "\n\n".join([text, *(table.markdown() for table in tables)]) + "\n"


def run_times(chapters: list[Ran], scale: str) -> Table:
    """One row a chapter, in the order in which they ran."""
    rows = [
        {
            "chapter": f"{{doc}}`{chapter.name}`",
            "seconds": f"{chapter.seconds:.1f}",
            "new records": chapter.records,
            "tables with results": chapter.tables,
        }
        for chapter in chapters
    ]
    total = sum(chapter.seconds for chapter in chapters)
    caption = (
        f"Run times at the {scale} scale, {total:.0f} s in all. A record is one network, trained and tested, or one seed of "
        "another measurement; those finished before are not computed again."
    )
    return Table("tab-ran-chapters", caption, pd.DataFrame(rows))


def machine() -> Table:
    """Where and when the chapters ran, and the code."""
    device = resolve_device()
    found = provenance(device)
    rows = {
        "time (UTC)": found["time"],
        "commit": found["commit"] or "not in a git repository",
        "device": found["device"],
        "processor cores": f"{os.cpu_count()}, of which torch uses {found['threads']}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": found["python"],
        "CUDA": torch.version.cuda if device.type == "cuda" else "not used",
    }
    return Table("tab-ran-machine", "The machine.", pd.DataFrame(rows.items(), columns=["what", "here"]))


def versions() -> Table:
    """The installed version of every package in requirements.txt."""
    names = re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    rows = [{"package": name, "version": importlib.metadata.version(name)} for name in names]
    return Table("tab-ran-versions", "The packages that `requirements.txt` names, as installed.", pd.DataFrame(rows))
