"""Peak memory of an evaluation: of 10,000 images, against that of one batch of them. On a CPU for Linux only.

`python -m tests.benchmarks.memory N DEVICE` attacks the first N of the images and prints the peak in MiB: of its process on
a CPU, of the tensors on a GPU.
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
from tests.benchmarks.timing import RUNS, Result, against, prepare

IMAGES, BATCH_SIZE = 10_000, 1_000
WIDTH = 0.25
STEPS = 2
GOAL = 1.2


def bim(work: str, device: torch.device) -> Result:
    """Fresh processes that hold the same 10,000 images and evaluate all of them or one batch."""
    peaks: dict[int, list[float]] = {IMAGES: [], BATCH_SIZE: []}
    for _ in range(RUNS):
        for images, found in peaks.items():
            command = [sys.executable, "-m", __name__, str(images), str(device)]
            found.append(float(subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout))
    ours, one_batch = map(statistics.median, peaks.values())
    ratio = ours / one_batch
    settings = f"l-inf, {STEPS} steps, VGG8-BN of {WIDTH:g} width, 3x32x32, batches of {BATCH_SIZE}; the ratio is ours / theirs"
    goal, met = against(f"≤ {GOAL:g}", ratio <= GOAL, device)
    both = (ours, one_batch, "MiB", RUNS, "fp32", settings)
    return Result(work, "one-batch", str(device), ratio, goal, met, *both)


def evaluate_first(images: int, device: torch.device) -> None:
    """Attack the first `images` of all images, which are there in any case."""
    test, network = inputs.dataset(IMAGES, inputs.CIFAR, device), inputs.network("vgg8", "batch", device, width=WIDTH)
    attack = Evaluation("bim", epsilon=0.03, steps=STEPS, step_size=0.03 / STEPS, first=images)
    evaluate(network, test, [attack], seed=0, image_size=32, batch_size=BATCH_SIZE)


def peak(device: torch.device) -> float:
    """The most that this process has held so far, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    # Not ru_maxrss: Linux carries the parent's peak over into the child.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


if __name__ == "__main__":
    device = torch.device(sys.argv[2])
    prepare(device)
    evaluate_first(int(sys.argv[1]), device)
    print(peak(device))
