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
    RunName,
    Seed,
    Shown,
    Switch,
    Width,
    Widths,
)


class Block(BaseModel):
    """A group of parameters: unknown keys and wrong types are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)


class PieceBlock(Block):
    """The parameters of a piece: a network or a data source. The block of each is made of its signature."""

    piece: ClassVar[Declaration]


Betas = Annotated[list[Beta], Field(min_length=2, max_length=2)]
Weight = Annotated[Number, Field(ge=0, le=1000)]
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

    ``lr`` and ``betas`` are those of both networks, or of the generator alone, where the discriminator has
    ``lr_d`` or ``betas_d`` (Heusel et al. 2017). In a step the discriminator learns from ``d_steps`` batches.
    With ``lr_decay: cosine``, learning rates fall to 0 along half a cosine (Loshchilov & Hutter 2017).
    ``clip_norm`` is the most that the norm of a network's gradient may be (Pascanu et al. 2013).

    ``r1`` and ``r2`` are the weights of the penalties on the discriminator's gradient at real and at
    generated samples (Mescheder et al. 2018), ``gp`` that of the one between them (Gulrajani et al. 2017);
    every ``penalty_every``-th step takes them as many times as heavily (Karras et al. 2020). ``augment``
    changes at random what the discriminator sees (Zhao et al. 2020), ``instance_noise`` adds normal noise of
    this deviation, which fades to 0 over the training (Sønderby et al. 2017). With ``condition`` both
    networks are told the classes of images that have labels.

    ``ema`` is the decay, per step, of an average of the generator's weights (Yazıcı et al. 2019), which is
    then what is kept; 0 keeps the last weights. Every ``score_every`` epochs some samples are compared with
    training samples; ``keep: best`` keeps the networks of the epoch with the least distance. ``from`` names a
    run, ``EXPERIMENT/seed-SEED``, whose networks the training starts from.

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
    betas: Betas = [0.9, 0.999]
    lr_d: LearningRate | None = None
    betas_d: Betas | None = None
    d_steps: Annotated[int, Field(ge=1, le=100)] = 1
    clip_norm: Annotated[Number, Field(gt=0)] | None = None
    r1: Weight = 0
    r2: Weight = 0
    gp: Weight = 0
    penalty_every: Count = 1
    augment: list[Literal["flip", "color", "translation", "cutout"]] = []
    instance_noise: Annotated[Number, Field(ge=0, le=10)] = 0
    condition: bool = False
    ema: Beta = 0
    score_every: Count | None = None
    keep: Literal["last", "best"] = "last"
    start: Annotated[RunName | None, Field(alias="from")] = None
    # Of a training by one process, nothing that is written says so: it is as if there were no such parameter.
    processes: Annotated[int, Field(ge=1, le=1024, exclude_if=lambda count: count == 1)] = 1
    preview: Shown
    image_every: Count
    checkpoint_every: Count

    @property
    def samples_in_step(self) -> int:
        """Training samples that a step takes."""
        return self.batch_size * self.d_steps

    @property
    def what_of_a_step(self) -> str:
        """The parameters that decide it, as the beginning of a sentence on what it is."""
        times = f" times d_steps {self.d_steps}" if self.d_steps > 1 else ""
        return f"train.batch_size: {self.batch_size}{times} is"

    @property
    def origin(self) -> tuple[str, int] | None:
        """The experiment and the seed of the run whose networks the training starts from, if any."""
        if self.start is None:
            return None
        experiment, _, seed = self.start.partition("/seed-")
        return experiment, int(seed)


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
