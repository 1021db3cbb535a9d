import io
from pathlib import Path

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import inception, scoring
from stages.gan.judges import models
from stages.runtime.errors import UserError

CPU = torch.device("cpu")


class Untrained(FeatureExtractorInceptionV3):
    """The extractor's own architecture with the random weights that it starts from."""

    def load_state_dict(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A file of the right form, in place of the real one, which would be a download of 95 MB."""
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Untrained("untrained", ["2048"], feature_extractor_weights_path=nothing)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


def test_features_come_from_the_files_weights_and_grey_is_shown_in_three_channels(weights, images):
    network = inception.load(weights, CPU)
    loaded = torch.load(weights, weights_only=True)
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in network.state_dict().items())
    grey = images.samples[:3]
    found = inception.features(network, grey)
    assert found.shape == (3, 2048)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert not torch.equal(found[0], found[1])
    assert torch.equal(found, inception.features(network, grey.repeat(1, 3, 1, 1)))


def test_a_dozen_images_get_their_fid_by_inception(weights, images, monkeypatch):
    monkeypatch.setattr(inception, "LAYER", "64")  # an early layer: the distance of 2,048 features takes long
    real = Dataset(Split(images.samples[:12], images.labels[:12]), Split(images.samples[12:24]))
    judge = models.ImageJudge((1, 8, 8), [2], 8, 10, torch.Generator().manual_seed(0))
    network = inception.load(weights, CPU)
    found, _ = scoring.score(images.samples[24:36], real, judge, "digits", network)
    assert found["fid_inception"] > 0
    assert found["fid_inception_real"] > 0
    assert found["fid_inception_noise"] > 0
    copies, _ = scoring.score(images.samples[:12], real, judge, "digits", network)
    assert copies["fid_inception"] == pytest.approx(0, abs=1e-3 * found["fid_inception"])


def test_a_missing_file_is_one_line_that_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"none.pth: no weights of Inception-V3 there .*https://") as caught:
        inception.load(tmp_path / "none.pth", CPU)
    assert "\n" not in str(caught.value)


class Code:
    """What a malicious file would have run when it is read."""

    def __reduce__(self) -> tuple:
        return (print, ("code from the file has run",))


@pytest.mark.parametrize("content", [b"", b"text", {"fc.weight": torch.zeros(3)}, [1, 2], {"a": Code()}])
def test_a_file_with_something_else_is_refused_and_not_run(content, tmp_path, capsys):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=r"weights.pth: does not hold the weights of Inception-V3") as caught:
        inception.load(path, CPU)
    assert "\n" not in str(caught.value)
    assert "https://" in str(caught.value)
    assert "has run" not in capsys.readouterr().out
