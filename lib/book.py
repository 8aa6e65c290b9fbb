"""Build the book: execute every chapter at one scale, then render the pages with every warning an error."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from sphinx_external_toc.parsing import parse_toc_yaml

from lib.trials import SCALES

ROOT = Path(__file__).resolve().parent.parent
QUICK_CELL_SECONDS = 600  # a cell that takes longer hangs; at the other scales a cell may train for days


class BookError(RuntimeError):
    """The book cannot be built; the message says which chapter and why."""


def pages(root: Path = ROOT) -> list[Path]:
    """The source file of every page listed in `_toc.yml`, in the order of the book."""
    found = []
    for name in parse_toc_yaml(root / "_toc.yml"):
        candidates = [root / f"{name}{suffix}" for suffix in (".md", ".ipynb")]
        existing = [path for path in candidates if path.is_file()]
        if not existing:
            raise BookError(f"_toc.yml lists {name}, but neither {name}.md nor {name}.ipynb exists")
        found.append(existing[0])
    return found


def execute(chapter: Path, output: Path, scale: str) -> None:
    """Execute one notebook in its own folder, at `scale` if it has a `parameters` cell, and write the result to `output`."""
    has_scale = any("parameters" in cell.metadata.get("tags", []) for cell in nbformat.read(chapter, 4).cells)
    try:
        papermill.execute_notebook(
            chapter,
            output,
            parameters={"scale": scale} if has_scale else {},
            cwd=chapter.parent,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],  # else each kernel warns about its local, unencrypted connection
            execution_timeout=QUICK_CELL_SECONDS if scale == "quick" else None,
        )
    except (PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BookError(f"{chapter.name}: {error}") from None
    check_executed(output)


def check_executed(notebook: Path) -> None:
    """Raise unless every code cell really ran: a page must never show the outputs of some earlier run."""
    for number, cell in enumerate(nbformat.read(notebook, 4).cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            raise BookError(f"{notebook.name}, cell {number} was not executed:\n{cell.source}")


def render(root: Path = ROOT) -> Path:
    """Turn `_build/source` into `_build/html` and return the start page."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    options = ["--path-output", root, "-n", "-W", "--keep-going"]
    if subprocess.run([jupyter_book, "build", root / "_build" / "source", *options]).returncode:
        raise BookError("the pages have errors or warnings, listed above")
    return root / "_build" / "html" / "index.html"


def build(scale: str, root: Path = ROOT) -> Path:
    """Build the whole book from scratch and return its start page."""
    if scale not in SCALES:
        raise BookError(f"unknown scale {scale!r}; allowed: {', '.join(SCALES)}")
    chapters = [page for page in pages(root) if page.suffix == ".ipynb"]
    build_folder = root / "_build"
    source = build_folder / "source"
    shutil.rmtree(build_folder, ignore_errors=True)
    shutil.copytree(root / "book", source / "book", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, source)
    if scale == "quick":
        # Cheap enough to recompute in every build, so an old result is never shown for the code at hand.
        os.environ["BATCHNORM_RUNS"] = str(build_folder / "runs")

    seconds = {}
    for number, chapter in enumerate(chapters, start=1):
        click.echo(f"Chapter {number} of {len(chapters)}: {chapter.stem} at scale {scale}")
        start = time.perf_counter()
        execute(chapter, source / chapter.relative_to(root), scale)
        seconds[chapter.stem] = time.perf_counter() - start
    index = render(root)

    for name, duration in seconds.items():
        click.echo(f"{duration:8.1f} s  {name}")
    click.echo(f"The book: {index}")
    return index
