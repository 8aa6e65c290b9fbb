"""Every statement of the paper as a row, with what was found at each scale and the verdict that follows from the rules."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pandas as pd

from lib import origin, report, verdicts
from lib.claims import Claim, judged
from lib.dashboard.chapters import CHAPTERS, NOT_COVERED, Chapter
from lib.dashboard.headlines import HEADLINES
from lib.report import Comparison
from lib.table import Table, number

PUBLISHED = ("paper", "laptop")  # the scales whose records are published with the book
TABLE, PAPER, BEYOND, UNCOVERED = "table", "claim", "beyond the paper", "not covered"  # kinds of rows
IN_PART = "reproduced in part"  # of a table, whose numbers are judged one by one
INCONCLUSIVE = "inconclusive"
VERDICTS = (
    verdicts.REPRODUCED,
    verdicts.DIRECTION,
    verdicts.NOT_REPRODUCED,
    INCONCLUSIVE,
    verdicts.NOT_JUDGED,
    verdicts.NOT_RUN,
)
OF_THE_PAPER = re.compile(r"(abstract|section|appendix|footnote|tables?|figures?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """At one scale: `ours` and `verdict` as shown, how many seeds, and the devices."""

    ours: str
    verdict: str
    seeds: int
    device: str

    @property
    def kind(self) -> str:
        """The verdict without what stands in brackets, such as a number of seeds."""
        return self.verdict.partition(" (")[0]


@dataclass(frozen=True)
class Row:
    """`text` says what is claimed about its `subject`, `source` where, `paper` the paper's own number; `found` is by scale.

    `commands` compute it at the first of the scales that were asked for. `reason` says why a row is not covered. `anchor` is the
    row's address in the page; `headline` is true of the few rows that stand for the whole paper.
    """

    anchor: str
    kind: str
    subject: str
    text: str
    source: str
    paper: str = "–"
    chapter: str = ""
    commands: tuple[str, ...] = ()
    found: dict[str, Found] = field(default_factory=dict)
    reason: str = ""
    headline: bool = False


def rows(scales: Iterable[str] = PUBLISHED) -> list[Row]:
    """Of all chapters, then what none covers.

    Raises ValueError where two rows would have one address, or where a headline names no row.
    """
    made = [row for chapter in CHAPTERS for row in _of_chapter(chapter, tuple(scales))]
    made += [Row(_slug(u.source, u.text), UNCOVERED, u.subject, u.text, u.source, reason=u.reason) for u in NOT_COVERED]
    if twice := [anchor for anchor, count in Counter(row.anchor for row in made).items() if count > 1]:
        raise ValueError(f"several rows have the address {', '.join(twice)}; word their claims differently")
    chosen = {_slug(words): words for words in HEADLINES}
    if strangers := chosen.keys() - {row.anchor for row in made}:
        named = "; ".join(chosen[anchor] for anchor in sorted(strangers))
        raise ValueError(f"no row has the headline {named}: name it in lib/dashboard/headlines.py as its chapter does")
    return [replace(row, headline=row.anchor in chosen) for row in made]


def _of_chapter(chapter: Chapter, scales: tuple[str, ...]) -> list[Row]:
    results = chapter.results(scales)
    of_tables = [_of_table(chapter, title, build(results), results, scales) for title, build in chapter.tables.items()]
    return of_tables + [_of_claim(chapter, name, claim, results, scales) for name, claim in chapter.claims()]


def _of_claim(chapter: Chapter, name: str, claim: Claim, results: pd.DataFrame, scales: tuple[str, ...]) -> Row:
    arms, found = report.arms([claim.measure]), {}
    used = _used(results, arms)
    for scale in scales:
        estimate, verdict = judged(claim, results, scale)
        seeds = min(estimate.n, _seeds(used, scale))  # one that diverged has no value, and one may have a value for every image
        found[scale] = Found(number(estimate), verdict, seeds, _devices(used, scale) if seeds else "")
    is_the_papers = OF_THE_PAPER.match(claim.source) and name not in chapter.beyond
    return Row(
        anchor=_slug(chapter.number, name, claim.text),
        kind=PAPER if is_the_papers else BEYOND,
        subject=chapter.subjects[name],
        text=claim.text,
        source=f"{claim.source}; {name}" if name in chapter.beyond else claim.source,
        paper=claim.paper,
        chapter=chapter.file,
        commands=_commands(chapter, used, arms, scales[0]),
        found=found,
    )


def _of_table(chapter: Chapter, title: str, table: Comparison, results: pd.DataFrame, scales: tuple[str, ...]) -> Row:
    """Of a table of the paper: how many of its numbers are reproduced, of those that are judged."""
    cells = [(label, column) for label, settings in table.rows.items() for column in table.columns if column.paper(settings)]
    arms = [table.rows[label] for label in dict.fromkeys(label for label, _ in cells)]  # those beside a number of the paper
    found, (source, _, subject) = {}, title.partition(", ")
    used = _used(results, arms)
    for scale in scales:
        seeds, devices = _seeds(used, scale), _devices(used, scale)
        if scale == "paper":
            counts = Counter(table.verdict(*cell).partition(" (")[0] for cell in cells)
            right = counts[verdicts.REPRODUCED]
            if judged := right + counts[verdicts.NOT_REPRODUCED]:
                verdict = {0: verdicts.NOT_REPRODUCED, len(cells): verdicts.REPRODUCED}.get(right, IN_PART)
                found[scale] = Found(f"{right} of {judged} numbers", verdict, seeds, devices)
            else:
                found[scale] = Found("–", INCONCLUSIVE if counts[INCONCLUSIVE] else verdicts.NOT_RUN, seeds, devices)
        else:
            found[scale] = Found("–", verdicts.NOT_JUDGED if seeds else verdicts.NOT_RUN, seeds, devices)
    return Row(
        anchor=_slug(chapter.number, title),
        kind=TABLE,
        subject=subject,
        text=f"all numbers of {source}",
        source=source,
        paper=f"{len(cells)} numbers",
        chapter=chapter.file,
        commands=_commands(chapter, used, arms, scales[0]),
        found=found,
    )


def _seeds(used: pd.DataFrame, scale: str) -> int:
    """Of whatever network of a row."""
    return used.loc[used["scale"] == scale, "seed"].nunique() if len(used) else 0


def _devices(used: pd.DataFrame, scale: str) -> str:
    return ", ".join(used.loc[used["scale"] == scale, "device"].unique()) if len(used) else ""


def _used(results: pd.DataFrame, arms: list[dict]) -> pd.DataFrame:
    return report.rows_of(results, arms) if len(results) else results


def _commands(chapter: Chapter, used: pd.DataFrame, arms: list[dict], scale: str) -> tuple[str, ...]:
    """What computes it at this scale: the experiments its networks are of, if they say so or were run."""
    named = [arm["experiment"] for arm in arms if "experiment" in arm]
    names = named or (list(used["experiment"]) if len(used) else chapter.experiments)
    return tuple(dict.fromkeys(origin.command(name, scale) for name in names))


def _slug(*parts: str) -> str:
    """An address out of words."""
    words = " ".join(parts).lower().replace("λ", "lambda").replace("ε", "epsilon").replace("σ", "sigma")
    return "claim-" + re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def summary(made: list[Row], name: str, caption: str) -> Table:
    """How many rows of each kind have which verdict at each scale, by counting."""
    kinds = {PAPER: "claims of the paper", BEYOND: "beyond it"}
    groups = {words: [row for row in made if row.kind == kind] for kind, words in kinds.items()}
    return Table(name, caption, _counts(groups, VERDICTS))


def summary_of_headlines(made: list[Row], name: str, caption: str) -> Table:
    """The same of the headline claims, among which are whole tables and what no chapter covers."""
    groups = {"headline claims": [row for row in made if row.headline]}
    return Table(name, caption, _counts(groups, (verdicts.REPRODUCED, IN_PART, *VERDICTS[1:], UNCOVERED)))


def _counts(groups: dict[str, list[Row]], possible: Iterable[str]) -> pd.DataFrame:
    """A line a verdict, a column a group and scale. What no chapter covers counts at every scale."""
    lines = {verdict: {"verdict": verdict} for verdict in ("all", *possible)}
    for words, chosen in groups.items():
        for scale in dict.fromkeys(scale for row in chosen for scale in row.found):
            counts = Counter(row.found[scale].kind if row.found else row.kind for row in chosen) | {"all": len(chosen)}
            for verdict, line in lines.items():
                line[f"{words}, {scale} scale"] = counts.get(verdict, 0)
    return pd.DataFrame(lines.values())
