"""Chance of an image's own: what is drawn for it depends on nothing but its number, the corruption, its severity and a seed."""

import functools
import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


class Chance:
    """Random numbers for a batch of images, each from a generator of its own.

    A generator is seeded with a hash of the seed, the corruption, the severity and the image's number (torch keeps 32 bits of
    it), so that neither the size nor the order of batches matters. Everything is drawn on the CPU, so that devices do not.
    """

    def __init__(self, seed: int, name: str, severity: int, index: Sequence[int], device: torch.device | str = "cpu"):
        self.keys = [f"{seed} {name} {severity} {number}".encode() for number in index]
        self.device = device

    @functools.cached_property
    def generators(self) -> list[torch.Generator]:
        """Made where they are needed, since many corruptions draw nothing."""
        hashes = (int.from_bytes(hashlib.sha256(key).digest()[:8], "little", signed=True) for key in self.keys)
        return [torch.Generator().manual_seed(found) for found in hashes]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float32 (N, *shape)."""
        numbers = torch.empty(len(self.keys), *shape)
        for own, generator in zip(numbers, self.generators, strict=True):
            own.normal_(generator=generator)
        return numbers.to(self.device)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform numbers in [low, high), float32 (N, *shape)."""
        numbers = torch.empty(len(self.keys), *shape)
        for own, generator in zip(numbers, self.generators, strict=True):
            own.uniform_(low, high, generator=generator)
        return numbers.to(self.device)

    def poisson(self, rates: Tensor) -> Tensor:
        """Counts with these expectations (N, …), float32 of the same shape."""
        drawn = [torch.poisson(own, generator=g) for own, g in zip(rates.cpu(), self.generators, strict=True)]
        return torch.stack(drawn).to(self.device)
