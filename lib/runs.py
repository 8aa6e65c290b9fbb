"""Runs trials: trains and evaluates those that are missing, here or on a cluster, one record a trial.

A sweep that is stopped at any moment goes on where it was: finished trials are records in the store, and a long training
has a checkpoint there.
"""

import contextlib
import functools
import hashlib
import math
import os
import platform
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from distributed import Client
from tqdm.auto import tqdm

from lib import __version__, cluster, data, models
from lib.checkpoints import Budget, Checkpoint, OutOfTime
from lib.evaluate import evaluate
from lib.store import REPOSITORY, RunError, read_record, runs_root, write_record
from lib.train import fit
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
    records = {trial: record for trial in trials if (record := read_record(trial, folder))}
    groups = defaultdict(list)
    for trial in dict.fromkeys(trials):
        if trial not in records:
            groups[_shared(trial)].append(trial)
    compute = functools.partial(_compute, device=device, data_root=data_root, store=store, end=end)
    bar_options = {"initial": len(records), "bar_format": BAR, "miniters": 0, "mininterval": 0.2, "disable": not progress}
    workers = cluster.connect(scheduler) if scheduler and groups else contextlib.nullcontext()
    with workers as client, tqdm(total=len(trials), **bar_options) as bar:
        if client:
            timeout = None if budget is None else max(0.0, end - time.time() - Budget.RESERVE)
            results = _on_cluster(compute, groups.values(), client, timeout, bar)
        else:
            results = _here(compute, groups.values(), bar)
        for trial, record in results:
            write_record(trial, record, folder)
            records[trial] = record
    for shared in groups:
        checkpoint = _checkpoint(shared, folder)
        if all(read_record(replace(shared, seed=seed), folder) for seed in checkpoint.seeds()):
            checkpoint.delete()
    if len(records) < len(set(trials)):
        raise OutOfTime(f"the time is over with {len(records)} of {len(trials)} trials finished; run again to go on")
    return [records[trial] for trial in trials]


BAR = "{percentage:3.0f}% |{bar}| {n:.1f} of {total} trials, {elapsed} gone, {remaining} left{postfix}"
Results = Iterator[tuple[Trial, dict]]


def _here(compute: Callable[..., Results], groups: Iterable[list[Trial]], bar: tqdm) -> Results:
    for group in groups:
        finished = 0
        for finished, result in enumerate(compute(group, bar=bar), start=1):
            yield result
        if finished < len(group):  # out of time
            return


def _on_cluster(
    compute: Callable[..., Results], groups: Iterable[list[Trial]], client: Client, timeout: float | None, bar: tqdm
) -> Results:
    for _, results in cluster.compute(client, functools.partial(_all, compute), groups, timeout):
        bar.update(len(results))
        yield from results


def _all(compute: Callable[..., Results], group: list[Trial]) -> list[tuple[Trial, dict]]:
    """What a worker sends back."""
    return list(compute(group, bar=tqdm(disable=True)))


def _shared(trial: Trial) -> Trial:
    """The same for trials that are trained side by side."""
    return replace(trial, seed=0) if trial.stackable else trial


def _checkpoint(trial: Trial, folder: Path) -> Checkpoint:
    return Checkpoint(folder / f"{_shared(trial).id}.safetensors", code())


def _compute(
    group: list[Trial], *, device: str, data_root: str | Path | None, store: str | Path | None, end: float, bar: tqdm
) -> Results:
    """Train and evaluate trials that differ in their seed alone. Stops early, with fewer results, before the time `end`."""
    trial, budget = group[0], Budget(end)
    device = resolve_device(device)
    training_set = data.load(trial.dataset, "train", data_root, device)
    names = dict.fromkeys(evaluation.dataset for evaluation in trial.evaluations)
    test_sets = {name: data.load(name or trial.dataset, "test", data_root, device) for name in names}
    checkpoint = _checkpoint(trial, runs_root(store))
    seeds = checkpoint.seeds()
    if not {trial.seed for trial in group} <= set(seeds):
        seeds = [trial.seed for trial in group]
    networks = {seed: build(replace(trial, seed=seed), training_set) for seed in seeds}
    start = bar.n

    def on_epoch(epoch, losses):
        bar.set_postfix_str(f"{trial}: epoch {epoch} of {trial.epochs}, loss {losses.mean():.3f}", refresh=False)
        bar.update(start + len(group) / 2 * epoch / trial.epochs - bar.n)  # training and evaluation are half a trial each

    try:
        budget.check()
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
            augment=trial.augment,
            precision=trial.precision,
            on_epoch=on_epoch,
            checkpoint=checkpoint,
            budget=budget,
        )
        train_seconds = checkpoint.seconds / len(seeds)
        for trial in group:
            started = time.perf_counter()
            metrics = _evaluate(trial, networks[trial.seed], test_sets, bar, budget)
            diverged = diverged_at[seeds.index(trial.seed)]
            if diverged is None and not all(math.isfinite(result["loss"]) for result in metrics.values()):
                diverged = trial.epochs  # in its last steps, after the last finite training loss
            provenance = {
                "library": __version__,
                "commit": commit(),
                "torch": torch.__version__,
                "python": platform.python_version(),
                "device": device_name(device),
                "precision": trial.precision,
                "threads": torch.get_num_threads(),
                "stacked": len(seeds),
                "train_seconds": round(train_seconds, 2),
                "evaluate_seconds": round(time.perf_counter() - started, 2),
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": {"train": training_set.sha256} | {s.name: s.sha256 for s in test_sets.values()},
            }
            yield trial, {
                "trial": trial.settings,
                "seed": trial.seed,
                "metrics": {} if diverged else metrics,
                "diverged_at": diverged,
                "provenance": provenance,
            }
    except OutOfTime:
        return


def _evaluate(
    trial: Trial, network: torch.nn.Sequential, test_sets: dict[str | None, data.Dataset], bar: tqdm, budget: Budget
) -> dict[str, dict[str, float]]:
    def on_batch(fraction, label):
        budget.check()
        bar.set_postfix_str(f"{trial}: seed {trial.seed}, {label} {fraction:.0%}", refresh=False)
        bar.update(0)

    metrics = {}
    for name, test_set in test_sets.items():
        chosen = [evaluation for evaluation in trial.evaluations if evaluation.dataset == name]
        metrics |= evaluate(network, test_set, chosen, seed=trial.seed, image_size=trial.image_size, on_batch=on_batch)
        bar.update(0.5 / len(test_sets))
    return metrics


def build(trial: Trial, training_set: data.Dataset) -> torch.nn.Sequential:
    """The freshly initialised network of a trial."""
    channels, classes = training_set.images.shape[1], training_set.num_classes
    if trial.architecture != "mlp":
        depth = int(trial.architecture.removeprefix("vgg"))
        network = models.vgg(depth, classes, trial.norm, trial.width, channels)
    elif trial.hidden:
        network = models.mlp(channels * trial.image_size**2, trial.hidden, classes, trial.norm)
    else:
        network = models.linear(channels * trial.image_size**2, classes)
    network = models.initialize(network, trial.init, data.generator(trial.seed, "init"))
    return network.to(training_set.images.device)


@functools.cache
def code() -> str:
    """What identifies the code of `lib` as it is, committed or not: half a training by one version is not gone on by another."""
    files = sorted((REPOSITORY / "lib").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@functools.cache
def commit() -> str | None:
    """The repository's commit, with "-dirty" when `lib` differs from it; None outside a repository."""
    git = functools.partial(subprocess.run, cwd=REPOSITORY, capture_output=True, text=True)
    try:
        head = git(["git", "rev-parse", "HEAD"])
        changes = git(["git", "status", "--porcelain", "--", "lib"])
    except OSError:
        return None
    return head.stdout.strip() + ("-dirty" if changes.stdout else "") if head.returncode == 0 else None


def device_name(device: torch.device) -> str:
    """What the device calls itself, as `NVIDIA H100` or `AMD EPYC, 2 cores`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"
