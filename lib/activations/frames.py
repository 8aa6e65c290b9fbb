"""What the pictures and the animation of Figure 7 need of its two films, small enough to be published with the book."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib import data, store
from lib.activations.film import Snapshot, film
from lib.activations.geometry import AXES, MIDDLE_EPOCH
from lib.measurements import Measurement, Piece
from lib.runs import Place
from lib.trials import SCALES

SEED = 0
EACH = 80  # points of each class in the animation
CELLS = 160  # of a map, on each side
EMPTY = 255  # a cell of a map without a point
STEPS = 255  # by which a coordinate of a point is told apart in its box


@dataclass(frozen=True)
class Frames:
    """Two films as pictures: F frames (snapshots) of K classes, of the network without batch norm, 0, and with it, 1.

    `epochs` (F,); `accuracies` (2, F), of the whole network on the training set, in percent; `centroids` (2, F, K, 2) of all
    training images.
    For the animation, `points` (2, F, P, 2), uint8, of the same P images in every frame, whose classes are `labels` (P,): 0
    to 255 is from edge to edge of the frame's own square, `boxes` (2, F, 3): its left, its bottom and its side.
    For the still pictures, of the frames `stills` (3,), `maps` (2, 2, 3, CELLS, CELLS), uint8: the class that most of the
    training images in a cell have, or EMPTY; in the axes of the paper, 0, and in the frame's own square, 1. Rows go upwards.
    """

    epochs: np.ndarray
    accuracies: np.ndarray
    centroids: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    stills: np.ndarray
    maps: np.ndarray

    def bytes(self) -> bytes:
        """A compressed NumPy archive without any pickled object."""
        file = io.BytesIO()
        np.savez_compressed(file, **self.__dict__)
        return file.getvalue()

    @classmethod
    def read(cls, path: Path) -> "Frames":
        """Raises RunError where the file is damaged."""
        try:
            with np.load(path) as archive:
                return cls(**archive)
        except FileNotFoundError:
            record = path.with_suffix(".json")
            raise store.RunError(f"{path} is missing; delete {record.name} beside it and run again to have both") from None
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise store.RunError(
                f"{path} is damaged ({error}). Delete it and the record beside it and run again; one in book/records is restored with "
                "`git checkout`"
            ) from error


class Figure(Measurement):
    """A measurement of films, whose frames are kept beside the record of the last film of SEED."""

    def finish(self, pieces: list[Piece], place: Place) -> None:
        if self._last in pieces:
            store.write_in_one_piece(self.path(place.folder), frames(self, place).bytes())

    @property
    def _last(self) -> Piece:
        return self.pieces([SEED])[-1]

    def path(self, folder: Path) -> Path:
        """Of the frames in a run store."""
        return store.record_path(self._last, folder).with_suffix(".npz")


def frames(figure: Measurement, place: Place) -> Frames:
    """The frames of the two films of the figure."""
    train, test = (data.load(figure.dataset, split, place.data_root, place.device) for split in ("train", "test"))
    labels = train.labels.cpu().numpy()
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:EACH] for label in np.unique(labels)]))
    shown = []
    for arm in figure.arms:
        seen = film(train, test, SEED, place, **arm).snapshots
        initial = seen[0]  # with batch norm, as it is in training
        shown.append([initial, *(snapshot for snapshot in seen if snapshot.epoch > 0)])
    epochs = np.array([snapshot.epoch for snapshot in shown[0]])
    stills = np.searchsorted(epochs, [0, MIDDLE_EPOCH, epochs[-1]])
    boxes = np.array([[_box(snapshot, chosen) for snapshot in film] for film in shown])
    return Frames(
        epochs=epochs,
        accuracies=np.array([[snapshot.accuracy_train for snapshot in film] for film in shown], dtype=np.float32),
        centroids=np.array([[_centroids(snapshot, labels) for snapshot in film] for film in shown], dtype=np.float32),
        points=np.array(
            [
                [_in_box(s, box)[chosen] for s, box in zip(film, own, strict=True)]
                for film, own in zip(shown, boxes, strict=True)
            ]
        ),
        labels=labels[chosen].astype(np.uint8),
        boxes=boxes.astype(np.float32),
        stills=stills,
        maps=np.array(
            [
                [[class_map(film[f].train.numpy(), labels, box(n, f)) for f in stills] for n, film in enumerate(shown)]
                for box in (lambda n, f: (-AXES, -AXES, 2 * AXES), lambda n, f: boxes[n, f])
            ]
        ),
    )


def _box(snapshot: Snapshot, chosen: np.ndarray) -> np.ndarray:
    """The smallest square, and a little more, around the chosen points: left, bottom and side."""
    points = snapshot.train.numpy()[chosen]
    low, high = points.min(0), points.max(0)
    side = 1.04 * (high - low).max()
    return np.array([*((low + high - side) / 2), side])


def _in_box(snapshot: Snapshot, box: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(STEPS * (snapshot.train.numpy() - box[:2]) / box[2]), 0, STEPS).astype(np.uint8)


def _centroids(snapshot: Snapshot, labels: np.ndarray) -> np.ndarray:
    points = snapshot.train.numpy()
    return np.stack([points[labels == label].mean(0) for label in np.unique(labels)])


def class_map(points: np.ndarray, labels: np.ndarray, box: tuple[float, float, float]) -> np.ndarray:
    """The class most frequent in each cell of a square, of points (N, 2): (CELLS, CELLS) uint8, EMPTY where there is none."""
    left, bottom, side = box
    edges = [[start, start + side] for start in (left, bottom)]
    counts = [np.histogram2d(*points[labels == label].T, bins=CELLS, range=edges)[0].T for label in range(labels.max() + 1)]
    return np.where(np.sum(counts, 0) > 0, np.argmax(counts, 0), EMPTY).astype(np.uint8)


def at_the_largest_scale(figure: Figure) -> tuple[str, Frames]:
    """The largest scale at which there are frames, published or, of `figure`, from its last run, and those frames."""
    for scale in reversed(SCALES):
        published = store.PUBLISHED / scale / f"{figure.name}.npz"
        if scale == figure.scale:
            return scale, Frames.read(figure.path(store.runs_root()))
        if published.exists():
            return scale, Frames.read(published)
    raise AssertionError(f"{figure.scale} is none of {SCALES}")
