"""Notebooks that run where a launch button of the book opens them.

Binder starts a copy of the repository, and needs no more than the packages in `.binder`. Google Colab opens one notebook and
nothing else: a cell in front fetches the rest. A publishing workflow puts such notebooks on a branch of their own, which the
buttons lead to: `python lib/launch.py OWNER/REPOSITORY` prepares those of the folder `book` in place. It needs nbformat alone,
and is run as a file, because the package `lib` imports PyTorch.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

REPOSITORY = Path(__file__).resolve().parent.parent
BRANCH = "launch"
THERE = ("torch", "torchvision")  # as Colab has them, built for its GPUs
SETUP = """\
# For Google Colab alone, which opens this notebook and nothing else: fetch the repository, and install what is missing.
import os
import subprocess
import sys

if "google.colab" in sys.modules:
    if not os.path.exists("{folder}"):
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--branch", "{branch}", "{url}", "{folder}"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", {packages}], check=True)
    os.chdir("{folder}/book")
"""


def packages() -> list[str]:
    """The packages that chapters import, without versions: what Colab has of them stays as it is."""
    computing, book, _ = (REPOSITORY / "requirements.txt").read_text().split("\n# the ")
    names = re.findall(r"^([\w.-]+)==", computing, re.MULTILINE) + re.findall(r"^foolbox", book, re.MULTILINE)
    return [name for name in names if name not in THERE]


def setup(url: str, folder: str = "/content/batch-norm-vulnerability") -> str:
    """The code of the first cell, which fetches the branch from `url` into `folder`."""
    return SETUP.format(url=url, folder=folder, branch=BRANCH, packages=", ".join(f'"{name}"' for name in packages()))


def prepare(notebook: Path, url: str) -> None:
    """Put the cell in front of a notebook."""
    contents = nbformat.read(notebook, 4)
    contents.cells.insert(0, new_code_cell(setup(url), metadata={"tags": ["hide-cell"]}))
    nbformat.write(contents, notebook)


if __name__ == "__main__":
    for path in sorted((REPOSITORY / "book").glob("*.ipynb")):
        prepare(path, f"https://github.com/{sys.argv[1]}")
