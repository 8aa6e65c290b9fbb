"""The parameters of the attack lab: it trains one pair of networks, so that there are no seeds and nothing to spread."""

from typing import Literal

from pydantic import BaseModel

from lib.parameters import Parameters
from lib.trials import SCALES


class Lab(BaseModel):
    model_config = Parameters.model_config

    scale: Literal[SCALES] = Parameters.model_fields["scale"]
    device: str = Parameters.model_fields["device"]
    data_root: str | None = Parameters.model_fields["data_root"]
