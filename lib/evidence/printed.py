"""What the evidence for the paper's inconsistencies is made of: its printed numbers, and how they are compared."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lib.claims import minus
from lib.paper import Reported, reported

WITHIN, BEYOND = "within the rounding of the printed cells", "beyond the rounding of the printed cells"
Interval = tuple[float, float]


@dataclass(frozen=True)
class Evidence:
    """`found` says it in numbers; `holds`, whether they show an inconsistency.

    `rounding`: where digits are compared, whether they differ `WITHIN` what the rounding of the printed numbers explains.
    """

    found: str
    holds: bool
    rounding: str = ""


def rounded(value: float, like: str) -> str:
    """With as many decimals as a printed number has."""
    return f"{round(value, decimals(like)) + 0.0:.{decimals(like)}f}"  # no minus before a zero


def decimals(printed: str) -> int:
    return len(printed.partition(".")[2])


def parts(printed: Reported) -> tuple[str, str]:
    """The number and its ± as printed."""
    value, _, error = printed.printed.partition(" ± ")
    return value, error


def bare(printed: Reported) -> Reported:
    """Without its ±."""
    return Reported(printed.value, None, printed.unit, parts(printed)[0])


def allowed(printed: str) -> Interval:
    """All numbers that are rounded to the printed one: half of its last digit on either side."""
    half = 0.5 * 10.0 ** -decimals(printed)
    return float(printed) - half, float(printed) + half


def differences(a: Reported, b: Reported) -> Interval:
    """All differences of numbers that are printed as these two: the halves of their last digits add up."""
    (a_low, a_high), (b_low, b_high) = allowed(parts(a)[0]), allowed(parts(b)[0])
    return a_low - b_high, a_high - b_low


def ratios(a: Reported, b: Reported) -> Interval:
    """All ratios of positive numbers that are printed as these two."""
    (a_low, a_high), (b_low, b_high) = allowed(parts(a)[0]), allowed(parts(b)[0])
    return a_low / b_high, a_high / b_low


def combined_errors(a: Reported, b: Reported) -> Interval:
    """All errors of the difference of two numbers whose ± are printed as these."""
    (a_low, a_high), (b_low, b_high) = (allowed(parts(each)[1]) for each in (a, b))
    return math.hypot(a_low, b_low), math.hypot(a_high, b_high)


def explained(said: str, follows: Interval) -> bool:
    """Whether a number that follows from others, themselves rounded, may have been rounded to the one that is said."""
    low, high = allowed(said)
    return max(low, follows[0]) <= min(high, follows[1]) + 1e-9  # of the ends, which binary fractions miss


def span(interval: Interval) -> str:
    return " to ".join(f"{round(end, 4):g}" for end in interval)


def rounding(within: Iterable[bool]) -> str:
    return WITHIN if all(within) else BEYOND


def differ(
    triples: Iterable[tuple[str, Reported, Reported, Reported]], where: str = "text", other_place: str = "tables"
) -> Evidence:
    """Numbers of one place, by what they are of, beside the differences of two of another: with as many decimals, others."""
    shown, other, within = [], [], []
    for name, said, a, b in triples:
        (value, error), follows = parts(said), minus(a, b)
        other.append(rounded(follows.value, value) != value or bool(error) and rounded(follows.error, error) != error)
        within.append(explained(value, differences(a, b)) and (not error or explained(error, combined_errors(a, b))))
        shown.append(
            f"{name}: {where} {said.printed}, {other_place} {follows.printed}, as the cells are rounded "
            f"{span(differences(a, b))}, {rounding(within[-1:])}"
        )
    return Evidence("; ".join(shown), all(other), rounding(within))


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
