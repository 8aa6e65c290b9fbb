"""The headline claims: some fifty rows of the page of claims that stand for the whole paper.

They follow from the paper's text, whatever became of them here: for each table all of its numbers and the main sentence about
it, what each figure shows, and the main sentences of the abstract, the sections and the appendices. Where the paper says the
same of several networks or image sizes, the first of them stands for all; where a setting is open, the first of our readings.

A headline names its row as its chapter has it: the chapter's number and a table's title, or the name of a list of claims and
the claim's text; a statement that no chapter covers by its source and text. `lib.dashboard.rows` refuses one that names no row.
"""

HEADLINES = (
    # Abstract and section 2.
    "abstract: noise and small perturbations cost double-digit percentages with batch norm, on five data sets",
    "01 mixing: batch norm, layer 14: the classes are mixed, as shown (points lost)",
    "01 mixing: no batch norm, layer 14: the classes stay apart, as shown (points lost)",
    "01 growth: ReLU: near the limit π/(π - 1) at batches of 128",
    # Section 3, Tables 1 to 5 and Figure 2.
    "02 Table 1, VGG8 on SVHN",
    "02 svhn: batch norm costs accuracy under BIM-linf",
    "02 Table 2, VGG8 on CIFAR-10",
    "02 cifar10: batch norm costs accuracy on noise of standard deviation 1/4",
    "02 cifar10: batch norm costs accuracy under BIM-linf",
    "02 Table 3, VGG8 on CIFAR-10.1",
    "02 cifar10.1-v6: cifar10.1-v6: batch norm gains clean accuracy",
    "02 Table 4, VGGs of several depths on CIFAR-10",
    "02 depth: VGG8: batch norm costs accuracy under BIM-linf",
    "03 Table 5, pre-trained networks on ImageNet",
    "03 white box: VGG-11: batch norm costs top-5 accuracy under BIM",
    "03 white box: VGG-11: batch norm gains top-5 accuracy on noise, standard deviation 0.25 (with - without)",
    "04 depth: with batch norm, clean accuracy falls from well below the line to above it (points lost)",
    "04 depth: above the line, training with batch norm fails: accuracy is chance",
    "04 batch size: with batch norm, 40 layers: larger batches train better, 250 - 25",
    "04 noise claims: batch norm costs accuracy on noise, up to two thirds of the line (without - with)",
    # Section 4, Figure 4, Tables 6 and 7, and appendix B, Tables 11 and 12.
    "section 4, Figure 4: weight decay makes the distances of points to the boundary larger",
    "05 Table 6, MLP without weight decay",
    "05 batch norm: 28 px: batch norm costs accuracy under BIM",
    "05 Table 7, MLP with weight decay",
    "05 decay: 56 px, λ = 0.01: removing batch norm gains accuracy under BIM",
    "05 decay: with weight decay in place of batch norm, robustness no longer depends on the image size (56 px - 84 px, BIM)",
    "05 Table 11, linear model",
    "05 linear: 56 px: the predicted growth of the loss, 2, lies between those at epsilon 0.05 and 0.1 "
    "(by how much it lies inside)",
    "05 linear: 56 px, λ = 0.01: with weight decay the loss under attack (epsilon 0.1) is that at 28 px",
    "05 Table 12, Table 6 as ratios",
    "05 decay: invariance-based examples, original labels: more correct with weight decay than with batch norm (of 100)",
    # Appendix A, Tables 8 to 10 and Figure 3.
    "02 Table 8, deeper VGGs on SVHN",
    "02b Table 9, wide residual networks on CIFAR-10",
    "02b Table 9, wide residual networks on CIFAR-10.1",
    "02b cifar10: without batch norm, accuracy on noise of standard deviation 1/4 is higher",
    "02b cifar10: a null result under BIM-linf (without - with batch norm)",
    "03 Table 10, transferred attacks on ImageNet, top 1",
    "03 Table 10, transferred attacks on ImageNet, top 5",
    "03 transfer: Top 1, VGG-11: a source without batch norm fools a target with it more than the reverse",
    "04 longer: with batch norm, above the line: four times as many epochs do not help (gain)",
    # Appendix C, Table 13; appendix D, Figure 6; appendix E, Figure 7.
    "06 Table 13, common corruptions of CIFAR-10",
    "06 vgg8: VGG8: batch norm costs accuracy on Gaussian",
    "07 fails: η = 0.01: with batch norm training fails, accuracy is that of chance",
    "07 noise: batch norm costs accuracy on noisy points (points), cumulative averages, last epoch",
    "08 initially: the classes are easier to separate with batch norm: nearest neighbours, with - without it (points)",
    "08 suddenness: with batch norm there is no phase transition: steepest later fall of the loss - "
    "fall at the start (nats an epoch)",
    "08 in the middle: after 20 epochs the classes are easier to separate with batch norm: "
    "nearest neighbours, with - without it (points)",
)
