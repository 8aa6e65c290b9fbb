"""Both kinds of running average of one training: which of them batch norm keeps has no influence on the training itself."""

import torch
from torch import Tensor, nn

EXPONENTIAL = 0.1  # the momentum that torch has by default
KINDS = ("exponential", "cumulative")
EXACT = "exact"  # what running averages stand for: the statistics of all training points, with the weights as they are now


def norm_layers(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if getattr(module, "running_mean", None) is not None]


class Averages:
    """The running means and variances that a model's batch norm would have with momentum 0.1, and with momentum None.

    "exponential" moves a tenth of the way to each new mini-batch; "cumulative" is the mean over all mini-batches there ever
    were; "exact" is what `measure` found last. The layers of the model must have momentum 1: then their own buffers hold the
    statistics of the last mini-batch alone. Raises ValueError where they have another.
    """

    def __init__(self, model: nn.Module):
        self.layers, self.batches = norm_layers(model), 0
        if any(layer.momentum != 1 for layer in self.layers):
            raise ValueError("batch norm must have momentum=1, so that its buffers hold the statistics of the last mini-batch")
        self.means = {kind: [layer.running_mean.clone() for layer in self.layers] for kind in (*KINDS, EXACT)}
        self.variances = {kind: [layer.running_var.clone() for layer in self.layers] for kind in (*KINDS, EXACT)}

    def count(self) -> None:
        """Take in the mini-batch that went through the model last, in training mode."""
        self.batches += 1
        for kind, weight in (("exponential", EXPONENTIAL), ("cumulative", 1 / self.batches)):
            for layer, mean, variance in zip(self.layers, self.means[kind], self.variances[kind], strict=True):
                mean.lerp_(layer.running_mean, weight)
                variance.lerp_(layer.running_var, weight)

    @torch.no_grad()
    def measure(self, model: nn.Module, points: Tensor) -> None:
        """Find the exact statistics: those of all points as one batch."""
        model.train()
        model(points)
        self.means[EXACT] = [layer.running_mean.clone() for layer in self.layers]
        self.variances[EXACT] = [layer.running_var.clone() for layer in self.layers]

    def use(self, means: str, variances: str | None = None) -> None:
        """Put statistics of a kind into the model for its evaluation mode, or means of one kind and variances of another."""
        for layer, mean, variance in zip(self.layers, self.means[means], self.variances[variances or means], strict=True):
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)

    def state(self) -> dict[str, Tensor]:
        """All that was taken in, by name."""
        found = {"batches": torch.tensor(self.batches)}
        for kind in KINDS:
            for i, (mean, variance) in enumerate(zip(self.means[kind], self.variances[kind], strict=True)):
                found |= {f"{kind}.{i}.mean": mean, f"{kind}.{i}.variance": variance}
        return found

    def load_state(self, state: dict[str, Tensor]) -> None:
        """What `state` gave, of a model like this one."""
        self.batches = int(state["batches"])
        for kind in KINDS:
            for i, (mean, variance) in enumerate(zip(self.means[kind], self.variances[kind], strict=True)):
                mean.copy_(state[f"{kind}.{i}.mean"])
                variance.copy_(state[f"{kind}.{i}.variance"])

    def lags(self, kind: str) -> list[Tensor]:
        """How far running means are from the exact ones: root mean square over units, relative to that of the deviations.

        For each layer of batch norm, one value for each network of a stack, (S,).
        """
        exact = zip(self.means[kind], self.means[EXACT], self.variances[EXACT], strict=True)
        return [((average - mean).square().mean(-1) / variance.mean(-1)).sqrt() for average, mean, variance in exact]
