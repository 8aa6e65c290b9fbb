"""Workers die, schedulers vanish, tasks fail: every result arrives once, or an error says what to do."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest
import torch
from distributed import LocalCluster

from lib import cluster, data, provenance, runs
from lib.cluster import ClusterError
from lib.evaluate import Evaluation
from lib.store import REPOSITORY
from lib.trials import Trial, over_seeds


@pytest.fixture(scope="module")
def client():
    """Two workers on a machine that seems to have two GPUs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS":
            patch.delenv(name, raising=False)
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        with cluster.connect("local:2") as client:
            yield client
        assert not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & set(os.environ)


def wait_until(condition):
    """What `condition` returns once it is true; an error after a minute."""
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def work(folder, group):
    """Leaves a file for each time it is run. A group that is a word waits for the file `go`; "wrong" is an error then."""
    (folder / f"{group} {os.getpid()} {time.monotonic_ns()}").touch()
    if isinstance(group, str):
        wait_until((folder / "go").exists)
    if group == "wrong":
        raise data.DataError("no such data")
    return group, os.getpid()


def processes(folder, group):
    """Those that were given the group, one for each time."""
    return [int(path.name.split()[1]) for path in folder.glob(f"{group} *")]


def die(group):
    os.kill(os.getpid(), signal.SIGKILL)


# --- Schedulers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["", "local:1", "local:16", "tcp://10.0.0.1:8786", "tls://head:8786", "tcp://[::1]:1"])
def test_schedulers(scheduler):
    assert cluster.check(scheduler) == scheduler


@pytest.mark.parametrize(
    "scheduler",
    ["local", "local:0", "local:-1", "local:two", "8", "head:8786", "http://head:8786", "tcp://head", "tcp://::1:1"],
)
def test_other_schedulers_are_refused(scheduler):
    with pytest.raises(ClusterError, match=rf"scheduler='{scheduler}'.*empty.*local:N.*tcp://host:port.*tls://host:port"):
        cluster.check(scheduler)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.5)
    message = r"no Dask scheduler answers at tcp://127.0.0.1:1:.*Is it running"
    with pytest.raises(ClusterError, match=message), cluster.connect("tcp://127.0.0.1:1"):
        pass


def test_tls_needs_certificates():
    message = "tls://127.0.0.1:1 needs certificates.*ca-file.*distributed.comm.tls"
    with pytest.raises(ClusterError, match=message), cluster.connect("tls://127.0.0.1:1"):
        pass


def test_a_scheduler_without_workers_is_waited_for(capsys):
    with (
        LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as scheduler,
        cluster.connect(scheduler.scheduler_address) as client,
    ):
        assert "Dask dashboard: http://127.0.0.1" in (printed := capsys.readouterr().out)
        assert "has no workers yet" in printed
        scheduler.scale(1)
        assert list(cluster.compute(client, abs, [-1])) == [(-1, 1)]


def test_a_lost_scheduler_is_an_error_soon(tmp_path):
    file = tmp_path / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file]
    with subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", *options], cwd=REPOSITORY) as scheduler:
        try:
            wait_until(file.exists)
            address = wait_until(lambda: file.read_text().partition('"address": "')[2].partition('"')[0])
            with cluster.connect(address) as client:

                def kill():
                    wait_until(lambda: client.futures)
                    scheduler.kill()

                threading.Thread(target=kill).start()
                started = time.monotonic()
                with pytest.raises(ClusterError, match=f"the scheduler {address} was lost.*Start it again.*finished is kept"):
                    list(cluster.compute(client, abs, [-1, -2]))
            assert time.monotonic() - started < 2 * cluster.TIMEOUT
        finally:
            scheduler.kill()


# --- Workers ---------------------------------------------------------------------------------------------------------


def test_a_killed_worker_loses_nothing_and_nothing_finished_is_computed_again(client, tmp_path):
    """After four results the last two tasks wait, and a worker with one of them, which finished others before, is killed."""
    groups, results = [0, 1, 2, 3, "left", "right"], {}
    for group, result in cluster.compute(client, partial(work, tmp_path), groups):
        results[group] = result
        if len(results) == 4:
            waiting = wait_until(lambda: processes(tmp_path, "left") + processes(tmp_path, "right"))
            assert waiting[0] in {process for _, process in results.values()}
            os.kill(waiting[0], signal.SIGKILL)
            (tmp_path / "go").touch()
    assert {group: found for group, (found, _) in results.items()} == {group: group for group in groups}
    times = {group: len(processes(tmp_path, group)) for group in groups}
    assert [times[group] for group in range(4)] == [1] * 4 and sorted([times["left"], times["right"]]) == [1, 2]


def test_a_task_whose_workers_die_again_and_again_is_an_error(client, monkeypatch):
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(ClusterError, match="(?s)died.*memory.*finished is kept"):
        list(cluster.compute(client, die, [0]))


def test_every_worker_has_its_share_also_after_a_restart(client):
    client.wait_for_workers(2, timeout=60)
    environments = client.run(lambda: {**os.environ, "threads": torch.get_num_threads()}).values()
    share = max(1, cluster.CPU_COUNT // 2)
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {str(share)}
    assert {environment["threads"] for environment in environments} == {share}
    assert sorted(environment["CUDA_VISIBLE_DEVICES"] for environment in environments) == ["0", "1"]


def test_nothing_listens_but_on_the_loopback_interface(client):
    sockets = [socket for p in (psutil.Process(), *psutil.Process().children(recursive=True)) for socket in p.net_connections()]
    listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_gpus_are_those_that_are_visible(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert cluster._gpus() == ["3", "5"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cluster._gpus() == ["0", "1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert cluster._gpus() == []


def test_an_error_of_a_task_comes_as_itself_after_what_was_finished(client, tmp_path):
    finished = []
    with pytest.raises(data.DataError, match="no such data"):
        for group, _ in cluster.compute(client, partial(work, tmp_path), ["wrong", 1, 2]):
            finished.append(group)
            if len(finished) == 2:
                (tmp_path / "go").touch()
    assert finished == [1, 2] and not client.futures


def test_workers_with_other_code_are_refused(client, monkeypatch):
    monkeypatch.setattr(provenance, "code", lambda: "another")
    message = "tcp://127.* has other code.*instead of another.*check out the same commit"
    with pytest.raises(ClusterError, match=message), cluster.connect(client.scheduler.address):
        pass
    with pytest.raises(ClusterError, match="tcp://127.* has other code"):  # of a worker that joined later
        list(cluster.compute(client, abs, [-1]))


def test_a_task_that_nobody_waits_for_is_stopped_with_its_worker(tmp_path):
    with cluster.connect("local:1") as client:
        task = client.submit(work, tmp_path, "long")
        (process,) = wait_until(lambda: processes(tmp_path, "long"))
    assert task.cancelled() and not psutil.pid_exists(process)


def test_ctrl_c_ends_a_run_and_its_workers_with_one_sentence(tmp_path):
    command = [sys.executable, "-m", "lib", "run", "table-06-he", "--scheduler", "local:1"]
    pipe, environment = subprocess.PIPE, os.environ | {"BATCHNORM_RUNS": str(tmp_path)}
    options = {"cwd": REPOSITORY, "env": environment, "stdout": pipe, "stderr": subprocess.STDOUT, "text": True}
    # Where the tests themselves run in the background, the signal may be ignored, which a new process would inherit.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, start_new_session=True, preexec_fn=heard, **options) as run:
        first = run.stdout.readline()
        workers = psutil.Process(run.pid).children(recursive=True)
        os.killpg(run.pid, signal.SIGINT)
        rest = run.stdout.read()
    assert first.startswith("Dask dashboard") and run.returncode == 130
    (said,) = [line for line in rest.splitlines() if line and "of 6 trials, " not in line]
    assert said == f"Stopped: Ctrl-C. 0 of 6 trials are finished, in {tmp_path}; the same command goes on."
    assert workers and not psutil.wait_procs(workers, timeout=10)[1]


# --- Trials ----------------------------------------------------------------------------------------------------------


def test_trials_on_a_worker_that_is_killed_have_the_same_metrics(client, tmp_path):
    (tmp_path / "few").mkdir()
    for split, every in ("train", 41), ("test", 21):
        digits = data.load("mnist-5k", split)
        np.save(tmp_path / "few" / f"{split}-images.npy", digits.images[::every, 0].numpy())
        np.save(tmp_path / "few" / f"{split}-labels.npy", digits.labels[::every].numpy().astype(np.uint8))
    few = Trial("few", 28, (Evaluation(), Evaluation("fgsm", epsilon=0.1)), hidden=(8,), epochs=20, batch_size=10)
    trials = over_seeds([few, replace(few, norm="batch")], 2)
    options = {"device": "cpu", "data_root": tmp_path, "progress": False}
    expected = runs.run(trials, store=tmp_path / "here", **options)
    pids = client.run(os.getpid)
    scheduler = client.cluster.scheduler

    def deaths():
        return sum(prefix.suspicious for prefix in scheduler.task_prefixes.values())

    def kill():
        wait_until(lambda: all(worker.processing for worker in scheduler.workers.values()))
        os.kill(pids[next(iter(scheduler.workers))], signal.SIGKILL)

    deaths_before = deaths()
    threading.Thread(target=kill).start()
    records = runs.run(trials, store=tmp_path / "there", scheduler=scheduler.address, **options)
    assert deaths() > deaths_before
    for there, here in zip(records, expected, strict=True):
        assert there["trial"] == here["trial"] and there["seed"] == here["seed"]
        for label, metrics in here["metrics"].items():
            assert there["metrics"][label] == pytest.approx(metrics, rel=1e-4)


def test_without_time_no_workers_are_started(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_local_cluster", lambda size: pytest.fail("workers are started"))
    trials = over_seeds([Trial("mnist-5k", 28, (Evaluation(),), epochs=1)], 2)
    with pytest.raises(runs.OutOfTime, match="0 of 2 trials"):
        runs.run(trials, store=tmp_path, scheduler="local:1", budget=1, progress=False)
