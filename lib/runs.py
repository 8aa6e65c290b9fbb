"""Runs trials: trains and evaluates those that are missing, here or on a cluster, one record a trial.

A sweep that is stopped at any moment goes on where it was: finished trials are records in the store, and a long training or
evaluation has a checkpoint there.
"""

import contextlib
import functools
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from distributed import Client
from tqdm.auto import tqdm

from lib import cluster, data, networks
from lib.checkpoints import Budget, Checkpoint, OutOfTime
from lib.evaluate import STATISTICS_BATCH, evaluate, paths
from lib.networks import Trained
from lib.provenance import code, commit, provenance
from lib.store import RunError, check_writable, finished, read_record, record_path, runs_root, write_record
from lib.trials import Trial


def resolve_device(name: str = "auto") -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU. Raises RunError for CUDA where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RunError(f"unknown device {name!r}; allowed: auto, cpu, cuda, cuda:0, …") from error
    if device.type not in ("cpu", "cuda"):
        raise RunError(f"device={name!r} is not supported; allowed: auto, cpu, cuda, cuda:0, …")
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        found = torch.cuda.device_count() or "no"
        raise RunError(f"device={name!r} was asked for but torch finds {found} CUDA devices here; use device='cpu' or 'auto'")
    return device


def run(
    trials: list[Trial],
    *,
    device: str = "auto",
    data_root: str | Path | None = None,
    store: str | Path | None = None,
    scheduler: str = "",
    budget: float | None = None,
    progress: bool = True,
) -> list[dict]:
    """The records of all trials, in their order. Missing ones are computed, seeds of equal settings side by side.

    `scheduler`: empty for this process, else Dask workers as in `cluster.connect`, which resolve `device` and the two
    folders for themselves where they are not given. `budget` is the time that may be used, in seconds.

    Raises DataError, RunError or ClusterError with what to do, and OutOfTime when the budget was too small for all;
    finished records and checkpoints stay.
    """
    end = math.inf if budget is None else time.time() + budget
    cluster.check(scheduler)
    if not scheduler:
        resolve_device(device)
    folder = runs_root(store)
    commit(), code()  # read now: what runs is the code as it is at the start
    records = {trial: record for trial in trials if (record := finished(trial, folder))}
    groups = defaultdict(list)
    for trial in dict.fromkeys(trials):
        if trial not in records:
            groups[networks.shared(trial)].append(trial)
    if groups:
        check_writable(folder)
    if targets := list(dict.fromkeys(target.training for trial in groups for target in trial.targets)):
        # First, side by side: else every trial would train, on a worker of its own, those it needs.
        left = None if budget is None else end - time.time()
        where = {"device": device, "data_root": data_root, "store": store, "scheduler": scheduler}
        run(targets, **where, budget=left, progress=progress)
    # Workers stop before this process does, which then has the time to stop them.
    stop = end - Budget.RESERVE if scheduler else end
    compute = functools.partial(_compute, device=device, data_root=data_root, store=store, end=stop)
    bar_options = {"initial": len(records), "bar_format": BAR, "miniters": 0, "mininterval": 0.2}
    bar_options["disable"] = not (progress and trials)
    workers = cluster.connect(scheduler) if scheduler and groups else contextlib.nullcontext()
    with contextlib.suppress(OutOfTime):
        if scheduler:
            Budget(end).check()
        with workers as client, tqdm(total=len(trials), **bar_options) as bar:
            if client:
                Budget(end).check()  # the start of workers took its time
                results = _on_cluster(compute, groups.values(), client, None if budget is None else stop - time.time(), bar)
            else:
                results = _here(compute, groups.values(), bar)
            for trial, record in results:
                write_record(record, record_path(trial, folder))
                records[trial] = record
                _partial(trial, folder).unlink(missing_ok=True)
                _under_way(trial, folder).delete()
    for shared in groups:
        checkpoint = networks.checkpoint_of(shared, folder)
        seeds = checkpoint.seeds()
        if seeds and all(finished(replace(shared, seed=seed), folder) for seed in seeds):
            checkpoint.delete()
    if len(records) < len(set(trials)):
        raise OutOfTime(f"the time is over with {len(records)} of {len(trials)} trials finished; run again to go on")
    return [records[trial] for trial in trials]


def network(
    trial: Trial, *, device: str = "auto", data_root: str | Path | None = None, store: str | Path | None = None
) -> torch.nn.Module:
    """The trained network of a trial, in evaluation mode, to look at; trained first where it is not kept.

    Raises DataError or RunError with what to do.
    """
    place = Place(data_root, resolve_device(device), runs_root(store), Budget())
    return _trained([trial], place.own(trial), place)[0].network.eval()


BAR = "{percentage:3.0f}% |{bar}| {n:.1f} of {total} trials, {elapsed} gone, {remaining} left{postfix}"
Results = Iterator[tuple[Trial, dict]]


def _here(compute: Callable[..., Results], groups: Iterable[list[Trial]], bar: tqdm) -> Results:
    for group in groups:
        done = 0
        for done, result in enumerate(compute(group, bar=bar), start=1):
            yield result
        if done < len(group):  # out of time
            return


def _on_cluster(
    compute: Callable[..., Results], groups: Iterable[list[Trial]], client: Client, timeout: float | None, bar: tqdm
) -> Results:
    for _, results in cluster.compute(client, functools.partial(_all, compute), groups, timeout):
        bar.update(len(results))
        yield from results


def _all(compute: Callable[..., Results], group: list[Trial]) -> list[tuple[Trial, dict]]:
    """What a worker sends back."""
    tqdm.set_lock(threading.RLock())  # its own is for several processes; one that is killed would leave it behind
    return list(compute(group, bar=tqdm(disable=True)))


@dataclass(frozen=True)
class Place:
    """Where a process computes: the folder of the data sets, the device, the folder of the records, and the time it has."""

    data_root: str | Path | None
    device: torch.device
    folder: Path
    budget: Budget

    def load(self, trial: Trial, split: str) -> data.Dataset:
        """The trial's own data set, normalised as the trial says."""
        return data.load(trial.dataset, split, self.data_root, self.device, normalization=trial.normalization)

    def own(self, trial: Trial) -> data.Dataset:
        """What the trial's network is trained on; of a pretrained one, whose training images are not here, the test set."""
        return self.load(trial, "test" if trial.is_pretrained else "train")


def _compute(
    group: list[Trial], *, device: str, data_root: str | Path | None, store: str | Path | None, end: float, bar: tqdm
) -> Results:
    """Train and evaluate trials that differ in their seed alone. Stops early, with fewer results, before the time `end`."""
    place, start = Place(data_root, resolve_device(device), runs_root(store), Budget(end)), bar.n

    def on_epoch(trial: Trial, epoch: int, loss: float) -> None:
        bar.set_postfix_str(f"{trial}: epoch {epoch} of {trial.epochs}, loss {loss:.3f}", refresh=False)
        bar.update(start + len(group) / 2 * epoch / trial.epochs - bar.n)  # training and evaluation are half a trial each

    try:
        place.budget.check()
        own = place.own(group[0])
        test_set, digests = functools.partial(_test_set, group[0], own, place), {}
        for name in {TRAIN: None, **{evaluation.dataset: None for evaluation in group[0].evaluations}}:
            if name not in (TRAIN, None):
                place.budget.check()  # a corrupted test set may have to be made first
            found = test_set(name)
            _check_batches(group[0], name, found)
            digests["train" if name == TRAIN else found.name] = found.sha256
        place.budget.restart()
        found = _trained(group, own, place, on_epoch)
        targets = {t.network_name: _trained([t.training], place.own(t), place, on_epoch)[0] for t in group[0].targets}
        targets = {name: target.network for name, target in targets.items() if target.diverged_at is None}
        for trial, trained in zip(group, found, strict=True):
            metrics, seconds, diverged = {}, 0.0, trained.diverged_at
            if diverged is None:
                metrics, seconds = _evaluate(trial, trained.network, targets, test_set, place, bar)
                labels = {evaluation.label for evaluation in trial.evaluations}  # a target that diverged says nothing of these
                metrics = {label: r for label, r in metrics.items() if label in labels or math.isfinite(r["loss"])}
            if diverged is None and not all(math.isfinite(result["loss"]) for result in metrics.values()):
                diverged = trial.epochs  # in its last steps, after the last finite training loss
            if trial.is_pretrained:
                digests.pop("train", None)  # it is not that of these images
            record = {
                "trial": trial.settings,
                "seed": trial.seed,
                "metrics": metrics if diverged is None else {},
                "diverged_at": diverged,
                "provenance": provenance(place.device)
                | {name: trained.provenance[name] for name in ("stacked", "train_seconds")}
                | ({"training": trained.provenance} if trial.kept else {})
                | {"precision": trial.precision, "evaluate_seconds": round(seconds, 2)}
                | {"data": digests},
            }
            yield trial, record
    except OutOfTime:
        return


def _trained(
    group: list[Trial], own: data.Dataset, place: Place, on_epoch: networks.OnEpoch = lambda *args: None
) -> list[Trained]:
    selection_set = place.load(group[0], "test") if group[0].selection == "best" else None
    return networks.trained(group, own, selection_set, place.folder, place.budget, on_epoch)


TRAIN = "train"  # as an evaluation's data set: the training set itself


def _test_set(trial: Trial, own: data.Dataset, place: Place, name: str | None) -> data.Dataset:
    """What an evaluation may name: the training set `own`, or a test set, normalised as that is.

    Loaded when it is needed: the corrupted test sets of one trial are too many to hold at once.
    Raises DataError where it does not fit the network.
    """
    if name == TRAIN:
        return own
    test_set = data.load(name or trial.dataset, "test", place.data_root, place.device)
    if test_set.images.shape[1:] != own.images.shape[1:] or test_set.num_classes > own.num_classes:
        raise data.DataError(
            f"{test_set.name} has {test_set.num_classes} classes and images {tuple(test_set.images.shape[1:])}, but the "
            f"network is for {own.name}: {own.num_classes} classes, {tuple(own.images.shape[1:])}. Test it on a data set "
            "of the same kind"
        )
    return replace(test_set, mean=own.mean, std=own.std)


def _check_batches(trial: Trial, name: str | None, test_set: data.Dataset) -> None:
    """Raises DataError where batch statistics are asked for of a batch that has none."""
    if any(tested.architecture == "mlp" and tested.norm for tested in (trial, *trial.targets)):
        for evaluation in trial.evaluations:
            if evaluation.batch_statistics and evaluation.dataset == name:
                size = min(evaluation.first or len(test_set), len(test_set))
                data.refuse_single_images(test_set.name, size, STATISTICS_BATCH)


def _evaluate(
    trial: Trial,
    network: torch.nn.Module,
    targets: dict[str, torch.nn.Module],
    test_set: Callable[[str | None], data.Dataset],
    place: Place,
    bar: tqdm,
) -> tuple[dict[str, dict[str, float]], float]:
    """The metrics of all evaluations and how long they took. Those that are finished are saved now and then, as is the next."""

    def on_batch(fraction, label):
        place.budget.check()
        bar.set_postfix_str(f"{trial}: seed {trial.seed}, {label} {fraction:.0%}", refresh=False)
        bar.update(0)

    partial = _partial(trial, place.folder)
    before = read_record(partial, trial) or {}
    metrics, seconds, unsaved = before.get("metrics", {}), before.get("seconds", 0.0), 0.0
    names = {evaluation.dataset: None for evaluation in trial.evaluations}
    begun = bar.n
    paths_of = [(name, path) for name in names for path in paths(e for e in trial.evaluations if e.dataset == name)]
    for done, (name, path) in enumerate(paths_of, start=1):
        if not all(evaluation.label in metrics for evaluation in path):
            checkpoint = _under_way(trial, place.folder)
            settings = {"seed": trial.seed, "image_size": trial.image_size, "targets": targets, "on_batch": on_batch}
            metrics |= evaluate(network, test_set(name), path, **settings, checkpoint=checkpoint)
            taken = checkpoint.seconds
            seconds, unsaved = seconds + taken, unsaved + taken
            if unsaved > WORTH_SAVING and all(math.isfinite(result["loss"]) for result in metrics.values()):
                so_far = {"trial": trial.settings, "metrics": metrics, "seconds": seconds}
                write_record(so_far, partial)
                unsaved = 0.0
        bar.update(begun + 0.5 * done / len(paths_of) - bar.n)
    return metrics, seconds


WORTH_SAVING = 10.0  # seconds


def _partial(trial: Trial, folder: Path) -> Path:
    """The results of a trial whose evaluation is not finished, of this code."""
    return folder / f"{trial.id}.{code()}.partial"


def _under_way(trial: Trial, folder: Path) -> Checkpoint:
    """Of the one evaluation that is begun and not finished."""
    return Checkpoint(folder / f"{trial.id}.evaluation", code())
