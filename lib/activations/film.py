"""A network with a layer of two units, watched while it trains (the paper's Figure 7).

A *film* is what the two units give, before their ReLU, for every image of the training and the test set, in snapshots after
some of the epochs. It is kept in the run store: a training that was interrupted goes on where it was, and a longer one goes
on from a shorter one.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lib import data, models, store
from lib.checkpoints import Budget, Checkpoint, alone
from lib.evaluate import STATISTICS_BATCH, frozen
from lib.provenance import code, provenance
from lib.runs import Place
from lib.store import RunError
from lib.train import fit

UNITS = 2
RUNNING, BATCH = "running", "batch"  # the statistics that batch norm normalises by
# Every epoch at first, then in steps of about an eighth:
SNAPSHOTS = (
    *range(21), 22, 25, 28, 32, 36, 40, 45, 50, 56, 63, 71, 80, 90, 100,
    112, 125, 140, 160, 180, 200, 225, 250, 280, 315, 355, 400, 450, 500,
)  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """`train` (N, 2) and `test` (M, 2), float32: the two units before their ReLU, of images in the order of the data set.

    `epoch` is 0 before training; `statistics` those that batch norm normalised by: "running" averages, as in evaluation, or
    those of each mini-"batch" of 128 images, as in training. Accuracies of the whole network are in percent.
    """

    epoch: int
    statistics: str
    train: Tensor
    test: Tensor
    accuracy_train: float
    accuracy_test: float


@dataclass(frozen=True)
class Film:
    """`losses`: the mean training loss of epochs 1, 2, … in nats.

    `provenance` is that of the training it was taken from, which may have gone on for longer; its `seconds` are of these epochs.
    """

    snapshots: list[Snapshot]
    losses: list[float]
    provenance: dict


def film(
    train: data.Dataset,
    test: data.Dataset,
    seed: int,
    place: Place,
    *,
    norm: str,
    hidden: str,
    epochs: int,
    batch_size: int,
    lr: float,
    weight_decay: float,
) -> Film:
    """The film of a network, trained as far as it is missing: those of SNAPSHOTS up to `epochs`, which must be one of them.

    It is kept in the folder of the `place`, and trained on the device that its data are on.
    `norm`: "none", or "batch" for batch norm before the ReLU of the first two hidden layers; `hidden` are the widths of
    the hidden layers, one of which is 2, as "392-196-2-49". Plain SGD at a constant learning rate (Appendix E).
    Before training there are no running averages yet, only what they start from; with batch norm, epoch 0 is therefore seen
    twice, in both statistics. Raises ValueError for other `epochs`, RunError where the loss stops being finite or a file is damaged,
    OutOfTime when the budget of the place is spent.
    """
    if epochs not in SNAPSHOTS:
        raise ValueError(f"epochs={epochs}; allowed: {', '.join(map(str, SNAPSHOTS))}")
    settings = {"norm": norm, "hidden": hidden, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay}
    name = "-".join(str(part) for part in (train.name, *settings.values(), "seed", seed, train.sha256[:12]))
    about = provenance(train.images.device) | {"data": {train.name: train.sha256}}
    shelf = _Shelf(place.folder / "films" / name, about)
    wanted = [(0, BATCH)] * (norm == "batch") + [(epoch, RUNNING) for epoch in SNAPSHOTS if epoch <= epochs]
    if not shelf.has(wanted, epochs):
        with alone(shelf.folder / "lock", name, place.budget):
            place.budget.restart()  # the wait is no work
            if not shelf.has(wanted, epochs):  # another process may have taken it meanwhile
                network = network_of(train, seed, norm, hidden)
                training = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay}
                diverged_at = _take(shelf, wanted, network, train, test, seed, place.budget, training)
                if diverged_at:
                    raise RunError(
                        f"the training loss of {name} stopped being finite in epoch {diverged_at}; a lower lr may help"
                    )
    return shelf.film(wanted, epochs)


Moment = tuple[int, str]  # of a snapshot: its epoch, and the statistics


def _take(
    shelf: "_Shelf",
    wanted: list[Moment],
    network: nn.Sequential,
    train: data.Dataset,
    test: data.Dataset,
    seed: int,
    budget: Budget,
    training: dict,
) -> int | None:
    """Train the network and put what is wanted on the shelf. Returns the epoch in which the loss stopped being finite, or None."""
    checkpoint = Checkpoint(shelf.folder / "checkpoint.safetensors", code())

    def take(epoch: int) -> None:
        for moment in wanted:
            if moment[0] == epoch:
                shelf.put(snapshot(network, train, test, *moment))

    def on_epoch(epoch: int, losses: Tensor) -> None:
        shelf.put_loss(epoch, losses.item(), checkpoint.seconds)
        take(epoch)

    take(0)
    where = {"image_size": train.images.shape[-1], "on_epoch": on_epoch, "checkpoint": checkpoint, "budget": budget}
    (diverged_at,) = fit([network], train, seeds=[seed], **training, **where)
    return diverged_at


def network_of(train: data.Dataset, seed: int, norm: str, hidden: str) -> nn.Sequential:
    """The network at initialisation (torch's own), on the device of its training set."""
    inputs, widths = train.images[0].numel(), tuple(map(int, hidden.split("-")))
    network = models.mlp(inputs, widths, train.num_classes, None if norm == "none" else norm, norm_layers=2)
    return models.initialize(network, "default", data.generator(seed, "init")).to(train.images.device)


def split(network: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers up to the one of two units, before its ReLU, and all that follow."""
    units = next(i for i, layer in enumerate(network) if isinstance(layer, nn.Linear) and layer.out_features == UNITS)
    relu = next(i for i, layer in enumerate(network) if i > units and isinstance(layer, nn.ReLU))
    return network[:relu], network[relu:]


def snapshot(network: nn.Sequential, train: data.Dataset, test: data.Dataset, epoch: int, statistics: str) -> Snapshot:
    """The network as it is now; its modes, flags and buffers stay as they are."""
    below, above = split(network)
    found = {}
    with frozen(network, batch_statistics=statistics == BATCH), torch.no_grad():
        for dataset in (train, test):
            points = [below(data.normalize(images, dataset)) for images in dataset.images.split(STATISTICS_BATCH)]
            points = torch.cat(points)
            correct = above(points).argmax(1) == dataset.labels
            found[dataset.split] = points.cpu()
            found[f"accuracy_{dataset.split}"] = 100 * correct.double().mean().item()
    return Snapshot(epoch, statistics, **found)


class _Shelf:
    """A film on disk: one file a snapshot, and the loss of each epoch and the seconds until then, with the training's provenance."""

    def __init__(self, folder: Path, here: dict):
        self.folder, self.here = folder, here

    def path(self, epoch: int, statistics: str) -> Path:
        return self.folder / f"{epoch:04d}-{statistics}.safetensors"

    def put(self, snapshot: Snapshot) -> None:
        tensors = {"train": snapshot.train, "test": snapshot.test}
        about = {name: repr(getattr(snapshot, name)) for name in ("accuracy_train", "accuracy_test")}
        store.write_in_one_piece(self.path(snapshot.epoch, snapshot.statistics), save(tensors, about))

    def get(self, epoch: int, statistics: str) -> Snapshot:
        try:
            with safe_open(self.path(epoch, statistics), "pt") as file:
                about = {name: float(value) for name, value in file.metadata().items()}
                return Snapshot(epoch, statistics, file.get_tensor("train"), file.get_tensor("test"), **about)
        except (SafetensorError, OSError, ValueError, AttributeError, TypeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> RunError:
        return RunError(f"the film in {self.folder} is damaged ({error}). Delete the folder, and it is taken again")

    def has(self, wanted: list[Moment], epochs: int) -> bool:
        return len(self._training()["losses"]) >= epochs and all(self.path(*moment).exists() for moment in wanted)

    def film(self, wanted: list[Moment], epochs: int) -> Film:
        training = self._training()
        about = training["provenance"] | ({"seconds": training["seconds"][epochs - 1]} if epochs else {})
        return Film([self.get(*moment) for moment in wanted], training["losses"][:epochs], about)

    def _training(self) -> dict:
        """What was written after the last epoch."""
        path = self.folder / "training.json"
        if not path.exists():
            return {"losses": [], "seconds": [], "provenance": self.here}
        try:
            found = json.loads(path.read_text())
            return {name: found[name] for name in ("losses", "seconds", "provenance")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def put_loss(self, epoch: int, loss: float, seconds: float) -> None:
        """What was written of later epochs, by a training that starts anew, goes."""
        if not math.isfinite(loss):
            return
        before = self._training()
        training = {
            "losses": [*before["losses"][: epoch - 1], loss],
            "seconds": [*before["seconds"][: epoch - 1], round(seconds, 2)],
            "provenance": self.here,
        }
        store.write_in_one_piece(self.folder / "training.json", json.dumps(training).encode())
