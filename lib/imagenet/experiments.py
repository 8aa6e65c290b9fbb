"""The tables of section 3 and appendix A.3 on ImageNet, and the same on networks trained on small images."""

from dataclasses import replace

from lib.empirical_results.experiments import CLEAN, DEEPEST_WITHOUT, NOISE, NOISE_AS_PRINTED, scale_of, table_04
from lib.evaluate import Evaluation
from lib.models import VGG
from lib.trials import PRETRAINED, Seeds, Trial, check_scale, over_seeds

NETWORKS = {  # of torchvision, in the order of Table 5, with what normalises them
    "vgg11": None,
    "vgg11_bn": "batch",
    "vgg13": None,
    "vgg13_bn": "batch",
    "vgg16": None,
    "vgg16_bn": "batch",
    "vgg19": None,
    "vgg19_bn": "batch",
    "alexnet": None,
    "densenet121": "batch",
    "resnet18": "batch",
}
SOURCES = ("vgg11", "vgg11_bn")
TARGETS = tuple(name for name in NETWORKS if name.startswith("vgg"))
IMAGES = 50_000  # of ImageNet's validation set
SAMPLE = 2048  # of the images that transferred attacks are made from (appendix A.3), and of all images where time is short

BIM = Evaluation("bim", epsilon=1e-2, steps=10, step_size=1e-3)  # section 3
TRANSFERRED = Evaluation("bim", epsilon=5e-2, steps=10, step_size=5e-3, first=SAMPLE)  # appendix A.3


def table_05(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Pre-trained networks on ImageNet, on a sample of its images at the laptop scale (section 3, Table 5).

    None at the quick scale. A seed decides the noise alone, and `epochs` nothing: here and in `table_10` nothing is trained.
    """
    table = (CLEAN, NOISE, NOISE_AS_PRINTED, BIM)
    evaluations = table if scale == "paper" else tuple(replace(evaluation, first=SAMPLE) for evaluation in table)
    return _on_imagenet(scale, [_pretrained(name, evaluations) for name in NETWORKS], seeds)


def table_10(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """Attacks on the two VGGs of 11 layers, transferred to all VGGs (appendix A.3, Table 10); scales as in `table_05`."""
    targets = tuple(_pretrained(name) for name in TARGETS)
    evaluations = (replace(CLEAN, first=SAMPLE), TRANSFERRED)
    return _on_imagenet(scale, [replace(_pretrained(name, evaluations), targets=targets) for name in SOURCES], seeds)


def _pretrained(name: str, evaluations: tuple[Evaluation, ...] = ()) -> Trial:
    return Trial("imagenet", 224, evaluations, norm=NETWORKS[name], epochs=0, architecture=f"{PRETRAINED}{name}")


def _on_imagenet(scale: str, trials: list[Trial], seeds: Seeds | None) -> list[Trial]:
    check_scale(scale)
    return over_seeds(trials if scale != "quick" else [], 1 if seeds is None else seeds)


def table_10_cifar10(scale: str, seeds: Seeds | None = None, epochs: int | None = None) -> list[Trial]:
    """The transfer of attacks between the networks of Table 4 without their deepest: Table 10 without ImageNet.

    Each network is a source, the networks of the next seed are its targets: it has seen none of them. The attack of Table 10
    and, but for the quick scale, one of twice as many steps. Where there are fewer images than `SAMPLE`, all of them.
    """
    chosen = [f"vgg{depth}" for depth in VGG if depth <= DEEPEST_WITHOUT]
    trained = [trial for trial in table_04(scale, seeds, epochs) if trial.architecture in chosen]
    targets = [trial.training for trial in trained if trial.seed == trained[0].seed]
    count = scale_of(scale).seeds
    longer = () if scale == "quick" else (replace(TRANSFERRED, epsilon=0.1, steps=20),)
    evaluations = (replace(CLEAN, first=SAMPLE), TRANSFERRED, *longer)
    return [
        replace(
            source,
            evaluations=evaluations,
            targets=tuple(replace(target, seed=(source.seed + 1) % count if source.seed < count else 0) for target in targets),
        )
        for source in trained
    ]


EXPERIMENTS = {"table-05": table_05, "table-10": table_10, "table-10-cifar10": table_10_cifar10}
