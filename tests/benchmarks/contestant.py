"""`python -m tests.benchmarks.contestant WORK WHO DEVICE`: runs once for each line it reads; prints the seconds."""

import contextlib
import os
import sys

import torch

from tests.benchmarks import attacks, corruptions, training
from tests.benchmarks.timing import prepare, seconds


def main(work: str, who: str, device: str) -> None:
    where = torch.device(device)
    prepare(where)
    run = (attacks.WORKS | training.WORKS | corruptions.WORKS)[work](where).contestants[who]
    for _ in sys.stdin:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # libraries may print
            taken = seconds(run, where)
        print(taken, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
