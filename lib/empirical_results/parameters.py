"""The parameters of chapter 02."""

from typing import Literal

from pydantic import Field

from lib.empirical_results.experiments import SHIFTS
from lib.parameters import Parameters


class EmpiricalResults(Parameters):
    shift: Literal[*SHIFTS] = Field("cifar10.1-v6", description=", ".join(SHIFTS))
