"""The parameters of chapter 07: its points are drawn, so there is no data set, and its networks are small."""

from typing import Literal

from pydantic import BaseModel, Field

from lib.parameters import Count, Parameters
from lib.trials import SCALES


class Spheres(BaseModel):
    model_config = Parameters.model_config

    scale: Literal[SCALES] = Field("quick", description=", ".join(SCALES))
    seeds: Count = Field(None, description="a whole number from 1, or None for as many as the scale has")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")
