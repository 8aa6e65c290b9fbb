"""The run store: trains and evaluates the trials that are missing, one JSON record a trial, and publishes records.

A record is written in one piece or not at all, so that a sweep killed at any moment goes on where it was. The folder of
the records is one setting: the argument `store`, else the environment variable `BATCHNORM_RUNS`, else `.runs` in the
repository.
"""

import functools
import hashlib
import json
import math
import os
import platform
import subprocess
import tempfile
import time
import warnings
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from tqdm.auto import tqdm

from lib import __version__, data, models
from lib.evaluate import evaluate
from lib.experiments import EXPERIMENTS, Trial
from lib.train import fit

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED = REPOSITORY / "book" / "records"


class RunError(RuntimeError):
    """A run cannot go on; what was finished before is kept."""


def runs_root(store: str | Path | None = None) -> Path:
    """The folder of the records: `store`, else $BATCHNORM_RUNS, else `.runs` in the repository."""
    chosen = store or os.environ.get("BATCHNORM_RUNS")
    return Path(chosen).expanduser() if chosen else REPOSITORY / ".runs"


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
    progress: bool = True,
) -> list[dict]:
    """The records of all trials, in their order. Missing ones are computed, seeds of equal settings side by side.

    Raises DataError or RunError with what to do; finished records stay.
    """
    device, folder = resolve_device(device), runs_root(store)
    commit()  # read now: what runs is the code as it is at the start
    records = {trial: record for trial in trials if (record := read_record(trial, folder))}
    groups = defaultdict(list)
    for trial in trials:
        if trial not in records:
            groups[replace(trial, seed=0)].append(trial)
    bar_options = {"initial": len(records), "bar_format": BAR, "miniters": 0, "mininterval": 0.2, "disable": not progress}
    with tqdm(total=len(trials), **bar_options) as bar:
        for group in groups.values():
            for trial, record in zip(group, _compute(group, device, data_root, bar), strict=True):
                write_record(trial, record, folder)
                records[trial] = record
    return [records[trial] for trial in trials]


BAR = "{percentage:3.0f}% |{bar}| {n:.1f} of {total} trials, {elapsed} gone, {remaining} left{postfix}"


def _compute(group: list[Trial], device: torch.device, data_root: str | Path | None, bar: tqdm) -> list[dict]:
    """Train and evaluate trials that differ in their seed alone."""
    trial, seeds = group[0], [trial.seed for trial in group]
    training_set = data.load(trial.dataset, "train", data_root, device)
    names = dict.fromkeys(evaluation.dataset for evaluation in trial.evaluations)
    test_sets = {name: data.load(name or trial.dataset, "test", data_root, device) for name in names}
    networks = [build(trial, training_set) for trial in group]
    half = len(group) / 2  # the bar counts training and evaluation as half a trial each

    def on_epoch(epoch, losses):
        bar.set_postfix_str(f"{describe(trial)}: epoch {epoch} of {trial.epochs}, loss {losses.mean():.3f}", refresh=False)
        bar.update(half / trial.epochs)

    started = time.perf_counter()
    diverged_at = fit(
        networks,
        training_set,
        seeds=seeds,
        image_size=trial.image_size,
        epochs=trial.epochs,
        batch_size=trial.batch_size,
        lr=trial.lr,
        momentum=trial.momentum,
        weight_decay=trial.weight_decay,
        on_epoch=on_epoch,
    )
    trained = time.perf_counter()
    metrics = [{} for _ in group]
    for name, test_set in test_sets.items():
        chosen = [evaluation for evaluation in trial.evaluations if evaluation.dataset == name]
        for network, seed, found in zip(networks, seeds, metrics, strict=True):

            def on_batch(fraction, label, seed=seed):
                bar.set_postfix_str(f"{describe(trial)}: seed {seed}, {label} {fraction:.0%}", refresh=False)
                bar.update(0)

            found |= evaluate(network, test_set, chosen, seed=seed, image_size=trial.image_size, on_batch=on_batch)
            bar.update(0.5 / len(test_sets))
    for s, found in enumerate(metrics):
        if diverged_at[s] is None and not all(math.isfinite(result["loss"]) for result in found.values()):
            diverged_at[s] = trial.epochs  # in its last steps, after the last finite training loss
    evaluated = time.perf_counter()
    provenance = {
        "library": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device_name(device),
        "precision": "fp32",
        "threads": torch.get_num_threads(),
        "stacked": len(group),
        "train_seconds": round((trained - started) / len(group), 2),
        "evaluate_seconds": round((evaluated - trained) / len(group), 2),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {"train": training_set.sha256} | {s.name: s.sha256 for s in test_sets.values()},
    }
    return [
        {
            "trial": trial.settings,
            "seed": trial.seed,
            "metrics": {} if epoch else result,
            "diverged_at": epoch,
            "provenance": provenance,
        }
        for trial, result, epoch in zip(group, metrics, diverged_at, strict=True)
    ]


def build(trial: Trial, training_set: data.Dataset) -> torch.nn.Sequential:
    """The freshly initialised network of a trial."""
    channels = training_set.images.shape[1]
    inputs, classes = channels * trial.image_size**2, training_set.num_classes
    if trial.hidden:
        network = models.mlp(inputs, trial.hidden, classes, trial.norm)
    else:
        network = models.linear(inputs, classes)
    network = models.initialize(network, trial.init, data.generator(trial.seed, "init"))
    return network.to(training_set.images.device)


def describe(trial: Trial) -> str:
    """A few words for the progress bar."""
    parts = ["MLP" if trial.hidden else "linear", f"{trial.image_size} px", trial.init if trial.init != "default" else ""]
    parts += ["batch norm" if trial.norm else "", f"λ={trial.weight_decay:g}" if trial.weight_decay else ""]
    return " ".join(filter(None, parts))


def write_record(trial: Trial, record: dict, folder: Path) -> None:
    """Write `<folder>/<trial id>.json` in one piece: a reader sees all of it or nothing, whenever the writer dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record | {"checksum": _checksum(record)}, indent=1, allow_nan=False)
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".", suffix=".part", delete=False) as part:
            try:
                part.write(text)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, folder / f"{trial.id}.json")
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RunError(
            f"the record of seed {trial.seed} ({describe(trial)}) could not be written to {folder}: {error}. "
            "All records finished before are kept there. Free some space, or choose another folder with "
            "BATCHNORM_RUNS, and run again: only what is missing is computed."
        ) from error


def read_record(trial: Trial, folder: Path) -> dict | None:
    """The finished record of a trial, or None. A damaged one is reported with a warning and counts as missing."""
    path = folder / f"{trial.id}.json"
    try:
        record = json.loads(path.read_text())
        checksum = record.pop("checksum")
        if checksum != _checksum(record) or record["trial"] != trial.settings:
            raise ValueError("its contents do not match its checksum or its name")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} is not readable ({error}); another folder for records: BATCHNORM_RUNS") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        warnings.warn(f"the record {path} is damaged ({error}); the trial is computed again", stacklevel=2)
        return None
    return record


def _checksum(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def publish(experiment: str, scale: str, store: str | Path | None = None) -> tuple[Path, int, int]:
    """Write the finished records of an experiment to `book/records/<scale>/<experiment>.jsonl`, one trial a line.

    Trials published before, perhaps from another machine, stay unless they are in the store.
    Returns the path, how many trials are published and how many are missing. Raises RunError when none is finished.
    """
    trials, folder = EXPERIMENTS[experiment](scale), runs_root(store)
    before = {json.dumps(record["trial"], sort_keys=True): record for record in published(experiment, scale)}
    records = []
    for trial in trials:
        record = read_record(trial, folder) or before.get(json.dumps(trial.settings, sort_keys=True))
        if record:
            records.append({"experiment": experiment, "scale": scale} | record)
    if not records:
        raise RunError(f"no trial of {experiment} at the {scale} scale is finished in {folder}; run it first")
    path = PUBLISHED / scale / f"{experiment}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path, len(records), len(trials) - len(records)


def published(experiment: str, scale: str) -> list[dict]:
    """The published records of an experiment at a scale, empty when there are none."""
    path = PUBLISHED / scale / f"{experiment}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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
