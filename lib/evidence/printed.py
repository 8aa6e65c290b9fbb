"""What the evidence for the paper's inconsistencies is made of: its printed numbers, and how they are compared."""

from collections.abc import Iterable
from dataclasses import dataclass

from lib.claims import minus
from lib.paper import Reported, reported


@dataclass(frozen=True)
class Evidence:
    """`found` says it in numbers; `holds`, whether they show an inconsistency."""

    found: str
    holds: bool


def rounded(value: float, like: str) -> str:
    """With as many decimals as a printed number has."""
    return f"{round(value, decimals(like)) + 0.0:.{decimals(like)}f}"  # no minus before a zero


def decimals(printed: str) -> int:
    return len(printed.partition(".")[2])


def parts(printed: Reported) -> tuple[str, str]:
    """The number and its ± as printed."""
    value, _, error = printed.printed.partition(" ± ")
    return value, error


def differ(pairs: Iterable[tuple[str, Reported, Reported]]) -> Evidence:
    """Numbers of the text, by what they are of, beside those that follow from the tables: with as many decimals, others."""
    shown, other = [], []
    for name, said, follows in pairs:
        value, error = parts(said)
        shown.append(f"{name}: text {said.printed}, tables {follows.printed}")
        other.append(rounded(follows.value, value) != value or error and rounded(follows.error, error) != error)
    return Evidence("; ".join(shown), all(other))


def vgg(table: str, column: str, batch_norm: bool, **row) -> Reported:
    return reported(table, column, BN=batch_norm, **row)


def wide(column: str, norm: str) -> Reported:
    return reported("9", f"CIFAR-10 {column}", variant=norm)


def corrupted(model: str, variant: str, column: str) -> Reported:
    return reported("13", column, model=model, variant=variant)


VARIANTS = {
    "VGG8": ("noBN", "BN"),
    "VGG13": ("noBN", "BN"),
    "WRN-28-10": ("Fixup(one BN)", "BN"),
}


def without_minus_with(model: str, column: str) -> Reported:
    """In Table 13."""
    without, with_it = VARIANTS[model]
    return minus(corrupted(model, without, column), corrupted(model, with_it, column))
