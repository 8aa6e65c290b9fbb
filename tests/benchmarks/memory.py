"""Peak memory of an evaluation: of 10,000 images, against that of one batch of them. Linux only.

`python -m tests.benchmarks.memory N` attacks the first N of the images and prints the peak of its own process in MiB.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from lib.evaluate import Evaluation, evaluate
from lib.store import REPOSITORY
from tests.benchmarks import inputs
from tests.benchmarks.timing import THREADS, Result

IMAGES, BATCH_SIZE = 10_000, 1_000
WIDTH = 0.25
STEPS = 2
GOAL = 1.2
RUNS = 3  # the peak hardly varies


def bim(work: str) -> Result:
    """Fresh processes that hold the same 10,000 images and evaluate all of them or one batch."""
    peaks: dict[int, list[float]] = {IMAGES: [], BATCH_SIZE: []}
    for _ in range(RUNS):
        for images, found in peaks.items():
            command = [sys.executable, "-m", __name__, str(images)]
            found.append(float(subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout))
    ours, one_batch = map(statistics.median, peaks.values())
    ratio = ours / one_batch
    settings = f"l-inf, {STEPS} steps, VGG8-BN of {WIDTH:g} width, 3x32x32, batches of {BATCH_SIZE}; the ratio is ours / theirs"
    return Result(work, "one-batch", ratio, f"≤ {GOAL:g}", ratio <= GOAL, ours, one_batch, "MiB", RUNS, "fp32", settings)


def peak(images: int) -> float:
    """MiB of this process at its largest, after an evaluation of the first `images` of all images."""
    test = inputs.dataset(IMAGES, inputs.CIFAR)
    network = inputs.network("vgg8", "batch", width=WIDTH)
    attack = Evaluation("bim", epsilon=0.03, steps=STEPS, step_size=0.03 / STEPS)
    evaluate(network, inputs.first(test, images), [attack], seed=0, image_size=32, batch_size=BATCH_SIZE)
    # Not ru_maxrss: Linux carries the parent's peak over into the child.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    print(peak(int(sys.argv[1])))
