"""What others run: the workflows that test and publish the book, and the notebooks and packages of Binder and Colab."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook

from lib import launch
from lib.book import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def pinned(path):
    """The lines of a file of requirements that name a package and its version, without comments."""
    return re.findall(r"^[\w.-]+==[\w.+]+", path, re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_names_targets_and_versions_that_exist_and_may_only_read(path):
    workflow, makefile = yaml.safe_load(path.read_text()), (ROOT / "Makefile").read_text()
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    targets = [target for step in steps for target in re.findall(r"^make (\w+)", step.get("run", ""), re.MULTILINE)]
    assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]


def test_the_branch_that_is_pushed_is_the_one_that_buttons_lead_to():
    text = (ROOT / ".github" / "workflows" / "book.yml").read_text()
    assert f"git checkout -B {launch.BRANCH}\n" in text and f"git push --force origin {launch.BRANCH}\n" in text


def test_the_notebooks_are_prepared_with_no_more_than_the_workflow_installs(tmp_path):
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())["jobs"]["launch"]["steps"]
    (line,) = [step["run"] for step in steps if "lib/launch" in step.get("run", "")]
    (install,) = [step["run"] for step in steps if "pip install" in step.get("run", "")]
    assert "nbformat" in install
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    (tmp_path / "book").mkdir()
    nbformat.write(new_notebook(), tmp_path / "book" / "01-a.ipynb")
    (tmp_path / "missing").mkdir()
    for name in ("torch", "torchvision", "numpy", "pandas", "yaml", "click"):
        (tmp_path / "missing" / f"{name}.py").write_text(f"raise ModuleNotFoundError('{name}')")
    environment = os.environ | {
        "GITHUB_REPOSITORY": "someone/something",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path / "missing"),
    }
    subprocess.run(["bash", "-ec", line], cwd=tmp_path, env=environment, check=True)
    assert "https://github.com/someone/something" in nbformat.read(tmp_path / "book" / "01-a.ipynb", 4).cells[0].source


def test_binder_has_the_versions_of_this_repository_with_torch_for_the_cpu():
    computing, book, _ = (ROOT / "requirements.txt").read_text().split("\n# the ")
    expected = [line + "+cpu" * line.startswith("torch") for line in pinned(computing) + pinned(book)]
    assert pinned((ROOT / ".binder" / "requirements.txt").read_text()) == expected


def test_colab_keeps_its_torch_and_gets_all_else_that_chapters_import():
    packages = launch.packages()
    assert {"mlxtend", "distributed", "pydantic", "foolbox"} <= set(packages)
    assert not {"torch", "torchvision", "jupyter-book", "pytest"} & set(packages)


def test_the_first_cell_fetches_the_repository_on_colab_and_does_nothing_elsewhere(tmp_path, monkeypatch):
    origin, folder = tmp_path / "origin", tmp_path / "content"
    (origin / "book").mkdir(parents=True)
    (origin / "book" / "05-input-dimension.ipynb").touch()
    git = ["git", "-C", origin, "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q", "-b", launch.BRANCH], ["add", "."], ["commit", "-q", "-m", "All"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(launch, "packages", lambda: ["pip"])  # is there already
    monkeypatch.chdir(tmp_path)
    code = launch.setup(origin.as_uri(), str(folder))
    exec(code, {})
    assert not folder.exists()

    monkeypatch.setitem(sys.modules, "google.colab", sys)
    for elsewhere in (tmp_path, tmp_path, origin):  # "Restart session" keeps the folder, and goes back to where Colab begins
        monkeypatch.chdir(elsewhere)
        exec(code, {})
        assert Path.cwd() == folder / "book" and os.listdir() == ["05-input-dimension.ipynb"]


def test_what_could_not_be_installed_is_installed_when_the_cell_is_run_again(tmp_path, monkeypatch):
    (tmp_path / "folder" / "book").mkdir(parents=True)
    monkeypatch.setattr(launch, "packages", lambda: ["no package has such a name"])
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError, match="pip"):
            exec(launch.setup("file:///nowhere", str(tmp_path / "folder")), {})


def test_a_notebook_gets_the_cell_in_front_of_all_others(tmp_path):
    path = tmp_path / "in.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title")]), path)
    launch.prepare(path, "https://github.com/someone/something")
    cells = nbformat.read(path, 4).cells
    assert "https://github.com/someone/something" in cells[0].source and cells[1].source == "# Title"
