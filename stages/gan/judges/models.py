"""Discriminative models P(y|x), which judge the GAN's samples."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.gan.core.adam import Adam
from stages.gan.core.datasets import normalize
from stages.gan.core.layers import linear_layers, make_layer
from stages.gan.core.numbering import block_size
from stages.gan.core.randomness import generator as random_generator
from stages.runtime.errors import UserError


class ImageJudge(nn.Module):
    """A small convolutional network that classifies images or, without classes, reconstructs them.

    Each of ``channels`` is a 3x3 convolution with ReLU and 2x2 max pooling. Two linear layers follow. The
    first gives the ``features`` by which sets of images are compared. The second, after a ReLU, gives the
    outputs: a logit for each class, or the image's pixels (an autoencoder, whose features keep most of an
    image; Hinton & Salakhutdinov 2006). Features are taken before the ReLU, because after it noise lies among
    real images (docs/scores.md).

    Args:
        shape: (C, H, W) of one image.
        channels: output channels of the convolutions.
        features: width of the feature layer.
        classes: number of classes; None: images have no labels.
        weights: draws the initial weights; None: they are loaded later.

    Raises:
        UserError: the image is too small for so many poolings.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int],
        features: int,
        classes: int | None = None,
        weights: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        about = {"shape": list(shape), "channels": list(channels), "features": features}
        kind = {"network": "autoencoder"} if classes is None else {"network": "cnn", "classes": classes}
        self.architecture: dict[str, Any] = {**about, **kind}
        layers: list[nn.Module] = []
        inputs, height, width = shape
        for maps in channels:
            convolution = make_layer(nn.Conv2d, weights, inputs, maps, kernel_size=3, padding=1)
            layers += [convolution, nn.ReLU(), nn.MaxPool2d(2)]
            inputs, height, width = maps, height // 2, width // 2
        if height < 1 or width < 1:
            raise UserError(
                f"judge.channels: {len(channels)} are too many for images of {shape[1]}x{shape[2]}"
            )
        outputs = math.prod(shape) if classes is None else classes
        hidden, output = linear_layers([inputs * height * width, features, outputs], weights)
        self.features = nn.Sequential(*layers, nn.Flatten(), hidden)
        self.output = nn.Sequential(nn.ReLU(), output)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] in [-1, 1] to logits [N, classes], or to pixels [N, C * H * W]."""
        outputs: Tensor = self.output(self.features(images))
        return outputs


class Regressor(nn.Module):
    """A fully connected network that fits the last coordinate of a point, given the others.

    Args:
        inputs: number of the other coordinates.
        hidden: widths of the hidden layers; each is followed by Tanh.
        weights: draws the initial weights; None: they are loaded later.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], weights: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = {"network": "mlp", "inputs": inputs, "hidden": list(hidden)}
        layers: list[nn.Module] = []
        for layer in linear_layers([inputs, *hidden, 1], weights):
            layers += [layer, nn.Tanh()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Coordinates [N, inputs] to the fitted last one [N, 1]."""
        fitted: Tensor = self.layers(x)
        return fitted


class Judges(nn.Module):
    """Judges that differ in their initial weights and in the order of their data.

    Their answer is the mean of all. A single judge's answers depend in part on chance, so several are used.

    Args:
        members: at least one; all of the same architecture.

    Attributes:
        members: the judges.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        known: Any = members[0].architecture
        self.architecture: dict[str, Any] = {**known, "count": len(members)}

    @property
    def classifies(self) -> bool:
        """Whether the outputs are logits of classes."""
        return "classes" in self.architecture

    def forward(self, x: Tensor) -> Tensor:
        """Inputs [N, …] to the mean of the members' outputs [N, K]: logits, pixels or a coordinate."""
        return torch.stack([member(x) for member in self.members]).mean(0)


_BY_NAME = {"cnn": ImageJudge, "autoencoder": ImageJudge, "mlp": Regressor}


def get_judges(name: str) -> Callable[..., Judges]:
    """The function that builds judges, given the name in their architecture: cnn, autoencoder or mlp."""

    def build(count: int, **about: Any) -> Judges:
        return Judges([_BY_NAME[name](**about) for _ in range(count)])

    return build


def fit(
    judge: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    use: tuple[str | int, ...] = (),
    count: Callable[[], object] = lambda: None,
) -> Iterator[float]:
    """Fit ``judge`` in place with Adam and a one-cycle learning rate, yielding each epoch's mean loss.

    Classes (int64 [N]) are fitted by cross entropy, numbers (float32 [N, K]) by squared error.

    Args:
        judge: the network, on the device to fit on.
        x: inputs [N, …] on that device.
        y: what to predict from them, on that device.
        epochs: number of passes over the data, each in a new order.
        batch_size: samples in a step; the last step of an epoch takes the rest.
        lr: the highest learning rate; see :func:`one_cycle`.
        seed: decides the orders.
        use: a name, so that fits with the same seed have different orders.
        count: called after each step.

    Raises:
        UserError: the loss of an epoch is no longer finite.
    """
    loss_of = functional.mse_loss if y.is_floating_point() else functional.cross_entropy
    adam = Adam(judge.parameters(), (0.9, 0.999))
    total_steps = epochs * -(-len(x) // batch_size)
    steps = iter(range(total_steps))
    judge.train()
    for epoch in range(1, epochs + 1):
        shuffled = torch.randperm(len(x), generator=random_generator(seed, "judge/order", *use, epoch))
        total = torch.zeros((), device=x.device)
        for batch in shuffled.to(x.device).split(batch_size):
            loss = loss_of(judge(x[batch]), y[batch])
            adam.step(loss, lr * one_cycle(next(steps), total_steps))
            total += loss.detach() * len(batch)
            count()
        if not math.isfinite(mean := total.item() / len(x)):
            raise UserError(f"judge: the loss is no longer finite in epoch {epoch} ({mean}); lower judge.lr")
        yield mean
    judge.eval()


def one_cycle(step: int, steps: int) -> float:
    """The learning rate of a step (from 0) as a share of the highest one (Smith & Topin 2018).

    It rises from 1/25 to 1 along half a cosine, in the first three tenths of the steps, and then falls along
    another half to 1/250,000, like PyTorch's ``OneCycleLR``.
    """
    top, last = 0.3 * steps - 1, steps - 1
    if step <= top:
        start, end, share = 1 / 25, 1.0, step / top if top else 1.0
    else:
        start, end, share = 1.0, 1 / 250_000, (step - top) / (last - top)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def others(points: Tensor) -> Tensor:
    """All coordinates of points [N, D] except the last: [N, D - 1]; zeros [N, 1] if there is only one."""
    return points[:, :-1] if points.shape[1] > 1 else torch.zeros_like(points)


def predict(judge: nn.Module, x: Tensor, batch_size: int = 1000) -> Tensor:
    """The judge's outputs [N, K] on the CPU, computed in batches on the judge's device.

    Args:
        judge: the network.
        x: any number of inputs [N, …]; images uint8 [N, C, H, W] are scaled to [-1, 1].
        batch_size: most inputs in a batch; large images get smaller batches.
    """
    device = next(judge.parameters()).device
    parts = x.split(min(batch_size, block_size(x.shape[1:])))
    with torch.no_grad():
        return torch.cat([judge(normalize(part.to(device))).cpu() for part in parts])
