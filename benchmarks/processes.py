"""Workers seen from the parent: starting them with a set number of threads, asking, closing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Every library that may compute reads one of these when it is loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class WorkerError(Exception):
    """A worker refused. `missing`: its library does not have what was asked for."""

    def __init__(self, text: str, missing: bool = False):
        super().__init__(text)
        self.missing = missing


def environment(threads: int) -> dict[str, str]:
    """This process's environment, with the thread counts set and this checkout first on the path."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONPATH": path}


class Worker:
    """One persistent process with one library loaded (`backend=None`: none). A context manager."""

    def __init__(self, backend: str | None, threads: int):
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            env=environment(threads),
        )
        self.facts: dict[str, Any] = {}
        try:
            if backend:
                self.facts = self.ask("benchmarks.backends:load", backend=backend, threads=threads)
        except WorkerError as error:
            self.close()
            # A library that is there and does not load is broken, whatever name or import it stumbles over.
            raise WorkerError(str(error), str(error).startswith("NotImplementedError")) from None
        except BaseException:
            self.close()
            raise

    def ask(self, function: str, /, **arguments: Any) -> Any:
        """Call `function` ("module:name") in the worker with its context; gives what it returns."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"function": function, "arguments": arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self.process.wait()
            self.stderr.seek(0)
            last = self.stderr.read().strip().splitlines()[-1:]
            raise WorkerError(f"the process died (exit code {code}) {' '.join(last)}".rstrip())
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"], answer["missing"])
        return answer["result"]

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it died with a request unread; there is nothing left to tell it
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
