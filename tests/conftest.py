"""Settings for every test, and, through the environment, for the kernels of the notebooks under nbval."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

# Set on import, before any kernel starts: no test reads or writes the user's finished trials.
os.environ["BATCHNORM_RUNS"] = tempfile.mkdtemp(prefix="batchnorm-runs-")
atexit.register(shutil.rmtree, os.environ["BATCHNORM_RUNS"], ignore_errors=True)

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of kernels and other processes too: see below

import matplotlib  # noqa: E402

matplotlib.use("Agg")

import torch  # noqa: E402

torch.set_num_threads(1)  # the tests' networks are too small for more, and threads wait for each other on a busy machine

settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
