"""Reports that have a picture: `draw` gives it, `save` writes the picture or the table, whichever the name ends in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from adlab.errors import InputError
from adlab.render.shown import Report, Shown
from adlab.render.write import save as write_file

TEXTS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html", ".csv": "csv", ".json": "json"}
PICTURES = (".svg", ".png", ".pdf")


class Picture(Protocol):
    """A picture that can be written to a file."""

    def save(self, path: Path) -> Path:
        """Write the picture in the format that the name ends in."""


class Pictured(Shown[Report]):
    """A shown report with a picture; abstract in `draw`."""

    def draw(self) -> Picture:
        """Return the picture."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture (.svg, .png, .pdf) or the table (.txt, .md, .tex, .html, .csv, .json)."""
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in PICTURES:
            return self.draw().save(target)
        if suffix not in TEXTS:
            raise InputError(
                f"The report is saved as {', '.join((*PICTURES, *TEXTS))}; {target.name!r} ends otherwise."
            )
        options: dict[str, Any] = {"page": True} if suffix == ".html" else {}
        content = self.render(TEXTS[suffix], **options)
        return write_file(target, content if content.endswith("\n") else content + "\n")
