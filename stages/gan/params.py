"""The schema of ``params.yaml``: every knob of the project, its type and its range."""

import difflib
import operator
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from stages.gan import declared, strict_yaml
from stages.gan.errors import UserError


def _number(value: object) -> object:
    """Read ``1e-4`` as the number it is: YAML 1.1 takes it for text, as it has no dot."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+", value)
    return float(str(value)) if is_number else value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Several = Annotated[int, Field(ge=2, le=100_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
Shown = Annotated[int, Field(ge=1, le=10_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[list[Width], Field(min_length=1, max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
LearningRate = Annotated[Number, Field(gt=0, le=1)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Probability = Annotated[Number, Field(ge=0, lt=1)]
Place = Annotated[str, Field(min_length=1, max_length=4096)]


LEAST = 10  # samples of one's own
MOST_CLASSES = 1000
_MOST_WEIGHTS = 1_000_000_000  # of a network: 4 GB, and as much again for each of Adam's two moments

# The first ones are other things in data/; the rest are no files on Windows.
_RESERVED = {"raw", "checked", "code", "sources", "con", "prn", "aux", "nul"}
_RESERVED |= {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


class Block(BaseModel):
    """A group of parameters: unknown keys and wrong types are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SineData(Block):
    """Points (x1, sin x1) with x1 uniform in [0, 2π); as many again are drawn for the test split."""

    source: Literal["sine"]
    points: Several = 1024
    seed: Seed

    @property
    def counts(self) -> tuple[int, int]:
        """Training and test points."""
        return self.points, self.points


class ArrayData(Block):
    """Points from a .npy, .npz or .csv file, a row each; ``seed`` picks the held-out fifth."""

    counts: ClassVar = None  # known when the file is read

    source: Literal["array"]
    path: Place
    seed: Seed = 111


class DigitsData(Block):
    """The 1,797 handwritten 8x8 digits that scikit-learn carries; ``seed`` picks the held-out fifth."""

    side: ClassVar = 8  # of an image, in pixels
    channels: ClassVar = 1
    counts: ClassVar = (1437, 360)  # training and test images

    source: Literal["digits"]
    seed: Seed


class MnistData(Block):
    """MNIST, Fashion-MNIST (Xiao et al. 2017) or Kuzushiji-MNIST (Clanuwat et al. 2018).

    Each has 60,000 training and 10,000 test images, 28x28; ``limit`` takes the first ones of each.
    """

    side: ClassVar = 28
    channels: ClassVar = 1
    whole: ClassVar = (60_000, 10_000)  # training and test images, without a limit

    source: Literal["mnist", "fashion_mnist", "kmnist"]
    limit: Several | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """Training and test images."""
        return _limited(self.whole, self.limit)


class EmnistData(Block):
    """EMNIST, letters and digits, 28x28 (Cohen et al. 2017); ``limit`` takes the first ones of each split."""

    side: ClassVar = 28
    channels: ClassVar = 1
    sizes: ClassVar = {  # training and test images of each split
        "byclass": (697_932, 116_323),
        "bymerge": (697_932, 116_323),
        "balanced": (112_800, 18_800),
        "letters": (124_800, 20_800),
        "digits": (240_000, 40_000),
        "mnist": (60_000, 10_000),
    }

    source: Literal["emnist"]
    split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"] = "balanced"
    limit: Several | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """Training and test images."""
        return _limited(self.sizes[self.split], self.limit)


class ImagesData(Block):
    """Images from a folder, cut to squares of ``size`` pixels; ``seed`` picks the held-out fifth.

    Where they lie in folders of their own, these are their classes. ``channels`` is 1 for grey, 3 for colour.
    """

    counts: ClassVar = None  # known when the folder is read

    source: Literal["images"]
    path: Place
    size: Annotated[int, Field(ge=4, le=1024)]
    channels: Literal[1, 3] = 3
    seed: Seed = 111

    @property
    def side(self) -> int:
        """Of an image, in pixels."""
        return self.size


Data = Annotated[
    SineData | ArrayData | DigitsData | MnistData | EmnistData | ImagesData, Field(discriminator="source")
]


class MlpJudge(Block):
    """The discriminative model for points: a fully connected network that fits x2 given x1."""

    network: Literal["mlp"]
    hidden: Widths
    epochs: Count
    batch_size: Count
    lr: LearningRate
    seed: Seed


class CnnJudge(Block):
    """The discriminative model for images: a small convolutional classifier."""

    network: Literal["cnn"]
    channels: Widths
    features: Width
    epochs: Count
    batch_size: Count
    lr: LearningRate
    seed: Seed


Judge = Annotated[MlpJudge | CnnJudge, Field(discriminator="network")]


class MlpGenerator(Block):
    """From ``latent`` standard normal numbers through the ``hidden`` layers to a sample."""

    network: Literal["mlp"]
    latent: Width
    hidden: Widths


class ConvGenerator(Block):
    """From ``latent`` standard normal numbers to an image whose sides double with each of ``channels``."""

    network: Literal["conv"]
    latent: Width
    channels: Widths


Generator = Annotated[MlpGenerator | ConvGenerator, Field(discriminator="network")]


class MlpDiscriminator(Block):
    """From a sample through the ``hidden`` layers, with dropout after each, to one logit."""

    network: Literal["mlp"]
    hidden: Widths
    dropout: Probability


class ConvDiscriminator(Block):
    """From an image, whose sides halve before each of ``channels``, to one logit."""

    network: Literal["conv"]
    channels: Widths
    spectral_norm: bool = False


Discriminator = Annotated[MlpDiscriminator | ConvDiscriminator, Field(discriminator="network")]


class OwnNetwork(Block):
    """A generator or a discriminator of ``own.py``: the block of each is made of its signature."""

    own: ClassVar[declared.Declaration]


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

    own: ClassVar[Sequence[declared.Declaration]] = ()  # losses that ``loss`` may name, too

    loss: Literal["bce", "hinge"]
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


class Evaluate(Block):
    """How samples are scored: with the file ``inception``, weights of Inception-V3, also by its FID."""

    inception: Annotated[str, Field(min_length=1)] | None = None


class Experiment(Block):
    """All parameters of one experiment."""

    data: Data
    judge: Judge
    generator: Generator
    discriminator: Discriminator
    train: Train
    sample: Sample
    evaluate: Evaluate = Evaluate()

    @model_validator(mode="after")
    def _networks_fit_data(self) -> "Experiment":
        points = isinstance(self.data, SineData | ArrayData)
        wanted = "mlp" if points else "cnn"
        if self.judge.network != wanted:
            raise ValueError(f"judge.network: data of source {self.data.source} needs {wanted}")
        for name in ("generator", "discriminator", "judge"):
            network = getattr(self, name)
            if isinstance(network, OwnNetwork):
                continue
            if points and network.network == "conv":
                raise ValueError(
                    f"{name}.network: conv draws images; data of source {self.data.source} needs mlp"
                )
            if network.network != "mlp":
                side, halvings = self.data.side, len(network.channels)  # type: ignore[union-attr]
                if side >> halvings < 1 or (name == "generator" and side % 2**halvings):
                    raise ValueError(
                        f"{name}.channels: {halvings} are too many for images of {side}x{side}, whose sides "
                        "are halved for each"
                    )
            if (count := _weights(network)) > _MOST_WEIGHTS:
                raise ValueError(f"{name}: has {count:,} weights; at most {_MOST_WEIGHTS:,} are allowed")
        size, counts = self.train.batch_size, self.data.counts
        if counts is not None and size > counts[0]:
            raise ValueError(
                f"train.batch_size: {size} is more than the {counts[0]} training samples there are"
            )
        if size % self.train.processes:
            raise ValueError(
                f"train.processes: {self.train.processes} cannot share a batch_size of {size} evenly"
            )
        if points and self.evaluate.inception is not None:
            raise ValueError(
                f"evaluate.inception: sees images only; data of source {self.data.source} needs null"
            )
        return self

    @property
    def own(self) -> list[declared.Declaration]:
        """What it takes of ``own.py``."""
        networks: list[Block] = [self.generator, self.discriminator]
        found = [network.own for network in networks if isinstance(network, OwnNetwork)]
        return found + [loss for loss in self.train.own if loss.name == self.train.loss]


def held_out(count: int, classes: int = 1) -> int:
    """How many of so many samples of one's own are for the test split: a fifth, and one of each class."""
    return max(-(-count // 5), classes)


def _limited(counts: tuple[int, int], limit: int | None) -> tuple[int, int]:
    train, test = (count if limit is None else min(count, limit) for count in counts)
    return train, test


def _weights(network: Block) -> int:
    """How many weights there are between a network's own widths: the most of them, whatever the samples."""
    about = network.model_dump()
    kernel = {"mlp": 1, "conv": 16, "cnn": 9}[about["network"]]
    widths = [about.get("latent", 1), *about.get("hidden", about.get("channels", ()))]
    between: int = sum(first * second for first, second in pairwise(widths))
    return between * kernel + int(widths[-1] * about.get("features", 0))


_TAKEN = ("own", "weights", "masks", "rows")  # which networks.py gives all networks, and what a block has
_TYPES = {"int": int, "float": Number, "bool": bool, "str": str}  # of arguments of own networks


def _with_own() -> type[Experiment]:
    """The schema of an experiment that may take what ``own.py`` declares, too.

    Raises:
        UserError: something there cannot be taken; the message names the line.
    """
    fields: dict[str, Any] = {}
    found = declared.read()
    for kind, known in (("generator", Generator), ("discriminator", Discriminator)):
        built_in = _blocks(known)
        networks = [declaration for declaration in found if declaration.kind == kind]
        _refuse_names(networks, [get_args(block.model_fields["network"].annotation)[0] for block in built_in])
        every = reduce(operator.or_, [*built_in, *(_own_block(network) for network in networks)])
        fields[kind] = (Annotated[every, Field(discriminator="network")], ...)
    losses = [declaration for declaration in found if declaration.kind == "loss"]
    names = get_args(Train.model_fields["loss"].annotation)
    _refuse_names(losses, names)
    literal: Any = Literal
    named = literal[(*names, *(loss.name for loss in losses))]
    train = create_model("Train", __base__=Train, loss=(named, ...))
    train.own = losses
    return create_model("Experiment", __base__=Experiment, train=(train, ...), **fields)


def _refuse_names(found: Sequence[declared.Declaration], built_in: Sequence[str]) -> None:
    for declaration in found:
        if declaration.name in built_in:
            raise declaration.refused(f"{declaration.name} is the project's own; take another name")


def _own_block(network: declared.Declaration) -> type[Block]:
    """The block of an own network: what its function or class takes is what params.yaml may say."""
    literal: Any = Literal
    fields: dict[str, Any] = {"network": (literal[network.name], ...)}
    if network.kind == "generator":
        fields["latent"] = (Width, ...)
    for name, (kind, default) in network.fields(_TYPES).items():
        if name in _TAKEN or name in fields or name.startswith("_") or hasattr(OwnNetwork, name):
            raise network.refused(f"an argument cannot be called {name} here; take another name")
        if default is not ...:
            try:
                default = TypeAdapter(kind).validate_python(default, strict=True)
            except ValidationError as error:
                raise network.refused(f"{name}: its default is not of its type") from error
        fields[name] = (kind, default)
    block = create_model(f"{network.name}_{network.kind}", __base__=OwnNetwork, **fields)
    block.own = network
    return block


class Settings(Block):
    """What runs and where; the top level of ``params.yaml`` beside the experiments."""

    experiments: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    portable: bool = False
    state_every: Annotated[Number, Field(gt=0, le=1_000_000)] = 10

    @property
    def rounding(self) -> dict[str, int | bool]:
        """What decides how sums are rounded, beside the device."""
        return {"threads": self.threads} | ({"portable": True} if self.portable else {})


class Params(BaseModel):
    """The whole of ``params.yaml``: the settings, and each experiment's block under its name."""

    settings: Settings
    experiments: dict[str, Experiment]


def load(path: Path) -> Params:
    """Read and check the parameters in the YAML file at ``path``.

    Raises:
        UserError: the file is missing, is not YAML, or holds an unknown key, a wrong type or an impossible
            value; the message names the file and the key, and the near key where one was misspelled.
    """
    content = _read(path)
    known = set(Settings.model_fields)
    names = content.get("experiments")
    listed = {n for n in names if isinstance(n, str)} if isinstance(names, list) else set()
    blocks = {key: value for key, value in content.items() if key not in known}
    for key, value in blocks.items():
        if not isinstance(value, dict):
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UserError(f"{path}: {_short(key)}: neither a setting nor an experiment's block{hint}")
        if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", key):
            raise UserError(
                f"{path}: {_short(key)}: an experiment's name is made of a-z, 0-9, _ and -, at most 64, the "
                "first a letter or digit (it becomes a folder's name)"
            )
        if key in _RESERVED:
            raise UserError(
                f"{path}: {key}: cannot be an experiment's name, as no folder of its can be so named"
            )
    settings = _check(Settings, {k: v for k, v in content.items() if k in known}, path)
    for kind, values in (("experiments", settings.experiments), ("seeds", settings.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"{path}: {kind}: each may be listed once only, got {_short(values)}")
    for name in sorted(listed - set(blocks)):
        raise UserError(f"{path}: experiments: {_unknown(name, list(blocks))}")
    schema = _with_own()
    experiments = {name: _check(schema, block, path, name) for name, block in blocks.items()}
    return Params(settings=settings, experiments=experiments)


def select(params: Params, experiment: str, path: Path) -> Experiment:
    """The block of one experiment.

    Raises:
        UserError: there is none of that name.
    """
    if experiment not in params.experiments:
        raise UserError(f"{path}: {_unknown(experiment, list(params.experiments))}")
    return params.experiments[experiment]


def flatten(block: BaseModel) -> dict[str, Any]:
    """The parameters under dotted names: ``{"train.lr": 0.001, …}``."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, child in value.items():
                yield from walk(f"{prefix}.{key}" if prefix else key, child)
        else:
            yield prefix, value

    return dict(walk("", block.model_dump()))


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[:64].lower(), known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"no block named {_short(name)}; there are {_short(', '.join(known)) or 'none'}{hint}"


def _short(value: object) -> str:
    """A value as text that fits a line."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


Model = TypeVar("Model", bound=BaseModel)


def _read(path: Path) -> dict[Any, Any]:
    content = strict_yaml.load(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold keys and values, such as 'seeds: [111]'")
    return content


def _check(model: type[Model], content: object, path: Path, prefix: str = "") -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A key that is misspelled is missing, too: what is there tells more than what is not.
        problem = min(error.errors(), key=lambda problem: problem["type"] == "missing")
        location, known = _locate(model, problem["loc"])
        where = ".".join(_short(part) for part in [prefix, *location] if part)
        raise UserError(f"{path}: {where + ': ' if where else ''}{_explain(problem, known)}") from error


def _locate(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """Where in the file pydantic's ``location`` is, and the keys that the block there may have.

    Into the location of an error within one of several alternative blocks, pydantic puts the tag that chose
    it, such as the data's source; no key in the file has that name.
    """
    names: list[str] = []
    blocks = [model]
    for part in location[:-1]:
        fields = [block.model_fields[str(part)] for block in blocks if part in block.model_fields]
        if fields:
            blocks = [inner for field in fields for inner in _blocks(field.annotation)]
        elif len(blocks) > 1:
            blocks = [
                b for b in blocks if any(part in get_args(f.annotation) for f in b.model_fields.values())
            ]
            continue
        names.append(str(part))
    return [*names, *map(str, location[-1:])], [key for block in blocks for key in block.model_fields]


def _blocks(annotation: Any) -> list[type[BaseModel]]:
    """The blocks that a field's type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [block for part in get_args(annotation) for block in _blocks(part)]


def _explain(problem: Any, known: list[str]) -> str:
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(problem["loc"][-1]).lower(), known, n=1)
        return f"no such parameter; did you mean {close[0]}?" if close else f"none of {', '.join(known)}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "too_short" and not problem["input"]:
        return "is empty, but must list something"
    if problem["type"].startswith("union_tag"):
        context = problem["ctx"]
        key = context["discriminator"].strip("'")
        choices = context.get("expected_tags")
        return f"{key} must be one of {choices}, got '{context['tag']}'" if choices else f"{key} is missing"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if problem["type"] == "value_error":
        return str(message)
    got = repr(problem["input"])
    return f"{message}, got {got if len(got) <= 60 else got[:57] + '...'}"
