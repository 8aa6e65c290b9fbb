"""Editions of the book for a class: for students, without solutions; for instructors, with teaching notes.

An edition is a folder with a complete project of its own, whose notebooks run and whose `make book` builds its pages, and with
those pages built. A manifest, as `sha256sum --check` reads it, says what was delivered: an edition that somebody has changed is
never replaced.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import yaml

from lib.book import MANIFEST, ROOT, pages
from lib.errors import UserError
from lib.store import runs_root

NOTES = Path("book", "teaching")
PROJECT = ("LICENSE", "Makefile", "_config.yml", "_toc.yml", ".gitignore", "requirements.txt", "book", "lib")
FOR_INSTRUCTORS = (".binder", ".ci", ".github", ".pytest.ini", "README.md", "tests")  # with what the tests read
RUNS = ".runs"  # what was trained in an edition: nobody has written it, and it takes long to make again
MADE_AGAIN = ("_build", ".venv", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".hypothesis", ".DS_Store", RUNS)

SOLUTION = re.compile(r"^(?P<fence>`{3,}|:{3,})\{solution\} *(?P<label>\S+)\n(?P<body>.*?)^(?P=fence)[ \t]*$\n?", re.M | re.S)
TARGET = re.compile(r"^:(?:label|name): (\S+)|^\((\S+)\)=|\$\$ *\((\S+)\)", re.M)  # what can be referred to
OTHER_SOLUTION = re.compile(r".*\{solution.*|^\W*\{[\w-]+\} +(?:\w+ +)?solutions?\b.*", re.M | re.I)  # or titled so
REFERENCE = re.compile(r"\{\w+\}`(?:(?P<text>[^`<]+?) *<)?(?P<name>[^`<>]+)>?`")


class EditionError(UserError):
    """An edition cannot be written; the message says why, and what to do."""


def deliver(edition: str, output: Path, scale: str) -> Path:
    """Write one of `EDITIONS` to the folder `output`, with its pages built at `scale`, and return its start page.

    `output` is new, empty, or an edition as it was delivered; EditionError otherwise, and nothing is changed. It appears in one
    piece, after its pages were built, and keeps what was trained in the edition that it replaces.
    """
    output = output.resolve()
    check_replaceable(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
        project = Path(scratch, output.name)
        assemble(edition, project)
        build(project, scale)
        check_replaceable(output)  # building takes minutes
        if output.exists():
            replaced = output.rename(Path(scratch, "replaced"))
            if (replaced / RUNS).exists():
                (replaced / RUNS).rename(project / RUNS)
        project.rename(output)
    return output / "_build" / "html" / "index.html"


def check_replaceable(output: Path) -> None:
    """Raise EditionError unless `output` is new, empty, or an edition in which nobody has changed or added a file.

    What is made again, and what was trained, counts as no change.
    """
    if any(output.is_relative_to(ROOT / name) for name in PROJECT + FOR_INSTRUCTORS):
        raise EditionError(f"{output} lies in what is copied to an edition; name a folder outside it")
    if output.exists() and not output.is_dir():
        raise EditionError(f"{output} is a file; name a folder for the edition")
    if not output.exists() or not any(output.iterdir()):
        return
    if not (output / MANIFEST).is_file():
        raise EditionError(f"{output} is not empty and holds no edition of this book; name another folder for it")
    try:
        delivered = dict(line.split("  ", 1)[::-1] for line in (output / MANIFEST).read_text().splitlines())
    except ValueError:
        raise EditionError(f"{output / MANIFEST} cannot be read; name another folder for the edition") from None
    present = checksums(output)
    changed = [f"{name} (gone)" for name in delivered.keys() - present.keys()]
    changed += [f"{name} (new)" for name in present.keys() - delivered.keys()]
    changed += [f"{name} (changed)" for name in delivered.keys() & present.keys() if delivered[name] != present[name]]
    if changed:
        some = sorted(changed)[:5] + ["…"] * (len(changed) > 5)
        raise EditionError(
            f"the edition in {output} is not as it was delivered: {', '.join(some)}. It is left alone; "
            "name another folder, or move this one away first"
        )


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of an edition by its name, but for the manifest and what is made again."""
    files = (path for path in folder.rglob("*") if path.is_file() and not set(path.relative_to(folder).parts) & set(MADE_AGAIN))
    found = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}
    return {name: checksum for name, checksum in found.items() if name != MANIFEST}


def assemble(edition: str, project: Path) -> None:
    """Write the files of an edition to a new folder, without building its pages."""
    if (ROOT / MANIFEST).exists():
        raise EditionError(f"{ROOT} is an edition itself: editions are made from the full repository")
    project.mkdir(parents=True)
    _copy(PROJECT, project)
    EDITIONS[edition](project)
    lines = (f"{checksum}  {name}\n" for name, checksum in checksums(project).items())
    (project / MANIFEST).write_text("".join(lines))


def build(project: Path, scale: str) -> None:
    """Build an edition's pages with its own code, as whoever gets it will, and keep nothing else of the build."""
    environment = os.environ | {"BATCHNORM_RUNS": str(runs_root().resolve())}
    if subprocess.run([sys.executable, "-m", "lib", "build", "--scale", scale], cwd=project, env=environment).returncode:
        raise EditionError("the pages of the edition could not be built, see above; no edition was written")
    for made in (project / "_build").iterdir():
        if made.name != "html":
            shutil.rmtree(made) if made.is_dir() else made.unlink()


def _copy(names: tuple[str, ...], project: Path) -> None:
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns(*MADE_AGAIN))
        else:
            shutil.copy(ROOT / name, project)


def _for_instructors(project: Path) -> None:
    """Everything, and the teaching notes as pages of the book."""
    _copy(FOR_INSTRUCTORS, project)
    names = ["overview", *(page.stem for page in pages(project))]
    listed = [{"file": (NOTES / name).as_posix()} for name in names if (project / NOTES / f"{name}.md").is_file()]
    toc = yaml.safe_load((project / "_toc.yml").read_text())
    toc["parts"].append({"caption": "Teaching notes", "chapters": listed})
    (project / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False, allow_unicode=True))


def _for_students(project: Path) -> None:
    """No solutions, no teaching notes, no tests, which would say what is right."""
    shutil.copy(project / NOTES / "for-students" / "README.md", project)
    shutil.rmtree(project / NOTES)
    sources = [path for suffix in ("md", "ipynb") for path in (project / "book").rglob(f"*.{suffix}")]
    removed = set().union(*(targets_of_solutions(text) for page in sources for text in texts(page)))
    for page in sources:
        _rewrite(page, lambda text: without_references(without_solutions(text), removed))


EDITIONS: dict[str, Callable[[Path], None]] = {"student": _for_students, "instructor": _for_instructors}


def texts(page: Path) -> list[str]:
    """The prose of a page: all of it, or of a notebook each cell of prose."""
    if page.suffix == ".md":
        return [page.read_text()]
    return [cell.source for cell in nbformat.read(page, 4).cells if cell.cell_type == "markdown"]


def without_solutions(text: str) -> str:
    """Prose without its `solution` directives; raises EditionError where a solution is written in another form."""
    left = SOLUTION.sub("", text)
    if found := OTHER_SOLUTION.search(left):
        raise EditionError(f"this solution is not a fenced directive that can be taken out: {found[0]!r}")
    return left


def targets_of_solutions(text: str) -> set[str]:
    """What can be referred to within the solutions of a page."""
    bodies = (found["body"] for found in SOLUTION.finditer(text))
    return {name for body in bodies for groups in TARGET.findall(body) for name in groups if name}


def without_references(text: str, removed: set[str]) -> str:
    """Prose in which references to these names are words: the text of the reference, or "the solution"."""
    return REFERENCE.sub(lambda found: (found["text"] or "the solution") if found["name"] in removed else found[0], text)


def _rewrite(page: Path, change: Callable[[str], str]) -> None:
    """Change the prose of a page, and take out what the exercise cells of a notebook printed."""
    if page.suffix == ".md":
        page.write_text(change(page.read_text()))
        return
    notebook = nbformat.read(page, 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = change(cell.source)
        elif "exercise" in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" or cell.source.strip()]
    nbformat.write(notebook, page)
