import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def mnist_mirror() -> str:
    """A folder or URL with MNIST's four files; tests that need one are skipped where there is none."""
    mirror = os.environ.get("GAN_MIRROR") or str(ROOT.parent / "shared" / "mnist")
    if "://" not in mirror and not Path(mirror).is_dir():
        pytest.skip("no MNIST at hand: GAN_MIRROR is not set")
    return mirror


@pytest.fixture(scope="session", autouse=True)
def _own_store() -> Iterator[None]:
    """No test writes to the store that the user's environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield
