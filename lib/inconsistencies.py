"""Where the paper differs from itself, or from what its own data and attacks allow: each place, with its evidence."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lib.common_corruptions.claims import PRINTED
from lib.corruptions import CORRUPTIONS
from lib.evidence import appendices, input_dimension, networks
from lib.evidence.printed import Evidence
from lib.table import Table

COMPUTED, BY_RUNS, BY_READING = "computed", "by our runs", "by reading"
CH_01, CH_02, CH_02B, CH_03 = "01-batch-norm", "02-empirical-results", "02b-fixup", "03-imagenet"
CH_04, CH_05, CH_06, CH_07 = "04-depth", "05-input-dimension", "06-corruptions", "07-spheres"


@dataclass(frozen=True)
class Inconsistency:
    """`text` says what, `where` the places in the paper. `evidence` is computed, or the words for what one reads there.

    `chapters` are those of the book that it is about, by the names of their notebooks.
    """

    text: str
    where: str
    chapters: tuple[str, ...]
    evidence: Callable[[], Evidence] | str
    how: str = COMPUTED


def table(name: str, caption: str, chapter: str = "") -> Table:
    """Those about `chapter`, such as "05-input-dimension", or all. Raises ValueError for a chapter that none is about."""
    chosen = [one for one in INCONSISTENCIES if not chapter or chapter in one.chapters]
    if not chosen:
        known = sorted({each for one in INCONSISTENCIES for each in one.chapters})
        raise ValueError(f"no inconsistency is about chapter {chapter!r}: allowed are {', '.join(known)}")
    lines = []
    for one in chosen:
        evidence = Evidence(one.evidence, True) if isinstance(one.evidence, str) else one.evidence()
        how = f"{one.how}; {evidence.rounding}" if evidence.rounding else one.how
        lines.append({"what": f"{one.text} ({one.where})", "evidence": evidence.found, "how we know": how})
    return Table(name, caption, pd.DataFrame(lines), "inconsistencies")


def text() -> str:
    """All of them for a terminal: a paragraph each."""
    rows = table("", "").rows.itertuples(index=False)
    return "\n".join(f"  {what}\n      {evidence} – {how}" for what, evidence, how in rows)


INCONSISTENCIES = [
    Inconsistency(
        "batch norm costs double-digit percentages on noise, on five data sets",
        "abstract; Tables 1 to 6, 9",
        (CH_02, CH_03),
        networks.double_digits,
    ),
    Inconsistency(
        "σ² is written for the root of a mean square, which is σ",
        "section 2, equation 1",
        (CH_01,),
        "the formula itself; see chapter 01",
        BY_READING,
    ),
    Inconsistency(
        "the dashed line is called theoretical, but has a fitted factor and a slip in a derivative",
        "Figure 2; the first author's blog",
        (CH_01, CH_04),
        networks.dashed_line,
    ),
    Inconsistency(
        "batch norm costs robustness to noise, but in the figure networks with it are more accurate on noise",
        "abstract; Figure 2",
        (CH_04,),
        networks.noise_panels,
    ),
    Inconsistency(
        "noise of variance 1/4 was of standard deviation 1/4", "section 3; Tables 2, 4, 13", (CH_02,), networks.noise_strength
    ),
    Inconsistency(
        "the text and the tables differ in the last digit of the text",
        "section 3; Tables 1, 2",
        (CH_02,),
        networks.prose_of_tables_1_and_2,
    ),
    Inconsistency(
        "the network tested is the one that was best on the test set",
        "section 3, Table 2",
        (CH_02,),
        "“best model in terms of test accuracy”",
        BY_READING,
    ),
    Inconsistency(
        "accuracy on noise improves with batch norm “in some cases”", "section 3; Table 5", (CH_03,), networks.noise_on_imagenet
    ),
    Inconsistency("ResNet18's clean accuracy is not that of the weights it names", "Table 5", (CH_03,), networks.resnet18),
    Inconsistency(
        "a smaller ball of attacks leaves less accuracy than the ball that contains it, which no converged attack can do",
        "Tables 1, 9",
        (CH_02, CH_02B),
        networks.contained_ball,
    ),
    Inconsistency(
        "He's initialisation has a variance of 1/d there, and of 2/d in its source",
        "section 4",
        (CH_05,),
        "the formula itself",
        BY_READING,
    ),
    Inconsistency(
        "the penalty is the norm of w, the experiments' weight decay is that of its square",
        "section 4, equation 6",
        (CH_05,),
        "the formula, and λ as chapter 05 finds it",
        BY_READING,
    ),
    Inconsistency(
        "adversarial damage is defined as added loss, but computed as a ratio of total losses",
        "section 4; Table 11",
        (CH_05,),
        input_dimension.damage,
    ),
    Inconsistency(
        "the prediction lies between epsilon 0.05 and 0.1 at all image widths, or at all but 112 pixels",
        "section 4, appendix B; Table 11",
        (CH_05,),
        input_dimension.all_image_widths,
    ),
    Inconsistency(
        "± of the table are √5 times those of the text: standard deviations, called standard errors",
        "section 4; Table 6",
        (CH_05,),
        input_dimension.root_five,
    ),
    Inconsistency(
        "the text and the table differ in the last digit", "section 4; Table 6", (CH_05,), input_dimension.clean_difference
    ),
    Inconsistency(
        "a difference that is called the effect of batch norm is one of two factors, the other being the image size",
        "Table 6, caption",
        (CH_05,),
        input_dimension.two_factors_with_size,
    ),
    Inconsistency(
        "the caption has fewer digits than the rows it is of", "Table 6", (CH_05,), input_dimension.caption_of_table_6
    ),
    Inconsistency(
        "an effect is the difference of two factors, batch norm and weight decay",
        "section 4; Tables 6, 7",
        (CH_05,),
        input_dimension.two_factors_with_decay,
    ),
    Inconsistency(
        "the increase in test error follows from no two entries",
        "section 4; Tables 6, 7",
        (CH_05,),
        input_dimension.added_test_error,
    ),
    Inconsistency("the text and the tables differ", "section 4; Tables 6, 7", (CH_05,), input_dimension.other_end),
    Inconsistency("± of ratios are relative errors, printed as errors", "Table 12", (CH_05,), input_dimension.relative_errors),
    Inconsistency("a row that the caption calls absolute is one of ratios", "Table 12", (CH_05,), input_dimension.ratio_row),
    Inconsistency(
        "the ratios of two tables differ in their last digits", "Tables 6, 12", (CH_05,), input_dimension.last_digits
    ),
    Inconsistency("± of ratios are relative errors here, too", "Table 11", (CH_05,), input_dimension.impossible_errors),
    Inconsistency(
        "the number quoted for 112 pixels is that of 84", "appendix B; Table 11", (CH_05,), input_dimension.wrong_row
    ),
    Inconsistency(
        "the 28-pixel row does not fit the other rows' settings", "Table 11", (CH_05,), input_dimension.baseline, BY_RUNS
    ),
    Inconsistency(
        "most ± are coarser than their numbers: digits seem to be lost, here or in our copy of the text",
        "Table 8",
        (CH_02,),
        appendices.coarse_errors,
    ),
    Inconsistency(
        "the text and the table differ in the last digit", "appendix A.2; Table 9", (CH_02B,), appendices.prose_of_table_9
    ),
    Inconsistency(
        "the effect called null is larger, in its errors, than the one called an improvement",
        "appendix A.2; Table 9",
        (CH_02B,),
        appendices.null_and_slight,
    ),
    Inconsistency(
        "the sign of an effect depends on the code of the attack, and on which test images it is measured",
        "appendix A.2; Table 9",
        (CH_02B,),
        appendices.other_sign,
    ),
    Inconsistency(
        "models had “fit the training set by this point”: the schedule stops before its last step",
        "appendix A.2, footnote 6",
        (CH_02B,),
        appendices.last_drop,
    ),
    Inconsistency(
        "a later table's row of differences is not what follows from its other rows",
        "ResNet-110; README of bn-advex-zhang-fixup",
        (CH_02B,),
        appendices.later_readme,
    ),
    Inconsistency(
        "the text gives the differences no sign, and they say the opposite of what it argues",
        "appendix A.3; Table 10",
        (CH_03,),
        appendices.hidden_sign,
    ),
    Inconsistency(
        "the column of VGG-19 with batch norm is lost in our copy of the text; it follows from the ranges that the text gives",
        "appendix A.3; Table 10",
        (CH_03,),
        appendices.lost_column,
    ),
    Inconsistency(
        "“between VGG variants of various depths”, but all sources have 11 layers",
        "appendix A.3; Table 10",
        (CH_03,),
        "the rows of the table",
        BY_READING,
    ),
    Inconsistency(
        "the text and the table differ in last digits", "appendix C; Table 13", (CH_06,), appendices.prose_of_table_13
    ),
    Inconsistency("accuracies are called mCE, a corruption error", "appendix C", (CH_06,), appendices.accuracies_called_errors),
    Inconsistency(
        "a difference of accuracies is called a generalization gap",
        "appendix C",
        (CH_06,),
        "the word; a gap is that between training and test",
        BY_READING,
    ),
    Inconsistency(
        "fog, one of 19 corruptions, is never named",
        "appendix C",
        (CH_06,),
        f"the lists of corruptions: {len(CORRUPTIONS) - 1} names, {len(PRINTED)} of them with numbers",
        BY_READING,
    ),
    Inconsistency(
        "the five corruptions with the largest gaps are so for VGG8 alone",
        "appendix C; Table 13",
        (CH_06,),
        appendices.top_five,
    ),
    Inconsistency(
        "three networks are compared that were trained in three ways",
        "Table 13; Tables 2, 4, 9",
        (CH_06,),
        appendices.same_networks,
    ),
    Inconsistency(
        "500 samples in the text, 500 a class in the authors' code",
        "appendix D, Figure 6; bn-adversarial-spheres",
        (CH_07,),
        "the code draws 500 points for each class",
        BY_READING,
    ),
    Inconsistency(
        "“fails to train”, but the training loss falls: accuracy was measured with averages over all mini-batches ever seen",
        "appendix D, Figure 6; bn-adversarial-spheres",
        (CH_07,),
        "BatchNorm1d(momentum=None), and the loss the code stores",
        BY_READING,
    ),
    Inconsistency("accuracies on noise without any uncertainty", "appendix D", (CH_07,), appendices.without_errors),
]
