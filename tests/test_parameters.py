"""Parameters as papermill and people write them."""

from pathlib import Path

import pytest

from lib.input_dimension.parameters import InputDimension
from lib.parameters import ParameterError, validate


def injected(**values):
    """A notebook's namespace after papermill has injected these values."""
    source = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])
    return {"In": ["", "scale = 'quick'", source], "scale": "quick", "seeds": None, "sizes": [28, 56, 84, 112]} | values


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("seeds", 5, 5),
        ("seeds", "5", 5),
        ("seeds", 5.0, 5),
        ("seeds", "1e1", 10),
        ("seeds", "None", None),
        ("epochs", " 3 ", 3),
        ("sizes", "[28, 56]", (28, 56)),
        ("sizes", "28, 84", (28, 84)),
        ("sizes", 28, (28,)),
        ("sizes", (28, 112), (28, 112)),
        ("sizes", [56, 28, 56], (28, 56)),
        ("sizes", None, None),
        ("scale", "laptop", "laptop"),
        ("device", "cuda:1", "cuda:1"),
        ("data_root", Path("/data"), "/data"),
    ],
)
def test_what_can_only_mean_one_thing_is_converted(name, written, meant):
    assert getattr(validate(InputDimension, injected(**{name: written})), name) == meant


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("seeds", 0),
        ("seeds", -1),
        ("seeds", 2.5),
        ("seeds", "many"),
        ("seeds", True),
        ("seeds", "true"),
        ("seeds", [1, 2]),
        ("epochs", "1/2"),
        ("sizes", [56, 84]),
        ("sizes", "[28, 30]"),
        ("sizes", []),
        ("sizes", "large"),
        ("scale", "papers"),
        ("scale", 1),
        ("scale", None),
        ("device", "tpu"),
    ],
)
def test_anything_else_is_refused_by_name_with_what_is_allowed(name, written):
    with pytest.raises(ParameterError, match=name) as refused:
        validate(InputDimension, injected(**{name: written}))
    assert "28" in str(refused.value) if name == "sizes" else "allowed" in str(refused.value)


def test_a_mistyped_name_is_refused_with_the_right_one():
    with pytest.raises(ParameterError, match="did you mean seeds"):
        validate(InputDimension, injected(seed=3))


def test_all_problems_are_told_at_once():
    with pytest.raises(ParameterError) as refused:
        validate(InputDimension, injected(seeds=0, scale="huge", colour="red"))
    assert all(name in str(refused.value) for name in ("seeds", "scale", "colour"))


def test_names_of_a_live_notebook_that_nobody_injected_are_not_parameters():
    namespace = {"In": ["", "x = 1"], "x": 1, "scale": "paper"}
    assert validate(InputDimension, namespace).scale == "paper"


def test_validated_parameters_cannot_change_later():
    with pytest.raises(Exception, match="frozen"):
        validate(InputDimension, {}).scale = "paper"


def test_the_paper_scale_has_the_papers_epochs():
    assert validate(InputDimension, {"scale": "laptop", "epochs": 3}).epochs == 3
    assert validate(InputDimension, {"scale": "paper", "epochs": None}).epochs is None
    with pytest.raises(ParameterError, match="epochs = 3: the paper scale has the paper's epochs; allowed is None for as many"):
        validate(InputDimension, {"scale": "paper", "epochs": 3})


def test_the_reason_comes_before_what_is_allowed():
    with pytest.raises(ParameterError) as refused:
        validate(InputDimension, {"sizes": [56, 84], "seeds": True, "epochs": 0})
    assert "sizes = [56, 84]: 28 is what the other sizes are compared with; allowed is a list" in str(refused.value)
    assert "seeds = True: a truth value is not a number; allowed is a whole number" in str(refused.value)
    assert "epochs = 0: allowed is None for as many" in str(refused.value), "no words of pydantic's"
