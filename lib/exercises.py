"""Checks for the exercises: they say right, or not yet with a hint, and never the answer.

Each chapter's checks stand in a module of its own.
"""

RIGHT = "Right."


def not_yet(hint: str) -> str:
    return f"Not yet. Hint: {hint}"
