"""The parameters of chapter 01."""

from lib.parameters import Repeated


class BatchNorm(Repeated):
    """Nothing is trained, no data are loaded, and all of it runs on the CPU."""
