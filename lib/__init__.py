"""Training, attacks and statistics of the reproduction; the chapters of the book call these modules."""

__version__ = "0.1.0"
