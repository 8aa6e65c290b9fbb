"""The picture of what batch norm costs: of the published records, as the start page describes it."""

import matplotlib.pyplot as plt
import nbformat
import pytest

from lib import verdicts
from lib.book import ROOT
from lib.claims import judged
from lib.dashboard import overview
from lib.dashboard.chapters import CHAPTERS
from lib.dashboard.rows import INCONCLUSIVE, PUBLISHED
from lib.empirical_results.claims import NO_DECAY
from lib.paper import stated


@pytest.fixture(scope="module")
def found():
    return dict(zip((cost.name for cost in overview.COSTS), overview.estimates(), strict=True))


def test_the_papers_numbers_are_differences_of_its_tables():
    svhn, *_, large = overview.COSTS
    assert [cost.printed for cost in svhn.paper] == ["5.5 ± 0.6", "16.3 ± 1.0"]
    assert svhn.paper[0].value == pytest.approx(stated("SVHN VGG8: BN loss on noise").value)
    assert [round(cost.value, 1) for cost in large.paper] == [13.8, 41.5]


def test_ours_are_those_of_the_chapters(found):
    """Written out for one of them: the networks of each seed, without less with batch norm."""
    results = next(chapter for chapter in CHAPTERS if chapter.number == "05").results(PUBLISHED)
    chosen = results.query(
        "model == 'mlp' and image_size == 56 and weight_decay == 0 and init == 'default' and scale == 'paper'"
    )
    accuracy = chosen.pivot(index="seed", columns="norm", values="accuracy bim-linf-0.1")
    cost = (accuracy["none"] - accuracy["batch"]).dropna()
    _, under_attack = found["MLP on MNIST, 56 px (Table 6)"]["paper"]
    assert under_attack.mean == pytest.approx(cost.mean()) and under_attack.n == len(cost) == 5


def test_the_picture_shows_every_number_there_is(found):
    figure = overview.cost_of_batch_norm()
    for i, axis in enumerate(figure.axes):
        shown = sorted(line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 1 and line.get_marker() in "os")
        expected = [cost.paper[i].value for cost in overview.COSTS]
        expected += [ours[i].mean for estimates in found.values() for ours in estimates.values() if ours[i].n]
        assert shown == pytest.approx(sorted(expected))
    plt.close(figure)


def test_the_start_page_says_what_the_picture_shows(found):
    """Its text and alternative text are written by hand: new records that contradict them are noticed here."""
    page = "".join(cell.source for cell in nbformat.read(ROOT / "book" / "intro.ipynb", 4).cells)
    assert "On MNIST, with the paper's settings, batch norm costs robustness" in page
    assert all(number.value > 0 for cost in overview.COSTS for number in cost.paper)
    for name, scales in found.items():
        by_mlp = name.startswith("MLP")
        shown = scales["paper" if by_mlp else "laptop"]
        assert not any(estimate.n for estimate in scales["laptop" if by_mlp else "paper"])
        costs = [estimate.interval[0] > 0 for estimate in shown]
        gains = [estimate.interval[1] < 0 for estimate in shown]
        assert all(gains if "larger" in name else costs), name


def test_the_start_page_says_what_is_left_without_weight_decay():
    page = " ".join(" ".join(cell.source for cell in nbformat.read(ROOT / "book" / "intro.ipynb", 4).cells).split())
    assert "its cost under attack stays on SVHN but is inconclusive on CIFAR-10" in page
    (chapter,) = (one for one in CHAPTERS if one.file == "02-empirical-results")
    results = chapter.results(["laptop"])
    for claim in (claim for claim in NO_DECAY if "under BIM" in claim.text):
        expected = verdicts.DIRECTION if claim.text.startswith("SVHN") else INCONCLUSIVE
        assert judged(claim, results, "laptop")[1].startswith(expected), claim.text
