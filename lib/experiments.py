"""Every experiment of the book by its name: the function that lists its trials at a scale."""

from lib.input_dimension import experiments as input_dimension

EXPERIMENTS = {**input_dimension.EXPERIMENTS}
