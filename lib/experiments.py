"""Every experiment of the book by its name: the function that lists its trials at a scale."""

from lib.common_corruptions import experiments as common_corruptions
from lib.depth import experiments as depth
from lib.empirical_results import experiments as empirical_results
from lib.fixup import experiments as fixup
from lib.imagenet import experiments as imagenet
from lib.input_dimension import experiments as input_dimension

EXPERIMENTS = {
    **empirical_results.EXPERIMENTS,
    **fixup.EXPERIMENTS,
    **imagenet.EXPERIMENTS,
    **depth.EXPERIMENTS,
    **input_dimension.EXPERIMENTS,
    **common_corruptions.EXPERIMENTS,
}
MEASURED = {  # those without trials, and their chapters
    "figure-01": "01-batch-norm",
    "gradient-growth": "01-batch-norm",
    "figure-06": "07-spheres",
    "figure-07": "08-activations",
    "figure-07-early": "08-activations",
    "figure-07-initial": "08-activations",
}
