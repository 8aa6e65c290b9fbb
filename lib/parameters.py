"""The parameters of the chapters, checked before any work starts.

A chapter's `parameters` cell holds defaults; papermill adds a cell that overrides some, often as strings and with
whatever names were typed. `validate` converts what can only mean one thing and refuses the rest.
"""

import ast
import difflib
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from lib import cluster
from lib.trials import SCALES


class ParameterError(ValueError):
    """Parameters of a chapter are unknown or not allowed; the message names each, what was given and what is allowed."""


CONSTANTS = {"none": None, "null": None, "true": True, "false": False}  # as Python and YAML write them


def literal(value: Any) -> Any:
    """What a string means where it can only mean one thing: a number, a fraction such as 8/255, a list, a truth value, None."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    try:
        return float(Fraction(text)) if "/" in text else ast.literal_eval(text)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return value


def no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is not a number")
    return value


def _path(value: Any) -> Any:
    return str(value) if hasattr(value, "__fspath__") else value


# pydantic applies the last BeforeValidator first
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(no_truth_value), BeforeValidator(literal)]


class Repeated(BaseModel):
    """What every chapter with a result has. The description of a field is what its error message says is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    scale: Literal[SCALES] = Field("quick", description=", ".join(SCALES))
    seeds: Count = Field(None, description="a whole number from 1, or None for as many as the scale has")


class OnDevice(Repeated):
    """What a chapter has besides if it computes on a device of choice."""

    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")


class Parameters(OnDevice):
    """What a chapter has besides if it trains networks on data sets, as trials."""

    epochs: Count = Field(
        None, description="None for as many as the scale has, or at the quick and laptop scales a whole number from 1"
    )
    data_root: Annotated[str | None, BeforeValidator(_path)] = Field(
        None, description="the folder of the data sets, or None for $BATCHNORM_DATA or the user's cache"
    )
    scheduler: str = Field("", pattern=cluster.PATTERN, description=cluster.ALLOWED)

    @field_validator("epochs")
    @classmethod
    def _the_papers_own(cls, epochs: int | None, info: ValidationInfo) -> int | None:
        """Verdicts on numbers are about the paper's settings: no other number of epochs may carry that name."""
        if epochs is not None and info.data.get("scale") == "paper":
            raise ValueError("the paper scale has the paper's epochs")
        return epochs


def validate(schema: type[BaseModel], namespace: dict[str, Any]) -> BaseModel:
    """The chapter's parameters out of its namespace (`globals()`), converted and checked against `schema`.

    Raises ParameterError for all that is wrong at once.
    """
    given = {name: namespace[name] for name in schema.model_fields if name in namespace}
    given |= {name: namespace.get(name) for name in _injected(namespace)}
    try:
        return schema(**given)
    except ValidationError as error:
        problems = {e["loc"][0]: _problem(schema, given, e) for e in error.errors()}
        raise ParameterError("\n".join(["the parameters cannot be used:", *problems.values()])) from None


def _injected(namespace: dict[str, Any]) -> list[str]:
    """The names set by the cell papermill put after the parameters cell, the latest that starts with its comment."""
    cells = [source for source in namespace.get("In", []) if source.startswith("# Parameters")]
    tree = ast.parse(cells[-1]) if cells else ast.Module([], [])
    return [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]


def _problem(schema: type[BaseModel], given: dict[str, Any], error: dict[str, Any]) -> str:
    """In words, with the reason of a validator of ours where there is one."""
    name = error["loc"][0]
    if name in schema.model_fields:
        reason = f"{error['ctx']['error']}; " if error["type"] == "value_error" else ""
        return f"- {name} = {given[name]!r}: {reason}allowed is {schema.model_fields[name].description}"
    close = difflib.get_close_matches(name, schema.model_fields, n=1)
    hint = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(schema.model_fields)}"
    return f"- {name}: there is no such parameter; {hint}"
