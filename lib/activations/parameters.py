"""The parameters of chapter 08."""

from typing import Literal

from pydantic import BaseModel

from lib.parameters import Count, Parameters
from lib.trials import SCALES


class Activations(BaseModel):
    model_config = Parameters.model_config

    scale: Literal[SCALES] = Parameters.model_fields["scale"]
    seeds: Count = Parameters.model_fields["seeds"]
    device: str = Parameters.model_fields["device"]
