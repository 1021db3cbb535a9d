"""The schema of an experiment's block, made from what the pieces declare, and how values fit together."""

import operator
from collections.abc import Sequence
from functools import cached_property, reduce
from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, create_model, model_validator

from stages.gan.core.params import declarations, pieces
from stages.gan.core.params.blocks import Block, Evaluate, Judge, PieceBlock, Sample, Train
from stages.gan.core.params.declarations import Declaration
from stages.gan.core.params.types import BY_NAME, Convolutions, Width
from stages.gan.core.source import Source, wrong_declaration

_MOST_WEIGHTS = 1_000_000_000  # of a network: 4 GB, and as much again for each of Adam's two moments
_CHOSEN_BY = {"generator": "network", "discriminator": "network", "source": "source"}  # key that names it
_TAKEN = (
    "piece",
    "weights",
    "masks",
    "rows",
    "classes",
)  # names that have a meaning in all networks and blocks


class Experiment(Block):
    """All parameters of one experiment; :func:`experiment_schema` adds the blocks of the existing pieces."""

    data: PieceBlock
    judge: Judge
    generator: PieceBlock
    discriminator: PieceBlock
    train: Train
    sample: Sample
    evaluate: Evaluate = Evaluate()

    @cached_property
    def source(self) -> Source:
        """The data source, made from its parameters.

        Raises:
            UserError: it cannot be made, or what it declares is wrong.
        """
        arguments, piece = self.data.model_dump(), self.data.piece
        del arguments["source"]
        with pieces.errors_at(piece):
            made = pieces.load(piece)(**arguments)
        if (why := wrong_declaration(made)) is not None:
            raise piece.error(why)
        return cast(Source, made)

    @property
    def loss(self) -> Declaration:
        """The declaration of the loss."""
        return next(loss for loss in self.train.losses if loss.name == self.train.loss)

    @property
    def trained_pieces(self) -> list[Declaration]:
        """The pieces that a training depends on: both networks and the loss."""
        return [self.generator.piece, self.discriminator.piece, self.loss]

    @model_validator(mode="after")
    def _pieces_fit_together(self) -> "Experiment":
        name, points = self.data.piece.name, self.source.kind == "points"
        wanted = "mlp" if points else "cnn"
        if self.judge.network != wanted:
            raise ValueError(f"judge.network: data of source {name} need {wanted}")
        for block in ("generator", "discriminator", "judge"):
            self._check_network(block, getattr(self, block), points)
        size, counts = self.train.batch_size, self.source.counts
        if counts is not None and self.train.samples_in_step > counts[0]:
            raise ValueError(
                f"{self.train.what_of_a_step} more than the {counts[0]} training samples there are"
            )
        if size % self.train.processes:
            raise ValueError(
                f"train.processes: {self.train.processes} cannot share a batch_size of {size} evenly"
            )
        self._check_idle()
        self._check_loss()
        if self.train.condition:
            self._check_classes()
        if points and self.train.augment:
            raise ValueError(f"train.augment: changes images; data of source {name} are points, and need []")
        if points and self.evaluate.inception is not None:
            raise ValueError(f"evaluate.inception: sees images only; data of source {name} need null")
        return self

    def _check_idle(self) -> None:
        """Refuse values that could not have the effect that they promise."""
        train = self.train
        every = train.score_every
        if train.keep == "best" and (every is None or every > train.epochs):
            raise ValueError(
                "train.keep: best needs a train.score_every, of train.epochs at most, to find the best epoch"
            )
        if len(set(train.augment)) < len(train.augment):
            raise ValueError(f"train.augment: each may be listed once only, got {', '.join(train.augment)}")

    def _check_loss(self) -> None:
        """Refuse parameters that the loss does not take, and the absence of those that it needs."""
        own = self.loss.arguments
        for name in {name: None for loss in self.train.losses for name in loss.arguments}:
            if name not in own and getattr(self.train, name) is not None:
                those = [loss.name for loss in self.train.losses if name in loss.arguments]
                raise ValueError(
                    f"train.{name}: the loss {self.loss.name} does not take it; {' or '.join(those)} does"
                )
        for name, (_, default) in own.items():
            if default is None and getattr(self.train, name) is None:
                raise ValueError(f"train.{name}: the loss {self.loss.name} needs it")

    def _check_classes(self) -> None:
        """Refuse ``train.condition`` if the data have no classes or the discriminator takes none."""
        if self.source.kind == "points" or self.source.labelled is False:
            raise ValueError(
                f"train.condition: data of source {self.data.piece.name} have no classes; set it to false"
            )
        if not self.discriminator.piece.takes_classes:
            raise ValueError(
                f"train.condition: discriminator {self.discriminator.piece.name} takes no classes; give it "
                "an argument classes (how many there are), and forward their one-hot rows beside the samples"
            )

    def _check_network(self, block: str, network: Block, points: bool) -> None:
        convolutions = _convolutions(network)
        if convolutions is not None:
            named, source = getattr(network, "network", ""), self.data.piece.name
            if points:
                raise ValueError(
                    f"{block}.network: {named} is for images; data of source {source} are points, "
                    "and need another, such as mlp"
                )
            key, about = convolutions
            count = len(getattr(network, key))
            sides = self.source.shape[1:] if self.source.shape else [2**64]
            if getattr(network, "attention", False) and count < 2:
                raise ValueError(f"{block}.attention: needs at least two {block}.{key}, to be between them")
            if getattr(network, "subpixel", False) and any(side % 2 for side in sides):
                size = "x".join(map(str, sides))
                raise ValueError(
                    f"{block}.subpixel: images of {size} do not consist of squares of 2x2 pixels; set it to "
                    "false"
                )
            if about.too_many(count, sides):
                size = "x".join(map(str, sides))
                raise ValueError(
                    f"{block}.{key}: {count} are too many for images of {size}, whose sides are halved "
                    f"{'between each two' if about.between else 'once for each'}"
                )
        is_custom = isinstance(network, PieceBlock) and network.piece.is_custom
        if not is_custom and (count := _weights(network)) > _MOST_WEIGHTS:
            raise ValueError(f"{block}: has {count:,} weights; at most {_MOST_WEIGHTS:,} are allowed")


def experiment_schema() -> type[Experiment]:
    """The schema of an experiment, with all pieces that exist now.

    Raises:
        UserError: a piece cannot be used; the message names its file and line.
    """
    found = declarations.read()
    fields: dict[str, Any] = {}
    for field, kind in (("data", "source"), ("generator", "generator"), ("discriminator", "discriminator")):
        blocks = [_block(piece) for piece in found if piece.kind == kind]
        every = reduce(operator.or_, blocks)
        chosen = Field(discriminator=_CHOSEN_BY[kind]) if len(blocks) > 1 else Field()
        fields[field] = (Annotated[every, chosen], ...)
    train = _train([piece for piece in found if piece.kind == "loss"])
    return create_model("Experiment", __base__=Experiment, train=(train, ...), **fields)


def _train(losses: Sequence[Declaration]) -> type[Train]:
    """The block of the training: it names the loss, and has the arguments of all losses."""
    literal: Any = Literal
    fields: dict[str, Any] = {"loss": (literal[tuple(loss.name for loss in losses)], ...)}
    for loss in losses:
        for name, (kind, default) in loss.fields(BY_NAME).items():
            own = kind | None, Field(default=None, exclude_if=lambda value: value is None)
            if name in Train.model_fields or fields.get(name, own)[0] != own[0]:
                raise loss.error(f"an argument cannot be called {name} here; take another name")
            if default is not ...:
                _check_default(loss, name, kind, default)
            fields[name] = own
    train = create_model("Train", __base__=Train, **fields)
    train.losses = losses
    return train


def _block(piece: Declaration) -> type[PieceBlock]:
    """The block of a piece: the arguments of its function or class are its parameters."""
    literal: Any = Literal
    fields: dict[str, Any] = {_CHOSEN_BY[piece.kind]: (literal[piece.name], ...)}
    if piece.kind == "generator":
        fields["latent"] = (Width, ...)
    for name, (kind, default) in piece.fields(BY_NAME).items():
        if name in _TAKEN or name in fields or name.startswith("_") or hasattr(PieceBlock, name):
            raise piece.error(f"an argument cannot be called {name} here; take another name")
        fields[name] = (kind, default if default is ... else _check_default(piece, name, kind, default))
    block = create_model(f"{piece.name}_{piece.kind}", __base__=PieceBlock, **fields)
    block.piece = piece
    return block


def _check_default(piece: Declaration, name: str, kind: Any, default: object) -> object:
    """The default of an argument, after checking that it has the argument's type."""
    try:
        return TypeAdapter(kind).validate_python(default, strict=True)
    except ValidationError as error:
        raise piece.error(f"{name}: its default is not of its type") from error


def _convolutions(network: Block) -> tuple[str, Convolutions] | None:
    """The parameter of a network that lists the maps of its convolutions, and their kind; None: none does."""
    for key, field in type(network).model_fields.items():
        for about in field.metadata:
            if isinstance(about, Convolutions):
                return key, about
    return None


def _weights(network: Block) -> int:
    """How many weights there are between a network's own widths: most of its weights, for any samples."""
    about = network.model_dump()
    convolutions = _convolutions(network)
    kernel = convolutions[1].kernel if convolutions else 1
    lists: Sequence[list[int]] = [value for value in about.values() if isinstance(value, list)]
    widths = [about.get("latent", 1), *(lists[0] if lists else ())]
    between: int = sum(first * second for first, second in pairwise(widths))
    return between * kernel + int(widths[-1] * about.get("features", 0))
