"""The book's sources are complete, and a build never hides a cell that failed or did not run."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib import book

NOTEBOOKS = [page for page in book.pages() if page.suffix == ".ipynb"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, 4).cells


def code_cells(cells):
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def parameters_cell(source='scale = "quick"'):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


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
