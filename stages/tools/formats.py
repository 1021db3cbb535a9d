"""Generators in formats for other programs: ONNX and TorchScript.

These networks take latent points, float32 [N, latent], and give samples like those in data sets: points are
float32 [N, D] in the data's units, images uint8 [N, C, H, W], rounded as everywhere in this project.
"""

import copy
import io
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter
from zipfile import ZipFile, ZipInfo

import torch
from torch import Tensor, nn

from stages.gan.core.datasets import denormalize
from stages.gan.core.products import Linear
from stages.runtime.errors import UserError

INPUT, OUTPUT = "latents", "samples"
ABOUT = "about.json"  # the extra file in TorchScript
_ROWS = 2  # latent points in the example input; with one, exporters may take the number for a constant

Run = Callable[[Tensor], Tensor]


class _Drawing(nn.Module):
    """A copy of a generator with PyTorch's own layers, whose samples are in the form of data sets."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator).cpu().eval().requires_grad_(False)
        for layer in self.modules():
            if type(layer) is Linear:  # it chooses its kernel by the number of rows
                layer.__class__ = nn.Linear  # type: ignore[assignment]

    def forward(self, latents: Tensor) -> Tensor:
        """Map latent points [N, latent] to samples [N, *shape]."""
        return denormalize(self.generator(latents))


def check_installed() -> None:
    """Check that the packages for ONNX are installed.

    Raises:
        UserError: one is missing.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(name)
        except ImportError as error:
            raise UserError(
                f"an .onnx file needs the package {name}: pip install -r requirements.txt"
            ) from error


def to_onnx(generator: nn.Module, about: Mapping[str, Any]) -> bytes:
    """The bytes of an ONNX file with a generator, and ``about`` (JSON values) as metadata.

    The same generator always gives the same bytes.

    Raises:
        UserError: PyTorch cannot export the generator.
    """
    program: Any = _made(
        "ONNX",
        lambda: torch.onnx.export(
            _Drawing(generator),
            (_example(generator),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            verbose=False,
        ),
    )
    model = program.model_proto
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph):
        del part.metadata_props[:]  # places in the source code on this machine
    for key, value in sorted(about.items()):
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    content: bytes = _made("ONNX", model.SerializeToString)
    return content


def to_torchscript(generator: nn.Module, about: Mapping[str, Any]) -> bytes:
    """The bytes of a TorchScript file with a generator, and ``about`` (JSON values) as ``about.json``.

    The same generator always gives the same bytes.

    Raises:
        UserError: PyTorch cannot export the generator.
    """
    content = io.BytesIO()  # a real file would contain its own name

    def write() -> None:
        traced = torch.jit.trace(_Drawing(generator), (_example(generator),), check_trace=False)
        torch.jit.save(traced, content, _extra_files={ABOUT: json.dumps(dict(about), sort_keys=True)})

    _made("TorchScript", write)
    return _without_paths(content)


def _without_paths(content: io.BytesIO) -> bytes:
    """A TorchScript file without the paths of the code on this machine, and without the checksum of these."""
    kept = io.BytesIO()
    with ZipFile(content) as whole, ZipFile(kept, "w") as archive:
        for part in whole.infolist():
            if not part.filename.endswith((".debug_pkl", "/serialization_id")):
                archive.writestr(ZipInfo(part.filename), whole.read(part))
    return kept.getvalue()


def load_onnx(path: Path, threads: int) -> Run:
    """Load an ONNX file; returns a function that computes samples on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda latents: torch.from_numpy(session.run([OUTPUT], {INPUT: latents.numpy()})[0])


def load_torchscript(path: Path, threads: int) -> Run:
    """Load a TorchScript file; returns a function that computes samples on the CPU.

    ``threads`` is not used: PyTorch has its own setting.
    """
    with catch_warnings():
        simplefilter("ignore")
        loaded = torch.jit.load(path, map_location="cpu")

    def run(latents: Tensor) -> Tensor:
        with torch.no_grad():
            samples: Tensor = loaded(latents)
        return samples

    return run


def _example(generator: nn.Module) -> Tensor:
    return torch.zeros(_ROWS, int(generator.latent))  # type: ignore[arg-type]


def _made(what: str, make: Callable[[], Any]) -> Any:
    """Call ``make`` without PyTorch's logs and warnings, which are for programmers; returns its result.

    Raises:
        UserError: it fails: a user's network may contain anything.
    """
    try:
        with (
            catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            torch.no_grad(),
        ):
            simplefilter("ignore")
            logging.disable()
            return make()
    except (OSError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300] or type(error).__name__
        raise UserError(f"this generator cannot be written as {what}: {reason}") from error
    finally:
        logging.disable(logging.NOTSET)
