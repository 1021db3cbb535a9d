"""Messages for the user: the exception for user errors, printing of lines, and texts for system errors."""

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
    errno.EIO: "check the disk, and run it again",
}
_SMALLER = {  # by stage: what needs its memory
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
    """A mistake of the user, or a fault that the user can mend: one line says what, where, and what to do.

    Stages print it without a traceback and exit with a code other than 0. The message is always one line:
    line breaks in it become spaces, and characters that cannot be printed become escapes.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: object) -> str:
    """A text on one line, without characters that control a terminal."""
    joined = _BREAK.sub(" ", str(text))
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in joined).strip()


def listed(names: Sequence[str], most: int) -> str:
    """Names for a message: at most the first ``most`` ones, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, for messages: ``1 epoch``, ``1,875 steps``; the plural's default ends in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def without_login(text: str, uri: str) -> str:
    """Remove the user's name and password from the address ``uri`` wherever a text quotes it."""
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("?")[0].partition("/")
    if scheme.startswith("sqlite"):
        return text
    # If a password contains a slash, the host seems to end there, and its port is not a number.
    whole = "@" in place or place.rpartition(":")[2].isdigit() or ":" not in place
    login, at, _ = (place if whole else f"{place}/{path}").rpartition("@")
    return text.replace(login + at, "")


def say(line: str) -> None:
    """Print a line at once. Errors are ignored: a closed terminal or a full disk must not end long work."""
    with suppress(OSError):
        print(line, flush=True)


def warn(text: object) -> None:
    """Print a warning as one line on stderr; errors are ignored as in :func:`say`."""
    with suppress(OSError):
        print(f"warning: {one_line(text)}", file=sys.stderr, flush=True)


def describe_os_error(error: BaseException, program: str = "") -> str | None:
    """A line for an error of the operating system or for lack of memory; None for any other error.

    Args:
        error: the exception.
        program: the name of the stage in which it was raised, if any.
    """
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        advice = _ADVICE.get(error.errno, "mend that and run it again")
        return one_line(f"{where}{error.strerror or os.strerror(error.errno)}; {advice}")
    said = isinstance(error, RuntimeError | ImportError) and _NO_MEMORY.search(str(error))
    if isinstance(error, MemoryError) or said:
        reason = one_line(error)[:200] or "no more is available"
        smaller = _SMALLER.get(program, "smaller networks, batch_size, preview, sample.count or threads")
        return f"not enough memory ({reason}); take {smaller} in params.yaml"
    return None
