"""The editions: nothing of a solution is left for students, teaching notes for every chapter, no changed edition replaced."""

import ast
import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib import __main__ as cli
from lib import book, editions

NOTEBOOKS = [page for page in book.pages() if page.suffix == ".ipynb"]
CHAPTERS = [page for page in NOTEBOOKS if any("{exercise}" in text for text in editions.texts(page))]
TEACHES = ("## Time needed", "## What goes wrong", "## Discussion questions", "## Answers in outline")
LONG = 24  # characters of a line, without spaces, that is not found elsewhere by chance
LARGE = 7  # expressions within an expression, the same


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return assembled("student", tmp_path_factory)


@pytest.fixture(scope="module")
def instructor(tmp_path_factory):
    return assembled("instructor", tmp_path_factory)


def assembled(edition: str, tmp_path_factory) -> Path:
    if (book.ROOT / book.MANIFEST).exists():
        pytest.skip("this is an edition; editions are made from the full repository")
    project = tmp_path_factory.mktemp("editions") / edition
    editions.assemble(edition, project)
    return project


def in_edition(page: Path, project: Path) -> Path:
    return project / page.relative_to(book.ROOT)


# --- Nothing of a solution is left ---------------------------------------------------------------------------------------


def bodies(page: Path) -> list[str]:
    return [found["body"] for text in editions.texts(page) for found in editions.SOLUTION.finditer(text)]


def lines(text: str) -> set[str]:
    """The lines long enough to be recognised, without spaces and without what begins and ends a list item or a string."""
    short = ("".join(line.split()).strip('"-*,') for line in text.splitlines())
    return {line for line in short if len(line) >= LONG}


def code_of(page: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(page, 4).cells if cell.cell_type == "code")


def content(path: Path) -> str:
    """What a person can read in a file; of a notebook its cells, what they printed and its metadata, each line a line."""
    if path.suffix != ".ipynb":
        return path.read_text(errors="ignore")
    notebook = json.loads(path.read_text())
    cells = ("".join(cell["source"]) + "\n" + json.dumps([cell.get("outputs"), cell["metadata"]]) for cell in notebook["cells"])
    return "\n".join(cells)


def secrets() -> dict[str, str]:
    """Every line of every solution, with the page it is from, but for code that the page's cells hand out."""
    return {line: page.stem for page in NOTEBOOKS for body in bodies(page) for line in lines(body) - lines(code_of(page))}


def leaks(project: Path) -> list[str]:
    known, found = secrets(), []
    for path in project.rglob("*"):
        if path.is_file():
            squeezed = "".join(content(path).split())
            found += [f"{path.relative_to(project)}: {line} ({page})" for line, page in known.items() if line in squeezed]
    return found


def test_no_line_of_a_solution_is_anywhere_in_the_student_edition(student):
    assert len(secrets()) > 3 * len(CHAPTERS)
    assert not leaks(student)


def test_a_line_left_behind_would_be_found(student, tmp_path):
    line = next(line for body in bodies(CHAPTERS[0]) for line in body.splitlines() if "".join(line.split()) in secrets())
    leaky = shutil.copytree(student, tmp_path / "leaky")
    (leaky / "lib" / "exercises.py").write_text(f"def answer():\n{line}\n")
    assert leaks(leaky)
    notebook = nbformat.read(in_edition(CHAPTERS[0], student), 4)
    notebook.cells.append(new_code_cell("1", outputs=[new_output("stream", text=line)], execution_count=1))
    shutil.copy(student / "lib" / "exercises.py", leaky / "lib")
    nbformat.write(notebook, in_edition(CHAPTERS[0], leaky))
    assert leaks(leaky)


def shapes(code: str) -> set[str]:
    """The larger expressions of some code, whatever its variables are called."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.expr) and sum(isinstance(part, ast.expr) for part in ast.walk(node)) >= LARGE:
            renamed, names = deepcopy(node), {}
            for part in ast.walk(renamed):
                for field in {"id", "arg"} & set(part._fields if isinstance(part, ast.Name | ast.arg) else ()):
                    setattr(part, field, names.setdefault(getattr(part, field), f"name{len(names)}"))
            found.add(ast.dump(renamed))
    return found


def solution_code(page: Path) -> str:
    blocks = (part.partition("```")[0] for body in bodies(page) for part in body.split("```python\n")[1:])
    return "\n".join(blocks)


def test_no_check_computes_what_a_solution_does(student):
    """Not even with other names: a check tests what a right answer does, or compares seals."""
    solved = {shape: page.stem for page in NOTEBOOKS for shape in shapes(solution_code(page))}
    assert solved
    for module in student.glob("lib/*/exercises.py"):
        assert not {solved[shape] for shape in shapes(module.read_text()) & solved.keys()}, module.parent.name


def test_shapes_do_not_depend_on_names():
    assert shapes("a * (b - c) / (d + a * b)") == shapes("w * (x - y) / (z + w * x)") != shapes("a * (b - c) / (d + b * b)")


# --- What students get ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_all_else_is_as_it_was(student, page):
    before, after = (nbformat.read(path, 4).cells for path in (page, in_edition(page, student)))
    nbformat.validate(nbformat.read(in_edition(page, student), 4))
    kept = [cell for cell in before if cell.cell_type == "code" or editions.SOLUTION.sub("", cell.source).strip()]
    assert len(kept) == len(after)
    for old, new in zip(kept, after, strict=True):
        if "exercise" in old.metadata.get("tags", []):
            assert new.source == old.source and not new.outputs and new.execution_count is None
        elif "{solution}" not in old.source:
            assert new == old
    asked = [sum(cell.source.count("{exercise}") for cell in cells) for cells in (before, after)]
    assert asked[0] == asked[1]


def test_students_get_a_project_without_notes_and_tests(student):
    top = {path.name for path in student.iterdir()}
    assert {"README.md", "Makefile", "requirements.txt", "LICENSE", "_toc.yml", "_config.yml", "lib", "book"} <= top
    assert not {"tests", ".git", ".venv", "_build"} & top and not (student / editions.NOTES).exists()
    assert "for students" in (student / "README.md").read_text().splitlines()[0]
    assert [in_edition(page, student) for page in book.pages()] == book.pages(student)


@pytest.mark.parametrize("made_from", editions.EDITIONS)
@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_no_edition_is_made_from_an_edition(made_from, edition, request, monkeypatch, tmp_path):
    monkeypatch.setattr(editions, "ROOT", request.getfixturevalue(made_from))
    with pytest.raises(editions.EditionError, match="full repository"):
        editions.deliver(edition, tmp_path / "again", "quick")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_the_pages_have_no_reference_that_leads_nowhere(edition, tmp_path, request):
    """The strict build of the book, but for writing the pages."""
    project = request.getfixturevalue(edition)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(project / name, tmp_path)
    shutil.copytree(project / "book", tmp_path / "book")
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    options = ["--builder", "custom", "--custom-builder", "dummy", "-n", "-W", "--keep-going"]
    environment = os.environ | {"PYTHONPATH": str(project)}  # the pages of the reference import the library
    done = subprocess.run([jupyter_book, "build", tmp_path, *options], capture_output=True, text=True, env=environment)
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
    assert done.returncode == 0, "\n".join(warnings or [done.stderr])


# --- Taking solutions out ------------------------------------------------------------------------------------------------

EXERCISE = "```{exercise} A title\n:label: ex-a\n\nWhat? ```{ref}`\n```\n"
SOLVED = "````{solution} ex-a\n:class: dropdown\n\n(sol-a)=\nThat.\n\n```python\n1 + 1\n```\n\n$$\nx = 1\n$$ (eq:sol)\n````\n"


@pytest.mark.parametrize("fence", ["`", ":"])
def test_a_solution_goes_with_all_that_is_in_it(fence):
    text = f"Before.\n\n{SOLVED.replace('````', fence * 4)}\n{EXERCISE}After."
    assert editions.without_solutions(text) == f"Before.\n\n\n{EXERCISE}After."
    assert editions.targets_of_solutions(text) == {"sol-a", "eq:sol"}


@pytest.mark.parametrize(
    "text",
    [
        "```{solution} ex-a\nnever closed",
        "```{solution-start} ex-a\n```",
        "> ```{solution} a\n> ```",
        "```{admonition} Solution\n:class: dropdown\n\n42\n```",
        "> :::{dropdown} The solution\n> 42\n> :::",
        "::::{tip} Solutions of both\n42\n::::",
    ],
)
def test_a_solution_in_another_form_is_an_error_and_not_left_in(text):
    with pytest.raises(editions.EditionError, match="solution"):
        editions.without_solutions(text)


@pytest.mark.parametrize("text", ["A {ref}`ex-a` solution", EXERCISE, "```{note} Of what no solution is known\n```"])
def test_the_word_alone_is_no_solution(text):
    assert editions.without_solutions(text) == text


def test_references_to_what_was_taken_out_are_words():
    text = "{ref}`sol-a`, {ref}`this <sol-a>`, {eq}`eq:sol`, {ref}`other`, {ref}`its text <other>`, {cite:p}`sol-a-2`, `sol-a`"
    kept = "{ref}`other`, {ref}`its text <other>`, {cite:p}`sol-a-2`, `sol-a`"
    assert editions.without_references(text, {"sol-a", "eq:sol"}) == f"the solution, this, the solution, {kept}"


# --- What instructors get ------------------------------------------------------------------------------------------------


def test_instructors_get_everything_and_a_page_of_notes_for_each_chapter(instructor):
    listed = {page.relative_to(instructor).as_posix() for page in book.pages(instructor)}
    ordinary = {page.relative_to(book.ROOT).as_posix() for page in book.pages()}
    notes = {f"book/teaching/{chapter.stem}.md" for chapter in CHAPTERS}
    assert ordinary | notes | {"book/teaching/overview.md"} <= listed
    assert not notes & ordinary
    for page in NOTEBOOKS:
        assert page.read_bytes() == in_edition(page, instructor).read_bytes()
    assert (instructor / "tests" / "common.py").is_file() and os.access(instructor / ".ci" / "run", os.X_OK)
    assert (instructor / ".github" / "workflows" / "book.yml").is_file()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_teaching_notes_say_what_a_teacher_needs(chapter):
    text = (book.ROOT / editions.NOTES / f"{chapter.stem}.md").read_text()
    parts = {heading: text.partition(f"{heading}\n")[2].partition("\n## ")[0] for heading in TEACHES}
    assert all(part.strip() for part in parts.values()), [heading for heading, part in parts.items() if not part.strip()]
    questions = [line for line in parts["## Discussion questions"].splitlines() if line[:1].isdigit()]
    assert 4 <= len(questions) <= 6
    asked = {found.partition("\n")[0] for cell in editions.texts(chapter) for found in cell.split(":label: ex-")[1:]}
    assert asked and all(f"{{ref}}`ex-{label}`" in parts["## Answers in outline"] for label in asked)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_lesson_plan_says_what_a_chapter_is_good_for(chapter):
    (table,) = [
        part for part in (book.ROOT / "book" / "lesson-plan.md").read_text().split(":::") if "tab-lesson-chapters" in part
    ]
    assert f"* - {{doc}}`{chapter.stem}`\n" in table


# --- Over what is there --------------------------------------------------------------------------------------------------


@pytest.fixture
def delivered(tmp_path, monkeypatch):
    """A small edition, whose pages are built by writing a file."""
    root = tmp_path / "repository"
    (root / "book" / "teaching" / "for-students").mkdir(parents=True)
    (root / "lib").mkdir()
    for name in (".binder", ".ci", ".github", "tests"):
        (root / name).mkdir()
    for name in ("LICENSE", "Makefile", "_config.yml", ".gitignore", "requirements.txt", "README.md", ".pytest.ini"):
        (root / name).write_text(name)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/intro\nparts:\n  - chapters:\n    - file: book/01-a\n")
    (root / "book" / "intro.md").write_text(f"# Intro\n\n{EXERCISE}\n{SOLVED}\nAs {{ref}}`sol-a` says.\n")
    cells = [new_markdown_cell(SOLVED), new_code_cell("print(1)", metadata={"tags": ["exercise"]}, execution_count=3)]
    nbformat.write(new_notebook(cells=cells), root / "book" / "01-a.ipynb")
    for name in ("overview", "01-a", "02-of-no-page", "for-students/README"):
        (root / "book" / "teaching" / f"{name}.md").write_text(f"# {name}\n")
    monkeypatch.setattr(editions, "ROOT", root)

    def build(project, scale):
        (project / "_build" / "html").mkdir(parents=True)
        (project / "_build" / "html" / "index.html").write_text(scale)

    monkeypatch.setattr(editions, "build", build)
    output = tmp_path / "out" / "student"
    assert editions.deliver("student", output, "quick").read_text() == "quick"
    return output


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_edition_as_it_was_delivered_is_replaced(delivered):
    for made in (
        "_build/html/page.html",
        "lib/__pycache__/x.pyc",
        ".venv/bin/python",
        "book/.ipynb_checkpoints/a.ipynb",
        "book/.DS_Store",
    ):
        (delivered / made).parent.mkdir(parents=True, exist_ok=True)
        (delivered / made).write_text("made again")
    assert editions.deliver("student", delivered, "laptop").read_text() == "laptop"
    assert list(delivered.parent.iterdir()) == [delivered]
    assert (delivered / "book" / "intro.md").read_text() == f"# Intro\n\n{EXERCISE}\n\nAs the solution says.\n"
    (cell,) = nbformat.read(delivered / "book" / "01-a.ipynb", 4).cells
    assert cell.execution_count is None
    assert not (delivered / "book" / "teaching").exists()


def test_what_was_trained_in_an_edition_is_kept_when_it_is_replaced(delivered):
    (delivered / ".runs").mkdir()
    (delivered / ".runs" / "a.json").write_text("trained")
    assert editions.deliver("student", delivered, "laptop").read_text() == "laptop"
    assert (delivered / ".runs" / "a.json").read_text() == "trained"
    assert list(delivered.parent.iterdir()) == [delivered]


@pytest.mark.parametrize("damage", [b"no checksum", bytes([255, 254])])
def test_an_edition_whose_manifest_is_damaged_is_left_alone(delivered, damage):
    (delivered / editions.MANIFEST).write_bytes(damage)
    before = everything(delivered)
    with pytest.raises(editions.EditionError, match="cannot be read; name another folder"):
        editions.deliver("student", delivered, "quick")
    assert everything(delivered) == before


def test_building_the_book_leaves_editions_alone(delivered, tmp_path, monkeypatch):
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "log.txt").write_text("of an earlier build")
    edition = delivered.rename(tmp_path / "_build" / "student")
    before = everything(edition)
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(book, "pages", lambda: [])
    monkeypatch.setattr(book, "copy_sources", lambda: (tmp_path / "book").mkdir() or tmp_path)
    monkeypatch.setattr(book, "render", lambda: tmp_path)
    book.build("laptop")
    assert list((tmp_path / "_build").iterdir()) == [edition] and everything(edition) == before


def test_the_manifest_is_one_that_sha256sum_reads(delivered):
    done = subprocess.run(["sha256sum", "--check", "--quiet", "--strict", editions.MANIFEST], cwd=delivered)
    assert done.returncode == 0


CHANGES = {
    "changed": (lambda d: (d / "book" / "01-a.ipynb").write_text("my answer"), "book/01-a.ipynb (changed)"),
    "new": (lambda d: (d / "book" / "mine.md").write_text("my notes"), "book/mine.md (new)"),
    "gone": (lambda d: (d / "LICENSE").unlink(), "LICENSE (gone)"),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_a_changed_edition_is_left_alone(delivered, kind, edition):
    change, named = CHANGES[kind]
    change(delivered)
    before = everything(delivered)
    with pytest.raises(editions.EditionError) as refused:
        editions.deliver(edition, delivered, "quick")
    assert named in str(refused.value) and "name another folder" in str(refused.value)
    assert everything(delivered) == before and list(delivered.parent.iterdir()) == [delivered]


def test_many_changes_are_named_in_part(delivered):
    for number in range(9):
        (delivered / f"mine-{number}.txt").write_text("mine")
    with pytest.raises(editions.EditionError, match=r"mine-4.txt \(new\), …\. It is left alone"):
        editions.check_replaceable(delivered)


def test_what_is_no_edition_is_left_alone(delivered, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    editions.check_replaceable(foreign)  # empty
    (foreign / "thesis.tex").write_text("mine")
    for output, said in (
        (foreign, "holds no edition"),
        (foreign / "thesis.tex", "is a file"),
        (editions.ROOT, "holds no edition"),
    ):
        with pytest.raises(editions.EditionError, match=said):
            editions.deliver("student", output, "quick")
    assert (foreign / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("within", ["book/handout", "lib", "tests/a/b", "README.md"])
def test_an_edition_is_not_written_into_what_it_is_made_of(delivered, within):
    before = everything(editions.ROOT)
    with pytest.raises(editions.EditionError, match="outside it"):
        editions.deliver("student", editions.ROOT / within, "quick")
    assert everything(editions.ROOT) == before


def test_an_edition_whose_pages_fail_is_not_written(delivered, monkeypatch):
    before = everything(delivered)

    def fails(project, scale):
        raise editions.EditionError("the pages could not be built")

    monkeypatch.setattr(editions, "build", fails)
    with pytest.raises(editions.EditionError):
        editions.deliver("student", delivered, "quick")
    assert everything(delivered) == before and list(delivered.parent.iterdir()) == [delivered]


def test_a_change_while_the_pages_are_built_is_kept(delivered, monkeypatch):
    monkeypatch.setattr(editions, "build", lambda project, scale: (delivered / "mine.txt").write_text("mine"))
    with pytest.raises(editions.EditionError, match=r"mine.txt \(new\)"):
        editions.deliver("student", delivered, "quick")
    assert (delivered / "mine.txt").read_text() == "mine"


def test_the_pages_are_built_by_the_edition_itself_with_the_finished_runs_of_the_repository(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    program = """
import os, sys
for folder in ("html", "source", "runs"):
    os.makedirs(f"_build/{folder}", exist_ok=True)
with open("built", "w") as built:
    print(*sys.argv[1:], os.environ["BATCHNORM_RUNS"], file=built)
sys.exit("paper" in sys.argv)
"""
    (tmp_path / "lib" / "__main__.py").write_text(program)
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "runs"))
    editions.build(tmp_path, "laptop")
    assert (tmp_path / "built").read_text() == f"build --scale laptop {tmp_path / 'runs'}\n"
    assert list((tmp_path / "_build").iterdir()) == [tmp_path / "_build" / "html"]
    with pytest.raises(editions.EditionError, match="no edition was written"):
        editions.build(tmp_path, "paper")


def test_notes_are_listed_in_the_book_of_instructors(delivered):
    output = delivered.parent / "instructor"
    editions.deliver("instructor", output, "quick")
    _, part = yaml.safe_load((output / "_toc.yml").read_text())["parts"]
    assert [chapter["file"] for chapter in part["chapters"]] == ["book/teaching/overview", "book/teaching/01-a"]
    assert (output / "README.md").read_text() == "README.md"
    assert all((output / name).is_dir() for name in ("tests", ".binder", ".ci", ".github"))


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_the_command_names_the_start_page_and_refuses_in_words(delivered, edition):
    output = delivered.parent / "mine"
    done = CliRunner().invoke(cli.main, [edition, "--output", str(output), "--scale", "laptop"])
    assert done.exit_code == 0 and f"{output}/_build/html/index.html" in done.output
    (output / "mine.txt").write_text("mine")
    assert isinstance(CliRunner().invoke(cli.main, [edition, "--output", str(output)]).exception, editions.EditionError)
