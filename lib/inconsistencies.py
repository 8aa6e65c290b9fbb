"""Where the paper differs from itself, or from what its own data and attacks allow: each place, with its evidence."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lib.evidence import appendices, input_dimension, networks
from lib.evidence.printed import Evidence
from lib.table import Table

COMPUTED, BY_RUNS, BY_READING = "computed", "by our runs", "by reading"


@dataclass(frozen=True)
class Inconsistency:
    """`text` says what, `where` the places in the paper. `evidence` is computed, or the words for what one reads there."""

    text: str
    where: str
    evidence: Callable[[], Evidence] | str
    how: str = COMPUTED


def table(name: str, caption: str) -> Table:
    lines = []
    for one in INCONSISTENCIES:
        evidence = Evidence(one.evidence, True) if isinstance(one.evidence, str) else one.evidence()
        how = f"{one.how}; {evidence.rounding}" if evidence.rounding else one.how
        lines.append({"what": f"{one.text} ({one.where})", "evidence": evidence.found, "how we know": how})
    return Table(name, caption, pd.DataFrame(lines), "inconsistencies")


INCONSISTENCIES = [
    Inconsistency(
        "batch norm costs double-digit percentages on noise, on five data sets",
        "abstract; Tables 1 to 6, 9",
        networks.double_digits,
    ),
    Inconsistency(
        "σ² is written for the root of a mean square, which is σ",
        "section 2, equation 1",
        "the formula itself; see chapter 01",
        BY_READING,
    ),
    Inconsistency(
        "the dashed line is called theoretical, but has a fitted factor and a slip in a derivative",
        "Figure 2; the first author's blog",
        networks.dashed_line,
    ),
    Inconsistency(
        "batch norm costs robustness to noise, but in the figure networks with it are more accurate on noise",
        "abstract; Figure 2",
        networks.noise_panels,
    ),
    Inconsistency("noise of variance 1/4 was of standard deviation 1/4", "section 3; Tables 2, 4, 13", networks.noise_strength),
    Inconsistency(
        "the text and the tables differ in the last digit of the text",
        "section 3; Tables 1, 2",
        networks.prose_of_tables_1_and_2,
    ),
    Inconsistency(
        "the network tested is the one that was best on the test set",
        "section 3, Table 2",
        "“best model in terms of test accuracy”",
        BY_READING,
    ),
    Inconsistency(
        "accuracy on noise improves with batch norm “in some cases”", "section 3; Table 5", networks.noise_on_imagenet
    ),
    Inconsistency("ResNet18's clean accuracy is not that of the weights it names", "Table 5", networks.resnet18),
    Inconsistency(
        "a smaller ball of attacks leaves less accuracy than the ball that contains it", "Tables 1, 9", networks.contained_ball
    ),
    Inconsistency(
        "He's initialisation has a variance of 1/d there, and of 2/d in its source",
        "section 4",
        "the formula itself",
        BY_READING,
    ),
    Inconsistency(
        "the penalty is the norm of w, the experiments' weight decay is that of its square",
        "section 4, equation 6",
        "the formula, and λ as chapter 05 finds it",
        BY_READING,
    ),
    Inconsistency(
        "adversarial damage is defined as added loss, but computed as a ratio of total losses",
        "section 4; Table 11",
        input_dimension.damage,
    ),
    Inconsistency(
        "the prediction lies between epsilon 0.05 and 0.1 at all image widths, or at all but 112 pixels",
        "section 4, appendix B; Table 11",
        input_dimension.all_image_widths,
    ),
    Inconsistency(
        "± of the table are √5 times those of the text: standard deviations, called standard errors",
        "section 4; Table 6",
        input_dimension.root_five,
    ),
    Inconsistency("the text and the table differ in the last digit", "section 4; Table 6", input_dimension.clean_difference),
    Inconsistency(
        "a difference that is called the effect of batch norm is one of two factors, the other being the image size",
        "Table 6, caption",
        input_dimension.two_factors_with_size,
    ),
    Inconsistency("the caption has fewer digits than the rows it is of", "Table 6", input_dimension.caption_of_table_6),
    Inconsistency(
        "an effect is the difference of two factors, batch norm and weight decay",
        "section 4; Tables 6, 7",
        input_dimension.two_factors_with_decay,
    ),
    Inconsistency(
        "the increase in test error follows from no two entries", "section 4; Tables 6, 7", input_dimension.added_test_error
    ),
    Inconsistency("the text and the tables differ", "section 4; Tables 6, 7", input_dimension.other_end),
    Inconsistency("± of ratios are relative errors, printed as errors", "Table 12", input_dimension.relative_errors),
    Inconsistency("a row that the caption calls absolute is one of ratios", "Table 12", input_dimension.ratio_row),
    Inconsistency("the ratios of two tables differ in their last digits", "Tables 6, 12", input_dimension.last_digits),
    Inconsistency("± of ratios are relative errors here, too", "Table 11", input_dimension.impossible_errors),
    Inconsistency("the number quoted for 112 pixels is that of 84", "appendix B; Table 11", input_dimension.wrong_row),
    Inconsistency("the 28-pixel row does not fit the other rows' settings", "Table 11", input_dimension.baseline, BY_RUNS),
    Inconsistency(
        "most ± are coarser than their numbers: digits seem to be lost, here or in our copy of the text",
        "Table 8",
        appendices.coarse_errors,
    ),
    Inconsistency("the text and the table differ in the last digit", "appendix A.2; Table 9", appendices.prose_of_table_9),
    Inconsistency(
        "the effect called null is larger, in its errors, than the one called an improvement",
        "appendix A.2; Table 9",
        appendices.null_and_slight,
    ),
    Inconsistency(
        "the sign of an effect depends on the code of the attack, and on which test images it is measured",
        "appendix A.2; Table 9",
        appendices.other_sign,
    ),
    Inconsistency(
        "models had “fit the training set by this point”: the schedule stops before its last step",
        "appendix A.2, footnote 6",
        appendices.last_drop,
    ),
    Inconsistency(
        "the text gives the differences no sign, and they say the opposite of what it argues",
        "appendix A.3; Table 10",
        appendices.hidden_sign,
    ),
    Inconsistency(
        "“between VGG variants of various depths”, but all sources have 11 layers",
        "appendix A.3; Table 10",
        "the rows of the table",
        BY_READING,
    ),
    Inconsistency("the text and the table differ in last digits", "appendix C; Table 13", appendices.prose_of_table_13),
    Inconsistency("accuracies are called mCE, a corruption error", "appendix C", appendices.accuracies_called_errors),
    Inconsistency(
        "a difference of accuracies is called a generalization gap",
        "appendix C",
        "the word; a gap is that between training and test",
        BY_READING,
    ),
    Inconsistency("fog, one of 19 corruptions, is never named", "appendix C", "the lists of corruptions: 18 names", BY_READING),
    Inconsistency(
        "the five corruptions with the largest gaps are so for VGG8 alone", "appendix C; Table 13", appendices.top_five
    ),
    Inconsistency(
        "three networks are compared that were trained in three ways", "Table 13; Tables 2, 4, 9", appendices.same_networks
    ),
    Inconsistency(
        "500 samples in the text, 500 a class in the authors' code",
        "appendix D, Figure 6; bn-adversarial-spheres",
        "the code draws 500 points for each class",
        BY_READING,
    ),
    Inconsistency(
        "“fails to train”, but the training loss falls: accuracy was measured with averages over all mini-batches ever seen",
        "appendix D, Figure 6; bn-adversarial-spheres",
        "BatchNorm1d(momentum=None), and the loss the code stores",
        BY_READING,
    ),
    Inconsistency("accuracies on noise without any uncertainty", "appendix D", appendices.without_errors),
]
