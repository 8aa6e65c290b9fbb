"""The parameters of chapter 06."""

from typing import Literal

from pydantic import Field, field_validator

from lib.common_corruptions.experiments import EXPERIMENT_OF, GENERATED, OFFICIAL
from lib.parameters import Parameters


class CommonCorruptions(Parameters):
    corrupted: Literal[*EXPERIMENT_OF] = Field(
        GENERATED, description=f"{', '.join(EXPERIMENT_OF)}; at the quick scale generated alone"
    )

    @field_validator("corrupted")
    @classmethod
    def _of_photographs(cls, corrupted: str, info) -> str:
        if corrupted == OFFICIAL and info.data.get("scale") == "quick":
            raise ValueError("the official images are of CIFAR-10, which the quick scale does not train on")
        return corrupted
