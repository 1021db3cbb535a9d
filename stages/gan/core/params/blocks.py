"""The blocks of ``params.yaml`` that do not belong to a piece: judge, training, samples, scores, settings."""

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
    """A group of parameters. Unknown keys and wrong types are refused; values cannot be changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)


class PieceBlock(Block):
    """The parameters of a network or a data source; each has its own block, made from its signature."""

    piece: ClassVar[Declaration]


Betas = Annotated[list[Beta], Field(min_length=2, max_length=2)]
Weight = Annotated[Number, Field(ge=0, le=1000)]
Judges = Annotated[int, Field(ge=1, le=100)]


class MlpJudge(Block):
    """The discriminative model for points: ``count`` networks that fit the last coordinate, given the others.

    They are fully connected.
    """

    network: Literal["mlp"]
    hidden: Widths
    epochs: Count
    batch_size: Count
    lr: LearningRate
    seed: Seed
    count: Judges = 3


class CnnJudge(Block):
    """The discriminative model for images: ``count`` small convolutional networks.

    They classify the images, or reconstruct them if the images have no labels.
    """

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
    """How the GAN is trained, and which networks are kept.

    ``lr`` and ``betas`` are for both networks; ``lr_d`` and ``betas_d``, if given, replace them for the
    discriminator (Heusel et al. 2017). In each step the discriminator learns from ``d_steps`` batches. With
    ``lr_decay: cosine``, learning rates fall to 0 along half a cosine (Loshchilov & Hutter 2017).
    ``clip_norm`` is the largest norm that a network's gradient may have (Pascanu et al. 2013).

    ``r1`` and ``r2`` are the weights of the penalties on the discriminator's gradient at real and at
    generated samples (Mescheder et al. 2018), ``gp`` the weight of the penalty at points between them
    (Gulrajani et al. 2017). Only every ``penalty_every``-th step has penalties, with weights multiplied by
    ``penalty_every`` (Karras et al. 2020). ``augment`` lists random changes of the images that the
    discriminator sees (Zhao et al. 2020). ``instance_noise`` is the standard deviation of normal noise that
    is added to the samples that the discriminator sees; it fades to 0 over the training (Sønderby et al.
    2017). With ``condition``, the class of an image, from its label, is an input of both networks.

    ``ema`` is the decay, per step, of an average of the generator's weights (Yazıcı et al. 2019). This
    average is kept; if ``ema`` is 0, the last weights are. Every ``score_every`` epochs some samples are
    compared with training samples; ``keep: best`` keeps the networks of the epoch with the smallest distance.
    ``from`` names a run, ``EXPERIMENT/seed-SEED``, whose networks the training starts from.

    ``processes`` is how many processes train together. Each computes its rows of every batch, with its own
    ``threads`` threads or its own GPU.

    ``preview`` is how many fixed latent points are drawn after every epoch. Every ``image_every`` epochs
    their picture goes to MLflow, every ``checkpoint_every`` epochs both networks do; so do all at the end.
    """

    losses: ClassVar[Sequence[Declaration]] = ()  # the losses that ``loss`` may name

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
    # What is written about a training by one process leaves this parameter out, as if it did not exist.
    processes: Annotated[int, Field(ge=1, le=1024, exclude_if=lambda count: count == 1)] = 1
    preview: Shown
    image_every: Count
    checkpoint_every: Count

    @property
    def samples_in_step(self) -> int:
        """How many training samples a step takes."""
        return self.batch_size * self.d_steps

    @property
    def what_of_a_step(self) -> str:
        """The parameters that decide ``samples_in_step``, as the beginning of a sentence about it."""
        times = f" times d_steps {self.d_steps}" if self.d_steps > 1 else ""
        return f"train.batch_size: {self.batch_size}{times} is"

    @property
    def origin(self) -> tuple[str, int] | None:
        """Experiment and seed of the run whose networks the training starts from; None: there is none."""
        if self.start is None:
            return None
        experiment, _, seed = self.start.partition("/seed-")
        return experiment, int(seed)


class Sample(Block):
    """How many samples are drawn from the trained generator."""

    count: Annotated[int, Field(ge=2, le=100_000_000)]


File = Annotated[str, Field(min_length=1)]


class Evaluate(Block):
    """How samples are scored and compared.

    ``inception`` names a file with the weights of Inception-V3, ``features`` a file with any network for
    images. With each, samples get a Fréchet distance between this network's features. ``primary`` names, in
    advance, the score that decides which of two recipes is better; the default is in ``scores.PRIMARY``.
    """

    inception: File | None = None
    features: File | None = None
    primary: str | None = None


class Settings(Block):
    """What runs and where: the top level of ``params.yaml``, without the experiments' blocks."""

    experiments: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    portable: Switch = "auto"
    state_every: Annotated[Number, Field(gt=0, le=1_000_000)] = 10
