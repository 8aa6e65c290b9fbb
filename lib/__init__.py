"""Training, attacks and statistics of the reproduction; the chapters of the book call these modules."""

import torch

__version__ = "0.1.0"

torch.backends.cudnn.allow_tf32 = False  # a record that says fp32 means it; convolutions would round to ten bits else
