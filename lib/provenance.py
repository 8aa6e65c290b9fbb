"""Where a result comes from: code, versions, device, time."""

import functools
import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

from lib import __version__
from lib.store import REPOSITORY


def provenance(device: torch.device) -> dict:
    """What every result says of where it comes from, as JSON writes it."""
    return {
        "library": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@functools.cache
def code() -> str:
    """What identifies the code of `lib` as it is, committed or not: half a training by one version is not gone on by another."""
    files = sorted((REPOSITORY / "lib").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@functools.cache
def commit() -> str | None:
    """The project's commit, with "-dirty" when `lib` differs from it; None where the project is no repository of its own.

    A copy of it inside another repository has no commit: that of the other says nothing about it.
    """
    git = functools.partial(subprocess.run, cwd=REPOSITORY, capture_output=True, text=True)
    try:
        found = git(["git", "rev-parse", "--show-toplevel", "HEAD"])
        changes = git(["git", "status", "--porcelain", "--", "lib"])
    except OSError:
        return None
    root, _, head = found.stdout.strip().partition("\n")
    if found.returncode != 0 or Path(root).resolve() != REPOSITORY:
        return None
    return head + ("-dirty" if changes.stdout else "")


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
