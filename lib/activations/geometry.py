"""What the pictures of Figure 7 show, in numbers: how far apart the classes are, and how suddenly they part."""

import math
import warnings

import numpy as np
from scipy.spatial.distance import pdist

from lib import data
from lib.activations.film import Film, Snapshot, film
from lib.checkpoints import Budget, Checkpoint
from lib.measurements import Metrics
from lib.runs import Place

NEIGHBOURS = 10
AXES = 10.0  # the paper's pictures show the plane from -10 to 10
LEARNED = 20.0  # percent of the training set: a network below has not learned
INITIAL, UNTRAINED, MIDDLE, END = "initial", "untrained averages", "middle", "end"
MIDDLE_EPOCH = 20  # of the picture in the middle
CHANCE_LOSS = math.log(10)  # of a network that says a tenth for every class, in nats


def measure(dataset: str, seeds: list[int], place: Place, checkpoint: Checkpoint, **settings) -> list[Metrics]:
    """The metrics of the films of these seeds; `settings` as in `film`. Films, which experiments share, have their own checkpoints."""
    train, test = (data.load(dataset, split, place.data_root, place.device) for split in ("train", "test"))
    place.budget.restart()  # to load data is no work
    films = [film(train, test, seed, place, **settings) for seed in seeds]
    place.budget.restart()
    labels = train.labels.cpu().numpy(), test.labels.cpu().numpy()
    return [metrics(seen, *labels, place.budget) | {"provenance": seen.provenance} for seen in films]


def metrics(seen: Film, train_labels: np.ndarray, test_labels: np.ndarray, budget: Budget) -> Metrics:
    """A list for each metric, one entry a snapshot, and what holds for the whole film.

    `moment` says of some snapshots which they are: "initial", "middle" and "end", as in the paper's figure, and, with batch
    norm, "untrained averages", those before training seen as in evaluation. `learned` is 100 where the accuracy on the
    training set at the end is at least LEARNED, else 0. `late jump` is the largest rise of `neighbours`, in points, from one
    snapshot to the next after the first epoch. `late fall` and `steepest epoch` are as in `steepest`.
    """
    rows = []
    for snapshot in seen.snapshots:
        rows.append(_of_snapshot(snapshot, seen, train_labels, test_labels))
        budget.check()
    trained = [row for row in rows if row["epoch"] > 0]
    jumps = np.diff([row["neighbours"] for row in trained])
    fall, epoch = steepest(seen.losses)
    return {name: [row[name] for row in rows] for name in rows[0]} | {
        "late fall": fall,
        "steepest epoch": epoch,
        "late jump": float(jumps.max()) if len(jumps) else math.nan,
        "learned": (100.0 if trained[-1]["accuracy train"] >= LEARNED else 0.0) if trained else math.nan,
    }


def _of_snapshot(snapshot: Snapshot, seen: Film, train_labels: np.ndarray, test_labels: np.ndarray) -> dict:
    train, test = snapshot.train.double().numpy(), snapshot.test.double().numpy()
    loss = seen.losses[snapshot.epoch - 1] if snapshot.epoch else math.nan
    return (
        {"epoch": snapshot.epoch, "moment": _moment(snapshot, seen), "loss": loss}
        | {"accuracy train": snapshot.accuracy_train, "accuracy test": snapshot.accuracy_test}
        | separability(train, train_labels, test, test_labels)
        | distances(train, train_labels)
        | {"silent": 100 * float((train <= 0).all(1).mean()), "outside": 100 * float((np.abs(train) > AXES).any(1).mean())}
    )


def separability(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> dict[str, float]:
    """Percent of the test points (M, 2) whose class the training points (N, 2) tell, whatever the rest of the network does.

    `neighbours`: by a vote of the 10 nearest training points; `linear`: by linear discriminant analysis. Neither depends on
    the scale of the plane, and the second on no affine map of it.
    """
    # Imported here: it takes a second, which every command and every worker would wait for.
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.neighbors import KNeighborsClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # collinear points: the discriminant then lies along their line
        linear = LinearDiscriminantAnalysis().fit(train, train_labels)
    nearest = KNeighborsClassifier(NEIGHBOURS).fit(train, train_labels)
    found = {"neighbours": nearest, "linear": linear}
    return {name: 100 * float(classifier.score(test, test_labels)) for name, classifier in found.items()}


def distances(points: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`distance`: the mean over pairs of classes of the distance of their centroids; `spread`: the root mean square distance
    of the points (N, 2) from the centroid of their own class; `relative distance`: the first over the second.
    """
    centroids = np.stack([points[labels == label].mean(0) for label in np.unique(labels)])
    distance = float(pdist(centroids).mean())
    spread = float(np.sqrt(np.square(points - centroids[labels]).sum(1).mean()))
    return {"distance": distance, "spread": spread, "relative distance": distance / spread if spread else math.nan}


def steepest(losses: list[float]) -> tuple[float, float]:
    """Whether the training loss falls fastest at the very start, as learning curves do, or later, as in a phase transition.

    Of the mean losses of epochs 1, 2, …: the largest fall from one epoch to the next less the fall at the start, in nats an
    epoch, which is positive where there is a transition; and the epoch of the steepest fall of all. The start is the half
    epoch from the loss of chance to the mean of epoch 1, so that its fall counts twice. NaN with fewer than two epochs.
    """
    if len(losses) < 2:
        return math.nan, math.nan
    falls = -np.diff([CHANCE_LOSS, *losses])
    falls[0] *= 2
    return float(falls[1:].max() - falls[0]), float(falls.argmax() + 1)


def _moment(snapshot: Snapshot, seen: Film) -> str:
    if snapshot.epoch == 0:
        initial = seen.snapshots[0]  # with batch norm, as it is in training
        return INITIAL if snapshot.statistics == initial.statistics else UNTRAINED
    return {MIDDLE_EPOCH: MIDDLE, len(seen.losses): END}.get(snapshot.epoch, "")
