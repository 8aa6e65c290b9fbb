"""Checks for the exercises: they say right, or not yet with a hint, and never the answer.

Each chapter's checks stand in a module of its own. They hardly hold the answers either: nearly all test what a right answer
does, or compare seals, though whoever reads a test with care can learn from some what is right. Every check takes any answer
whatever, of the wrong type or shape, nan, or a function that raises.
"""

import functools
import hashlib
import math
from collections.abc import Callable

RIGHT = "Right."


def not_yet(hint: str) -> str:
    return f"Not yet. Hint: {hint}"


class Hint(Exception):
    """The answer is not right yet; the message says what to think about."""


def check(test: Callable[..., None]) -> Callable[..., str]:
    """The check that says what a test finds: `Hint` where an answer is wrong, else nothing.

    Whatever else a test raises is due to an answer that it cannot compute with, and is not right yet either.
    """

    @functools.wraps(test)
    def checked(*answers) -> str:
        try:
            test(*answers)
        except Hint as hint:
            return not_yet(str(hint))
        except Exception as error:
            return not_yet(f"your answer cannot be tried: {type(error).__name__}: {error}")
        return RIGHT

    return checked


def called(answer: object, *arguments) -> object:
    """What the reader's function returns; raises Hint where it raises, or is no function."""
    if not callable(answer):
        raise Hint(f"your answer is {described(answer)}, a function is asked for.")
    try:
        return answer(*arguments)
    except Exception as error:  # whatever a reader's code raises is part of the answer
        raise Hint(f"your function raises {type(error).__name__}: {error}") from None


def number(answer: object, asked: str = "return one number.") -> float:
    """The answer as a finite number; of an array or a tensor of no dimension, what it holds. Raises Hint otherwise."""
    scalar = answer.item() if getattr(answer, "shape", None) == () else answer
    if isinstance(scalar, bool) or not isinstance(scalar, int | float):
        raise Hint(f"your answer is {described(answer)}: {asked}")
    try:
        value = float(scalar)
    except OverflowError:
        raise Hint(f"your answer is a whole number of more than 300 digits: {asked}") from None
    if not math.isfinite(value):
        raise Hint(f"your answer is {value}: {asked} Does something divide by zero, or is a mean taken of nothing?")
    return value


def described(answer: object) -> str:
    """What an answer is, for a hint: `None`, `a str`, `a list of 3`, `a Tensor of shape (3,)`."""
    if answer is None:
        return "None"
    if isinstance(shape := getattr(answer, "shape", None), tuple):
        return f"a {type(answer).__name__} of shape {tuple(shape)}"
    return f"a {type(answer).__name__}" + (f" of {len(answer)}" if isinstance(answer, list | tuple | dict) else "")


def seal(*parts: object) -> str:
    """A word by which a right answer is recognised and from which it cannot be read; of numbers, the first five digits count."""
    shown = (f"{part:.4e}" if isinstance(part, float) else str(part) for part in parts)
    return hashlib.sha256("; ".join(shown).encode()).hexdigest()[:16]


def check_difference(answer: object, values: dict[str, float], sealed: str, hint: str) -> None:
    """The test that an answer is the difference of two of these values by name, of which `sealed` is the seal.

    Raises Hint otherwise, and says which difference the answer is, if it is one.
    """
    given = number(answer, "give numbers in points of accuracy; report.values(...).mean() is one.")
    if any(math.isnan(value) for value in values.values()):
        raise Hint("these networks were not run, or not tested so: " + ", ".join(n for n, v in values.items() if math.isnan(v)))
    found = [(a, b) for a in values for b in values if a != b and abs(values[a] - values[b] - given) <= 0.05]
    if not any(seal(*pair) == sealed for pair in found):
        is_now = f"your {given:.2f} is ({found[0][0]}) less ({found[0][1]}); " if found else ""
        raise Hint(is_now + hint)
