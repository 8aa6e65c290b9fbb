"""Where a result comes from: the commit of this project and of no other."""

import subprocess

import pytest

from lib import provenance


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """What `commit` says of a project in `tmp_path/project`."""
    monkeypatch.setattr(provenance, "REPOSITORY", tmp_path / "project")
    (tmp_path / "project" / "lib").mkdir(parents=True)
    (tmp_path / "project" / "lib" / "train.py").write_text("lr = 0.1\n")
    return provenance.commit.__wrapped__


def repository(folder):
    """A repository of all that is in a folder; returns its commit."""
    git = ["git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "All"]):
        subprocess.run([*git, *command], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_that_of_the_project_and_says_whether_the_library_was_changed_since(commit, tmp_path):
    head = repository(tmp_path / "project")
    assert commit() == head
    (tmp_path / "project" / "notes.txt").write_text("not of the library")
    assert commit() == head
    (tmp_path / "project" / "lib" / "train.py").write_text("lr = 0.2\n")
    assert commit() == f"{head}-dirty"


def test_a_new_file_of_the_library_is_a_change(commit, tmp_path):
    head = repository(tmp_path / "project")
    (tmp_path / "project" / "lib" / "other.py").touch()
    assert commit() == f"{head}-dirty"


@pytest.mark.parametrize("ignored", [False, True])
def test_a_copy_in_another_repository_has_no_commit(commit, tmp_path, ignored):
    if ignored:
        (tmp_path / ".gitignore").write_text("project\n")
    repository(tmp_path)
    assert commit() is None


def test_without_a_repository_or_a_commit_or_git_there_is_none(commit, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert commit() is None
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    assert commit() is None
    monkeypatch.setenv("PATH", "")
    assert commit() is None
