"""The page of claims: complete, addressed, linked, judged by counting, and filtered in a browser."""

import re
import shutil
from collections import Counter

import pandas as pd
import pytest
from browser import browser, page, watched  # noqa: F401
from bs4 import BeautifulSoup
from click.testing import CliRunner
from common import record, records_of

from lib import __main__ as cli
from lib import book, store, verdicts
from lib.claims import Claim
from lib.dashboard import rows
from lib.dashboard.chapters import CHAPTERS, Chapter
from lib.dashboard.headlines import HEADLINES
from lib.dashboard.page import Dashboard
from lib.dashboard.rows import BEYOND, IN_PART, INCONCLUSIVE, PAPER, TABLE, UNCOVERED, VERDICTS
from lib.experiments import EXPERIMENTS, NAMES
from lib.input_dimension import claims as input_dimension
from lib.input_dimension import tables as input_dimension_tables
from lib.trials import SCALES


@pytest.fixture(scope="module")
def published():
    return rows.rows()


def accuracy(trial, label):
    """Made up: batch norm costs twenty points and, by the luck of the seed, a little more."""
    return 70 + trial.seed / 10 if trial.norm else 90 + trial.seed / 5


@pytest.fixture
def chapter(monkeypatch):
    """Chapter 05 alone, with made-up records of its Table 6 at the laptop and the paper scale."""

    def made_up(experiment, scale):
        return records_of(EXPERIMENTS[experiment], scale, accuracy)

    monkeypatch.setattr(store, "published", made_up)
    (subjects,) = (one.subjects for one in CHAPTERS if one.module is input_dimension)
    one = Chapter(
        "05-input-dimension", input_dimension, ["table-06"], subjects, {"Table 6, MLP": input_dimension_tables.table_06}
    )
    monkeypatch.setattr(rows, "CHAPTERS", [one])
    monkeypatch.setattr(rows, "HEADLINES", ["05 Table 6, MLP", "05 batch norm: 28 px: batch norm costs accuracy under BIM"])
    return one


@pytest.mark.parametrize("headlines_alone", [False, True])
def test_every_table_and_figure_of_the_paper_has_a_row(published, headlines_alone):
    places = " ".join(row.source for row in published if row.kind != BEYOND and row.headline >= headlines_alone)
    named = {
        f"{kind} {number}"
        for kind, numbers in re.findall(r"(Table|Figure)s? (\d+(?:(?:, | and )\d+)*)", places)
        for number in re.findall(r"\d+", numbers)
    }
    assert named >= {f"Table {number}" for number in range(1, 14)} | {f"Figure {number}" for number in range(1, 8)}


def test_the_headlines_are_some_fifty_statements_of_all_parts_of_the_paper(published):
    headlines = [row for row in published if row.headline]
    assert 40 <= len(headlines) == len(HEADLINES) <= 60
    assert not any(row.kind == BEYOND for row in headlines)
    assert {row.chapter for row in headlines} == {one.file for one in CHAPTERS} | {""}
    places = " ".join(row.source for row in headlines)
    parts = ["abstract", *(f"section {number}" for number in (2, 3, 4)), *(f"appendix {letter}" for letter in "ABCDE")]
    assert [part for part in parts if part not in places] == []


def test_the_first_of_several_networks_or_sizes_stands_for_all(published):
    """Which of them is no matter of choice, and so not of verdicts."""
    first = {}
    for row in published:
        if row.kind == PAPER:
            first.setdefault((row.chapter, row.subject, re.sub(r"[\d.]+", "N", row.text)), row)
    assert [row.text for row in published if row.headline and row.kind == PAPER and row not in first.values()] == []


def test_a_headline_names_all_numbers_of_its_table(published):
    whole = {row.source for row in published if row.kind == TABLE and row.headline}
    assert whole == {f"Table {number}" for number in range(1, 14)}


@pytest.mark.parametrize("scales", [["paper"], ["laptop"], ["quick"]])
def test_a_headline_that_names_no_row_is_refused_at_every_scale(monkeypatch, chapter, scales):
    assert rows.rows(scales)
    monkeypatch.setattr(rows, "HEADLINES", [*rows.HEADLINES, "05 batch norm: 28 px: batch norm costs nothing"])
    with pytest.raises(ValueError, match="no row has the headline 05 batch norm: 28 px: batch norm costs nothing"):
        rows.rows(scales)


def test_every_claim_of_every_chapter_has_a_row(published):
    texts = Counter((row.chapter, row.text) for row in published)
    for one in CHAPTERS:
        claims = [claim for _, claim in one.claims()]
        assert len(claims) >= 10, one.file
        assert Counter((one.file, claim.text) for claim in claims) <= texts


def test_a_verdict_never_contradicts_the_sign_in_the_papers_column():
    """Whatever is found, at any scale; claims of ours, whose sign is not the paper's, have a dash there."""
    judged = 0
    for claim in (claim for one in CHAPTERS for _, claim in one.claims()):
        signed = re.match(r"(?P<minus>negative|-)|positive|\d", claim.paper)
        found = pd.Series([1.0, 1.1, 1.2]) * (-1 if signed and signed["minus"] else 1)
        of_a_number = claim.judge(found, "laptop") == verdicts.NOT_JUDGED
        if not signed or of_a_number or "judged: " in claim.paper:  # the last: that something is as large as it says
            continue
        judged += 1
        for scale in ("laptop", "paper"):
            assert claim.judge(found, scale) in (verdicts.DIRECTION, verdicts.REPRODUCED), (claim.text, claim.paper)
            assert claim.judge(-found, scale) == verdicts.NOT_REPRODUCED, (claim.text, claim.paper)
    assert judged > 150


def test_no_chapter_of_the_book_is_forgotten():
    numbered = {path.stem for path in book.pages() if path.suffix == ".ipynb" and path.stem[0].isdigit()}
    assert {one.file for one in CHAPTERS} == numbered


def test_addresses_are_distinct_and_fit_for_a_link(published):
    anchors = [row.anchor for row in published]
    assert len(set(anchors)) == len(anchors) > 40
    assert all(re.fullmatch(r"claim-[a-z0-9-]+", anchor) for anchor in anchors)


def test_two_rows_of_one_address_are_refused(monkeypatch, chapter):
    monkeypatch.setattr(rows, "CHAPTERS", [chapter, chapter])
    with pytest.raises(ValueError, match="word their claims differently"):
        rows.rows()


def test_rows_say_verdict_number_seeds_device_and_command(chapter):
    by_text = {row.text: row for row in rows.rows()}
    row = by_text["28 px: batch norm costs accuracy under BIM"]
    assert (row.kind, row.chapter, row.source, row.paper) == (PAPER, "05-input-dimension", "section 4", "43.8 ± 0.5")
    assert row.commands == (".venv/bin/python -m lib run table-06 --scale paper",)
    found = {scale: (f.ours, f.verdict, f.seeds, f.device) for scale, f in row.found.items()}
    assert found == {
        "paper": ("20.20 ± 0.07", verdicts.DIRECTION, 5, "a CPU, 2 cores"),
        "laptop": ("20.10 ± 0.06", verdicts.DIRECTION, 3, "a CPU, 2 cores"),
    }


def test_what_was_not_run_says_so(chapter):
    row = next(row for row in rows.rows() if row.text.startswith("56 px, λ = 0.01: removing batch norm gains clean"))
    assert {f.verdict for f in row.found.values()} == {verdicts.NOT_RUN} and {f.seeds for f in row.found.values()} == {0}


def test_no_seeds_and_no_device_where_a_measure_has_no_value(monkeypatch, chapter):
    """As where only one of the two networks that are compared was trained."""

    def half(experiment, scale):
        made = records_of(EXPERIMENTS[experiment], scale, lambda trial, label: 90.0 + trial.seed)
        return [record for record in made if record["trial"]["norm"]]

    monkeypatch.setattr(store, "published", half)
    row = next(row for row in rows.rows() if row.text == "28 px: batch norm costs accuracy under BIM")
    assert {(f.verdict, f.seeds, f.device) for f in row.found.values()} == {(verdicts.NOT_RUN, 0, "")}


def test_seeds_that_diverged_are_not_counted_and_the_images_of_one_are_no_seeds(monkeypatch, chapter):
    trials = EXPERIMENTS["table-06"]("paper")
    diverged = [record(t, 1) if t.seed == 3 else record(t, **{e.label: 50.0 for e in t.evaluations}) for t in trials]
    monkeypatch.setattr(store, "published", lambda name, scale: diverged if scale == "paper" else [])
    of_seeds = lambda: next(r for r in rows.rows() if r.text == "28 px: batch norm costs accuracy under BIM").found["paper"]  # noqa: E731
    assert of_seeds().seeds == 4

    def images(get):
        return pd.Series([0.0, 100.0] * 1000 * len(get("accuracy clean", input_dimension.mlp(28))))

    monkeypatch.setattr(
        input_dimension, "IMAGES", Claim("of each image", "section 4", "–", images, lambda *_: "x"), raising=False
    )
    monkeypatch.setitem(chapter.subjects, "images", "images")
    assert next(r for r in rows.rows() if r.text == "of each image").found["paper"].seeds == 5


def test_seeds_and_devices_are_where_a_verdict_is(published):
    judged = [found for row in published for found in row.found.values()]
    assert all((found.kind == verdicts.NOT_RUN) <= (found.seeds == 0 and not found.device) for found in judged)
    assert all(bool(found.seeds) == bool(found.device) for found in judged)


def test_a_row_alone_says_what_it_is_about(published):
    assert all(row.subject for row in published)
    twice = [row for row, count in Counter((row.subject, row.text) for row in published).items() if count > 1]
    assert not twice


def test_a_chapter_without_any_record_has_all_its_rows(monkeypatch, chapter):
    before = [row.anchor for row in rows.rows()]
    monkeypatch.setattr(store, "published", lambda experiment, scale: [])
    empty = rows.rows()
    assert [row.anchor for row in empty] == before
    assert {f.kind for row in empty for f in row.found.values()} == {verdicts.NOT_RUN}


@pytest.mark.parametrize("one", [one for one in CHAPTERS if set(one.experiments) <= set(EXPERIMENTS)], ids=lambda one: one.file)
def test_a_chapter_is_judged_as_soon_as_it_has_records(monkeypatch, one):
    def made_up(experiment, scale):
        return records_of(EXPERIMENTS[experiment], scale, accuracy) if scale == "laptop" else []

    monkeypatch.setattr(store, "published", made_up)
    monkeypatch.setattr(rows, "CHAPTERS", [one])
    monkeypatch.setattr(rows, "HEADLINES", [])
    found = Counter(row.found["laptop"].kind for row in rows.rows() if row.kind in (PAPER, BEYOND))
    assert found[verdicts.DIRECTION] >= 3 and not found[verdicts.REPRODUCED]


def test_a_table_counts_its_numbers(chapter):
    (row,) = (row for row in rows.rows() if row.kind == TABLE)
    table = input_dimension_tables.table_06(chapter.results(["paper"]))
    judged = Counter(table.verdict(label, column) for label in table.rows for column in table.columns)
    assert judged[verdicts.REPRODUCED] == 0 and row.found["paper"].verdict == verdicts.NOT_REPRODUCED
    assert row.paper == "18 numbers" and row.found["paper"].ours == "0 of 18 numbers"
    assert row.found["laptop"].verdict == verdicts.NOT_JUDGED


def test_a_table_whose_numbers_are_all_inconclusive_is_so_too(monkeypatch, chapter):
    """As after a single seed: nothing was judged."""
    one_seed = lambda name, scale: [r for r in records_of(EXPERIMENTS[name], scale) if r["trial"]["seed"] == 0]  # noqa: E731
    monkeypatch.setattr(store, "published", one_seed)
    (row,) = (row for row in rows.rows() if row.kind == TABLE)
    assert (row.found["paper"].verdict, row.found["paper"].ours, row.found["paper"].seeds) == (INCONCLUSIVE, "–", 1)
    monkeypatch.setattr(store, "published", lambda name, scale: [])
    (row,) = (row for row in rows.rows() if row.kind == TABLE)
    assert row.found["paper"].verdict == verdicts.NOT_RUN


def test_inconclusive_numbers_of_a_table_are_not_counted_as_judged(monkeypatch, chapter):
    def published(name, scale):
        made_up = records_of(EXPERIMENTS[name], scale)
        return [r for r in made_up if r["trial"]["seed"] == 0 or r["trial"]["image_size"] == 28]

    monkeypatch.setattr(store, "published", published)
    (row,) = (row for row in rows.rows() if row.kind == TABLE)
    assert (row.found["paper"].verdict, row.found["paper"].ours) == (verdicts.NOT_REPRODUCED, "0 of 6 numbers")


def test_a_table_of_which_some_numbers_agree_is_reproduced_in_part(monkeypatch, chapter):
    printed = {28: 97.95, 56: 98.19, 84: 98.27}

    def clean_agrees(trial, label):
        return (printed[trial.image_size] if label == "clean" and not trial.norm else 50.0) + 0.05 * (trial.seed - 2)

    monkeypatch.setattr(store, "published", lambda name, scale: records_of(EXPERIMENTS[name], scale, clean_agrees))
    (row,) = (row for row in rows.rows() if row.kind == TABLE)
    assert (row.found["paper"].verdict, row.found["paper"].ours) == (IN_PART, "3 of 18 numbers")


def test_what_is_beyond_the_paper_is_told_by_its_source(published):
    sources = {kind: {row.source for row in published if row.kind == kind} for kind in (PAPER, BEYOND)}
    assert {"section 4", "Figure 1", "abstract"} & sources[PAPER] and "effect of Table 6" in sources[BEYOND]
    assert not any(source.startswith(("ours", "effect of")) for source in sources[PAPER])
    other = [row for row in published if "other baseline" in row.source]
    assert other and {row.kind for row in other} == {BEYOND}


def test_the_summary_adds_up(published):
    shown = rows.summary(published, "tab-x", "Caption.").rows.set_index("verdict")
    assert list(shown.index) == ["all", *VERDICTS]
    assert (shown.loc["all"] == shown.drop("all").sum()).all()
    claims = [row for row in published if row.kind == PAPER]
    assert shown.loc["all", "claims of the paper, paper scale"] == len(claims)
    reproduced = sum(row.found["paper"].verdict == verdicts.REPRODUCED for row in claims)
    assert shown.loc[verdicts.REPRODUCED, "claims of the paper, paper scale"] == reproduced


def test_the_summary_of_the_headlines_adds_up(published):
    shown = rows.summary_of_headlines(published, "tab-x", "Caption.").rows.set_index("verdict")
    assert len(shown.columns) == 2 and (shown.loc["all"] == shown.drop("all").sum()).all()
    headlines = [row for row in published if row.headline]
    assert set(shown.loc["all"]) == {len(headlines)}
    for verdict in (IN_PART, verdicts.NOT_REPRODUCED):
        counted = sum(row.found["paper"].kind == verdict for row in headlines if row.found)
        assert shown.loc[verdict, "headline claims, paper scale"] == counted
    assert set(shown.loc[UNCOVERED]) == {sum(row.kind == UNCOVERED for row in headlines)} != {0}


def test_small_scales_support_a_direction_at_most(published):
    assert not any(row.found["laptop"].verdict == verdicts.REPRODUCED for row in published if row.kind in (PAPER, BEYOND))


@pytest.fixture(scope="module")
def soup(published):
    return BeautifulSoup(Dashboard(published).html(), "html.parser")


def test_the_page_links_to_chapters_that_are_there(soup):
    pages = {path.stem for path in book.pages()}
    links = {link["href"] for link in soup.select("a:not(.anchor)")}
    assert links and all(link.removesuffix(".html") in pages for link in links)
    for link in soup.select("a.anchor"):
        assert link.find_parent("tr")["id"] == link["href"].removeprefix("#")


def test_the_page_is_complete_without_its_script(soup, published):
    assert len(soup.select("tbody tr")) == len(published) and not soup.select("tbody [hidden]")
    assert soup.form.has_attr("hidden")
    for tr, row in zip(soup.select("tbody tr"), published, strict=True):
        text = tr.get_text(" ")
        assert text.startswith(f"{row.subject}: {row.text}") and row.source in text
        for said in [row.reason] if row.kind == UNCOVERED else [found.verdict for found in row.found.values()]:
            assert said in text
        assert ("headline claim" in tr.select_one(".source").get_text()) == row.headline


def test_the_page_may_stand_in_markdown(published):
    assert "\n\n" not in Dashboard(published).html()


def test_every_command_names_something_that_can_be_run(published):
    for command in {command for row in published for command in row.commands}:
        assert re.fullmatch(r"\.venv/bin/python -m lib run (\S+) --scale paper", command)[1] in NAMES


@pytest.mark.parametrize("scale", SCALES)
def test_commands_compute_the_scale_that_was_asked_for(chapter, scale):
    commands = {command for row in rows.rows([scale]) for command in row.commands}
    assert commands and all(command.endswith(f"scale {scale}") for command in commands)


@pytest.fixture
def address(published, tmp_path):
    """Of the table in a page of its own, on disk."""
    (tmp_path / "book").mkdir()
    shutil.copytree(book.ROOT / "book" / "_static", tmp_path / "_static")
    path = tmp_path / "book" / "claims.html"
    path.write_text(f"<!doctype html><html lang=en><meta charset=utf-8><title>x</title>{Dashboard(published).html()}</html>")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):  # noqa: F811
    with watched(browser) as page:  # noqa: F811
        page.goto(address)
        yield page


@pytest.fixture
def all_shown(opened):
    opened.get_by_label("Show").select_option("all statements")
    return opened


def visible(page):  # noqa: F811
    return page.locator("tbody tr:visible")


def anchors(page):  # noqa: F811
    return visible(page).evaluate_all("rows => rows.map(row => row.id)")


def test_the_page_opens_with_the_headlines_and_says_how_many(opened, published):
    headlines = [row.anchor for row in published if row.headline]
    said = opened.locator("output")
    assert said.get_attribute("aria-live") == "polite" and said.text_content() == f"{len(headlines)} of {len(published)} rows"
    assert anchors(opened) == headlines
    first = opened.locator("form").evaluate("form => form.elements[0].labels[0].firstChild.textContent.trim()")
    assert first == "Show"


def test_show_all_shows_all(opened, published):
    opened.get_by_label("Words").fill("BIM")
    opened.get_by_role("button", name="Show all").click()
    opened.wait_for_function(f"document.querySelector('output').textContent.startsWith('{len(published)} of')")
    assert anchors(opened) == [row.anchor for row in published]


def test_filters_show_what_fits_and_say_how_many(all_shown, published):
    said = all_shown.locator("output")
    assert said.text_content() == f"{len(published)} of {len(published)} rows"
    all_shown.get_by_label("Chapter").select_option("05-input-dimension")
    all_shown.get_by_label("Verdict, paper scale").select_option(verdicts.REPRODUCED)
    expected = [
        row for row in published if row.chapter == "05-input-dimension" and row.found["paper"].kind == verdicts.REPRODUCED
    ]
    assert anchors(all_shown) == [row.anchor for row in expected] != []
    assert said.text_content() == f"{len(expected)} of {len(published)} rows"
    all_shown.get_by_label("Show").select_option("headline claims")
    assert anchors(all_shown) == [row.anchor for row in expected if row.headline] != []


def test_the_subject_is_among_the_words(all_shown, published):
    all_shown.get_by_label("Words").fill("VGG8 on SVHN")
    expected = [row.anchor for row in published if row.subject == "VGG8 on SVHN"]
    assert set(expected) <= set(anchors(all_shown)) and len(expected) >= 4


def test_filters_work_from_the_keyboard_alone(opened, published):
    opened.keyboard.press("Tab")  # to Show, the first of them
    opened.keyboard.press("ArrowDown")
    opened.wait_for_function(f"document.querySelector('output').textContent.startsWith('{len(published)} of')")
    opened.keyboard.press("ArrowUp")
    assert visible(opened).count() == len(HEADLINES)
    opened.get_by_label("Words").focus()
    opened.keyboard.type("invariance original")
    assert 0 < visible(opened).count() < 5
    opened.keyboard.press("Tab")
    opened.keyboard.press("Enter")
    opened.wait_for_function(f"document.querySelector('output').textContent.startsWith('{len(published)} of')")
    assert visible(opened).count() == len(published)


def test_a_link_to_a_claim_shows_it_whatever_the_filters_say(opened, published):
    hidden = next(row for row in published if row.chapter == "01-batch-norm" and not row.headline)
    assert not opened.locator(f"#{hidden.anchor}").is_visible()
    opened.evaluate(f"location.hash = '{hidden.anchor}'")
    opened.locator(f"#{hidden.anchor}").wait_for(state="visible")
    opened.get_by_label("Chapter").select_option("05-input-dimension")
    other = next(row for row in published if row.chapter == "07-spheres")
    assert not opened.locator(f"#{other.anchor}").is_visible()
    opened.evaluate(f"location.hash = '{other.anchor}'")
    opened.locator(f"#{other.anchor}").wait_for(state="visible")


def test_a_page_that_is_opened_at_a_claim_shows_it(page, address, published):  # noqa: F811
    last = [row for row in published if not row.headline][-1]
    page.goto(f"{address}#{last.anchor}")
    assert page.locator(f"#{last.anchor}").is_visible() and visible(page).count() == len(published)
    page.wait_for_function(f"document.getElementById('{last.anchor}').getBoundingClientRect().bottom <= innerHeight")


def test_a_page_that_is_opened_at_a_headline_shows_the_headlines_alone(page, address, published):  # noqa: F811
    headline = [row for row in published if row.headline][-1]
    page.goto(f"{address}#{headline.anchor}")
    assert anchors(page) == [row.anchor for row in published if row.headline]


def test_as_text_on_the_command_line(chapter):
    shown = CliRunner().invoke(cli.main, ["claims", "--scale", "laptop"])
    assert shown.exit_code == 0, shown.output
    assert "MLP on enlarged MNIST: 28 px: batch norm costs accuracy under BIM (section 4): 43.8 ± 0.5" in shown.output
    assert f"laptop scale: {verdicts.DIRECTION} – 20.10 ± 0.06 – 3 seeds – a CPU, 2 cores" in shown.output
    assert "paper scale" not in shown.output.partition("not covered")[0]


def test_the_headlines_alone_on_the_command_line(chapter):
    everything, alone = (CliRunner().invoke(cli.main, ["claims", *options]).output for options in ([], ["--headlines"]))
    headlines = ["* MLP: all numbers of Table 6", "* MLP on enlarged MNIST: 28 px: batch norm costs accuracy under BIM"]
    starred = [line.partition(" (")[0] for line in alone.splitlines() if line.startswith(("* ", "  MLP", "  linear"))]
    assert starred == headlines
    assert all(headline in everything for headline in headlines) and "  MLP on enlarged MNIST: 28 px:" in everything
    assert "headline claims, paper scale" in alone and "beyond it" not in alone and "beyond it" in everything


def test_the_quick_scale_is_what_is_finished_here(monkeypatch, chapter, tmp_path):
    monkeypatch.setenv("BATCHNORM_RUNS", str(tmp_path))
    assert not any(row.found["quick"].seeds for row in rows.rows(["quick"]) if row.found)
    trials = EXPERIMENTS["table-06"]("quick")
    made_up = records_of(lambda scale: trials, "quick", accuracy)
    finished = dict(zip((trial.id for trial in trials), made_up, strict=True))
    monkeypatch.setattr(store, "finished", lambda trial, folder: finished.get(trial.id))
    (row,) = (row for row in rows.rows(["quick"]) if row.text == "28 px: batch norm costs accuracy under BIM")
    assert (row.found["quick"].verdict, row.found["quick"].seeds) == (verdicts.DIRECTION, 3)


def test_results_are_those_of_the_scales_asked_for(chapter):
    assert set(chapter.results(["paper"])["scale"]) == {"paper"}
    assert isinstance(chapter.results(["paper", "laptop"]), pd.DataFrame)
