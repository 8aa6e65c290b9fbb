"""The C library keeps what a training or an attack has freed."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, torch

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB, beyond what glibc by itself ever keeps
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
by_default = faults()
{start}
faults()
print(by_default, faults())
"""
TRAIN = """
from lib import data, models, train
images, labels = torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
few = data.Dataset("few", "train", images, labels, mean=(0.0,), std=(1.0,), sha256="")
train.fit([models.linear(784)], few, seeds=[0], image_size=28, epochs=1, batch_size=2, lr=0.1)
"""
ATTACK = """
from lib import attacks
x, settings = torch.zeros(2, 3), {"epsilon": 0.1, "steps": 2, "step_size": 0.05}
attacks.bim(lambda x: x, x, torch.zeros(2, dtype=torch.int64), norm="linf", **settings)
"""
CORRUPT = """
from lib import corruptions
corruptions.corrupt(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "fog", 1)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
@pytest.mark.parametrize("start", (TRAIN, ATTACK, CORRUPT), ids=("train", "attack", "corrupt"))
def test_large_arrays_get_the_same_memory_again(start):
    """Measured as page faults, which the system counts: none is needed for memory that the process still has."""
    found = subprocess.run([sys.executable, "-c", COUNT.replace("{start}", start)], check=True, capture_output=True, text=True)
    by_default, kept = map(int, found.stdout.split())
    assert by_default > 20, "this system hands over more than 64 MiB at once, and the test measures nothing"
    assert kept < by_default / 20
