"""Networks trained on ImageNet by others, whose weights torchvision gives (section 3, Table 5; appendix A.3, Table 10)."""

import hashlib
import re
from http.client import HTTPException
from pathlib import Path

import torch
from torch import nn

from lib.store import RunError


def weights_of(name: str):
    """The first ImageNet weights of a network of torchvision, those the paper had, as torchvision's `WeightsEnum`.

    Its `url` says where the file is; `meta` its `_file_size` in MiB and, under `_metrics`, the accuracies torchvision
    documents. Raises RunError for a name that torchvision does not know.
    """
    from torchvision import models  # takes more than a second, and only these networks need it

    try:
        return models.get_model_weights(name).IMAGENET1K_V1
    except (ValueError, AttributeError) as error:
        raise RunError(f"torchvision has no weights IMAGENET1K_V1 of a network {name!r} ({error})") from error


def size_of(name: str) -> float:
    """MiB of the file of weights."""
    return weights_of(name).meta["_file_size"]


def fetch(name: str) -> Path:
    """The file of a network's weights in the folder that torchvision keeps them in, downloaded first where it is missing.

    The end of its name is the start of its SHA-256: a file that is truncated, damaged or another one is never used.
    Raises RunError with the address, the size and the place of the file.
    """
    url = weights_of(name).url
    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    prefix = path.stem.rpartition("-")[2]
    by_hand = f"download {url} ({size_of(name):.0f} MiB) to {path}; another folder: set TORCH_HOME"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix)
        except (OSError, RuntimeError, HTTPException) as error:
            message = f"the weights of {name} are missing and could not be downloaded ({error}): {by_hand}"
            raise RunError(message) from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(prefix):
        raise RunError(
            f"{path} is truncated or damaged: its SHA-256 starts with {found[: len(prefix)]}, not {prefix}. "
            f"Delete it and run again, or {by_hand}"
        )
    return path


def pretrained(name: str) -> nn.Module:
    """A network of torchvision ("vgg11_bn", "resnet18", …) with its ImageNet weights, on the CPU, in evaluation mode.

    It takes normalised images (B, 3, 224, 224) and returns logits (B, 1000). Raises RunError as `fetch` does.
    """
    from torchvision import models

    state = torch.load(fetch(name), map_location="cpu", weights_only=True)
    with torch.device("meta"):  # no time is spent on weights that are replaced
        network = models.get_model(name)
    network.load_state_dict({_today(key): value for key, value in state.items()}, assign=True)
    return in_sequence(network).eval()


def _today(key: str) -> str:
    """The name of a value, which in the file of DenseNet has a dot more than the network now has: norm.1, now norm1."""
    return re.sub(r"\b(norm|conv)\.(\d)\.", r"\1\2.", key)


def in_sequence(network: nn.Module) -> nn.Module:
    """VGG and AlexNet as one nn.Sequential of their own layers, as the networks of `models` are; others as they are.

    Tested and attacked, a sequence is faster (`fuse.fuse`). Its logits are those of the network.
    """
    from torchvision import models

    if not isinstance(network, models.VGG | models.AlexNet):
        return network
    return nn.Sequential(*network.features, network.avgpool, nn.Flatten(), *network.classifier)
