"""What a user reads: the one exception that speaks to them, lines, and words for what the machine refuses."""

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

_ADVICE = {
    errno.ENOSPC: "free some space there and run it again",
    errno.EDQUOT: "free some of your quota there and run it again",
    errno.EFBIG: "allow larger files (ulimit -f unlimited) and run it again",
    errno.EROFS: "work in a folder that can be written to",
    errno.EACCES: "change its permissions, or work in a folder of your own",
    errno.EPERM: "change its permissions, or work in a folder of your own",
    errno.ENOTDIR: "a file is where a folder must be: move it away",
    errno.EEXIST: "a file is where a folder must be: move it away",
    errno.EISDIR: "a folder is where a file must be: move it away",
    errno.EIO: "look after the disk, and run it again",
}
_SMALLER = {  # by the program: what of it takes the memory
    "prepare": "smaller data: data.limit, data.points, data.size",
    "judge": "a smaller judge.batch_size, or smaller judges (judge.channels, judge.features, judge.hidden)",
    "reference": "a smaller sample.count or judge.count",
    "train": "smaller networks (generator, discriminator), train.batch_size, train.preview or threads",
    "sample": "a smaller generator, sample.count or threads",
    "evaluate": "a smaller sample.count or judge.count",
    "plot": "a smaller train.preview",
}
_NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|multiplication overflow|calculation overflowed"
    r"|invalid buffer size|failed to map segment",
    re.IGNORECASE,
)
_BREAK = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class UserError(Exception):
    """A mistake of the user's, or a fault that they can mend: one line that says what, where, and what to do.

    Stages print it without a traceback and exit with a code other than 0. Whatever the message quotes, it is
    one line: line breaks become spaces, and what cannot be printed its escape.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: object) -> str:
    """A text on one line that does nothing to a terminal."""
    joined = _BREAK.sub(" ", str(text))
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in joined).strip()


def listed(names: Sequence[str], most: int) -> str:
    """Names in a message: the first ones, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, for messages: ``1 epoch``, ``1,875 steps``; the plural's default ends in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def without_login(text: str, uri: str) -> str:
    """A text that may quote an address, without the user's name and password in it."""
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("?")[0].partition("/")
    if scheme.startswith("sqlite"):
        return text
    # A slash in a password ends the place too early: what then seems to be its port is no number.
    whole = "@" in place or place.rpartition(":")[2].isdigit() or ":" not in place
    login, at, _ = (place if whole else f"{place}/{path}").rpartition("@")
    return text.replace(login + at, "")


def say(line: str) -> None:
    """Print a line at once, if it can be: a closed terminal, or a log on a full disk, ends no long work."""
    with suppress(OSError):
        print(line, flush=True)


def warn(text: object) -> None:
    """Print a warning, one line on stderr, if it can be; see :func:`say`."""
    with suppress(OSError):
        print(f"warning: {one_line(text)}", file=sys.stderr, flush=True)


def describe_os_error(error: BaseException, program: str = "") -> str | None:
    """One line on what the machine has refused (room, a permission, memory), or None: it is another error.

    Args:
        error: what was raised.
        program: the stage that it ended, if it is one.
    """
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        advice = _ADVICE.get(error.errno, "mend that and run it again")
        return one_line(f"{where}{error.strerror or os.strerror(error.errno)}; {advice}")
    said = isinstance(error, RuntimeError | ImportError) and _NO_MEMORY.search(str(error))
    if isinstance(error, MemoryError) or said:
        reason = one_line(error)[:200] or "no more to be had"
        smaller = _SMALLER.get(program, "smaller networks, batch_size, preview, sample.count or threads")
        return f"not enough memory ({reason}); take {smaller} in params.yaml"
    return None
