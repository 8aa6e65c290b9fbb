"""The book's sources are complete, and a build never hides a cell that failed or did not run."""

import importlib.metadata
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib import book, provenance, what_ran
from lib.trials import SCALES

sys.path.append(str(book.ROOT / "book" / "_ext"))
import api  # noqa: E402

NOTEBOOKS = [page for page in book.pages() if page.suffix == ".ipynb"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, 4).cells


def code_cells(cells):
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def parameters_cell(source='scale = "quick"'):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


def table(name, sources):
    """A cell as it is after it has shown a table with these results."""
    markdown = f":::{{list-table}} Accuracy – in percent. Ours – {sources}. No verdicts.\n:name: {name}\n\n* - 1\n:::"
    output = new_output("display_data", {"text/markdown": markdown, "text/plain": "1"})
    return new_code_cell("shown", outputs=[output], execution_count=1)


def write(path, *cells):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=list(cells), metadata={"kernelspec": kernel}), path)
    return path


def write_toc(root, *files):
    listed = "".join(f"  - file: {file}\n" for file in files)
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: intro\nchapters:\n{listed}")
    (root / "intro.md").write_text("# Intro\n")


@pytest.mark.parametrize("chapter", [path for path in NOTEBOOKS if path.stem[0].isdigit()], ids=lambda path: path.stem)
def test_chapter_can_be_re_run_at_another_scale(chapter):
    cells = nbformat.read(chapter, 4).cells
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1


@pytest.mark.parametrize("chapter", [path for path in NOTEBOOKS if path.stem[0].isdigit()], ids=lambda path: path.stem)
def test_chapter_has_results_of_its_own_scale_for_the_guard_to_ask_for(chapter):
    assert book.results(chapter, "quick")


def test_notebook_is_committed_with_its_outputs(cells):
    """nbval compares with the stored outputs: a stripped notebook would pass without checking anything."""
    assert all(cell.execution_count is not None for cell in code_cells(cells))
    assert any(cell.outputs for cell in code_cells(cells))


def test_every_figure_has_an_alternative_text(cells):
    for cell in code_cells(cells):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source


def test_pages_come_in_the_order_of_the_toc(tmp_path):
    write_toc(tmp_path, "b", "a")
    (tmp_path / "a.md").write_text("# A\n")
    write(tmp_path / "b.ipynb")
    assert [page.name for page in book.pages(tmp_path)] == ["intro.md", "b.ipynb", "a.md"]


def test_a_page_missing_from_the_folder_is_named(tmp_path):
    write_toc(tmp_path, "nowhere")
    with pytest.raises(book.BookError, match="nowhere"):
        book.pages(tmp_path)


def test_unknown_scale_is_rejected():
    with pytest.raises(book.BookError, match="'huge'.*quick"):
        book.build("huge")


def test_execute_sets_the_scale_and_runs_in_the_chapters_folder(tmp_path):
    (tmp_path / "beside.txt").write_text("found")
    chapter = write(tmp_path / "in.ipynb", parameters_cell(), new_code_cell('print(scale, open("beside.txt").read())'))
    book.execute(chapter, tmp_path / "out.ipynb", "laptop")
    assert nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs[0].text == "laptop found\n"


def test_execute_stops_at_a_failed_cell_and_shows_its_traceback(tmp_path):
    chapter = write(tmp_path / "in.ipynb", parameters_cell(), new_code_cell("1 / 0"))
    with pytest.raises(book.BookError, match=r"(?s)in\.ipynb.*In \[3\].*1 / 0.*ZeroDivisionError"):
        book.execute(chapter, tmp_path / "out.ipynb", "quick")


def test_a_page_without_parameters_is_executed_as_it_is(tmp_path):
    book.execute(write(tmp_path / "in.ipynb", new_code_cell("print(1)")), tmp_path / "out.ipynb", "quick")
    (cell,) = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert cell.outputs[0].text == "1\n"


def test_guard_rejects_a_cell_that_did_not_run(tmp_path):
    stale = new_code_cell("1 + 1", outputs=[new_output("stream", text="2")])
    with pytest.raises(book.BookError, match="cell 2 was not executed"):
        book.check_executed(write(tmp_path / "in.ipynb", new_markdown_cell("# Title"), stale))


def test_guard_accepts_prose_and_empty_cells(tmp_path):
    ran = new_code_cell("1 + 1", execution_count=1)
    book.check_executed(write(tmp_path / "in.ipynb", new_markdown_cell("# Title"), new_code_cell(""), ran))


def test_results_are_what_the_captions_of_tables_say_they_hold(tmp_path):
    cells = [
        table("a", "laptop: svhn, 1 seed; quick: mnist-m, 2 seeds"),
        table("b", "quick: mnist-m"),
        table("c", "nothing was run"),
    ]
    notebook = write(tmp_path / "in.ipynb", *cells)
    assert [book.results(notebook, scale) for scale in SCALES] == [{"a", "b"}, {"a"}, set()]


def test_guard_rejects_a_chapter_that_has_lost_its_results(tmp_path):
    chapter = write(tmp_path / "in.ipynb", parameters_cell(), table("a", "quick: mnist-m"), table("b", "nothing was run"))
    book.check_computed(chapter, "laptop", {"a"}, records=0)
    with pytest.raises(book.BookError, match="in.ipynb: no result of the laptop scale is in a$"):
        book.check_computed(chapter, "laptop", {"b"}, records=1)


def test_guard_rejects_a_chapter_that_trained_nothing_at_the_quick_scale(tmp_path):
    chapter = write(tmp_path / "in.ipynb", parameters_cell('scale = "quick"\nscheduler = ""'), table("a", "quick: mnist-m"))
    book.check_computed(chapter, "quick", {"a"}, records=1)
    with pytest.raises(book.BookError, match="in.ipynb has left no new record"):
        book.check_computed(chapter, "quick", {"a"}, records=0)


def test_guard_lets_a_page_without_parameters_show_published_results(tmp_path):
    book.check_computed(write(tmp_path / "in.ipynb", table("a", "quick: mnist-m")), "paper", set(), records=0)


def test_execute_says_how_long_it_took_and_what_it_computed(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path / "runs"))
    code = "from pathlib import Path\nPath('runs').mkdir()\nPath('runs', 'one.json').touch()"
    ran = book.execute(write(tmp_path / "in.ipynb", new_code_cell(code)), tmp_path / "out.ipynb", "quick")
    assert (ran.name, ran.records, ran.tables) == ("in", 1, 0) and ran.seconds > 0


def test_what_ran_names_every_chapter_its_time_and_every_version():
    page = what_ran.page([what_ran.Ran("01-batch-norm", 12.34, 5, 3), what_ran.Ran("what-it-costs", 1.0, 0, 0)], "quick")
    assert "* - {doc}`01-batch-norm`\n  - 12.3\n  - 5\n  - 3\n" in page and "13 s in all" in page
    assert f"* - torch\n  - {importlib.metadata.version('torch')}\n" in page
    assert (provenance.commit() or "not in a git repository") in page


def test_pages_have_launch_buttons_only_where_the_address_of_the_repository_is_known():
    assert book.launch_buttons({}) == {}
    options = book.launch_buttons({"GITHUB_REPOSITORY": "someone/something"})
    assert options["repository_url"] == "https://github.com/someone/something" and options["launch_buttons"]["colab_url"]


def test_every_module_of_the_library_is_described_on_one_page():
    lines = [line for path in (book.ROOT / "book" / "api").glob("*.md") for line in path.read_text().splitlines()]
    described = [path for line in lines if (found := api.LINE.match(line)) for path in api.matching(found[1])]
    assert len(described) == len(set(described))
    assert set(described) == {path for name in ("*", "*.*") for path in api.matching(name)} - {api.library() / "__init__.py"}


def test_a_docstring_is_shown_as_it_reads():
    assert api.prose("`a*b` or $HOME, <name>, *args") == "`a*b` or \\$HOME, \\<name>, \\*args"


def test_a_module_is_described_by_its_signatures_docstrings_and_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(api, "library", lambda: tmp_path / "lib")
    (tmp_path / "lib").mkdir()
    path = tmp_path / "lib" / "some.py"
    path.write_text('''"""What it is for."""


class Pair:
    """Two numbers."""

    first: int
    second: int = 0

    @property
    def total(self) -> int:
        """Their sum."""


def double(x: int, *, times: int = 1) -> int:
    """Twice `x`."""
    return 2 * x


def _hidden():
    """Not shown."""
''')
    text = api.module(path)
    assert "## `lib.some`\n\nWhat it is for." in text
    assert "{py:class} Pair(first: int, second: int = 0)" in text and "{py:property} total\n\nTheir sum." in text
    assert "{py:function} double(x: int, *, times: int=1) -> int\n\nTwice `x`." in text and "return 2 * x" in text
    assert "hidden" not in text
