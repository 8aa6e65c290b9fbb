"""Figures with controls, which stand in a page as pictures."""

import base64
import io

from ipywidgets import Widget
from matplotlib.figure import Figure


class LiveFigure:
    """The controls `live` in a notebook with a kernel; where there is none, the picture `still` with its alternative text."""

    def __init__(self, live: Widget, still: Figure, alt: str):
        self.live, self.still, self.alt = live, still, alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        picture = io.BytesIO()
        self.still.savefig(picture, format="png", dpi=100)
        source = base64.b64encode(picture.getvalue()).decode()
        html = f'<img src="data:image/png;base64,{source}" alt="{self.alt}" style="max-width: 100%">'
        return self.live._repr_mimebundle_() | {"text/html": html, "text/plain": self.alt}
