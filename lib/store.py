"""The run store: one JSON record a trial, and the records published with the book.

The folder of the records is one setting: the argument `store`, else the environment variable `BATCHNORM_RUNS`, else
`.runs` in the repository.
"""

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

from lib.experiments import EXPERIMENTS
from lib.trials import Trial

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED = REPOSITORY / "book" / "records"


class RunError(RuntimeError):
    """A run cannot go on; what was finished before is kept."""


def runs_root(store: str | Path | None = None) -> Path:
    """The folder of the records: `store`, else $BATCHNORM_RUNS, else `.runs` in the repository."""
    chosen = store or os.environ.get("BATCHNORM_RUNS")
    return Path(chosen).expanduser() if chosen else REPOSITORY / ".runs"


def write_in_one_piece(path: Path, contents: bytes) -> None:
    """A reader sees all of the file or what was there before, whenever the writer dies. Raises RunError with what to do."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".part", delete=False) as part:
            try:
                part.write(contents)
                part.flush()
                os.fsync(part.fileno())
                os.chmod(part.name, 0o666 & ~_umask())  # as any other file of this user, for those who share the folder
                os.replace(part.name, path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error}. All records finished before are kept. Free some space, or choose "
            "another folder with BATCHNORM_RUNS, and run again: only what is missing is computed."
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_record(trial: Trial, record: dict, folder: Path, path: Path | None = None) -> None:
    """Write `<folder>/<trial id>.json`, or to `path`. Raises RunError where that is impossible."""
    text = json.dumps(record | {"checksum": _checksum(record)}, indent=1, allow_nan=False)
    write_in_one_piece(path or folder / f"{trial.id}.json", text.encode())


def read_record(trial: Trial, folder: Path, path: Path | None = None) -> dict | None:
    """The finished record of a trial, or None; or what `path` holds. A damaged one is reported and counts as missing."""
    path = path or folder / f"{trial.id}.json"
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
    path, missing = PUBLISHED / scale / f"{experiment}.jsonl", len(trials) - len(records)
    known, kinds = [trial.settings for trial in trials], [_kind(trial.settings) for trial in trials]
    # Of seeds beyond the scale's own. Those whose settings the experiment no longer has are dropped.
    records += [r for r in before.values() if r["trial"] not in known and _kind(r["trial"]) in kinds]
    write_in_one_piece(path, "".join(json.dumps(record) + "\n" for record in records).encode())
    return path, len(records), missing


def _kind(settings: dict) -> dict:
    """The settings of a trial that do not depend on its seed."""
    return {name: value for name, value in settings.items() if name not in ("seed", "targets")}


def published(experiment: str, scale: str) -> list[dict]:
    """The published records of an experiment at a scale, empty when there are none."""
    path = PUBLISHED / scale / f"{experiment}.jsonl"
    try:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); restore it with `git checkout` and publish again") from error
