from pathlib import Path

import pytest

from stages.tracking import database

NASTY = [
    "feature%2Fx",
    "100%",
    "a?b",
    "a#b",
    "a b",
    "a&b;c+d",
    "é日本",
    "a'b\"c",
    "a\\b",
    "a:b",
    "a\nb",
    "%zz",
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("absolute", [False, True])
def test_a_path_means_what_is_written(tmp_path, monkeypatch, name, absolute):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(tmp_path if absolute else folder)
    found = database.of(f"sqlite:///{folder}/mlflow.db" if absolute else "sqlite:///mlflow.db")
    assert (found.folder, found.name) == (folder, "mlflow.db")
    assert found.enter() == "sqlite:///mlflow.db"  # nothing is misread in that
    assert Path.cwd() == folder


def test_plain_paths_are_given_whole(tmp_path):
    assert database.of("sqlite:///mlflow.db").enter() == f"sqlite:///{tmp_path}/mlflow.db"
    assert database.of("sqlite:///no/such/mlflow.db").enter() == f"sqlite:///{tmp_path}/no/such/mlflow.db"
    assert Path.cwd() == tmp_path / "no" / "such"


@pytest.mark.parametrize(
    ("uri", "file", "address"),
    [
        ("sqlite:///no%20such/mlflow.db", "no such/mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:///a%20b.db", "a b.db", "sqlite:///a%20b.db"),
        ("sqlite+pysqlite:///%41 b.db?timeout=9", "A b.db", "sqlite+pysqlite:///A%20b.db?timeout=9"),
    ],
)
def test_what_is_not_there_is_read_as_mlflow_does(tmp_path, uri, file, address):
    found = database.of(uri)
    assert found.file == tmp_path / file
    assert found.address == address


@pytest.mark.parametrize(
    "uri", ["http://host:5000", "postgresql:///mlflow", "databricks", "sqlite:///file:mlflow.db?uri=true"]
)
def test_others_are_none(uri):
    assert database.of(uri) is None


def test_a_folder_that_cannot_be_made_is_not_replaced_by_another(tmp_path):
    (tmp_path / "a%b").write_text("")
    found = database.of(f"sqlite:///{tmp_path}/a%b/mlflow.db")
    assert found.enter() == f"sqlite:///{tmp_path}/a%25b/mlflow.db"
    assert Path.cwd() == tmp_path
    assert database.of(found.enter()) == found


def test_a_link_leads_to_the_folder_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert database.of("sqlite:///link/mlflow.db") == database.of("sqlite:///real/mlflow.db")
