"""Every experiment of the book by its name: what it consists of, and its records published with the book."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from lib import store
from lib.activations import experiments as activations
from lib.batch_norm import experiments as batch_norm
from lib.common_corruptions import experiments as common_corruptions
from lib.depth import experiments as depth
from lib.empirical_results import experiments as empirical_results
from lib.fixup import experiments as fixup
from lib.imagenet import experiments as imagenet
from lib.input_dimension import experiments as input_dimension
from lib.measurements import Measurement
from lib.runs import resolve_device
from lib.spheres import experiments as spheres
from lib.trials import SCALES, Seeds

EXPERIMENTS = {  # those of trials: the function that lists them at a scale
    **empirical_results.EXPERIMENTS,
    **fixup.EXPERIMENTS,
    **imagenet.EXPERIMENTS,
    **depth.EXPERIMENTS,
    **input_dimension.EXPERIMENTS,
    **common_corruptions.EXPERIMENTS,
}
MEASURED: dict[str, dict[str, Measurement]] = {  # those that measure something else, by scale
    scale: {
        measurement.name: measurement
        for chapter in (batch_norm, spheres, activations)
        for measurement in chapter.experiments(scale)
    }
    for scale in SCALES
}
NAMES = (*EXPERIMENTS, *MEASURED["paper"])


def planned(experiment: str, scale: str, seeds: Seeds | None = None) -> Sequence[store.Computed]:
    """What the experiment consists of: as many seeds as the scale has, or these. Empty where the scale has none of it."""
    if experiment in EXPERIMENTS:
        return EXPERIMENTS[experiment](scale, seeds)
    return MEASURED[scale][experiment].pieces(seeds)


def device_of(experiment: str, scale: str) -> torch.device:
    """What it is computed on here where nothing else is asked for."""
    return resolve_device() if experiment in EXPERIMENTS else MEASURED[scale][experiment].device()


def publish(experiment: str, scale: str, folder: str | Path | None = None) -> tuple[Path, int, int]:
    """Write the finished records of an experiment to `book/records/<scale>/<experiment>.jsonl`, one a line.

    Those of seeds beyond the scale's own too, and the frames that lie beside one, as `.npz`. `folder` is the
    run store, as in `store.runs_root`. What was published before, perhaps from another machine, stays unless it is in the store.
    Returns the path, how many records are published and how many are missing. Raises RunError when there is none.
    """
    folder, plan = store.runs_root(folder), planned(experiment, scale)
    own = [each.settings for each in plan]
    kinds = list(dict.fromkeys(map(store.kind, own)))
    records = {store.key(record["trial"]): record for record in store.published(experiment, scale)}
    for path in folder.glob("*.json"):
        if record := store.read_record(path):
            records[store.key(record["trial"])] = {"experiment": experiment, "scale": scale} | record
    # Those whose settings the experiment does not have, or no longer, are not of it.
    chosen = {name: record for name, record in records.items() if store.kind(record["trial"]) in kinds}
    if not chosen:
        raise store.RunError(f"nothing of {experiment} at the {scale} scale is finished in {folder}; run it first")
    seed_and_kind = {name: (record["seed"], kinds.index(store.kind(record["trial"]))) for name, record in chosen.items()}
    order = dict.fromkeys([*map(store.key, own), *sorted(chosen, key=seed_and_kind.get)])
    path, missing = store.PUBLISHED / scale / f"{experiment}.jsonl", sum(store.key(settings) not in chosen for settings in own)
    for each in plan:
        if (frames := store.record_path(each, folder).with_suffix(".npz")).exists():
            store.write_in_one_piece(path.with_suffix(".npz"), frames.read_bytes())
    lines = [json.dumps(chosen[name]) + "\n" for name in order if name in chosen]
    store.write_in_one_piece(path, "".join(lines).encode())
    return path, len(lines), missing
