"""The tutorial as a notebook: kept without outputs; every cell runs, in a kernel of its own."""

import ast
import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from nbformat import NotebookNode

from benchmarks import pipeline

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
SMALL = "SEED = 111\nSINE_EPOCHS = 2\nDIGIT_STEPS = 90\nPIPELINE_EPOCHS = 2\nDOWNLOAD = False"
PARAMETER = re.compile(r"^\w+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def jupyter_folders(tmp_path, monkeypatch) -> None:
    """Nothing of the user's own Jupyter is read or changed."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture
def run(tmp_path, monkeypatch, jupyter_folders) -> Callable[[NotebookNode], dict[str, list[NotebookNode]]]:
    """Runs a notebook at tiny size in a clone, tmp_path/clone; returns the outputs by the cells' names."""
    clone = tmp_path / "clone"
    clone.mkdir()
    pipeline.checkout(clone, results=True)
    pipeline.commit(clone)
    (tmp_path / "TMPDIR").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "TMPDIR"))
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.delenv("GAN_MIRROR", raising=False)
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a stage called in this process may have set it

    def execute(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
        (settings,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        assert PARAMETER.findall(settings.source) == PARAMETER.findall(SMALL)
        settings.source = SMALL
        where = {"metadata": {"path": str(clone / "docs")}}
        NotebookClient(notebook, timeout=3600, resources=where).execute()
        status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True)
        assert status.stdout == "", "the notebook has changed the clone in which it ran"
        return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}

    return execute


def text(outputs: list[NotebookNode]) -> str:
    """What a cell has printed, and the Markdown that it shows."""
    shown = (output.get("data", {}).get("text/markdown", "") for output in outputs)
    return "".join([*(output.get("text", "") for output in outputs), *shown])


def pictures(outputs: list[NotebookNode]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_it_is_kept_without_outputs_under_names_that_stay(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info, "it changes with each Python that runs it"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cell.id), f"{cell.id}: name the cell for what it does"
        assert set(cell.metadata) <= {"tags"}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), (
                f"{cell.id}: clear the outputs: `jupyter nbconvert --clear-output --inplace` does it"
            )


def test_it_names_no_place_on_one_machine(notebook):
    for cell in notebook.cells:
        assert not re.search(r"(?<![\w.:/>])/[a-z]+/|[A-Z]:\\", cell.source), cell.id


def test_its_links_lead_somewhere(notebook):
    targets = [link for cell in notebook.cells for link in LINK.findall(cell.source)]
    local = [target for target in targets if "://" not in target]
    assert len(local) > 10
    for target in local:
        assert (NOTEBOOK.parent / target).exists(), target


def test_its_recipes_for_digits_are_those_of_the_parameters(notebook):
    known = yaml.safe_load((ROOT / "params.yaml").read_text())
    (code,) = (cell.source for cell in notebook.cells if cell.id == "digits-networks-code")
    recipes = re.findall(r"latent, hidden, lr, betas = (.+)", code)
    for name, recipe in zip(("mnist", "digits_classic"), recipes, strict=True):
        latent, hidden, lr, betas = ast.literal_eval(recipe)
        networks = known[name]["generator"], known[name]["discriminator"]
        assert networks[0] == {"network": "mlp", "latent": latent, "hidden": hidden}
        assert networks[1] == {"network": "mlp", "hidden": hidden[::-1], "dropout": 0.3}
        assert (known[name]["train"]["lr"], known[name]["train"]["betas"]) == (lr, [*betas])


@pytest.mark.slow
def test_every_cell_runs(notebook, run, tmp_path):
    outputs = run(notebook)
    assert text(outputs["networks-of-points"]).split()[1::3] == ["41,985", "658"]  # as those of `sine`
    assert "scikit-learn's digits" in text(outputs["digits-data"])
    assert "Running stage 'plot@sine-111'" in text(outputs["pipeline-run"])
    assert re.search(r"seed-111: generator [0-9a-f]{32}", text(outputs["mlflow-run"]))
    assert text(outputs["judge-scores-code"]).count("\n| ") == 7
    drawn = {name: pictures(found) for name, found in outputs.items() if pictures(found)}
    assert drawn == {
        **dict.fromkeys(("structure", "points", "losses-code", "samples-of-points"), 1),
        **dict.fromkeys(("evolution-of-points", "digits-data", "train-digits", "evolution-of-digits"), 1),
        **dict.fromkeys(("digits-published", "mlflow-losses-code", "judge-picture"), 1),
        "mlflow-pictures": 2,
    }
    assert list((tmp_path / "TMPDIR").glob("tutorial-*")) == []


@pytest.mark.slow
def test_its_digits_are_those_of_mnist_where_they_are_at_hand(notebook, run, mnist_mirror, monkeypatch):
    names = [cell.id for cell in notebook.cells]
    notebook.cells = notebook.cells[: names.index("digits-longer")]
    monkeypatch.setenv("GAN_MIRROR", mnist_mirror)
    outputs = run(notebook)
    assert "60,000 pictures of 28x28 pixels" in text(outputs["digits-data"])
    assert pictures(outputs["evolution-of-digits"]) == 1


@pytest.mark.slow
def test_make_opens_it_in_jupyterlab(tmp_path, jupyter_folders):
    planned = subprocess.run(["make", "-n", "notebook"], cwd=ROOT, capture_output=True, text=True, check=True)
    program, *options = shlex.split(planned.stdout.splitlines()[-1].removeprefix("exec "))
    (page,) = (option.partition("=")[2] for option in options if "default_url" in option)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    local = [
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=",
        f"--port={address.rpartition(':')[2]}",
    ]
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [Path(sys.prefix) / "bin" / Path(program).name, *options, *local]
        server = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 300
        while not _fetch(address + page):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
        found = json.loads(_fetch(address + page.replace("/lab/tree/", "/api/contents/")))
        assert (found["type"], found["name"]) == ("notebook", NOTEBOOK.name)
    finally:
        server.terminate()
        server.wait(timeout=60)


def _fetch(url: str) -> bytes:
    """What a server answers; nothing where it is not up yet."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read()
    except OSError:
        return b""
