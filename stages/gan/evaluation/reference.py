"""What all runs of an experiment are compared with, computed once: the real samples, and both baselines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from stages.gan.evaluation.distances import Gaussian
from stages.gan.evaluation.scores import Scores
from stages.gan.evaluation.view import View, above, below
from stages.runtime import files
from stages.runtime.errors import UserError

_KEY = "about"  # a single key: safetensors writes several in random order, which would change the bytes


@dataclass(frozen=True)
class Reference:
    """What the samples of all runs of an experiment are compared with.

    Attributes:
        made_by: the MD5 sums of the files of the judges, and of other networks by the name of their score.
        block: the number of samples in a block.
        near: 99% of the test samples are at least this far from all training samples.
        views: the training samples as each judge sees them; for points, one.
        gaussians: fitted to the features of other networks, by the name of the score.
        baselines: for each score, ``…_real``, ``…_real_spread`` and ``…_noise``.
        left_out: the scores that do not fit the data, and why.
    """

    made_by: Mapping[str, str]
    block: int
    near: float
    views: tuple[View, ...]
    gaussians: Mapping[str, Gaussian]
    baselines: Scores
    left_out: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Write all of it to a safetensors file; the same bytes each time."""
        tensors: dict[str, torch.Tensor] = {}
        for index, view in enumerate(self.views):
            tensors |= above(f"view.{index}", view.tensors())
        for name, gaussian in self.gaussians.items():
            tensors |= above(name, gaussian._asdict())
        about = {
            "made_by": dict(self.made_by),
            "block": self.block,
            "near": self.near,
            "views": len(self.views),
            "gaussians": list(self.gaussians),
            "baselines": self.baselines,
            "left_out": dict(self.left_out),
        }
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        files.write(path, to_bytes(whole, metadata={_KEY: json.dumps(about)}))

    @staticmethod
    def load(path: Path) -> "Reference":
        """Read what :meth:`save` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()[_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
                raise ValueError("it holds numbers that are not finite")
            return Reference(
                {name: str(md5) for name, md5 in about["made_by"].items()},
                int(about["block"]),
                float(about["near"]),
                tuple(View.from_tensors(below(f"view.{i}", tensors)) for i in range(int(about["views"]))),
                {name: Gaussian(**below(name, tensors)) for name in about["gaussians"]},
                {name: float(score) for name, score in about["baselines"].items()},
                {name: str(why) for name, why in about["left_out"].items()},
            )
        except (OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: not a readable reference ({error}); run the reference stage") from error
