"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_piece(path: Path) -> Iterator[Path]:
    """Gives a path beside it to write to, which then takes its name: a reader sees all of the file or what was there before,
    whenever the writer dies.

    The name to write to is of this call alone, on whatever machines others write into the same folder. Raises OSError where it cannot
    be written; then, and after any other error, nothing is left of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
