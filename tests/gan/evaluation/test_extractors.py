import io
from pathlib import Path

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from stages.gan.core import params
from stages.gan.core import weights as network_files
from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import extractors, scoring
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


JUDGE = params.CnnJudge(
    network="cnn", channels=[2], features=8, epochs=1, batch_size=8, lr=0.01, seed=1, count=1
)


def known(images: Split, **networks: extractors.Extractor) -> scoring.Known:
    """A dozen training images and a dozen of the test split, an untrained judge, and other networks."""
    real = Dataset(*(Split(images.samples[part], images.labels[part]) for part in (slice(12), slice(12, 24))))
    judge = models.ImageJudge((1, 8, 8), [2], 8, 10, torch.Generator().manual_seed(0))
    return scoring.Known(real, models.Judges([judge]), "", JUDGE, "digits", networks)


def test_features_come_from_the_files_weights_and_grey_is_shown_in_three_channels(weights, images):
    network = extractors.inception(weights, CPU)
    grey = images.samples[:3]
    found = extractors.features(network, grey, "it")
    assert found.shape == (3, 2048)
    assert found.dtype == torch.float32
    assert not torch.equal(found[0], found[1])
    assert torch.equal(found, extractors.features(network, grey.repeat(1, 3, 1, 1), "it"))
    reference = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=weights)
    assert torch.equal(found, reference(grey.expand(-1, 3, -1, -1))[0])


def test_a_dozen_images_get_their_fid_by_inception_all_at_once(weights, images, monkeypatch):
    monkeypatch.setattr(
        extractors, "LAYER", "64"
    )  # an early layer: the distance of 2,048 features takes long
    network = extractors.inception(weights, CPU)
    inputs = known(images, fid_inception=network)
    samples = images.samples[24:54]
    reference = scoring.prepare(inputs, len(samples))
    found, _ = scoring.score(samples, inputs, reference)
    seen = [extractors.features(network, part, "it") for part in (samples, images.samples[:12])]
    moments = [fid_features_to_statistics(part.double()) for part in seen]
    (theirs,) = fid_statistics_to_metric(*moments, verbose=False).values()
    assert found["fid_inception"] == pytest.approx(theirs, rel=1e-4)
    assert found["fid_inception_real"] > 0
    assert found["fid_inception_noise"] > 0
    copies, _ = scoring.score(images.samples[:12], inputs, reference)
    assert copies["fid_inception"] == pytest.approx(0, abs=1e-3 * found["fid_inception"])


class Program(torch.nn.Module):
    """What a user may have: features of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(64, 5, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float() / 255).flatten(1) @ self.weight


def judge_file(path: Path) -> torch.nn.Module:
    judge = models.ImageJudge((1, 8, 8), [2], 5, None, torch.Generator().manual_seed(0))
    network_files.save(path, models.Judges([judge]), {})
    return torch.nn.Sequential(*[Normalized(), *judge.features])


class Normalized(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() / 127.5 - 1


def program_file(path: Path) -> torch.nn.Module:
    example = (torch.zeros(3, 1, 8, 8, dtype=torch.uint8),)
    dims = [{0: torch.export.Dim("images")}]
    torch.export.save(torch.export.export(Program(), example, dynamic_shapes=dims), path)
    return Program()


@pytest.mark.parametrize(("name", "write"), [("a.safetensors", judge_file), ("a.pt2", program_file)])
def test_any_network_of_images_gives_a_distance(name, write, tmp_path, images):
    network = write(tmp_path / name)
    extractor = extractors.named(tmp_path / name, CPU)
    with torch.no_grad():
        seen = network(images.samples)
    assert torch.allclose(extractors.features(extractor, images.samples, "it"), seen, atol=1e-5)
    inputs = known(images, fid_features=extractor)
    found, _ = scoring.score(images.samples[24:54], inputs, scoring.prepare(inputs, 30))
    assert found["fid_features"] > 0
    assert {"fid_features_real", "fid_features_noise"} < set(found)


@pytest.mark.parametrize("content", [b"", b"text"])
@pytest.mark.parametrize("name", ["judge.safetensors", "program.pt2", "weights.pth"])
def test_a_file_with_no_network_is_refused_in_a_line(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        extractors.named(tmp_path / name, CPU)
    assert "\n" not in str(caught.value)


def test_a_judge_of_points_sees_no_images(tmp_path):
    judge = models.Judges([models.Regressor(1, [2], torch.Generator().manual_seed(0))])
    network_files.save(tmp_path / "judge.safetensors", judge, {})
    with pytest.raises(UserError, match="holds no judges of images"):
        extractors.named(tmp_path / "judge.safetensors", CPU)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda images: images.float() @ torch.zeros(3, 3), "does not take these images"),
        (lambda images: images.float(), "must give features"),
        (lambda images: torch.zeros(1, 2), "must give features"),
        (lambda images: torch.full((len(images), 2), torch.nan), "not finite"),
    ],
)
def test_a_network_that_does_not_fit_is_named_by_its_parameter(network, words, images):
    with pytest.raises(UserError, match=f"evaluate.features: .*{words}"):
        extractors.features(extractors.Extractor("", network), images.samples, "evaluate.features")


def test_a_missing_file_is_one_line_that_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"none.pth: no weights of Inception-V3 there .*https://") as caught:
        extractors.inception(tmp_path / "none.pth", CPU)
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
        extractors.inception(path, CPU)
    assert "\n" not in str(caught.value)
    assert "https://" in str(caught.value)
    assert "has run" not in capsys.readouterr().out
