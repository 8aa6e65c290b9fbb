"""Plain SGD on the cross-entropy, for several seeds at once."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lib import data
from lib.checkpoints import EVERY, Budget, Checkpoint, OutOfTime, under
from lib.enlarged import FirstLayer
from lib.evaluate import Evaluation, evaluate
from lib.memory import keep_freed
from lib.models import PRECISIONS, cross_entropy
from lib.stack import side_by_side


def fit(
    networks: list[nn.Sequential],
    train: data.Dataset,
    *,
    seeds: list[int],
    image_size: int,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    milestones: tuple[int, ...] = (),
    gamma: float = 0.1,
    nesterov: bool = False,
    augment: bool = False,
    padding_mode: str = "zeros",
    precision: str = "fp32",
    select_on: data.Dataset | None = None,
    on_epoch: Callable[[int, Tensor], None] = lambda epoch, losses: None,
    checkpoint: Checkpoint | None = None,
    budget: Budget | None = None,
) -> list[int | None]:
    """Train the networks in place, the s-th with the data order of `seeds[s]`, on images enlarged to `image_size`.

    SGD; the learning rate `lr` is multiplied by `gamma` after each of the epochs in `milestones`. `weight_decay` is the factor
    λ in the gradient λw of all parameters, `momentum` and `nesterov` are as in torch.optim.SGD (section 4 and Appendix B). The
    training set is shuffled every epoch and its last, smaller batch kept. `augment`: random crops and mirror images, padded
    by `padding_mode` (`data.crop_and_flip`, section 3). `precision`: "fp32", or "bf16" for layers that compute in bfloat16 on
    weights kept in float32 (torch.autocast). `select_on`: a single network is left as it was after the epoch in which its
    accuracy on this set was highest, which the paper does with the test set (section 3, Table 2).
    `on_epoch` gets the epoch, from 1, and the mean training loss (S,) in nats; where images are not enlarged, `networks` then are
    as after that epoch.
    With a `checkpoint` the training goes on, bit for bit on a CPU, from where it was saved: every few minutes, at the end,
    and when the `budget` is spent, which raises OutOfTime.

    Returns, for each network, the epoch in which its loss stopped being finite, or None. A network that diverges does
    not disturb the others. Raises ValueError for a `precision` that is not allowed, for several networks with `select_on`, and for
    `milestones` or `nesterov` with enlarged images; DataError as `data.refuse_single_images` does.
    """
    if select_on and len(networks) > 1:
        raise ValueError(f"select_on with {len(networks)} networks: only one at a time can be selected")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}; allowed: {', '.join(PRECISIONS)}")
    device, factor = train.images.device, data.enlargement(image_size, train.images.shape[-1])
    if (milestones or nesterov) and factor > 1:
        raise ValueError(
            f"milestones={milestones}, nesterov={nesterov} with enlarged images: their short cut is for a constant learning rate "
            "and plain momentum"
        )
    if any(isinstance(module, nn.BatchNorm1d) for module in networks[0].modules()):
        data.refuse_single_images(train.name, len(train), batch_size)
    first_layers = [FirstLayer(network, train.images.shape[1:], factor) for network in networks]
    model = side_by_side(networks).to(device).train()
    groups = _groups(model, factor, lr, weight_decay)
    optimizer = torch.optim.SGD(groups, momentum=momentum, nesterov=nesterov, fused=True)
    state = State(model, optimizer, seeds, train)
    if checkpoint:
        state.resume(checkpoint)

    keep_freed()
    while state.epoch <= epochs and None in state.diverged_at:
        _set_learning_rate(optimizer, gamma ** sum(state.epoch > milestone for milestone in milestones))
        for batch in state.batches(len(train), batch_size):
            images = train.images[batch]
            if augment:
                pairs = zip(images, state.augmentation, strict=True)
                images = torch.stack([data.crop_and_flip(own, chance, padding_mode=padding_mode) for own, chance in pairs])
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                logits = model(data.normalize(images, train))
            losses = cross_entropy(logits.float(), train.labels[batch])
            optimizer.zero_grad()
            losses.mean(1).sum().backward()  # a sum over networks: the gradient of each is that of its own mean loss
            optimizer.step()
            state.count(losses)
            if checkpoint and checkpoint.age > EVERY:
                state.save(checkpoint)
            if budget:
                _stop_in_time(budget, state, checkpoint)
        model.unstack(networks)
        if select_on:
            state.keep_best(networks[0], select_on)
        on_epoch(state.epoch, state.end_epoch(len(train)))
    if checkpoint and checkpoint.age > 10:  # seconds; less than that is not worth a file
        state.save(checkpoint)

    if state.best:
        model.load_state_dict(state.best)
    model.unstack(networks)  # also of the best epoch, or of a finished checkpoint
    steps = epochs * math.ceil(len(train) / batch_size)
    for layer in first_layers:
        layer.restore(steps, lr, momentum, weight_decay)
    return state.diverged_at


class State:
    """Where a training of several networks stands: everything it goes on from."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, seeds: list[int], train: data.Dataset):
        self.model, self.optimizer, self.seeds, self.data = model, optimizer, seeds, train.sha256
        self.order = [data.generator(seed, "order") for seed in seeds]
        self.augmentation = [data.generator(seed, "augmentation") for seed in seeds]
        self.shuffled_from: list[Tensor] = []  # the states of `order` at the start of the epoch
        self.epoch, self.batch = 1, 0  # the epoch under way, from 1, and how many of its batches are done
        self.total = torch.zeros(len(seeds), device=train.images.device)  # the loss summed over the epoch
        self.diverged_at: list[int | None] = [None] * len(seeds)
        self.best: dict[str, Tensor] = {}  # the model after the best epoch so far, where one is selected
        self.best_accuracy = -math.inf

    def batches(self, size: int, batch_size: int) -> Iterator[Tensor]:
        """Indices (S, B) of the batches of the epoch that are still to be done, in an order of its own for each seed."""
        self.shuffled_from = [generator.get_state() for generator in self.order]
        order = torch.stack([torch.randperm(size, generator=generator) for generator in self.order])
        yield from order.to(self.total.device).split(batch_size, dim=1)[self.batch :]

    def count(self, losses: Tensor) -> None:
        self.total += losses.detach().sum(1)
        self.batch += 1

    def keep_best(self, network: nn.Sequential, test: data.Dataset) -> None:
        """Called after an epoch: remember the model if the accuracy on `test` of its one network is the highest so far."""
        result = evaluate(network, test, [Evaluation()], seed=0, image_size=test.images.shape[-1])
        if result["clean"]["accuracy"] > self.best_accuracy:
            self.best_accuracy = result["clean"]["accuracy"]
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}

    def end_epoch(self, size: int) -> Tensor:
        """The mean loss (S,) of the epoch that is over."""
        mean = (self.total / size).cpu()
        for s, loss in enumerate(mean.tolist()):
            if self.diverged_at[s] is None and not math.isfinite(loss):
                self.diverged_at[s] = self.epoch
        self.total.zero_()
        self.shuffled_from = []
        self.epoch, self.batch = self.epoch + 1, 0
        return mean

    def save(self, checkpoint: Checkpoint) -> None:
        order = self.shuffled_from or [generator.get_state() for generator in self.order]
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()} | {"total": self.total}
        for i, buffers in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in buffers.items() if value is not None}
        for s, augmentation in enumerate(self.augmentation):
            tensors |= {f"order.{s}": order[s], f"augmentation.{s}": augmentation.get_state()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        place = {
            "seeds": self.seeds,
            "data": self.data,
            "epoch": self.epoch,
            "batch": self.batch,
            "diverged_at": self.diverged_at,
        }
        place |= {"best_accuracy": self.best_accuracy if self.best else None}
        checkpoint.save({name: value.contiguous() for name, value in tensors.items()}, place)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from the checkpoint, if there is one of these seeds and data."""
        tensors, place = checkpoint.load() or ({}, {})
        if (place.get("seeds"), place.get("data")) != (self.seeds, self.data):
            return
        checkpoint.before = place["seconds"]
        self.epoch, self.batch, self.diverged_at = place["epoch"], place["batch"], place["diverged_at"]
        self.total.copy_(tensors["total"])
        self.model.load_state_dict(under("model.", tensors))
        if place["best_accuracy"] is not None:
            self.best, self.best_accuracy = under("best.", tensors), place["best_accuracy"]
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        buffers = defaultdict(dict)
        for name, value in under("optimizer.", tensors).items():
            i, kind = name.split(".")
            buffers[int(i)][kind] = torch.empty_like(parameters[int(i)]).copy_(value)  # in the parameter's memory format
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": dict(buffers)})
        for s in range(len(self.seeds)):
            self.order[s].set_state(tensors[f"order.{s}"])
            self.augmentation[s].set_state(tensors[f"augmentation.{s}"])


def _stop_in_time(budget: Budget, state: State, checkpoint: Checkpoint | None) -> None:
    try:
        budget.check()
    except OutOfTime:
        if checkpoint:
            state.save(checkpoint)
        raise


def _groups(model: nn.Module, factor: int, lr: float, weight_decay: float) -> list[dict]:
    """Parameter groups: the first layer, when it stands for one on images enlarged by `factor`, steps factor² as far.

    Modules with an `lr_factor`, which hold the scalars of Fixup, step at that part of the learning rate.
    """
    first = next(m for m in model.modules() if isinstance(getattr(m, "weight", None), nn.Parameter)).weight
    slower = defaultdict(list)
    for module in model.modules():
        if hasattr(module, "lr_factor"):
            slower[module.lr_factor] += module.parameters(recurse=False)
    apart = {first, *(p for parameters in slower.values() for p in parameters)}
    rest = [p for p in model.parameters() if p not in apart]
    groups = [
        {"params": [first], "lr": lr * factor**2, "weight_decay": weight_decay / factor**2},
        {"params": rest, "lr": lr, "weight_decay": weight_decay},
        *({"params": p, "lr": lr * part, "weight_decay": weight_decay} for part, p in slower.items()),
    ]
    return [group | {"initial_lr": group["lr"]} for group in groups]


def _set_learning_rate(optimizer: torch.optim.Optimizer, part: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = part * group["initial_lr"]
