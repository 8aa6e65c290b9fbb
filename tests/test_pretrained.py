"""Pre-trained networks: their layers, their files of weights, and runs on a folder of images."""

import hashlib
import re
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

from lib import networks, pretrained, runs, sources
from lib.evaluate import Evaluation
from lib.fuse import fuse
from lib.imagenet import experiments, tables
from lib.store import RunError
from lib.trials import PRETRAINED

SEQUENCES = [name for name in experiments.NETWORKS if name.startswith(("vgg", "alexnet"))]
SMALL_IMAGES = (2, 3, 64, 64)


def torchvisions(name, seed=0):
    """A network of torchvision with random weights and statistics, in evaluation mode."""
    with torch.device("meta"):
        network = models.get_model(name)
    network, chance = network.to_empty(device="cpu").eval(), torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = (6 / module.weight[0].numel()) ** 0.5
            nn.init.uniform_(module.weight, -bound, bound, generator=chance)
        for name, value in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if value.ndim == 1:
                value.detach().uniform_(0.5, 1.5, generator=chance)
            elif name == "num_batches_tracked":
                value.zero_()
    return network


def images(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


# --- Layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", experiments.NETWORKS)
def test_the_table_says_what_normalises_a_network(name):
    with torch.device("meta"):
        network = models.get_model(name)
    normalized = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert (experiments.NETWORKS[name] == "batch") == normalized


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_has_the_networks_own_layers_in_their_order(name):
    with torch.device("meta"):
        network = models.get_model(name)
    sequence = pretrained.in_sequence(network)
    own = [module for module in network.modules() if not list(module.children())]
    assert [layer for layer in sequence if not isinstance(layer, nn.Flatten)] == own
    assert type(sequence) is nn.Sequential and sum(isinstance(layer, nn.Flatten) for layer in sequence) == 1


@pytest.mark.parametrize("name", ["alexnet", "vgg11_bn"])
def test_a_sequence_has_the_logits_of_the_network_and_the_fused_one_its_gradient_too(name):
    network, x = torchvisions(name), images(*SMALL_IMAGES)
    with torch.no_grad():
        expected = network(x)
        assert torch.equal(pretrained.in_sequence(network)(x), expected) and expected.std() > 0
    fused = fuse(pretrained.in_sequence(network))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    gradients = []
    for body in network, fused:
        inputs = x.clone().requires_grad_()
        logits = body(inputs)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
        gradients.append(torch.autograd.grad(logits[:, 0].sum(), inputs)[0])
    assert (gradients[1] - gradients[0]).norm() < 1e-4 * gradients[0].norm()


def test_residual_and_dense_networks_stay_as_they_are():
    for name in "resnet18", "densenet121":
        with torch.device("meta"):
            network = models.get_model(name)
        assert pretrained.in_sequence(network) is network


# --- Files of weights ------------------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Puts the state of a network where it is "downloaded" from, and returns its file's name; a hub folder of its own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    source = tmp_path / "served"
    source.mkdir()
    enums = {}

    def serve(name, state, damage=lambda contents: contents):
        torch.save(state, source / "state.pth")
        contents = (source / "state.pth").read_bytes()
        path = source / f"{name}-{hashlib.sha256(contents).hexdigest()[:8]}.pth"
        path.write_bytes(damage(contents))
        enums[name] = SimpleNamespace(url=path.as_uri(), meta={"_file_size": 12.3})
        return path.name

    monkeypatch.setattr(pretrained, "weights_of", enums.__getitem__)
    monkeypatch.setattr(networks, "weights_of", enums.__getitem__)
    return serve


def hub(tmp_path):
    return tmp_path / "home" / "hub" / "checkpoints"


def test_the_weights_are_those_of_the_enum():
    found = pretrained.weights_of("vgg11_bn")
    assert found is models.VGG11_BN_Weights.IMAGENET1K_V1
    assert re.fullmatch(r"https://.*/vgg11_bn-[0-9a-f]{8}\.pth", found.url)
    assert pretrained.size_of("vgg11_bn") == pytest.approx(132_868_840 * 4 / 2**20, rel=0.01)


@pytest.mark.parametrize("name", ["vgg12", "", "fasterrcnn_resnet50_fpn"])
def test_a_network_without_imagenet_weights_is_named(name):
    with pytest.raises(RunError, match=f"IMAGENET1K_V1 of a network '{name}'"):
        pretrained.pretrained(name)


def test_a_missing_file_is_downloaded_once(served, tmp_path, monkeypatch):
    file = served("tiny", {"weight": torch.ones(3)})
    path = pretrained.fetch("tiny")
    assert path == hub(tmp_path) / file and torch.load(path, weights_only=True)["weight"].tolist() == [1, 1, 1]
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("downloaded again"))
    assert pretrained.fetch("tiny") == path


def test_without_a_network_the_address_the_size_and_the_place_are_told(served, tmp_path):
    file = served("tiny", {})
    (tmp_path / "served" / file).unlink()
    with pytest.raises(RunError) as refused:
        pretrained.fetch("tiny")
    told = str(refused.value)
    assert (tmp_path / "served" / file).as_uri() in told and "12 MiB" in told and str(hub(tmp_path) / file) in told
    assert "TORCH_HOME" in told and list(hub(tmp_path).iterdir()) == []


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:100] + b"\0" + c[101:], lambda c: b""])
def test_a_damaged_download_is_never_kept(served, tmp_path, damage):
    served("tiny", {"weight": torch.ones(300)}, damage)
    with pytest.raises(RunError, match="could not be downloaded.*hash"):
        pretrained.fetch("tiny")
    assert list(hub(tmp_path).iterdir()) == []


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:100] + b"\0" + c[101:], lambda c: b""])
def test_a_damaged_file_is_never_taken_for_weights(served, tmp_path, damage):
    """One that a program left half written, where torch.hub itself would read it."""
    served("tiny", {"weight": torch.ones(300)})
    path = pretrained.fetch("tiny")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=f"{path.name} is truncated or damaged.*Delete it"):
        pretrained.pretrained("tiny")


def test_a_folder_that_cannot_be_written_is_told(served, tmp_path):
    served("tiny", {})
    (tmp_path / "home").write_text("a file")
    with pytest.raises(RunError, match="could not be downloaded.*TORCH_HOME"):
        pretrained.fetch("tiny")


def old_names(state):
    """As in the file of DenseNet, which is older than torchvision's names and than the counter of batch norm."""
    keys = {key: re.sub(r"(denselayer\d+\.)(norm|conv)(\d)", r"\1\2.\3", key) for key in state}
    assert any(key != old for key, old in keys.items())
    return {old: state[key] for key, old in keys.items() if not key.endswith("num_batches_tracked")}


@pytest.mark.parametrize(("name", "renamed"), [("resnet18", dict), ("densenet121", old_names), ("alexnet", dict)])
def test_a_network_has_the_weights_of_its_file(served, name, renamed):
    expected, x = torchvisions(name, seed=3), images(1, 3, 64, 64)
    served(name, renamed(expected.state_dict()))
    network = pretrained.pretrained(name)
    assert not any(module.training for module in network.modules())
    assert all(not value.is_meta for value in network.state_dict().values())
    with torch.no_grad():
        assert torch.equal(network(x), expected(x))


def test_a_file_of_another_network_is_refused(served):
    served("resnet18", {"weight": torch.ones(3)})
    with pytest.raises(RuntimeError, match="Missing key"):
        pretrained.pretrained("resnet18")


# --- Runs ------------------------------------------------------------------------------------------------------------

CLASSES = 12  # more than ten, so that there is top-5 accuracy


@pytest.fixture
def image_folder(monkeypatch, tmp_path):
    """Makes the validation images: a folder for each class, with small random JPEGs of different shapes."""
    monkeypatch.setattr(sources, "IMAGENET_CLASSES", CLASSES)
    chance = np.random.RandomState(0)

    def make(per_class):
        root = tmp_path / f"data-{per_class}"
        monkeypatch.setattr(sources, "IMAGENET_PER_CLASS", per_class)
        for label in range(CLASSES):
            folder = root / "imagenet" / "val" / f"n{label:08}"
            folder.mkdir(parents=True)
            for i in range(per_class):
                shape = (40 + 8 * (i % 2), 56 - 8 * (i % 2), 3)
                Image.fromarray(chance.randint(256, size=shape, dtype=np.uint8)).save(folder / f"{i}.JPEG")
        return root

    return make


def small(name):
    """A stand-in of few weights for a pre-trained network: another one for each name."""
    norm = [nn.BatchNorm2d(8)] if experiments.NETWORKS[name] else []
    network = nn.Sequential(nn.Conv2d(3, 8, 16, 16), *norm, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(392, CLASSES))
    chance = torch.Generator().manual_seed(len(name) + sum(map(ord, name)))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=chance)
    return network.eval()


@pytest.fixture
def stand_ins(monkeypatch):
    monkeypatch.setattr(networks, "pretrained", small)


def sweep(trials, root, tmp_path):
    return runs.run(trials, data_root=root, store=tmp_path / "store", progress=False)


def attack_written_out(name, x, labels, evaluation):
    """The inputs of BIM, from the stand-in as it is."""
    perturbed = x.clone()
    for _ in range(evaluation.steps):
        perturbed.requires_grad_()
        loss = nn.functional.cross_entropy(small(name)(perturbed), labels, reduction="sum")
        perturbed = (perturbed + evaluation.step_size * torch.autograd.grad(loss, perturbed)[0].sign()).detach()
    return perturbed


def test_both_tables_of_imagenet_are_computed(image_folder, stand_ins, tmp_path):
    root = image_folder(1)
    records = sweep([*experiments.table_05("paper"), *experiments.table_10("paper")], root, tmp_path)
    assert len(records) == 13
    for record in records[:11]:
        name = record["trial"]["architecture"].removeprefix(PRETRAINED)
        assert record["metrics"].keys() == {"clean", "noise-0.25", "noise-0.5", "bim-linf-0.01"}
        assert all(0 <= found["accuracy"] <= found["top5"] <= 100 for found in record["metrics"].values())
        assert record["provenance"]["training"]["weights"] == pretrained.weights_of(name).url
        assert record["provenance"]["train_seconds"] == 0 and record["trial"]["norm"] == experiments.NETWORKS[name]
    files, labels = sources.read("imagenet", "test", root)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    x, labels = (files[:] / 255 - mean) / std, torch.from_numpy(labels)
    for source, record in zip(experiments.SOURCES, records[11:], strict=True):
        transferred = attack_written_out(source, x, labels, experiments.TRANSFERRED)
        for target in experiments.TARGETS:
            name = f"imagenet-{target}" + ("-batch" if target.endswith("_bn") else "")
            with torch.no_grad():
                logits = small(target)(transferred)
            found = record["metrics"][f"bim-linf-0.05-first-2048-on-{name}"]
            assert found["accuracy"] == pytest.approx(
                100 * (logits.argmax(1) == labels).double().mean().item(), abs=100 / CLASSES
            )
            assert found["loss"] == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-3)


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_the_real_networks_are_tested_and_attacked(image_folder, served, tmp_path, name):
    network = torchvisions(name)
    served(name, network.state_dict())
    attack = Evaluation("bim", epsilon=0.02, steps=2, step_size=0.01, first=3)
    trial = next(t for t in experiments.table_05("paper") if t.architecture == f"{PRETRAINED}{name}")
    trial = replace(trial, evaluations=(Evaluation(first=3), attack))
    (record,) = sweep([trial], image_folder(1), tmp_path)
    metrics = record["metrics"]
    assert metrics["bim-linf-0.02-first-3"]["loss"] > metrics["clean-first-3"]["loss"] > 0
    assert metrics["bim-linf-0.02-first-3"]["zero_gradients"] == 0


@pytest.fixture
def slices(monkeypatch):
    """The slices of images that are read, and how many of their bytes are alive at once, at most."""
    read, seen = sources.ImageFiles.__getitem__, SimpleNamespace(lengths=[], alive=[], most=0, stop_after=None)

    def watch(self, index):
        if len(seen.lengths) == seen.stop_after:
            raise KeyboardInterrupt
        batch = read(self, index)
        seen.lengths.append(len(batch))
        seen.alive = [reference for reference in seen.alive if reference() is not None] + [weakref.ref(batch)]
        seen.most = max(seen.most, sum(reference().nbytes for reference in seen.alive if reference() is not None))
        return batch

    monkeypatch.setattr(sources.ImageFiles, "__getitem__", watch)
    return seen


def test_an_interrupted_run_goes_on_after_its_last_finished_test(image_folder, stand_ins, slices, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "WORTH_SAVING", 0.0)
    root, trials = image_folder(2), experiments.table_05("paper")[:2]
    whole = runs.run(trials, data_root=root, store=tmp_path / "undisturbed", progress=False)
    batches = len(slices.lengths) // 8  # of each of four tests of two networks
    slices.lengths.clear()
    slices.stop_after = 6 * batches + batches // 2  # in the third test of the second network
    with pytest.raises(KeyboardInterrupt):
        sweep(trials, root, tmp_path)
    slices.lengths.clear()
    slices.stop_after = None
    again = sweep(trials, root, tmp_path)
    assert len(slices.lengths) == 2 * batches
    assert [record["metrics"] for record in again] == [record["metrics"] for record in whole]


def test_memory_does_not_grow_with_the_number_of_images(image_folder, stand_ins, slices, tmp_path):
    most = []
    for per_class in 1, 4:
        slices.most = 0
        sweep(experiments.table_05("paper")[:1], image_folder(per_class), tmp_path / str(per_class))
        most.append(slices.most)
    assert most[0] == most[1] <= 2 * 4 * 3 * 224**2  # two batches of four


def test_without_images_the_archive_and_its_size_are_told(tmp_path):
    with pytest.raises(sources.DataError, match="ILSVRC2012_img_val.tar") as refused:
        sweep(experiments.table_05("paper")[:1], tmp_path, tmp_path)
    assert tables.IMAGES_SIZE in str(refused.value)


def test_without_weights_nothing_is_recorded(image_folder, served, tmp_path):
    file = served("vgg11", {})
    (tmp_path / "served" / file).unlink()
    with pytest.raises(RunError, match=f"weights of vgg11 are missing.*{file}"):
        sweep(experiments.table_05("paper")[:1], image_folder(1), tmp_path)
    assert not list((tmp_path / "store").glob("*.json"))
