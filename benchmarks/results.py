"""Result files: JSON with the environment's fingerprint, the settings and the records."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FORMAT = 1
FOLDER = Path(__file__).parent / "results"


class ResultError(Exception):
    """A result file that cannot be used; the message is one line."""


def default_path() -> Path:
    return FOLDER / f"{datetime.now(timezone.utc):%Y-%m-%d-%H%M%S}.json"


def _rounded(value: Any) -> Any:
    """Floats to seven digits: what a clock gives beyond them is noise, and files are kept."""
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def save(path: Path, results: dict[str, Any]) -> None:
    """Write a file, all of it or nothing."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(_rounded(results), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def load(path: str) -> dict[str, Any]:
    """Read a result file. Raises ResultError, which says what is wrong with it."""
    try:
        results = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ResultError(f"{path}: not a JSON file") from None
    if not isinstance(results, dict) or "results" not in results or "environment" not in results:
        raise ResultError(f"{path}: not a result file of this program")
    if results.get("format") != FORMAT:
        raise ResultError(f"{path}: its format is {results.get('format')!r}, this program reads {FORMAT}")
    return results
