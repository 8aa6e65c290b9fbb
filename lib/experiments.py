"""Every experiment of the book by its name: the function that lists its trials at a scale."""

from lib.empirical_results import experiments as empirical_results
from lib.fixup import experiments as fixup
from lib.imagenet import experiments as imagenet
from lib.input_dimension import experiments as input_dimension

EXPERIMENTS = {**empirical_results.EXPERIMENTS, **fixup.EXPERIMENTS, **imagenet.EXPERIMENTS, **input_dimension.EXPERIMENTS}
