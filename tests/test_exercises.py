"""Every exercise of every chapter: its solution is right, and nothing else that comes to mind is.

A chapter's cells are executed as far as an exercise needs them, on made-up records in place of trained networks: the notebooks
themselves are executed elsewhere, and a check that only knows the accuracies of one run would pass there and be wrong.
"""

import ast
import contextlib
import functools
import hashlib
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from common import record

from lib import book, editions, exercises, report, runs
from lib.attack_lab.exercises import check_predicted
from lib.depth.claims import FIGURE_2
from lib.depth.exercises import check_constant
from lib.depth.grid import CLEAN
from lib.fixup.exercises import check_fixup_scale
from lib.spheres.exercises import check_repair

NOTEBOOKS = [page for page in book.pages() if page.suffix == ".ipynb"]
CHAPTERS = [page for page in NOTEBOOKS if page.stem[0].isdigit()]
PREDICT, EXTEND = "*Predict before you run.*", "*Extend the paper"


@dataclass(frozen=True)
class Exercise:
    """`text` asks, `cell` is handed out with names to fill in and the check, `solution` is the code that fills them in."""

    chapter: Path
    label: str
    text: str
    cell: str
    stored: str  # what the cell printed when the notebook was executed
    solution: str

    @property
    def answers(self) -> set[str]:
        return bound(self.cell)

    @property
    def check(self) -> str:
        """The lines of the cell that check what is filled in."""
        return "\n".join(ast.unparse(line) for line in ast.parse(self.cell).body if isinstance(line, ast.Expr))


def exercises_of(notebook: Path) -> list[Exercise]:
    cells = nbformat.read(notebook, 4).cells
    solutions = {found["label"]: found["body"] for cell in cells for found in editions.SOLUTION.finditer(cell.source)}
    found = []
    for number, cell in enumerate(cells):
        for asked in re.finditer(
            r"^(`{3,}|:{3,})\{exercise\}.*?^:label: (?P<label>\S+)\n(?P<text>.*?)^\1$", cell.source, re.M | re.S
        ):
            label = asked["label"]
            handed_out = next(c for c in cells[number:] if c.cell_type == "code")
            code = "\n".join(re.findall(r"```python\n(.*?)```", solutions.pop(label, ""), re.S))
            stored = "".join(output.get("text", "") for output in handed_out.outputs)
            assert "exercise" in handed_out.metadata.get("tags", []), f"{notebook.stem}: {label} is not followed by its cell"
            found.append(Exercise(notebook, label, asked["text"], handed_out.source, stored, code))
    assert not solutions, f"{notebook.stem}: solutions of no exercise: {', '.join(solutions)}"
    return found


EXERCISES = [exercise for notebook in NOTEBOOKS for exercise in exercises_of(notebook)]


# --- What an exercise needs ----------------------------------------------------------------------------------------------


def names(code: str, context: type) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def bound(code: str) -> set[str]:
    tree = ast.parse(code)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in names(ast.unparse(node), ast.Store)
    }
    return imported | defined | assigned


@functools.cache
def namespace(chapter: Path) -> dict:
    """What stands in the notebook before its exercises, as far as they and their solutions use it."""
    cells = nbformat.read(chapter, 4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", [])]
    asked = [part for exercise in exercises_of(chapter) for part in (exercise.cell, exercise.solution)]
    needed, chosen = set().union(*(names(part, ast.Load) for part in asked)), []
    for cell in reversed(code):
        if bound(cell.source) & needed or "parameters" in cell.metadata.get("tags", []):
            needed |= names(cell.source, ast.Load)
            chosen.insert(0, cell.source)
    found = {"__name__": "__main__"}
    with mock.patch.object(runs, "run", made_up), contextlib.redirect_stdout(io.StringIO()):
        for source in chosen:
            exec(source, found)
    return found


def made_up(trials, **where) -> list[dict]:
    """A record of each trial: the stronger a perturbation, the lower the accuracy, and each setting has its own."""
    return [record(trial, **accuracies(trial)) for trial in trials]


def accuracies(trial) -> dict[str, float]:
    strongest = {}
    for evaluation in trial.evaluations:
        kind = evaluation.kind, evaluation.norm
        strongest[kind] = max(evaluation.epsilon, strongest.get(kind, 0))
    found = {}
    for e in trial.evaluations:
        for target in ["", *(f"-on-{target.network_name}" for target in trial.targets)]:
            setting = f"{ {**trial.settings, 'seed': None, 'targets': None, 'evaluations': None} }{target}"
            fragility = int(hashlib.sha256(setting.encode()).hexdigest()[:8], 16) / 16**8
            share = e.epsilon / strongest[e.kind, e.norm] if e.epsilon else 0
            found[e.label + target] = 95 - (55 + 30 * fragility) * share + (trial.seed % 3) / 8
    return found


@functools.cache
def after(exercise: Exercise, code: str) -> dict:
    """The namespace after this code, be it the cell as it is handed out or the solution."""
    here = dict(namespace(exercise.chapter))
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, here)
    return here


def said(exercise: Exercise, code: str, **answers) -> str:
    """What the check prints after this code, with these answers in place of those of the code."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(exercise.check, after(exercise, code) | answers)
    return printed.getvalue()


# --- Wrong answers -------------------------------------------------------------------------------------------------------

NO_ANSWERS = {
    "None": None,
    "nan": math.nan,
    "infinity": math.inf,
    "complex": 1j,
    "text": "three",
    "nothing": [],
    "list": [1.0, 2.0, 3.0, 4.0, 5.0],
    "list of None": [None, None],
    "dictionary": {"a": 1},
    "array": np.zeros((2, 7)),
    "array of nan": np.full(3, np.nan),
    "tensor": torch.zeros(2, 7),
    "tensor of nan": torch.full((8,), math.nan),
    "object": object(),
    "tiny": 1e-300,
    "large": 1e300,
    "beyond floats": 10**400,
    "sparse tensor": torch.zeros(8).to_sparse(),
    "sparse number": torch.tensor(1.0).to_sparse(),
    "tensor without values": torch.zeros(8, device="meta"),
}


def raises(*arguments):
    raise ValueError("as a reader's code may")


A_RANGE_IS_RIGHT = {"ex-depth-constant"}  # so that an answer that is close, or as large as can be, may be right


def close_to(right: object, factor: float = 1.1) -> object:
    """An answer of the same kind that is not right; a number larger by a tenth, or by another factor."""
    match right:
        case bool():
            return not right
        case str():
            return right + "?"
        case dict():
            return {name: close_to(value, factor) for name, value in right.items()}
        case list() | tuple():
            return type(right)(close_to(value, factor) for value in right)
        case torch.Tensor() if not right.is_floating_point():
            return right + 1
    if callable(right):
        return lambda *arguments: close_to(right(*arguments), factor)
    return right * factor + (factor - 1) / 10


def wrong_answers(right: object) -> dict[str, object]:
    functions = {f"returns {name}": lambda *_, value=value: value for name, value in NO_ANSWERS.items()}
    wrong = NO_ANSWERS | {"close": close_to(right), "close, smaller": close_to(right, 0.9)}
    return wrong | functions | {"raises": raises, "a class": Exception} if callable(right) else wrong | {"a function": raises}


# --- Tests ---------------------------------------------------------------------------------------------------------------

every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.label)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_exercises_from_prediction_to_extension(chapter):
    texts = [exercise.text for exercise in exercises_of(chapter)]
    assert len(texts) >= 2
    assert PREDICT in texts[0] and EXTEND in texts[-1]


def test_labels_are_unique_over_the_book():
    labels = [exercise.label for exercise in EXERCISES]
    assert len(set(labels)) == len(labels)


@every_exercise
def test_every_exercise_has_a_solution_that_fills_in_what_is_asked_for(exercise):
    assert exercise.answers and exercise.answers <= bound(exercise.solution)
    assert exercise.check.startswith("print(exercises.check_")


@every_exercise
def test_as_handed_out_it_is_not_yet_right(exercise):
    printed = said(exercise, exercise.cell)
    assert printed.startswith(exercises.not_yet(""))
    assert exercise.stored == printed


@every_exercise
def test_its_solution_is_right(exercise):
    assert said(exercise, exercise.solution) == f"{exercises.RIGHT}\n"


@every_exercise
def test_anything_else_is_refused_with_a_hint_that_is_not_the_answer(exercise):
    right = after(exercise, exercise.solution)
    for name in exercise.answers:
        answer = right[name]
        close = [said(exercise, exercise.solution, **{name: close_to(answer, factor)}) for factor in (1.1, 0.9)]
        assert any(printed.startswith(exercises.not_yet("")) for printed in close)
        for kind, wrong in wrong_answers(answer).items():
            if exercise.label in A_RANGE_IS_RIGHT and (kind.startswith("close") or kind == "large"):
                continue
            printed = said(exercise, exercise.solution, **{name: wrong})
            assert printed.startswith(exercises.not_yet("")), f"{name}: {kind}"
            assert len(printed) > len(exercises.not_yet("")) + 20, f"{name}: {kind}"
            if isinstance(answer, float | np.floating):
                shown = map(float, re.findall(r"-?\d+\.\d+(?:e[+-]?\d+)?", printed))
                assert not any(math.isclose(number, answer, rel_tol=1e-3) for number in shown), f"{name}: {kind}"


def test_an_answer_of_the_same_kind_is_another():
    assert close_to(True) is False and close_to("a") != "a" and close_to((1.0, {"b": 2})) != (1.0, {"b": 2})
    assert close_to(lambda x: x)(2) != 2 and not torch.equal(close_to(torch.arange(3)), torch.arange(3))


REPAIRS = {
    "a layer more": lambda network, points: network.append(torch.nn.Linear(2, 2)),
    "a layer without weights more": lambda network, points: network.append(torch.nn.Flatten(0)),
    "a layer less": lambda network, points: network.pop(-1),
    "another precision": lambda network, points: network.double(),
    "no values": lambda network, points: network.to("meta"),
}


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=REPAIRS)
def test_a_repair_that_changes_the_network_itself_is_refused(repair):
    assert check_repair(repair).startswith(exercises.not_yet(""))


def test_a_network_is_not_changed_by_the_answer_that_gets_it():
    def spoils(network, x, label):
        network.pop(-1)
        return 0.1

    assert check_predicted(spoils).startswith(exercises.not_yet("0.1 is not the smallest"))


@pytest.mark.parametrize("constant", [16.0, 999.0])
def test_no_line_is_right_where_no_network_was_run(constant):
    cell = {"scale": "laptop", "experiment": FIGURE_2, "norm": "batch", "hidden": 8, "batch_size": 20, CLEAN: 90.0}
    for results in (report.frame([], "paper"), pd.DataFrame([cell, cell | {"scale": "paper", "norm": "none"}])):
        assert check_constant(results, "paper", constant).startswith(exercises.not_yet("at the scale 'paper' no network"))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_weights_beyond_computing_with_are_refused_in_words(scale):
    said = check_fixup_scale(lambda blocks, layers: scale)
    assert said.startswith(exercises.not_yet("")) and f"{scale:g}" in said and "nan times" not in said


def test_an_answer_that_a_test_cannot_compute_with_is_not_right():
    @exercises.check
    def test(answer):
        return 1 / answer

    assert test(0).startswith(exercises.not_yet("your answer cannot be tried: ZeroDivisionError"))
    assert test(1) == exercises.RIGHT
