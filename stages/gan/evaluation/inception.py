"""Features of Inception-V3, for the Fréchet distance that papers on natural images report."""

import io
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from stages.runtime.errors import UserError

LAYER = "2048"  # the features of the last pooling, as FID is defined
BATCH = 50  # images at once: each becomes 299x299


def load(path: Path, device: torch.device) -> nn.Module:
    """Inception-V3 as torch-fidelity has it, with its weights from a file in PyTorch's format.

    Args:
        path: the file; nothing is downloaded, and no code in it is run.
        device: where the network is to be.

    Raises:
        UserError: the file is missing or does not hold these weights.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

    advice = f"get them from {URL_INCEPTION_V3}, or set evaluate.inception to null"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused anyway
            weights = torch.load(path, map_location="cpu", weights_only=True)
        # The extractor itself would run code from the file, so it gets what was read from there, anew.
        copy = io.BytesIO()
        torch.save(weights, copy)
        copy.seek(0)
        network = FeatureExtractorInceptionV3("inception", [LAYER], feature_extractor_weights_path=copy)
    except OSError as error:
        raise UserError(
            f"{path}: no weights of Inception-V3 there ({error.strerror or error}), for which "
            f"evaluate.inception asks; {advice}"
        ) from error
    except Exception as error:  # the reader of such files raises whatever it stumbles on
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: does not hold the weights of Inception-V3 ({reason}); {advice}") from error
    moved: nn.Module = network.to(device)
    return moved


def features(network: nn.Module, images: Tensor) -> Tensor:
    """The network's features of images; grey ones are shown to it as red, green and blue alike.

    Args:
        network: see :func:`load`.
        images: uint8 [N, 1 or 3, H, W].

    Returns:
        float32 [N, 2048], on the CPU.
    """
    device = next(network.parameters()).device
    with torch.no_grad():
        batches = (part.expand(-1, 3, -1, -1).to(device) for part in images.split(BATCH))
        return torch.cat([network(batch)[0].cpu() for batch in batches])
