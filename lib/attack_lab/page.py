"""The attack lab as a piece of a page: two networks, some digits, and the scripts that attack them there."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from torch import nn

from lib import data, report, runs
from lib.attack_lab import breaking
from lib.attack_lab.export import dequantized, encode_all, quantize, text_of
from lib.evaluate import Evaluation, evaluate
from lib.input_dimension.experiments import table_06
from lib.provenance import provenance
from lib.report import NORMS

HERE = Path(__file__).parent
SCRIPTS = ("network.js", "attacks.js", "drawing.js", "page.js")
PER_CLASS = 5  # digits that the reader may attack


class AttackLab:
    """Two MLPs for 28x28 digits, by name "none" (of batch norm) and "batch", as the page has them.

    `networks` are the ones of the page, with int8 weights; `digits` those of the test set that the reader may attack, the
    first PER_CLASS of each class, class by class. `about` says what the networks are, for the captions of tables; `results` are
    their rows of a results frame, which fold out below.
    Raises ExportError where the networks do not fit into the page.
    """

    def __init__(self, trained: Mapping[str, nn.Sequential], test: data.Dataset, about: str, results: pd.DataFrame):
        layers = {name: quantize(network) for name, network in trained.items()}
        self.encoded = encode_all(layers)
        self.networks = {name: dequantized(found) for name, found in layers.items()}
        self.trained, self.test, self.about, self.results = trained, test, about, results
        self.digits = first_of_each_class(test, PER_CLASS)

    def accuracies(self, name: str, caption: str, evaluations: Mapping[str, Evaluation], first: int = 1000) -> report.Table:
        """Accuracies in percent by column title, of the networks as trained and as they lie in the page.

        On the `first` images of the test set.
        """
        evaluations = {title: replace(evaluation, first=first) for title, evaluation in evaluations.items()}
        rows = []
        for norm, label in NORMS.items():
            for kind, networks in (("as trained", self.trained), ("in the page, int8", self.networks)):
                found = evaluate(networks[norm], self.test, evaluations.values(), seed=0, image_size=28)
                shown = {title: f"{found[evaluation.label]['accuracy']:.1f}" for title, evaluation in evaluations.items()}
                rows.append({"network": label, "weights": kind} | shown)
        tested = f"The first {min(first, len(self.test)):,} test digits."
        return report.Table(name, f"{caption} {tested} {self.about}.", pd.DataFrame(rows), results=self.results)

    def first_to_break(self, name: str, caption: str, per_class: int = 20) -> report.Table:
        """Which network's `breaking_epsilons` are smaller, by number of test digits, with FGSM and its l2 form.

        Counted are those of the first `per_class` digits of each class that both networks get right.
        """
        digits = first_of_each_class(self.test, per_class)
        x, rows = data.normalize(digits.images, digits), []
        for norm, title in (("linf", "FGSM, l-inf"), ("l2", "one step, l2")):
            found = {
                n: breaking.breaking_epsilons(network, x, digits.labels, norm=norm, steps=1)
                for n, network in self.networks.items()
            }
            both = (found["none"] > 0) & (found["batch"] > 0)
            none, batch = found["none"][both], found["batch"][both]
            counts = {"batch norm breaks first": batch < none, "at the same epsilon": batch == none, "last": batch > none}
            rows.append(
                {"attack": title} | {name: int(which.sum()) for name, which in counts.items()} | {"digits": int(both.sum())}
            )
        return report.Table(name, f"{caption} {self.about}.", pd.DataFrame(rows), results=self.results)

    def html(self) -> str:
        contents = {
            "mean": self.digits.mean[0],
            "std": self.digits.std[0],
            "grids": breaking.GRIDS,
            "digits": {"labels": self.digits.labels.tolist(), "pixels": text_of(self.digits.images.cpu().numpy().tobytes())},
            "networks": self.encoded,
        }
        page = (HERE / "lab.html").read_text().replace("DATA", json.dumps(contents).replace("<", r"\u003c"))
        style = f"<style>\n{(HERE / 'lab.css').read_text()}</style>\n"
        return style + page + "".join(f"<script>\n{(HERE / name).read_text()}</script>\n" for name in SCRIPTS)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        plain = "The attack lab: two networks that the reader attacks, in a page with JavaScript."
        return {"text/html": self.html(), "text/plain": plain}


def from_table_06(scale: str, *, device: str = "auto", data_root: str | Path | None = None) -> AttackLab:
    """The lab with the networks of the paper's Table 6 at 28 pixels, from seed 0, trained on `device` now; it is on the CPU."""
    trials = table_06(scale, seeds=1, sizes=(28,))
    trained = {t.norm or "none": runs.network(t, device=device, data_root=data_root).cpu() for t in trials}
    results = report.frame(runs.run(trials, device=device, data_root=data_root, progress=False), scale, "table-06")
    trial, where = trials[0], provenance(runs.resolve_device(device))["device"]
    widths = "-".join(map(str, (28**2, *trial.hidden, 10)))
    about = f"Ours – {scale}: {trial.dataset}, MLP {widths}, seed 0, {trial.epochs} epochs, {where}, {trial.precision}"
    return AttackLab(trained, data.load(trial.dataset, "test", data_root), about, results)


def first_of_each_class(test: data.Dataset, count: int) -> data.Dataset:
    """The first `count` images of each class, class by class."""
    places = [i for c in range(test.num_classes) for i in (test.labels == c).nonzero()[:count, 0].tolist()]
    return replace(test, images=test.images[places], labels=test.labels[places])
