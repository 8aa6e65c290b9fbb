"""The parameters of chapter 05."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from lib.input_dimension.experiments import LINEAR_SIZES
from lib.parameters import Parameters, literal


def _a_list(value: Any) -> Any:
    return [value] if isinstance(value, int | float) else value


def _with_baseline(sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if sizes is not None and 28 not in sizes:
        raise ValueError("28 is what the other sizes are compared with")
    return sizes and tuple(sorted(set(sizes)))


Sizes = Annotated[
    tuple[Literal[LINEAR_SIZES], ...] | None, AfterValidator(_with_baseline), BeforeValidator(_a_list), BeforeValidator(literal)
]


class InputDimension(Parameters):
    sizes: Sizes = Field(
        None, description=f"a list of image sizes out of {list(LINEAR_SIZES)}, with 28, or None for those of the scale"
    )
