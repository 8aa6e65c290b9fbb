"""The run store: one JSON record a trial, or piece of a measurement, and the records published with the book.

The folder of the records is one setting: the argument `store`, else the environment variable `BATCHNORM_RUNS`, else
`.runs` in the repository.
"""

import hashlib
import json
import os
import socket
import warnings
from pathlib import Path
from typing import Protocol

from lib.errors import UserError
from lib.files import in_one_piece

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED = REPOSITORY / "book" / "records"


class Computed(Protocol):
    """What a record is of: a trial, or a piece of a measurement."""

    @property
    def id(self) -> str: ...

    @property
    def settings(self) -> dict: ...


class RunError(UserError):
    """A run cannot go on; what was finished before is kept."""


def runs_root(store: str | Path | None = None) -> Path:
    """The folder of the records: `store`, else $BATCHNORM_RUNS, else `.runs` in the repository."""
    chosen = store or os.environ.get("BATCHNORM_RUNS")
    return Path(chosen).expanduser() if chosen else REPOSITORY / ".runs"


def write_in_one_piece(path: Path, contents: bytes) -> None:
    """As `files.in_one_piece`. Raises RunError with what to do."""
    try:
        with in_one_piece(path) as part:
            part.write_bytes(contents)
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error}. All records finished before are kept. Make its folder writable or free "
            "some space, or choose another folder with BATCHNORM_RUNS, and run again: only what is missing is computed."
        ) from error


def check_writable(folder: Path) -> None:
    """Raises RunError where nothing can be written, before hours are spent on what could not be kept."""
    path = folder / f".{socket.gethostname()}-{os.getpid()}.probe"
    write_in_one_piece(path, bytes(2**16))  # as much as a large record: a full disk often has room for an empty file
    path.unlink()


def record_path(trial: Computed, folder: Path) -> Path:
    return folder / f"{trial.id}.json"


def write_record(record: dict, path: Path) -> None:
    """Write a record with its checksum. Raises RunError where that is impossible."""
    text = json.dumps(record | {"checksum": _checksum(record)}, indent=1, allow_nan=False)
    write_in_one_piece(path, text.encode())


def finished(trial: Computed, folder: Path) -> dict | None:
    """The finished record of a trial, or None. Raises RunError where it is not readable."""
    return read_record(record_path(trial, folder), trial)


def read_record(path: Path, trial: Computed | None = None) -> dict | None:
    """What `write_record` wrote, of any trial or of this one; None where there is none. A damaged one is reported and counts as none.

    Raises RunError where the file is there and not readable.
    """
    try:
        record = json.loads(path.read_text())
        checksum = record.pop("checksum")
        if checksum != _checksum(record) or trial and record["trial"] != trial.settings:
            raise ValueError("its contents do not match its checksum or its name")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} is not readable ({error}); another folder for records: BATCHNORM_RUNS") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        warnings.warn(f"the record {path} is damaged ({error}); it counts as missing until it is computed again", stacklevel=2)
        return None
    return record


def _checksum(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def key(settings: dict) -> str:
    """What tells the settings of one trial, as JSON has them, from those of another."""
    return json.dumps(settings, sort_keys=True)


def kind(settings: dict) -> str:
    """The same for trials that differ in their seed, and in those of their targets, alone."""
    return key(_without_seeds(settings))


def _without_seeds(settings: dict) -> dict:
    own = {name: value for name, value in settings.items() if name != "seed"}
    return own | ({"targets": [_without_seeds(target) for target in own["targets"]]} if "targets" in own else {})


def published(experiment: str, scale: str) -> list[dict]:
    """The published records of an experiment at a scale, empty when there are none. Raises RunError where they are damaged."""
    path = PUBLISHED / scale / f"{experiment}.jsonl"
    try:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    except ValueError as error:
        raise RunError(
            f"{path} is damaged ({error}); restore it with `git checkout`, or delete it, and publish again"
        ) from error
