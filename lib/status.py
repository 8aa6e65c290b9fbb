"""What of the reproduction is done, what is missing, and how long the rest will take."""

from datetime import timedelta
from pathlib import Path
from statistics import mean

import pandas as pd

from lib import origin
from lib.experiments import NAMES, device_of, planned
from lib.provenance import device_name
from lib.store import Computed, finished, key, kind, published, runs_root
from lib.trials import SCALES


def status(store: str | Path | None = None) -> pd.DataFrame:
    """One row for each experiment and scale: how many trials there are, finished, published and missing, and the time left.

    What is finished or published is not missing, though `run` computes anew what is published and not finished here.
    Of an experiment that measures something else, a trial is one seed with some settings. `time left` is that on this machine,
    one trial after another, as far as its finished records tell. Raises RunError where published records are damaged.
    """
    rows = []
    for experiment in NAMES:
        for scale in SCALES:
            trials, folder = planned(experiment, scale), runs_root(store)
            records = {trial.id: record for trial in trials if (record := finished(trial, folder))}
            shown = published(experiment, scale)
            known = {key(record["trial"]) for record in shown}
            unpublished = [trial for trial in trials if key(trial.settings) not in known]
            missing = [trial for trial in unpublished if trial.id not in records]
            device = device_name(device_of(experiment, scale))
            here = [r for r in (*records.values(), *shown) if r["provenance"]["device"] == device]
            rows.append(
                {
                    "experiment": experiment,
                    "scale": scale,
                    "trials": len(trials),
                    "finished here": len(records),
                    "published": len(trials) - len(unpublished),
                    "missing": len(missing),
                    "time left": _duration(_seconds(missing, here)),
                }
            )
    return pd.DataFrame(rows)


def _seconds(missing: list[Computed], records: list[dict]) -> float | None:
    """Expected seconds of the missing trials: each as its like took, or else as all did; None where nothing was run."""
    taken: dict[str, list[float]] = {}
    for record in records:
        taken.setdefault(kind(record["trial"]), []).append(origin.of_record(record)["seconds"])
    if missing and not taken:
        return None
    overall = mean(s for seconds in taken.values() for s in seconds) if taken else 0.0
    return sum(mean(taken.get(kind(trial.settings), [overall])) for trial in missing)


def _duration(seconds: float | None) -> str:
    return "unknown" if seconds is None else "–" if seconds == 0 else str(timedelta(seconds=round(seconds)))
