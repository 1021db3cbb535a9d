"""Generators in formats that other programs load: ONNX and TorchScript.

What is written takes latent points, float32 [N, latent], and gives samples as data sets hold them: images are
uint8, rounded as everywhere in this project.
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
_ROWS = (
    2  # of the latent points with which a generator is looked at; of one, the number might be taken for fixed
)

Run = Callable[[Tensor], Tensor]


class _Drawing(nn.Module):
    """A generator, and what makes its samples those of a data set; a copy, of PyTorch's own layers."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator).cpu().eval().requires_grad_(False)
        for layer in self.modules():
            if type(layer) is Linear:  # which chooses its kernel by the number of rows
                layer.__class__ = nn.Linear  # type: ignore[assignment]

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points [N, latent] to samples [N, *shape]."""
        return denormalize(self.generator(latents))


def check_installed() -> None:
    """Check that there is what ONNX needs.

    Raises:
        UserError: a package is missing.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(name)
        except ImportError as error:
            raise UserError(
                f"an .onnx file needs the package {name}: pip install -r requirements.txt has it"
            ) from error


def to_onnx(generator: nn.Module, about: Mapping[str, Any]) -> bytes:
    """A generator as an ONNX file, with ``about`` (JSON values) in its metadata; always the same bytes.

    Raises:
        UserError: PyTorch cannot write it so.
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
        del part.metadata_props[:]  # where in which file on this machine the code for it is
    for key, value in sorted(about.items()):
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    content: bytes = _made("ONNX", model.SerializeToString)
    return content


def to_torchscript(generator: nn.Module, about: Mapping[str, Any]) -> bytes:
    """A generator as a TorchScript file, with ``about`` (JSON values) in the extra file ``about.json``.

    Always the same bytes.

    Raises:
        UserError: PyTorch cannot write it so.
    """
    content = io.BytesIO()  # a file would have its name in it

    def write() -> None:
        traced = torch.jit.trace(_Drawing(generator), (_example(generator),), check_trace=False)
        torch.jit.save(traced, content, _extra_files={ABOUT: json.dumps(dict(about), sort_keys=True)})

    _made("TorchScript", write)
    return _without_paths(content)


def _without_paths(content: io.BytesIO) -> bytes:
    """A TorchScript file without the parts that say where the code is on this machine, and a sum of all."""
    kept = io.BytesIO()
    with ZipFile(content) as whole, ZipFile(kept, "w") as archive:
        for part in whole.infolist():
            if not part.filename.endswith((".debug_pkl", "/serialization_id")):
                archive.writestr(ZipInfo(part.filename), whole.read(part))
    return kept.getvalue()


def load_onnx(path: Path, threads: int) -> Run:
    """What computes samples, on the CPU, by an ONNX file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda latents: torch.from_numpy(session.run([OUTPUT], {INPUT: latents.numpy()})[0])


def load_torchscript(path: Path, threads: int) -> Run:
    """What computes samples, on the CPU, by a TorchScript file; with PyTorch's own number of threads."""
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
    """What is made, without what PyTorch logs and warns of on the way, which is for programmers.

    Raises:
        UserError: it is not: a network of a user's may hold anything.
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
