"""The parameters of chapter 03."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StrictBool, ValidationInfo, field_validator

from lib.parameters import Parameters, literal


class ImageNet(Parameters):
    imagenet: Annotated[StrictBool | None, BeforeValidator(literal)] = Field(
        None, description="True or False, or None for True at the paper scale alone; at the quick scale False or None"
    )

    @field_validator("imagenet")
    @classmethod
    def _where_there_is_time(cls, imagenet: bool | None, info: ValidationInfo) -> bool:
        scale = info.data.get("scale")
        if imagenet and scale == "quick":
            raise ValueError("the quick scale downloads nothing")
        return scale == "paper" if imagenet is None else imagenet
