"""The networks of the trials: built, trained, and kept where training takes long and several experiments need the same one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from lib import data, models
from lib.checkpoints import Budget, Checkpoint, alone
from lib.pretrained import pretrained, weights_of
from lib.provenance import code, provenance
from lib.store import RunError, write_in_one_piece
from lib.train import fit
from lib.trials import PRETRAINED, Trial

OnEpoch = Callable[[Trial, int, float], None]  # gets the trial, the epoch from 1, and the mean training loss in nats


@dataclass(frozen=True)
class Trained:
    """`diverged_at` is the epoch in which the loss stopped being finite, or None."""

    network: nn.Module
    diverged_at: int | None
    provenance: dict


def shared(trial: Trial) -> Trial:
    """The same for trials that are trained side by side."""
    return replace(trial, seed=0) if trial.stackable else trial


def checkpoint_of(trial: Trial, folder: Path) -> Checkpoint:
    return Checkpoint(folder / f"{shared(trial).training.id}.safetensors", code())


def trained(
    group: list[Trial],
    training_set: data.Dataset,
    selection_set: data.Dataset | None,
    folder: Path,
    budget: Budget,
    on_epoch: OnEpoch = lambda trial, epoch, loss: None,
) -> list[Trained]:
    """The trained networks of trials that differ in their seed alone, read from `folder` where they are kept there.

    A pre-trained network comes with the weights that others trained; `training_set` then says on which device it is.

    Raises OutOfTime when the budget is spent; the checkpoint then says where to go on.
    """
    trial = group[0]
    if trial.is_pretrained:
        return [_pretrained(trial, training_set)]
    if not trial.kept:
        return _train(group, training_set, selection_set, folder, budget, on_epoch)
    found = _read(trial, training_set, folder)
    if found is None:
        with alone(_path(trial, folder).with_suffix(".lock"), str(trial), budget):
            budget.restart()  # the wait is no work
            found = _read(trial, training_set, folder)  # another process may have trained it meanwhile
            if found is None:
                (found,) = _train(group, training_set, selection_set, folder, budget, on_epoch)
                _keep(trial, found, folder)
                checkpoint_of(trial, folder).delete()
    return [found]


def _pretrained(trial: Trial, images: data.Dataset) -> Trained:
    name, device = trial.architecture.removeprefix(PRETRAINED), images.images.device
    own = provenance(device) | {"stacked": 1, "train_seconds": 0.0, "weights": weights_of(name).url}
    return Trained(pretrained(name).to(device), None, own)


def _train(group, training_set, selection_set, folder, budget, on_epoch) -> list[Trained]:
    trial, checkpoint = group[0], checkpoint_of(group[0], folder)
    seeds = checkpoint.seeds()
    if not {trial.seed for trial in group} <= set(seeds):
        seeds = [trial.seed for trial in group]
    networks = {seed: build(replace(trial, seed=seed), training_set) for seed in seeds}
    diverged_at = fit(
        list(networks.values()),
        training_set,
        seeds=seeds,
        image_size=trial.image_size,
        epochs=trial.epochs,
        batch_size=trial.batch_size,
        lr=trial.lr,
        momentum=trial.momentum,
        weight_decay=trial.weight_decay,
        milestones=trial.milestones,
        gamma=trial.gamma,
        nesterov=trial.nesterov,
        augment=trial.augment,
        padding_mode=trial.padding_mode,
        precision=trial.precision,
        select_on=selection_set,
        on_epoch=lambda epoch, losses: on_epoch(trial, epoch, losses.mean().item()),
        checkpoint=checkpoint,
        budget=budget,
    )
    own = provenance(training_set.images.device) | {"data": {"train": training_set.sha256}}
    own |= {"stacked": len(seeds), "train_seconds": round(checkpoint.seconds / len(seeds), 2)}
    diverged = dict(zip(seeds, diverged_at, strict=True))
    return [Trained(networks[trial.seed], diverged[trial.seed], own) for trial in group]


def build(trial: Trial, training_set: data.Dataset) -> nn.Sequential:
    """The freshly initialised network of a trial, on the device of its training set."""
    channels, classes = training_set.images.shape[1], training_set.num_classes
    if trial.architecture == "mlp":
        inputs = channels * trial.image_size**2
        norm = {"norm": trial.norm, "norm_layers": trial.norm_layers, "eps": trial.eps}
        network = models.mlp(inputs, trial.hidden, classes, **norm) if trial.hidden else models.linear(inputs, classes)
    else:
        if training_set.images.shape[2:] != (32, 32):
            size = "x".join(map(str, training_set.images.shape[2:]))
            raise data.DataError(f"{trial.architecture} is for images of 32x32 pixels; those of {training_set.name} are {size}")
        kind, depth = trial.architecture[:3], int(trial.architecture[3:])
        if kind == "vgg":
            network = models.vgg(depth, classes, trial.norm, trial.width, channels)
        else:
            network = models.wide_resnet(depth, 10 * trial.width, classes, trial.norm, channels)
    network = models.initialize(network, trial.init, data.generator(trial.seed, "init"))
    return network.to(training_set.images.device)


def _path(trial: Trial, folder: Path) -> Path:
    return folder / "networks" / f"{trial.training.id}.safetensors"


def _keep(trial: Trial, found: Trained, folder: Path) -> None:
    about = {"trial": trial.training.settings, "diverged_at": found.diverged_at, "provenance": found.provenance}
    tensors = {name: value.contiguous() for name, value in found.network.state_dict().items()}
    contents = save(tensors, {name: json.dumps(value) for name, value in about.items()})
    write_in_one_piece(_path(trial, folder), contents)


def _read(trial: Trial, training_set: data.Dataset, folder: Path) -> Trained | None:
    """Raises RunError where the file is damaged or of other data: training again takes hours, so that is left to the user."""
    path = _path(trial, folder)
    try:
        with safe_open(path, "pt") as file:
            about = {name: json.loads(value) for name, value in file.metadata().items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a dict)
        network = build(trial, training_set)
        network.load_state_dict(tensors)
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise RunError(f"the kept network {path} is damaged ({error}). Delete it, and it is trained again") from error
    if about["provenance"].get("data", {}).get("train", training_set.sha256) != training_set.sha256:
        raise RunError(
            f"the kept network {path} was trained on other images than those of {training_set.name} now. Delete it, and it is "
            "trained again on these; or put the former data back"
        )
    return Trained(network, about["diverged_at"], about["provenance"])
