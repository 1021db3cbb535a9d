"""The schema of an experiment's block, made of what the pieces declare; and what must fit together in it."""

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
_CHOSEN_BY = {"generator": "network", "discriminator": "network", "source": "source"}  # the key of its name
_TAKEN = ("piece", "weights", "masks", "rows")  # what is given to all networks, and what a block has


class Experiment(Block):
    """All parameters of one experiment; :func:`experiment_schema` adds the pieces there are."""

    data: PieceBlock
    judge: Judge
    generator: PieceBlock
    discriminator: PieceBlock
    train: Train
    sample: Sample
    evaluate: Evaluate = Evaluate()

    @cached_property
    def source(self) -> Source:
        """The data source."""
        arguments, piece = self.data.model_dump(), self.data.piece
        del arguments["source"]
        with pieces.errors_at(piece):
            made = pieces.load(piece)(**arguments)
        if (why := wrong_declaration(made)) is not None:
            raise piece.error(why)
        return cast(Source, made)

    @property
    def loss(self) -> Declaration:
        """The loss."""
        return next(loss for loss in self.train.losses if loss.name == self.train.loss)

    @property
    def trained_pieces(self) -> list[Declaration]:
        """Those that a training depends on: both networks and the loss."""
        return [self.generator.piece, self.discriminator.piece, self.loss]

    @model_validator(mode="after")
    def _pieces_fit_together(self) -> "Experiment":
        name, points = self.data.piece.name, self.source.kind == "points"
        wanted = "mlp" if points else "cnn"
        if self.judge.network != wanted:
            raise ValueError(f"judge.network: data of source {name} needs {wanted}")
        for block in ("generator", "discriminator", "judge"):
            self._check_network(block, getattr(self, block), points)
        size, counts = self.train.batch_size, self.source.counts
        if counts is not None and size > counts[0]:
            raise ValueError(
                f"train.batch_size: {size} is more than the {counts[0]} training samples there are"
            )
        if size % self.train.processes:
            raise ValueError(
                f"train.processes: {self.train.processes} cannot share a batch_size of {size} evenly"
            )
        if points and self.evaluate.inception is not None:
            raise ValueError(f"evaluate.inception: sees images only; data of source {name} needs null")
        return self

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
            halvings = len(getattr(network, key))
            side = self.source.shape[1] if self.source.shape else 2**64
            if side >> halvings < 1 or (about.even and side % 2**halvings):
                raise ValueError(
                    f"{block}.{key}: {halvings} are too many for images of {side}x{side}, whose sides are "
                    "halved for each"
                )
        is_custom = isinstance(network, PieceBlock) and network.piece.is_custom
        if not is_custom and (count := _weights(network)) > _MOST_WEIGHTS:
            raise ValueError(f"{block}: has {count:,} weights; at most {_MOST_WEIGHTS:,} are allowed")


def experiment_schema() -> type[Experiment]:
    """The schema of an experiment with all pieces that there are now.

    Raises:
        UserError: a piece cannot be taken; the message names its file and line.
    """
    found = declarations.read()
    fields: dict[str, Any] = {}
    for field, kind in (("data", "source"), ("generator", "generator"), ("discriminator", "discriminator")):
        blocks = [_block(piece) for piece in found if piece.kind == kind]
        every = reduce(operator.or_, blocks)
        chosen = Field(discriminator=_CHOSEN_BY[kind]) if len(blocks) > 1 else Field()
        fields[field] = (Annotated[every, chosen], ...)
    losses = [piece for piece in found if piece.kind == "loss"]
    literal: Any = Literal
    train = create_model("Train", __base__=Train, loss=(literal[tuple(loss.name for loss in losses)], ...))
    train.losses = losses
    return create_model("Experiment", __base__=Experiment, train=(train, ...), **fields)


def _block(piece: Declaration) -> type[PieceBlock]:
    """The block of a piece: what its function or class takes is what params.yaml may say."""
    literal: Any = Literal
    fields: dict[str, Any] = {_CHOSEN_BY[piece.kind]: (literal[piece.name], ...)}
    if piece.kind == "generator":
        fields["latent"] = (Width, ...)
    for name, (kind, default) in piece.fields(BY_NAME).items():
        if name in _TAKEN or name in fields or name.startswith("_") or hasattr(PieceBlock, name):
            raise piece.error(f"an argument cannot be called {name} here; take another name")
        if default is not ...:
            try:
                default = TypeAdapter(kind).validate_python(default, strict=True)
            except ValidationError as error:
                raise piece.error(f"{name}: its default is not of its type") from error
        fields[name] = (kind, default)
    block = create_model(f"{piece.name}_{piece.kind}", __base__=PieceBlock, **fields)
    block.piece = piece
    return block


def _convolutions(network: Block) -> tuple[str, Convolutions] | None:
    """The parameter of a network that lists the maps of convolutions, if it has one."""
    for key, field in type(network).model_fields.items():
        for about in field.metadata:
            if isinstance(about, Convolutions):
                return key, about
    return None


def _weights(network: Block) -> int:
    """How many weights there are between a network's own widths: the most of them, whatever the samples."""
    about = network.model_dump()
    convolutions = _convolutions(network)
    kernel = convolutions[1].kernel if convolutions else 1
    lists: Sequence[list[int]] = [value for value in about.values() if isinstance(value, list)]
    widths = [about.get("latent", 1), *(lists[0] if lists else ())]
    between: int = sum(first * second for first, second in pairwise(widths))
    return between * kernel + int(widths[-1] * about.get("features", 0))
