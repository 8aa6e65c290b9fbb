"""The parameters of chapter 07."""

from lib.parameters import OnDevice


class Spheres(OnDevice):
    """Its points are drawn, so that there is no data set, and its networks are small."""
