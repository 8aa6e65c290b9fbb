"""What things cost: the published benchmarks, and the seconds in the published records."""

import json

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from lib import store
from lib.experiments import EXPERIMENTS
from lib.report import Table
from lib.trials import SCALES

MET = {True: "met", False: "not met", None: "no goal"}  # a ratio that was aimed at, in words


def benchmarks() -> dict:
    """`machine`, `results` and `scaling` as the last full run of the benchmarks wrote them."""
    return json.loads((store.PUBLISHED / "benchmarks.json").read_text())


def ratios(name: str, caption: str, *, peers: tuple[str, ...], precision: str = "fp32") -> Table:
    """Ours, in one precision, against these peers: one row a work."""
    found, rows = benchmarks(), []
    for result in found["results"]:
        if result["peer"] in peers and result["precision"] == precision:
            both = " / ".join(f"{result[who]:.3g} {result['unit']}" for who in ("ours", "theirs"))
            rows.append(
                {
                    "work": f"`{result['work']}`: {result['settings']}",
                    "against": result["peer"],
                    "ratio": f"{result['ratio']:.2f}",
                    "ours / theirs": both,
                    "goal": MET[None] if result["met"] is None else f"{result['goal']}, {MET[result['met']]}",
                }
            )
    return Table(name, f"{caption} {precision}. {_machine(found['machine'])}", pd.DataFrame(rows))


def corruptions(name: str, caption: str) -> Table:
    """One row for each corruption, and one for all of them, with the peers beside each other."""
    found, rows = benchmarks(), {}
    for result in found["results"]:
        if result["peer"] in ("imagecorruptions", "per-image"):
            of_all = result["work"] == "corruptions"
            what = "all of them" if of_all else result["work"].removeprefix("corruptions-").replace("-", " ")
            row = rows.setdefault(what, {"corruption": what, "ours": f"{result['ours']:.3g} {result['unit']}"})
            goal = f"; {result['goal']}, {MET[result['met']]}" if of_all and result["met"] is not None else ""
            row[f"{result['peer']}: ratio"] = f"{result['ratio']:.1f} ({result['theirs']:.3g} {result['unit']}{goal})"
    return Table(name, f"{caption} {_machine(found['machine'])}", pd.DataFrame(list(rows.values())))


def _machine(machine: dict) -> str:
    packages = ("torch", "torchattacks", "foolbox", "adversarial-robustness-toolbox", "imagecorruptions")
    names = [f"{package} {machine[package]}" for package in packages]
    when = machine["date"].partition("T")[0]
    on = f"{machine['cpu']}, {machine['threads']} threads" if "threads" in machine else f"{machine['device']}, {machine['cpu']}"
    return f"Generated data, seed 0; {on}, {', '.join(names)}, {when}."


def growth() -> Figure:
    """Seconds against what they grow with, both on logarithmic axes, with the measured slopes."""
    found = benchmarks()["scaling"]
    names = list(dict.fromkeys(curve["axis"] for curve in found))
    figure, axes = plt.subplots(1, len(names), figsize=(12, 3.6), sharey=True, layout="constrained")
    for axis, name in zip(axes, names, strict=True):
        curves = [curve for curve in found if curve["axis"] == name]
        for curve, marker, line in zip(curves, "os^D", ("-", "--", ":", "-."), strict=False):
            label = f"{curve['work']}: slope {curve['slope']:.2f}"
            axis.loglog(curve["values"], curve["seconds"], marker=marker, linestyle=line, label=label)
        axis.set(xlabel=name)
        axis.grid(alpha=0.3)
        axis.set_xticks(curves[0]["values"], map(str, curves[0]["values"]))
        axis.minorticks_off()
        axis.legend(fontsize="x-small")
    axes[0].set_ylabel("seconds")
    plt.close(figure)
    return figure


def trials(name: str, caption: str) -> Table:
    """Mean seconds of a trial of each experiment, from its published records."""
    records = [
        {"experiment": experiment, "scale": scale} | record["provenance"]
        for experiment in EXPERIMENTS
        for scale in SCALES
        for record in store.published(experiment, scale)
    ]
    rows = []
    for what, found in pd.DataFrame(records).groupby(["experiment", "scale", "device", "threads", "precision"], sort=False):
        experiment, scale, device, threads, precision = what
        rows.append(
            {
                "experiment": experiment,
                "scale": scale,
                "trials": len(found),
                "training, s": f"{found['train_seconds'].mean():.0f}",
                "evaluation, s": f"{found['evaluate_seconds'].mean():.0f}",
                "device": f"{device}, {threads} used, {precision}",
            }
        )
    return Table(name, caption, pd.DataFrame(rows))
