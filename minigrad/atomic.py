"""`replace_file`: files that are written at once and whole, or not at all."""

from __future__ import annotations

import errno
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: parts that a killed process left stay
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary stream whose content becomes the file ``path`` at once and whole, when the block ends.

    Until then the old file stands as it was: an exception, a full disk, a kill or a power cut at any moment
    leaves the old content or the new, never a part. After a kill `.minigrad-*.tmp` may remain beside it; the
    next file that is written to that folder takes it away.

    Raises OSError, of the type that the system's error has, when the file cannot be written.
    """
    target = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(target)
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:  # a device or a pipe: there is nothing to keep, nor to replace
                yield stream
            return
        _remove_leftovers(folder)
        temporary = _open_locked(folder)
        try:
            with temporary:
                yield temporary
                temporary.flush()
                os.fsync(temporary.fileno())
                if fcntl is None:
                    temporary.close()  # Windows renames no open file; elsewhere the lock lasts until then
                os.replace(temporary.name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary.name)
            raise
    except OSError as error:
        reason = f"{error.strerror or error}; nothing was saved, what the file held before is untouched"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    if os.name == "posix":  # elsewhere a folder cannot be opened, and its journal keeps the rename
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_locked(folder: str) -> IO[bytes]:
    """A new file, locked: whoever can lock such a file knows that nobody is writing it any more."""
    while True:
        stream = open(os.path.join(folder, f".minigrad-{secrets.token_hex(8)}.tmp"), "xb")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: nobody can lock, or remove, anything there
                fcntl.flock(stream, fcntl.LOCK_EX)
        if os.path.exists(stream.name):
            return stream
        stream.close()  # it was taken for a leftover before it was locked


def _remove_leftovers(folder: str) -> None:
    """Removes the files of writers that were killed; never one that is being written, here or elsewhere."""
    if fcntl is None:
        return
    for path in glob.glob(os.path.join(glob.escape(folder), ".minigrad-*.tmp")):
        with suppress(OSError), open(path, "r+b") as stream:  # its writer's lock, another user's, gone by now
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
