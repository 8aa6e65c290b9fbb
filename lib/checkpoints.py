"""Long work that survives: its state in a single file, a limit on the time that may be used, and one process at a time."""

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lib.store import RunError, write_in_one_piece

EVERY = 300.0  # seconds between two checkpoints


class OutOfTime(RuntimeError):
    """The budget is spent; what was done so far is saved."""


class Budget:
    """Time that may be used: until `end`, in seconds as `time.time` counts them, which several machines share.

    `check`, called after every piece of work, raises OutOfTime as soon as another piece as long as the longest so far
    might not fit any more, so that the work stops before the time is over. `restart` is called before work of another kind: how
    long data were made and loaded, or a lock was waited for, says nothing of the pieces to come.
    """

    RESERVE = 3.0  # seconds to write a checkpoint and to leave

    def __init__(self, end: float = math.inf):
        self.end = end - self.RESERVE
        self.restart()

    def restart(self) -> None:
        self.checked, self.longest = time.time(), 0.0

    def check(self) -> None:
        """Raises OutOfTime, which is for the caller to catch where something is to be saved."""
        now = time.time()
        self.longest, self.checked = max(self.longest, now - self.checked), now
        if now + self.longest > self.end:
            raise OutOfTime("the time is over")


class Checkpoint:
    """A file from which an interrupted training or evaluation goes on: tensors as safetensors, all else as JSON in its header.

    It is written in one piece or not at all. One that is damaged is reported and ignored. One of other `code` is ignored:
    a result must not come from two versions of it.
    """

    def __init__(self, path: Path, code: str | None = None):
        self.path, self.code = path, code
        self.started = self.saved = time.monotonic()
        self.before = 0.0  # seconds of work before the interruptions

    @property
    def age(self) -> float:
        """Seconds of work that would be lost now."""
        return time.monotonic() - self.saved

    @property
    def seconds(self) -> float:
        """Seconds of work in all."""
        return self.before + time.monotonic() - self.started

    def save(self, tensors: dict[str, Tensor], state: dict) -> None:
        """Raises RunError where it cannot be written."""
        header = {"state": state | {"seconds": self.seconds}, "code": self.code}
        write_in_one_piece(self.path, save(tensors, {name: json.dumps(value) for name, value in header.items()}))
        self.saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """What was saved last, on the CPU, with the `seconds` it took, or None."""
        return self._read(lambda file: {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (it is not a dict)

    def seeds(self) -> list[int]:
        """The seeds whose training was saved last, from the header alone."""
        _, state = self._read(lambda file: None) or (None, {"seeds": []})
        return state["seeds"]

    def _read(self, tensors_of: Callable) -> tuple | None:
        try:
            with safe_open(self.path, "pt") as file:
                header = {name: json.loads(file.metadata()[name]) for name in ("state", "code")}
                tensors = tensors_of(file)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(f"the checkpoint {self.path} is damaged ({error}); its work starts anew", stacklevel=3)
            return None
        return (tensors, header["state"]) if header["code"] == self.code else None

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@contextmanager
def alone(path: Path, what: str, budget: Budget) -> Iterator[None]:
    """Whoever else is about the same work waits until it is done: another worker of a sweep, or another sweep.

    The lock, a file at `path`, goes with the process that holds it. Raises OutOfTime when the budget does not reach so far.
    """
    timeout = -1 if math.isinf(budget.end) else max(0.0, budget.end - time.time())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=timeout)
        lock.acquire()
    except Timeout:
        raise OutOfTime(f"the time is over while another process trains {what}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error}); another folder for records: BATCHNORM_RUNS") from error
    try:
        yield
    finally:
        lock.release()
