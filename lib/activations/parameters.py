"""The parameters of chapter 08."""

from lib.parameters import OnDevice


class Activations(OnDevice):
    """Its data set and epochs follow from the scale: the pictures are of MNIST."""
