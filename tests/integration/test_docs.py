"""The pages for people: each command works as printed, and what they link, show and quote is there.

A page's blocks are run in their order, as by a reader in one shell (what a block exports, the next one has),
in a clone at tiny size that all pages share. Each page begins with the parameters that the clone began with.
A comment right before a block, which readers do not see, says what else is to be done with it:

    <!-- not run: why -->         it is left out
    <!-- needs: MNIST -->         it is left out where MNIST's files are not at hand
    <!-- small: {key: value} -->  these settings go into params.yaml first, so that less is computed
    <!-- before: command -->      this is run first: the prose asks for it, or another page has done it
    <!-- server: URL -->          it does not end: it has to answer there, and is ended with the page
    <!-- file: PATH -->           it is that file's content; or is added to params.yaml
    <!-- from: PATH -->           it is quoted from that file; a line … stands for those left out
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from types import UnionType
from typing import Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from benchmarks import pipeline
from stages.gan.core.params import Settings, experiment_schema, wording
from stages.gan.core.params.types import BY_NAME
from tests import calls

ROOT = Path(__file__).parents[2]
TRANSLATED = [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.zh-CN.md"))]  # test_translations.py
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
PAGES = [page for page in PAGES if page not in TRANSLATED]
MADE = [ROOT / "reports" / "README.md", *sorted((ROOT / "benchmarks" / "results").glob("*.md"))]

RUN = {"sh", "python"}
SHOWN = {"caddy", "json", "mermaid", "text", "yaml"}  # no commands
MARKS = {"not run", "needs", "small", "before", "server", "file", "from"}
# These are only planned (make -n): each takes minutes.
LONG = {
    "test": "it would run this test in itself",
    "check": "2 minutes; part of the tests",
    "slow": "20 minutes; this test is one of them",
    "smoke": "a minute; tests/integration/test_smoke.py does it",
    "verify": "of a commit that has published results; tests/integration/test_verify.py does it",
    "bench": "20 minutes; tests/integration/test_benchmarks.py has its parts",
    "torture": "40 minutes; tests/integration/test_kills.py and others have its parts",
    "parity": "5 minutes; tests/integration/test_parity.py has its parts",
    "lock": "asks a package registry",
    "notebook": "it serves until Ctrl-C; tests/integration/test_tutorial.py runs the notebook",
}
GIF_LIMIT = 1_500_000  # bytes
SECONDS = 1200  # for one block, on a machine that is busy


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, list[str]] = field(hash=False)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether it does something in the clone."""
        return "file" in self.marks or (self.language in RUN and not self.marks.keys() & {"not run", "from"})


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, with the marks before them."""
    lines = page.read_text().splitlines()
    marks: dict[str, list[str]] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if fence := re.fullmatch(r"( *)(`{3,})(\w*)", line):
            start = number
            while number < len(lines) and lines[number].strip() != fence[2]:
                number += 1
            assert number < len(lines), f"{page}:{start}: a block that does not end"
            yield Block(page, start, fence[3], dedent("\n".join(lines[start:number])) + "\n", marks)
            number += 1
            marks = {}
        elif mark := re.fullmatch(r" *<!-- ([a-z ]+): (.+) -->", line):
            marks.setdefault(mark[1], []).append(mark[2])
        elif line.strip():
            marks = {}


BLOCKS = [block for page in PAGES for block in blocks(page)]


class Reader:
    """Follows the pages in a clone: a page at a time, in one shell each."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self._state, self._log = state, state.with_suffix(".log")
        self._page: Path | None = None
        self._params = (folder / "params.yaml").read_text()
        self._ports: dict[str, str] = {}
        self._servers: list[subprocess.Popen[bytes]] = []

    def follow(self, block: Block, **environment: str) -> None:
        """Do what a block says."""
        if block.page != self._page:
            self._open(block.page)
        for settings in block.marks.get("small", []):
            pipeline.change_params(self.folder, {}, **yaml.safe_load(settings))
        for command in block.marks.get("before", []):
            self._shell(command, environment)
        if "file" in block.marks:
            self._write(self.folder / block.marks["file"][0], block.text)
            return
        text = (
            block.text if block.language == "sh" else f"python - <<'END OF BLOCK'\n{block.text}END OF BLOCK\n"
        )
        text = re.sub(rf"^make (?={'|'.join(LONG)}\b)", "make -n ", text, flags=re.MULTILINE)
        if "server" in block.marks:
            self._serve(text, self._local(block.marks["server"][0]), environment)
        else:
            self._shell(text, environment)

    def close(self) -> None:
        """End what the page has started."""
        for server in self._servers:
            _end(server)
        self._servers = []

    def _open(self, page: Path) -> None:
        """Begin a page in a clone where all is committed, with the parameters that were there at first."""
        self.close()
        self._page = page
        ports = {re.search(r":(\d+)", url)[1] for b in blocks(page) for url in b.marks.get("server", [])}
        self._ports = {port: str(_free_port()) for port in ports}
        (self.folder / "params.yaml").write_text(self._params)
        self._state.unlink(missing_ok=True)
        self._shell(f"git add --all; git commit --quiet --allow-empty --message 'before {page.name}'", {})
        self._state.unlink()

    def _local(self, text: str) -> str:
        """With free ports in the place of a page's: tests run beside each other, and beside other servers."""
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _start(self, text: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a shell that goes on where the page's last one was; what it prints goes into the log."""
        state = shlex.quote(str(self._state))
        before = f"if [ -e {state} ]; then . {state}; fi\n"
        after = f'{{ export -p; printf "cd %q\\n" "$PWD"; }} > {state}\n'
        ports = {"PORT": self._ports["5000"]} if "5000" in self._ports else {}
        with self._log.open("wb") as output:
            return subprocess.Popen(
                ["bash", "-e", "-o", "pipefail", "-c", f"{before}{self._local(text)}\n{after}"],
                cwd=self.folder,
                env={**self._environment(), "CI": "", **ports, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        """The virtual environment is active, but for README, which says itself when to activate it."""
        own = pipeline.environment() | pipeline.IDENTITY
        if self._page == ROOT / "README.md":
            programs = Path(sys.prefix) / "bin"
            own["PATH"] = os.pathsep.join(p for p in own["PATH"].split(os.pathsep) if Path(p) != programs)
        return own

    def _shell(self, text: str, environment: dict[str, str]) -> None:
        process = self._start(text, environment)
        try:
            code = process.wait(timeout=SECONDS)
        finally:
            _end(process)
        assert code == 0, f"{text}\nended with exit code {code}:\n{self._said()}"

    def _serve(self, text: str, url: str, environment: dict[str, str]) -> None:
        server = self._start(text, environment)
        self._servers.append(server)
        end = time.monotonic() + SECONDS
        while not _answers(url):
            assert server.poll() is None, f"{text}\nended:\n{self._said()}"
            assert time.monotonic() < end, f"{text}\n{url} does not answer:\n{self._said()}"
            time.sleep(0.2)

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-10_000:]

    def _write(self, path: Path, text: str) -> None:
        if path.name == "params.yaml":
            content = yaml.safe_load(path.read_text()) | yaml.safe_load(text)
            path.write_text(yaml.safe_dump(_tiny(content), sort_keys=False))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def _tiny(content: dict) -> dict:
    """With next to no work in each experiment."""
    for block in content.values():
        if isinstance(block, dict):
            block["judge"]["epochs"] = 1
            block["train"]["epochs"] = 2
            block["sample"]["count"] = 200
    return content


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is in a session of its own, and all that it has started there."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Iterator[Reader]:
    if not (Path(sys.prefix) / "bin" / "activate").exists():
        pytest.skip("the pages speak of a virtual environment, and this is none")
    folder = tmp_path_factory.mktemp("clone")
    calls.checkout(folder)
    pipeline.make_idle(folder, epochs=2, samples=200)
    calls.install(folder)
    found = Reader(folder, tmp_path_factory.mktemp("shell") / "state")
    yield found
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.is_run], ids=str)
def test_what_a_page_says_works_as_printed(reader, block, request):
    environment = {}
    if block.marks.get("needs") == ["MNIST"]:
        environment["GAN_MIRROR"] = request.getfixturevalue("mnist_mirror")
    reader.follow(block, **environment)


PAGE = """
<!-- file: shown/page.txt -->
```text
served
```

<!-- file: params.yaml -->
```yaml
ring: {judge: {epochs: 300}, train: {epochs: 300}, sample: {count: 10000}}
```

<!-- small: {seeds: [2]} -->
<!-- before: touch before -->
```sh
export WORD=carried
cd shown
```

```python
import os, pathlib
pathlib.Path("word").write_text(os.environ["WORD"])
```

<!-- server: http://127.0.0.1:8000/page.txt -->
```sh
python -m http.server --bind 127.0.0.1 8000
```

```sh
python -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:8000/page.txt").read())' > got
```

<!-- not run: no reason -->
```sh
exit 1
```
"""


def test_a_reader_does_what_a_page_says(tmp_path):
    page, folder = tmp_path / "page.md", tmp_path / "clone"
    page.write_text(PAGE)
    folder.mkdir()
    (folder / "params.yaml").write_text("seeds: [1]\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    reader = Reader(folder, tmp_path / "state")
    try:
        for block in filter(lambda block: block.is_run, blocks(page)):
            reader.follow(block)
        (server,) = reader._servers
        assert server.poll() is None
    finally:
        reader.close()
    assert server.poll() is not None
    assert (folder / "before").exists()
    assert (folder / "shown" / "word").read_text() == "carried"
    assert "served" in (folder / "shown" / "got").read_text()
    params = yaml.safe_load((folder / "params.yaml").read_text())
    assert params == {
        "seeds": [2],
        "ring": {"judge": {"epochs": 1}, "train": {"epochs": 2}, "sample": {"count": 200}},
    }
    page.write_text("```sh\nfalse\ntrue\n```\n")
    with pytest.raises(AssertionError, match="exit code 1"):
        reader.follow(*blocks(page))


def test_every_block_is_run_or_says_why_not():
    for block in BLOCKS:
        assert block.language in RUN | SHOWN, f"{block}: a block names its language: {sorted(RUN | SHOWN)}"
        assert block.marks.keys() <= MARKS, f"{block}: marks are {sorted(MARKS)}, not {sorted(block.marks)}"
        assert set(block.marks.get("needs", [])) <= {"MNIST"}, f"{block}: only MNIST may be needed"


COMMAND = re.compile(r"(make|dvc|git|python|pip|mlflow|docker|curl|ray|export|source|cd) ")


def test_no_commands_hide_in_indented_blocks():
    for page in [*PAGES, *TRANSLATED]:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            indented = line.startswith("    ") and COMMAND.match(line.strip())
            fenced = any(b.line < number <= b.line + b.text.count("\n") for b in blocks(page))
            assert fenced or not indented, f"{page.name}:{number}: a command in a block that no test reads"


def spans(page: Path) -> Iterator[str]:
    """The code within the sentences of a page."""
    yield from (re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose(page)))


def prose(page: Path) -> str:
    """A page without its fenced blocks and comments."""
    text = re.sub(r"^( *)(`{3,}).*?^\1\2$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", [*PAGES, *TRANSLATED], ids=lambda page: page.name)
def test_what_a_sentence_names_exists(root, page):
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for span in spans(page):
        words = span.split()
        if words[0] == "make" and len(words) > 1 and words[1].isalpha() and words[1].islower():
            assert words[1] in targets, f"{page.name}: {span}"
        if (call := re.search(r"\bpython -m ((?:stages|benchmarks)[\w.]*)", span)) and "NAME" not in span:
            path = root / Path(*call[1].split("."))
            source = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
            assert source.exists(), f"{page.name}: {span}"
            known = source.read_text() + (root / "stages" / "runtime" / "command.py").read_text()
            for option in re.findall(r"--[a-z-]+", span[call.end() :]):
                assert f'"{option}"' in known or option == "--help", f"{page.name}: {span}: no {option}"


@pytest.mark.parametrize("block", [block for block in BLOCKS if "from" in block.marks], ids=str)
def test_what_is_quoted_is_there(root, block):
    (name,) = block.marks["from"]
    source = "\n".join(line.strip() for line in (root / name).read_text().splitlines() if line.strip())
    for part in re.split(r"^ *(?:# )?…\n", block.text, flags=re.MULTILINE):
        lines = "\n".join(line.strip() for line in part.splitlines() if line.strip())
        place = source.find(lines)
        assert place >= 0, f"{block}: {name} does not have:\n{part}"
        source = source[place + len(lines) :]


def anchors(page: Path) -> set[str]:
    """The anchors that a code host gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)) for title in titles]
    return {title.strip().lower().replace(" ", "-") for title in plain}


LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\](?:\([^)]*\))?)*)\]\(([^)\s]+)\)")


def links(text: str) -> Iterator[tuple[bool, str, str]]:
    """Of each link in a page's prose: whether it is a picture, its text, and where it leads."""
    text = re.sub(r"`[^`]*`", "code", text)
    for picture, words, target in LINK.findall(text):
        yield bool(picture), words, target
        yield from ((bool(inner), w, t) for inner, w, t in LINK.findall(words))


@pytest.mark.parametrize("page", [*PAGES, *TRANSLATED, *MADE], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_and_pictures_say_what_they_show(page):
    for is_picture, words, target in links(prose(page)):
        if not re.match(r"[a-z]+:", target):
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), f"{page.name}: {target}"
            assert path.resolve().is_relative_to(ROOT.resolve()), f"{page.name}: {target}"
            if anchor:
                assert anchor in anchors(path), f"{page.name}: {target}: there are {sorted(anchors(path))}"
        if is_picture and page in PAGES:
            assert len(words.split()) >= 5, f"{page.name}: {target}: say in the alt text what it shows"
        if is_picture and page in TRANSLATED:  # Chinese has no spaces between words
            assert len(words) >= 10, f"{page.name}: {target}: say in the alt text what it shows"


def test_the_index_names_every_page(root):
    named = {target.partition("#")[0] for _, _, target in links(prose(root / "docs" / "README.md"))}
    assert {page.name for page in (root / "docs").glob("*.md")} - {"README.md"} <= named


def test_pictures_are_shown_and_small(root):
    shown = {(page.parent / target).resolve() for page in PAGES for _, _, target in links(prose(page))}
    for path in (root / "docs").rglob("*"):
        if path.suffix in {".png", ".gif"}:
            assert path.resolve() in shown, f"{path.relative_to(root)}: no page shows it"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.gif"]
    for name in subprocess.run(listed, cwd=root, capture_output=True, text=True).stdout.split("\0"):
        if name and (root / name).exists():
            assert (root / name).stat().st_size < GIF_LIMIT, name


MODERN = [block for block in BLOCKS if block.page.name == "modern.md" and block.language == "yaml"]


@pytest.mark.parametrize("block", MODERN, ids=str)
def test_a_recipe_on_the_page_of_recipes_is_one(block):
    digits = yaml.safe_load(calls.PARAMS.read_text())["digits"]
    said = yaml.safe_load(block.text)
    train = digits["train"] | said.pop("train", {})
    wording.validate(experiment_schema(), digits | said | {"train": train}, block.page)


CHOOSE = ("source", "network")
LIMITS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
LENGTHS = ("min_length", "max_length")


def variants(annotation: object) -> Iterator[tuple[str, type[BaseModel]]]:
    """The blocks that a field may be, each with the word that chooses it: a source, a kind of network."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        chosen = [
            get_args(annotation.model_fields[key].annotation)
            for key in CHOOSE
            if key in annotation.model_fields
        ]
        for word in chosen[0] if chosen else [""]:
            yield word, annotation
    for part in get_args(annotation):
        yield from variants(part)


def kind(annotation: object, limits: Sequence[object] = ()) -> str:
    """A parameter's type and range in words."""
    parts = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return kind(parts[0], [*parts[1:], *limits])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{json.dumps(part)}`".replace('"', "") for part in parts)
    if type(None) in parts:
        return f"{kind(parts[0], limits)}, or `null`"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(map(kind, parts))
    limits = [limit for outer in limits for limit in getattr(outer, "metadata", [outer])]
    found = {
        name: getattr(limit, name) for limit in limits for name in (*LIMITS, *LENGTHS) if hasattr(limit, name)
    }
    if parts:
        if "min_length" not in found:
            return f"list: {kind(parts[0])}"
        least, most = found["min_length"], found.get("max_length")
        many = f"{least}" if least == most else f"{least} to {most}" if most else f"{least} or more"
        return f"list of {many}: {kind(parts[0])}"
    words = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}[annotation]
    ranges = [f"{LIMITS[name]} {_short(value)}" for name, value in found.items() if name in LIMITS]
    return " ".join([words, *ranges])


def _short(number: float) -> str:
    return "2^63" if number == 2**63 else f"{number:,}"


def knobs() -> dict[tuple[str, str], tuple[str, str]]:
    """Of each parameter, in each kind of block that has it: its type and range, and its default."""
    found = {}
    blocks_of = {"": Settings} | {
        name: field.annotation for name, field in experiment_schema().model_fields.items()
    }
    of_losses = {name for loss in blocks_of["train"].losses for name in loss.arguments}
    for prefix, annotation in blocks_of.items():
        for variant, block in variants(annotation):
            for name, about in block.model_fields.items():
                if prefix == "train" and name in of_losses:
                    continue
                default = "" if about.is_required() else _value(about.default)
                words = variant if name in CHOOSE else kind(about.annotation, about.metadata)
                found[f"{prefix}.{about.alias or name}".lstrip("."), variant] = (words, default)
    for loss in blocks_of["train"].losses:
        for name, (annotation, default) in loss.fields(BY_NAME).items():
            known = "" if default is ... else _value(default)
            found[f"train.{name}", loss.name] = (kind(annotation), known)
    return found


def _value(default: object) -> str:
    return f"`{json.dumps(default).strip(chr(34))}`"


def test_the_page_of_parameters_has_each_with_its_type_range_and_default(root, write_custom):
    write_custom("")  # the page lists the project's pieces
    told: dict[tuple[str, str], tuple[str, str]] = {}
    for line in (root / "docs" / "parameters.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            assert cells[4], f"say what {cells[0]} means"
            for variant in re.findall(r"`([^`]+)`", cells[1]) or [""]:
                told[cells[0].strip("`"), variant] = (cells[2], cells[3])
    wanted = knobs()

    def row(key: tuple[str, str]) -> str:
        cells = [f"`{key[0]}`", key[1] and f"`{key[1]}`", *wanted[key], "what it does"]
        return f"| {' | '.join(cells)} |"

    missing = [row(key) for key in wanted if key not in told]
    assert not missing, "docs/parameters.md lacks:\n" + "\n".join(missing)
    too_many = sorted(told.keys() - wanted.keys())
    assert not too_many, f"docs/parameters.md has what the schema has not: {too_many}"
    wrong = [row(key) for key in wanted if told[key] != wanted[key]]
    assert not wrong, "docs/parameters.md says otherwise than params.py:\n" + "\n".join(wrong)


def test_the_release_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (version, str(cited["date-released"]))
    assert cited["version"] == version
