"""The parameters of chapter 01: nothing is trained, no data are loaded, and all of it runs on the CPU."""

from typing import Literal

from pydantic import BaseModel, Field

from lib.parameters import Count, Parameters
from lib.trials import SCALES


class BatchNorm(BaseModel):
    model_config = Parameters.model_config

    scale: Literal[SCALES] = Field("quick", description=", ".join(SCALES))
    seeds: Count = Field(None, description="a whole number from 1, or None for as many as the scale has")
