"""Golden files: what a renderer wrote when somebody last looked at it and agreed."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compare with the agreed text. After a wanted change: ADLAB_GOLDEN=write pytest tests/render, then look at the files."""
    path = FOLDER / name
    if os.environ.get("ADLAB_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")
