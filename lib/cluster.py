"""Tasks on Dask: on worker processes of this machine, or on the workers of a Dask scheduler.

Workers of this machine, their scheduler and its dashboard listen on the loopback interface only. Certificates and keys for
`tls://` come from Dask's own settings, `distributed.comm.tls`.
"""

import asyncio
import logging
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TypeVar

import click
import dask
import torch
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, Nanny, Scheduler, Security, SpecCluster, as_completed, get_worker

from lib import provenance
from lib.errors import UserError

Group, Result = TypeVar("Group"), TypeVar("Result")

PATTERN = r"^(local:[1-9][0-9]*|(tcp|tls)://([^\s/:]+|\[[^\s/]+\]):[0-9]+)?$"
ALLOWED = "empty (this process), local:N (N worker processes), tcp://host:port or tls://host:port (a Dask scheduler)"
LOOPBACK = "127.0.0.1"
TIMEOUT = 10  # seconds to reach a scheduler
QUIET = logging.CRITICAL  # Dask's own words: what fails is raised here as well
PATIENCE = 1  # seconds until a worker that is told to stop is killed
KEPT = "what is finished is kept, and a run goes on with the rest"


class ClusterError(UserError):
    """The cluster cannot be used; what was finished before is kept."""


def check(scheduler: str) -> str:
    """`scheduler` as it is. Raises ClusterError unless it is "", local:N with N from 1, or a tcp:// or tls:// address."""
    if not re.fullmatch(PATTERN, scheduler):
        raise ClusterError(f"scheduler={scheduler!r} is not possible; allowed: {ALLOWED}")
    return scheduler


@contextmanager
def connect(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler; for local:N, of N worker processes that live as long as the context.

    Raises ClusterError when the scheduler cannot be reached, or it or a worker has other code than this process.
    """
    if check(scheduler).startswith("local:"):
        with _local_cluster(int(scheduler.removeprefix("local:"))) as cluster, _client(cluster) as client:
            yield client
    else:
        if scheduler.startswith("tls:") and not Security().get_connection_args("client")["ssl_context"]:
            raise ClusterError(f"{scheduler} needs certificates: set ca-file and client.cert of Dask's distributed.comm.tls")
        with _client(scheduler) as client:
            if not client.scheduler_info()["workers"]:
                click.echo(f"{scheduler} has no workers yet; the trials wait for them.")
            yield client


def compute(
    client: Client, task: Callable[[Group], Result], groups: Iterable[Group], timeout: float | None = None
) -> Iterator[tuple[Group, Result]]:
    """Each group with `task(group)`, in the order in which they finish; `task` must be picklable.

    The task of a worker that dies runs again on another. Ends after `timeout` seconds with what is done. Raises what a task
    raises, after all that finished before, and ClusterError when the scheduler is lost or the workers of one task die
    again and again.
    """
    code = _code()
    groups = {client.submit(_run, task, group, code, pure=False): group for group in groups}
    try:
        for batch in as_completed(list(groups), loop=client.loop, timeout=timeout).batches():
            for future in sorted(batch, key=lambda future: future.status != "finished"):
                result = future.result()
                future.release()  # else the death of the worker that holds the result would have it computed again
                yield groups.pop(future), result
    except TimeoutError:
        return
    except (CancelledError, OSError) as error:
        if future.status == "error":
            raise  # the task's own
        raise ClusterError(f"the scheduler {client.scheduler.address} was lost. Start it again; {KEPT}") from error
    except KilledWorker as error:
        raise ClusterError(f"{error} Perhaps a worker has too little memory; {KEPT}") from error
    finally:
        client.cancel(list(groups))


@contextmanager
def _client(target: str | SpecCluster) -> Iterator[Client]:
    logging.getLogger("distributed.client").setLevel(QUIET)
    try:
        client = Client(target, timeout=TIMEOUT, set_as_default=False)
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler answers at {target}: {error}. Is it running, is the address right, may this machine reach it, "
            "and for tls:// are the certificates of one authority?"
        ) from error
    with client:
        for who, code in _codes(client).items():
            if code != _code():
                raise _other_code(who, code, _code())
        click.echo(f"Dask dashboard: {client.dashboard_link}")
        yield client


@contextmanager
def _local_cluster(size: int) -> Iterator[SpecCluster]:
    """Worker processes, each with its share of the cores and of the GPUs."""
    options = {"host": LOOPBACK, "nthreads": 1, "memory_limit": 0, "silence_logs": QUIET}  # 0 is no limit
    gpus = _gpus()
    environments = [{"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {} for i in range(size)]
    workers = {i: {"cls": Nanny, "options": options | {"env": env}} for i, env in enumerate(environments)}
    protocol = "tls" if Security().require_encryption else "tcp"
    options = {"host": LOOPBACK, "port": 0, "protocol": protocol, "dashboard_address": f"{LOOPBACK}:0"}
    scheduler = {"cls": Scheduler, "options": options}
    # PyTorch reads these when it is imported, which in a new process may be before `env` is applied. So Dask sets them in
    # this process, for the workers to inherit, unless the user has set them. It leaves them there; we do not.
    share = os.environ.get("OMP_NUM_THREADS") or max(1, CPU_COUNT // size)
    threads = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS"], share)
    left = {*threads, "PYTHONHASHSEED"} - set(os.environ)
    # Ctrl-C is for this process alone, which stops the others: they inherit that the signal is blocked, as does the thread
    # that starts them. It waits until they have started, or have stopped.
    resource_tracker.ensure_running()  # which else would let it through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ": threads}),
            SpecCluster(workers, scheduler, silence_logs=QUIET) as cluster,
        ):
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                yield cluster
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                cluster.sync(_stop_workers, cluster)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for name in left:
            os.environ.pop(name, None)


async def _stop_workers(cluster: SpecCluster) -> None:
    """At once: what is still computed is not waited for any more, as the cluster itself would do."""
    await asyncio.gather(*(nanny.close(timeout=PATIENCE) for nanny in cluster.workers.values()), return_exceptions=True)


def _gpus() -> list[str]:
    """The GPUs that this process sees, by their names in CUDA_VISIBLE_DEVICES."""
    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return names.split(",")[:count]


def _code() -> str:
    return provenance.code()  # looked up where it runs: workers get this function by its name


def _codes(client: Client) -> dict[str, object]:
    """The code, or the error instead of it, of the workers and of the scheduler, through which the tasks pass."""
    try:
        return client.run(_code, on_error="return") | {"the scheduler": client.run_on_scheduler(_code)}
    except ImportError as error:
        return {"the scheduler": error}


def _run(task: Callable[[Group], Result], group: Group, code: str) -> Result:
    """On a worker; it may have joined after the client compared the code."""
    if _code() != code:
        raise _other_code(get_worker().address, _code(), code)
    return task(group)


def _other_code(who: str, theirs: object, ours: str) -> ClusterError:
    return ClusterError(
        f"{who} has other code than this process: {theirs} instead of {ours}. Records of two versions must not mix in a run: "
        "check out the same commit there and start it again, in the root of the repository"
    )
