"""What networks are like while they learn two circles, with each kind of statistics that batch norm can be evaluated with."""

import copy
import math

import torch
from torch import Tensor, nn

from lib.checkpoints import EVERY, Budget, Checkpoint, OutOfTime, under
from lib.measurements import Metrics
from lib.runs import Place
from lib.spheres.averages import EXACT, KINDS, Averages
from lib.spheres.points import grid, packed
from lib.spheres.training import GAMMAS, TEST_POINTS, UNITS, Points, network, orders, train
from lib.stack import side_by_side

STATISTICS = {  # of batch norm in evaluation: which means and which variances
    "batch": {
        "exact": (EXACT, EXACT),
        "exponential": ("exponential", "exponential"),
        "cumulative": ("cumulative", "cumulative"),
        "cumulative means": ("cumulative", EXACT),
        "cumulative variances": (EXACT, "cumulative"),
    },
    "none": {"none": (EXACT, EXACT)},  # of no layer
}
EVERY_EPOCH, THEN_EVERY = 30, 5  # a network is looked at after each of the first 30 epochs, and then after every fifth
MAPPED = (1, 5, 20, 50, 100, 200)  # epochs whose decisions are kept


@torch.no_grad()
def margins(model: nn.Module, points: Tensor) -> Tensor:
    """How much higher the logit of the outer sphere is than that of the inner one, at points (…, N, D): (…, N)."""
    logits = model(points)
    return logits[..., 1] - logits[..., 0]


def accuracy(margins: Tensor, labels: Tensor) -> Tensor:
    """In percent, of margins (…, N) with labels (N,): (…). A margin of 0 is one for the inner sphere."""
    return 100 * ((margins > 0) == (labels == 1)).double().mean(-1)


def decisions(network: nn.Module) -> str:
    """The map of decisions of one network."""
    return packed(margins(network, grid().to(next(network.parameters()).device)).cpu() > 0)


class Watch:
    """Networks of several seeds that learn side by side, and all that was seen of them."""

    def __init__(self, seeds: list[int], device: torch.device, norm: str, gamma: str, units: int, test_points: int):
        self.seeds, self.statistics = seeds, STATISTICS[norm]
        self.points = Points(seeds, test_points=test_points).to(device)
        self.networks = [network(norm, seed, units, gamma=gamma).to(device).eval() for seed in seeds]
        self.model = side_by_side(self.networks)
        self.averages, self.order = Averages(self.model), orders(seeds)
        self.epoch = 0
        self.rows: list[list[dict]] = [[] for _ in seeds]
        nothing = {f"{what} {name}": math.nan for name in self.statistics for what in ("first", "noisy at first")}
        self.results = [dict(nothing) for _ in seeds]

    def train(self, lr: float, epochs: int, budget: Budget, checkpoint: Checkpoint) -> None:
        """From where the checkpoint was saved: every few minutes, and when the budget is spent, which raises OutOfTime."""
        self._resume(checkpoint)
        budget.restart()
        points, labels = self.points.train, self.points.train_labels
        epoch_by_epoch = train(self.model, self.averages, points, labels, self.order, lr, on_batch=budget.check)
        so_far = self._state()
        try:
            for epoch, (loss, right) in zip(range(self.epoch + 1, epochs + 1), epoch_by_epoch, strict=False):
                if epoch <= EVERY_EPOCH or epoch % THEN_EVERY == 0 or epoch == epochs:
                    self._look(epoch, {"loss": loss, "accuracy batch": right}, last=epoch == epochs)
                self.epoch = epoch
                so_far = self._state()
                if checkpoint.age > EVERY:
                    checkpoint.save(*so_far)
                budget.check()
        except OutOfTime:
            checkpoint.save(*so_far)
            raise

    def _state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the training goes on from after this epoch, as a checkpoint takes it."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"averages.{name}": value for name, value in self.averages.state().items()}
        tensors |= {f"order.{s}": generator.get_state() for s, generator in enumerate(self.order)}
        seen = {"seeds": self.seeds, "epoch": self.epoch, "rows": self.rows, "results": self.results}
        return {name: value.clone() for name, value in tensors.items()}, copy.deepcopy(seen)

    def _resume(self, checkpoint: Checkpoint) -> None:
        tensors, seen = checkpoint.load() or ({}, {})
        if seen.get("seeds") == self.seeds:
            checkpoint.before = seen["seconds"]
            self.epoch, self.rows, self.results = seen["epoch"], seen["rows"], seen["results"]
            self.model.load_state_dict(under("model.", tensors))
            self.averages.load_state(under("averages.", tensors))
            for s, generator in enumerate(self.order):
                generator.set_state(tensors[f"order.{s}"])

    def _look(self, epoch: int, columns: dict[str, Tensor], last: bool) -> None:
        """Add a row for each network: `columns`, one value a network each, and what is seen now."""
        self.averages.measure(self.model, self.points.train)
        for kind in KINDS:
            columns |= {f"lag {kind} {layer}": lag for layer, lag in enumerate(self.averages.lags(kind), start=1)}
        self.model.eval()
        maps, exact = {}, None
        for name, (means, variances) in self.statistics.items():
            self.averages.use(means, variances)
            self.model.unstack(self.networks)
            margin = margins(self.model, self.points.train)
            exact = margin if exact is None else exact
            columns[f"accuracy {name}"] = accuracy(margin, self.points.train_labels)
            columns[f"shift {name}"] = (margin.mean(1) - exact.mean(1)) / exact.std(1)
            maps[f"map {name}"] = [decisions(alone) if epoch in MAPPED or last else None for alone in self.networks]
            for s, result in enumerate(self.results):
                if columns[f"accuracy {name}"][s] == 100 and math.isnan(result[f"first {name}"]):
                    result |= {f"first {name}": float(epoch), f"noisy at first {name}": self._noisy(s)}
                if last:
                    result[f"noisy {name}"] = self._noisy(s)
        for s, rows in enumerate(self.rows):
            seen = {name: float(values[s]) for name, values in columns.items()} | {name: own[s] for name, own in maps.items()}
            rows.append({"epoch": epoch} | seen)

    def _noisy(self, s: int) -> float:
        """The accuracy of one network on its noisy test points, with the statistics of now."""
        return float(accuracy(margins(self.networks[s], self.points.noisy[s]), self.points.test_labels))


def measure(
    seeds: list[int],
    place: Place,
    checkpoint: Checkpoint,
    norm: str,
    lr: float,
    epochs: int,
    units: int = UNITS,
    test_points: int = TEST_POINTS,
    gamma: str = GAMMAS[0],
) -> list[Metrics]:
    """Train the networks of these seeds side by side, and look at them now and then.

    For every epoch that is looked at: `loss` and `accuracy batch` in training mode, over the mini-batches of the epoch; in
    evaluation mode with each of STATISTICS `accuracy …`, `shift …`, how much higher the mean margin is than with the exact
    ones, in standard deviations of the margins, and for the epochs of MAPPED and the last `map …`; with batch norm also
    `lag … 1` and `lag … 2` (`Averages.lags`). `first …` is the first epoch seen with all training points right, NaN where there
    is none. `noisy …` is the accuracy on noisy test points after the last epoch, `noisy at first …` after the first one with
    all training points right. Raises OutOfTime where the budget of the place is too small; the training then goes on from the
    `checkpoint`.
    """
    watch = Watch(seeds, place.device, norm, gamma, units, test_points)
    watch.train(lr, epochs, place.budget, checkpoint)
    return [
        {name: [row[name] for row in rows] for name in rows[0]} | result
        for rows, result in zip(watch.rows, watch.results, strict=True)
    ]
