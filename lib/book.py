"""Build the book: execute every chapter at one scale, then render the pages with every warning an error."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import nbformat
import papermill
import yaml
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from sphinx_external_toc.parsing import parse_toc_yaml

from lib import launch, one_page, what_ran
from lib.errors import UserError
from lib.store import runs_root
from lib.trials import SCALES

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "MANIFEST.sha256"  # of an edition for a class, in which somebody may have worked: a build leaves it alone
QUICK_CELL_SECONDS = 600  # a cell that takes longer hangs; at the other scales a cell may train for days


class BookError(UserError):
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


def execute(chapter: Path, output: Path, scale: str) -> what_ran.Ran:
    """Execute one notebook in its own folder, at `scale` if it has that parameter, and write the result to `output`.

    Raises BookError when a cell fails, and when the chapter did not compute what it should have.
    """
    start, before = time.perf_counter(), _records()
    try:
        papermill.execute_notebook(
            chapter,
            output,
            parameters={"scale": scale} if "scale" in papermill.inspect_notebook(chapter) else {},
            cwd=chapter.parent,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],  # else each kernel warns about its local, unencrypted connection
            execution_timeout=QUICK_CELL_SECONDS if scale == "quick" else None,
        )
    except (PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BookError(f"{chapter.name}: {error}") from None
    check_executed(output)
    tables = results(output, scale)
    ran = what_ran.Ran(chapter.stem, time.perf_counter() - start, len(_records() - before), len(tables))
    check_computed(chapter, scale, tables, ran.records)
    return ran


def _records() -> set[Path]:
    return set(runs_root().rglob("*.json"))


def check_executed(notebook: Path) -> None:
    """Raise unless every code cell really ran: a page must never show the outputs of some earlier run."""
    for number, cell in enumerate(nbformat.read(notebook, 4).cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            raise BookError(f"{notebook.name}, cell {number} was not executed:\n{cell.source}")


def results(notebook: Path, scale: str) -> set[str]:
    """The names of the tables in a notebook's outputs that hold results of `scale`: their captions end with what they hold."""
    cells = nbformat.read(notebook, 4).cells
    outputs = [output.get("data", {}).get("text/markdown", "") for cell in cells for output in cell.get("outputs", [])]
    tables = [table for output in outputs for table in re.findall(r"\{list-table\} (.*)\n:name: (.*)", output)]
    return {name for caption, name in tables if re.search(rf"(– |; ){scale}: [^–]*$", caption)}


def check_computed(chapter: Path, scale: str, tables: set[str], records: int) -> None:
    """Raise when a chapter that ran computed less than it should have, without any cell that failed.

    `tables` are those with results of the scale, `records` is how many were added to the store. The notebook is committed with
    the outputs of a run at the quick scale: every table that holds results there must hold results now. At the quick scale the
    store is empty at first, so a chapter that takes a scheduler for its trials must also have left new records of them.
    """
    parameters = papermill.inspect_notebook(chapter)
    missing = results(chapter, "quick") - tables
    if "scale" in parameters and missing:
        raise BookError(f"{chapter.name}: no result of the {scale} scale is in {', '.join(sorted(missing))}")
    if scale == "quick" and "scheduler" in parameters and not records:
        raise BookError(f"{chapter.name} has left no new record: what it shows was not computed in this build")


def copy_sources(root: Path = ROOT) -> Path:
    """Copy what the pages are made of to `<root>/_build/source`, where a build may change it, and return that folder."""
    source = root / "_build" / "source"
    shutil.copytree(ROOT / "book", source / "book", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "_toc.yml", source)
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["sphinx"]["config"]["html_theme_options"] |= launch_buttons(os.environ)
    (source / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return source


def launch_buttons(environment: Mapping[str, str]) -> dict:
    """Options of the theme for buttons that open a chapter on Colab or Binder.

    None outside a workflow of GitHub: only there is it known where the repository is.
    """
    if not (repository := environment.get("GITHUB_REPOSITORY")):
        return {}
    return {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": launch.BRANCH,
        "use_repository_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }


def render(root: Path = ROOT) -> Path:
    """Turn `<root>/_build/source` into pages in `<root>/_build/html` and return the start page."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    options = ["--path-output", root, "-n", "-W", "--keep-going"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # the pages of the reference import the library
    if subprocess.run([jupyter_book, "build", root / "_build" / "source", *options], env=environment).returncode:
        raise BookError("the pages have errors or warnings, listed above")
    html = root / "_build" / "html"
    one_page.write(html, [page.relative_to(ROOT).with_suffix(".html") for page in pages()])
    return html / "index.html"


def build(scale: str) -> Path:
    """Build the whole book from scratch and return its start page."""
    if scale not in SCALES:
        raise BookError(f"unknown scale {scale!r}; allowed: {', '.join(SCALES)}")
    chapters = [page for page in pages() if page.suffix == ".ipynb"]
    build_folder = ROOT / "_build"
    for built in build_folder.glob("*"):
        if not (built / MANIFEST).exists():
            shutil.rmtree(built) if built.is_dir() else built.unlink()
    source = copy_sources()
    if scale == "quick":
        # Cheap enough to recompute in every build, so an old result is never shown for the code at hand.
        os.environ["BATCHNORM_RUNS"] = str(build_folder / "runs")

    ran = []
    for number, chapter in enumerate(chapters, start=1):
        click.echo(f"Chapter {number} of {len(chapters)}: {chapter.stem} at scale {scale}")
        ran.append(execute(chapter, source / chapter.relative_to(ROOT), scale))
    (source / "book" / "what-ran.md").write_text(what_ran.page(ran, scale))
    index = render()

    for chapter in ran:
        click.echo(f"{chapter.seconds:8.1f} s  {chapter.name}")
    click.echo(f"The book: {index}")
    return index
