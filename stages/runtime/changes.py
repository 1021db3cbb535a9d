"""Code and parameters that differ from the commit: a run with them is not described by the commit alone."""

import difflib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

_PARAMETERS = ("params.yaml", "dvc.yaml")
_CODE = "stages"
_MOST = 1_000_000  # bytes of a diff
_PATIENCE = 10.0  # seconds for git
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Origin:
    """The commit of this folder, and how code and parameters differ from it.

    Attributes:
        commit: the commit's full name (hash).
        changed: paths of the files that differ from the commit, or that the commit or this folder lacks.
        diff: the changes since the commit, in a form for `git apply`; cut after a megabyte.
    """

    commit: str
    changed: tuple[str, ...]
    diff: str


def origin() -> Origin | None:
    """Compare code and parameters in this folder with the commit; None without git or without a commit.

    Contents are compared. Git itself compares the size of a file and the time of its last change in seconds,
    and both may be the same after DVC has set a parameter.
    """
    try:
        listed = _git("ls-tree", "-r", "-z", "HEAD", "--", *_PARAMETERS, _CODE)
        names = dict(_entry(line) for line in listed.split(b"\0")[:-1])
        commit, *blobs = _objects("HEAD", *names.values())
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return None
    before = dict(zip(names, (content for _, content in blobs), strict=True))
    diffs = {path: _diff(path, before.get(path), _read(path)) for path in sorted({*before, *_present()})}
    diff = b"".join(diffs.values())
    if len(diff) > _MOST:
        end = diff.rfind(b"\n", 0, _MOST) + 1
        diff = diff[:end] + b"(cut: %d more bytes)\n" % (len(diff) - end)
    changed = tuple(path for path, text in diffs.items() if text)
    return Origin(commit[0], changed, diff.decode(errors="replace"))


def _git(*arguments: str, given: str = "") -> bytes:
    command = ["git", *arguments]
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=True, timeout=_PATIENCE)
    return done.stdout


def _entry(line: bytes) -> tuple[str, str]:
    """The path of a file and the name of its blob, from a line of `git ls-tree`."""
    about, _, path = line.partition(b"\t")
    return os.fsdecode(path), about.split()[2].decode()


def _objects(*names: str) -> list[tuple[str, bytes]]:
    """The hashes of git objects, and their contents."""
    text = BytesIO(_git("cat-file", "--batch", given="".join(f"{name}\n" for name in names)))
    found = []
    for about in text:
        name, _, size = about.decode().split()
        found.append((name, text.read(int(size))))
        text.read(1)  # the end of the line
    return found


def _present() -> Iterator[str]:
    """The paths of the files here that a commit should contain: parameters, and code that can be imported."""
    for path in (*map(Path, _PARAMETERS), *Path(_CODE).rglob("*.py")):
        if path.is_file():
            yield str(path)


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _diff(path: str, before: bytes | None, now: bytes | None) -> bytes:
    """The difference between two contents of a file (None: no such file); Windows line ends do not count."""
    old, new = (_lines(content) for content in (before, now))
    if old == new and (before is None) == (now is None):
        return b""
    left, right = (side + os.fsencode(path) for side in (b"a/", b"b/"))
    head = b"diff --git %s %s\n" % (left, right)
    if b"\0" in b"".join((*old, *new)):
        return head + b"Binary files differ\n"
    if before is None:
        left, head = b"/dev/null", head + b"new file mode 100644\n"
    if now is None:
        right, head = b"/dev/null", head + b"deleted file mode 100644\n"
    found = difflib.diff_bytes(difflib.unified_diff, old, new, left, right)
    ended = (line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in found)
    return head + b"".join(ended)


def _lines(content: bytes | None) -> Sequence[bytes]:
    return _LINE.findall((content or b"").replace(b"\r\n", b"\n"))
