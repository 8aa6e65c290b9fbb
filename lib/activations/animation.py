"""The animation of Figure 7: a piece of a page that needs neither a kernel nor a network."""

import base64
import json
import string
from pathlib import Path

import numpy as np

from lib.activations.frames import SEED, STEPS, Frames
from lib.activations.geometry import AXES

# Of the ten classes; all of them stand out from white and from a dark page at least as 3 to 1.
COLOURS = (
    "#2a7fd0", "#d9622b", "#2e9a4f", "#d0408f", "#8a6ae0", "#a07a1c", "#1b98a0", "#d5455a", "#7a8894", "#6b8e23",
)  # fmt: skip
HERE = Path(__file__).parent
CSS, SCRIPT, PAGE = ((HERE / f"animation.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))


class Animation:
    """The two films of a scale side by side, with a slider for the epoch."""

    def __init__(self, frames: Frames, scale: str):
        self.frames = frames
        self.about = f"{len(frames.labels)} training images, the same in all frames; {scale} scale, seed {SEED}."

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"Two films of {len(self.frames.epochs)} frames. {self.about}"}

    def html(self) -> str:
        last = str(len(self.frames.epochs) - 1)
        data = json.dumps(self.data(), separators=(",", ":"))
        return string.Template(PAGE).substitute(css=CSS, script=SCRIPT, data=data, last=last, about=self.about)

    def data(self) -> dict:
        """What the script reads. Points and labels as base64 of their bytes; all else to three or four digits."""
        frames = self.frames
        return {
            "epochs": frames.epochs.tolist(),
            "accuracies": _short(frames.accuracies, 3),
            "boxes": _short(frames.boxes, 4),
            "centroids": _short(frames.centroids, 4),
            "points": _base64(frames.points),
            "labels": _base64(frames.labels),
            "steps": STEPS,
            "axes": AXES,
            "colours": COLOURS,
        }


def _short(numbers: np.ndarray, digits: int) -> list:
    if numbers.ndim:
        return [_short(part, digits) for part in numbers]
    return float(f"{numbers:.{digits}g}")


def _base64(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()
