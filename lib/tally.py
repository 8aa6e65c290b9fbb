"""What is counted while inputs are tested, kept so that an evaluation that was stopped goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lib import data
from lib.checkpoints import EVERY, Checkpoint, OutOfTime


class Tally:
    """Sums over the images so far, and where the random numbers stand: everything an evaluation goes on from.

    `sums` (R, 4), float64, has a row for each of the labels, of what `evaluate` counts. With a `checkpoint` of the same
    evaluation it starts from there: `about` tells the data and the size of batches.
    """

    def __init__(self, labels: list[str], about: dict, seed: int, device: torch.device, checkpoint: Checkpoint | None):
        self.about, self.checkpoint = about | {"labels": labels, "seed": seed}, checkpoint
        self.images = 0
        self.noise, self.chance = data.generator(seed, "noise"), data.generator(seed, "attack")
        self.sums = torch.zeros(len(labels), 4, dtype=torch.float64, device=device)
        if checkpoint:
            self._resume(checkpoint)
        self._random = self._states()  # at the start of the batch under way

    def add(self, found: Tensor, images: int) -> None:
        """Of one batch, (R, 4), with which there are so many images."""
        self.sums += found
        self.images, self._random = images, self._states()
        if self.checkpoint and self.checkpoint.age > EVERY:
            self._save(self.checkpoint)

    @contextmanager
    def saved_in_time(self) -> Iterator[None]:
        """When the time is over, what was counted until then is saved."""
        try:
            yield
        except OutOfTime:
            if self.checkpoint and self.images:
                self._save(self.checkpoint)
            raise

    def _states(self) -> dict[str, Tensor]:
        return {"noise": self.noise.get_state(), "chance": self.chance.get_state()}

    def _save(self, checkpoint: Checkpoint) -> None:
        checkpoint.save(self._random | {"sums": self.sums}, {"about": self.about, "images": self.images})

    def _resume(self, checkpoint: Checkpoint) -> None:
        tensors, state = checkpoint.load() or ({}, {})
        if state.get("about") == self.about:
            checkpoint.before, self.images = state["seconds"], state["images"]
            self.sums.copy_(tensors["sums"])
            self.noise.set_state(tensors["noise"])
            self.chance.set_state(tensors["chance"])
