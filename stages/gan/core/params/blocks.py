"""The blocks of ``params.yaml`` that are the same for all: judge, training, sampling, scores, settings."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.gan.core.params.declarations import Declaration
from stages.gan.core.params.types import (
    Beta,
    Count,
    LearningRate,
    Number,
    Poolings,
    Seed,
    Shown,
    Switch,
    Width,
    Widths,
)


class Block(BaseModel):
    """A group of parameters: unknown keys and wrong types are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PieceBlock(Block):
    """The parameters of a piece: a network or a data source. The block of each is made of its signature."""

    piece: ClassVar[Declaration]


Judges = Annotated[int, Field(ge=1, le=100)]


class MlpJudge(Block):
    """The discriminative model for points: fully connected networks, ``count``, that fit x2 given x1."""

    network: Literal["mlp"]
    hidden: Widths
    epochs: Count
    batch_size: Count
    lr: LearningRate
    seed: Seed
    count: Judges = 3


class CnnJudge(Block):
    """The discriminative model for images: small convolutional classifiers, ``count`` of them."""

    network: Literal["cnn"]
    channels: Poolings
    features: Width
    epochs: Count
    batch_size: Count
    lr: LearningRate
    seed: Seed
    count: Judges = 3


Judge = Annotated[MlpJudge | CnnJudge, Field(discriminator="network")]


class Train(Block):
    """How the GAN is trained, and how much of it is kept.

    With ``lr_decay: cosine``, ``lr`` falls to 0 along half a cosine (Loshchilov & Hutter 2017). ``r1`` is the
    weight of the penalty on the discriminator's gradient (Mescheder et al. 2018), which every ``r1_every``-th
    step takes as many times as heavily (Karras et al. 2020). ``ema`` is the decay, per step, of an average of
    the generator's weights (Yazıcı et al. 2019), which is then what is kept; 0 keeps the last weights.

    ``processes`` train together, each on its rows of every batch, with ``threads`` threads, or a GPU, of its
    own.

    ``preview`` counts the fixed latent points drawn after every epoch. Every ``image_every`` epochs their
    picture, and every ``checkpoint_every`` epochs both networks, go to MLflow, and again at the end.
    """

    losses: ClassVar[Sequence[Declaration]] = ()  # that ``loss`` may name

    loss: str
    epochs: Count
    batch_size: Count
    lr: LearningRate
    lr_decay: Literal["none", "cosine"] = "none"
    betas: Annotated[list[Beta], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    r1: Annotated[Number, Field(ge=0, le=1000)] = 0
    r1_every: Count = 1
    ema: Beta = 0
    # Of a training by one process, nothing that is written says so: it is as if there were no such parameter.
    processes: Annotated[int, Field(ge=1, le=1024, exclude_if=lambda count: count == 1)] = 1
    preview: Shown
    image_every: Count
    checkpoint_every: Count


class Sample(Block):
    """How many samples are drawn from the trained generator."""

    count: Annotated[int, Field(ge=2, le=100_000_000)]


File = Annotated[str, Field(min_length=1)]


class Evaluate(Block):
    """How samples are scored, and compared.

    ``inception`` and ``features`` name files, with the weights of Inception-V3 and any network of images;
    samples then get a Fréchet distance of the features of each. ``primary`` names the score that decides
    which of two recipes is better, beforehand; without it, it is the schema's (``scores.PRIMARY``).
    """

    inception: File | None = None
    features: File | None = None
    primary: str | None = None


class Settings(Block):
    """What runs and where; the top level of ``params.yaml`` beside the experiments."""

    experiments: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    portable: Switch = "auto"
    state_every: Annotated[Number, Field(gt=0, le=1_000_000)] = 10
