import pytest

from stages.runtime.errors import UserError
from stages.sweep import cluster


@pytest.mark.parametrize(("failures", "starts"), [(2, True), (3, False)])
def test_a_start_of_ray_that_takes_too_long_is_tried_again(monkeypatch, failures, starts):
    begun = []

    def begin(address: str, **_: object) -> None:
        begun.append(address)
        if len(begun) <= failures:
            raise Exception("The current node timed out\nduring startup.")  # as Ray does

    monkeypatch.setattr(cluster.ray, "init", begin)
    monkeypatch.setattr(cluster.signals, "install", lambda: None)
    entered = cluster.Cluster(None, 2, "cpu", 1)
    if starts:
        entered.__enter__()
    else:
        with pytest.raises(UserError, match=r"^Ray: The current node timed out during startup\.$"):
            entered.__enter__()
    assert begun == ["local"] * 3
