"""Networks other than the judges whose features are compared: Inception-V3, and any that the user names."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stages.gan.core import datasets, weights
from stages.gan.judges import models
from stages.runtime import files
from stages.runtime.errors import UserError

LAYER = "2048"  # the features of the last pooling, as FID is defined
BATCH = 50  # images at once: for Inception-V3, each becomes 299x299

Extract = Callable[[Tensor], Tensor]  # uint8 images [N, C, H, W] to features [N, F], on the CPU


class Extractor(NamedTuple):
    """A network of images.

    Attributes:
        md5: of its file.
        extract: gives its features.
    """

    md5: str
    extract: Extract


def inception(path: Path, device: torch.device) -> Extractor:
    """Inception-V3 as torch-fidelity has it, with its weights from a file in PyTorch's format.

    Grey images are shown to it as red, green and blue alike.

    Args:
        path: the file; nothing is downloaded, and no code in it is run.
        device: where the network is to be.

    Raises:
        UserError: the file is missing or does not hold these weights.
    """
    # It takes five seconds to import, and is needed here only.
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

    advice = f"get them from {URL_INCEPTION_V3}, or set evaluate.inception to null"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused anyway
            known = torch.load(path, map_location="cpu", weights_only=True)
        # The extractor itself would run code from the file, so it gets what was read from there, anew.
        copy = io.BytesIO()
        torch.save(known, copy)
        copy.seek(0)
        network = FeatureExtractorInceptionV3("inception", [LAYER], feature_extractor_weights_path=copy)
    except OSError as error:
        raise UserError(
            f"{path}: no weights of Inception-V3 there ({error.strerror or error}), for which "
            f"evaluate.inception asks; {advice}"
        ) from error
    except Exception as error:  # the reader of such files raises whatever it stumbles on
        raise UserError(
            f"{path}: does not hold the weights of Inception-V3 ({_reason(error)}); {advice}"
        ) from error
    moved: nn.Module = network.to(device)

    def extract(images: Tensor) -> Tensor:
        found: Tensor = moved(images.expand(-1, 3, -1, -1))[0]
        return found

    return Extractor(files.md5(path), _in_batches(extract, device))


def named(path: Path, device: torch.device) -> Extractor:
    """The features of the network in a file that the user names.

    Args:
        path: judges of this project (``.safetensors``), of which the first is taken; or a program that
            ``torch.export.save`` wrote (``.pt2``), which takes uint8 images [N, C, H, W], N any number, and
            gives features [N, F].
        device: where the network is to be.

    Raises:
        UserError: the file is missing or holds something else.
    """
    advice = "name a judge.safetensors or a .pt2 file of torch.export, or set evaluate.features to null"
    if path.suffix == ".safetensors":
        judges, _ = weights.load(path, models.get_judges, device)
        first = judges.members[0] if isinstance(judges, models.Judges) else None
        if not isinstance(first, models.ImageJudge):
            raise UserError(f"{path}: holds no judges of images; {advice}")
        seen = _in_batches(lambda images: first.features(datasets.normalize(images)), device)
        return Extractor(files.md5(path), seen)
    try:
        program = torch.export.load(path).module()
        program.to(device)
    except Exception as error:
        raise UserError(f"{path}: not a program of torch.export ({_reason(error)}); {advice}") from error
    return Extractor(files.md5(path), _in_batches(program, device))


def features(extractor: Extractor, images: Tensor, what: str) -> Tensor:
    """The features of images, float32 [N, F].

    Args:
        extractor: see :func:`inception` and :func:`named`.
        images: uint8 [N, C, H, W].
        what: the parameter that names the network, for the message.

    Raises:
        UserError: the network does not take these images, or gives something else.
    """
    try:
        found = extractor.extract(images)
    except Exception as error:  # of a foreign network, anything
        raise UserError(f"{what}: its network does not take these images ({_reason(error)})") from error
    if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(images):
        raise UserError(f"{what}: its network must give features [N, F] of N images")
    if not torch.isfinite(found).all():
        raise UserError(f"{what}: its network gives features that are not finite")
    return found.float()


def _in_batches(network: Extract, device: torch.device) -> Extract:
    def extract(images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([network(part.to(device)).cpu() for part in images.split(BATCH)])

    return extract


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
