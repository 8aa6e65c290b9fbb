"""`python -m tests.benchmarks.contestant WORK WHO`: runs once for each line it reads and prints the seconds that took."""

import contextlib
import os
import sys

import torch

from tests.benchmarks import attacks, training
from tests.benchmarks.timing import THREADS, seconds


def main(work: str, who: str) -> None:
    torch.set_num_threads(THREADS)
    run = (attacks.WORKS | training.WORKS)[work]().contestants[who]
    for _ in sys.stdin:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # libraries may print
            taken = seconds(run)
        print(taken, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
