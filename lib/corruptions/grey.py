"""From real numbers back to grey levels."""

import torch
from torch import Tensor

ROUNDING = 1e-4  # more than what float32 loses between 0 and 255


def truncated(values: Tensor) -> Tensor:
    """uint8, cut off as the original's `np.uint8` does; what is a whole number up to rounding stays that number."""
    return (values + ROUNDING).clamp_(0, 255).to(torch.uint8)
