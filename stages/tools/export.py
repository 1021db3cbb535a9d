"""Write a trained generator as ONNX or TorchScript, for programs without this project.

The file takes latent points, float32 [N, latent], and gives samples: images are uint8 [N, C, H, W], points
float32 [N, D] in the data's units. For a conditional generator, the latent point is followed by the class as
a one-hot row. The file describes this itself: ONNX in its metadata, TorchScript in about.json.

The file is loaded again, by ONNX Runtime or PyTorch, and compared with the generator: pixels may differ by
one grey level, points by 1e-5 of the largest value. If they differ by more, no file is left.

Examples:
  python -m stages.tools.export --experiment digits --seed 111 --out generator.onnx
  python -m stages.tools.export --generator generator.safetensors --out generator.ts
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.runtime import command, files
from stages.runtime.errors import UserError, counted, one_line, say
from stages.tools import generators

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stages.tools.formats import Run

_ENDINGS = (".onnx", ".ts", ".pt")
_KINDS = "an ONNX file .onnx, or a TorchScript file .ts or .pt"
_COMPARED, _BATCHES = 64, (1, 5, 64)  # number of latent points to compare, and sizes of batches
_LEVELS, _SHARE = 1, 1e-5  # largest difference of the file's samples: grey levels, share of the largest value


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument("--out", required=True, metavar="FILE", help=f"what to write, by its name: {_KINDS}")
    generators.add_options(parser)
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    return parser


def export(wanted: argparse.Namespace) -> None:
    """Write the file that the command line names.

    Raises:
        UserError: it cannot be written, or gives other samples than the generator.
    """
    kind = generators.check_out(wanted.out, _ENDINGS, _KINDS, wanted.force)
    path = generators.find(wanted)
    _, threads = generators.settings(wanted.params)
    from stages.gan.core import devices
    from stages.tools import formats

    generator, about, seed = generators.load(path, devices.set_up("cpu", threads))
    known = {"experiment": str(about.get("experiment")), "seed": seed, **_describe(generator)}
    out = Path(wanted.out)
    if kind == ".onnx":
        formats.check_installed()
        content, load = formats.to_onnx(generator, known), formats.load_onnx
    else:
        content, load = formats.to_torchscript(generator, known), formats.load_torchscript
    with files.replacing(out) as aside:
        aside.write_bytes(content)
        far = _compare(generator, load(aside, threads), wanted.out)
    name = f"export {known['experiment']}, seed {seed}"
    say(one_line(f"{name}: {out} takes {known['input']}; gives {known['output']}; {far}"))


def _describe(generator: "nn.Module") -> dict[str, Any]:
    """What the user of the file needs to know, as JSON values."""
    shape, counts = generators.shape(generator), getattr(generator, "counts", [])
    inputs = int(generator.latent)  # type: ignore[arg-type]
    latent = inputs - len(counts)
    sizes = ", ".join(map(str, shape))
    told = f", then {len(counts)} of the class, one-hot" if counts else ""
    kind = "uint8 images" if len(shape) == 3 else "float32 points"
    return {
        "latent": latent,
        "classes": [label for label, samples in enumerate(counts) if samples],
        "shape": list(shape),
        "input": f"latents, float32 [N, {inputs}]: {counted(latent, 'standard normal number')}{told}",
        "output": f"samples, {kind} [N, {sizes}]",
    }


def _compare(generator: "nn.Module", run: "Run", name: str) -> str:
    """Compare a file's samples with the generator's; returns how they differ, in words.

    Raises:
        UserError: they differ too much.
    """
    import torch

    from stages.gan.networks.base import sampling

    latents = sampling.fixed_latents(generator, _COMPARED, 0, "export")
    ours, theirs = [], []
    for size in _BATCHES:
        for part in latents.split(size):
            ours.append(sampling.draw(generator, part))
            theirs.append(_run(run, part, name))
            if (theirs[-1].shape, theirs[-1].dtype) != (ours[-1].shape, ours[-1].dtype):
                raise _otherwise(
                    name, f"of {counted(len(part), 'latent point')} it makes {list(theirs[-1].shape)}"
                )
    wanted, made = torch.cat(ours), torch.cat(theirs)
    batches = f"in batches of {', '.join(map(str, _BATCHES[:-1]))} and {_BATCHES[-1]}"
    if wanted.dim() == 4:
        apart = (made.int() - wanted.int()).abs()
        most = int(apart.max())
        count = f"{int((apart > 0).sum()):,} of {apart.numel():,}"
        words = f"{count} pixels differ from the generator's, {batches}"
        if most > _LEVELS:
            raise _otherwise(name, f"{words}, by up to {most} grey levels")
        return f"{words}{', by 1 grey level' if most else ''}"
    scale = wanted.double().abs().amax(0).clamp(min=torch.finfo(torch.float32).tiny)
    share = ((made.double() - wanted.double()).abs().amax(0) / scale).max().item()
    words = f"numbers differ from the generator's by up to {share:.1g} of the largest, {batches}"
    if not share <= _SHARE:
        raise _otherwise(name, words)
    return words


def _run(run: "Run", latents: "Tensor", name: str) -> "Tensor":
    try:
        return run(latents)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _otherwise(name, lines["Traceback" in str(error) and -1][:300]) from error


def _otherwise(name: str, how: str) -> UserError:
    return UserError(
        f"--out {name}: not written, as it would not give the generator's samples: {how}; the network must "
        "compute each sample in the same way, whatever the size of the batch and its values"
    )


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: export(wanted))
