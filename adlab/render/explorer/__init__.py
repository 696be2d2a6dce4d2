"""The explorer page: one HTML file to step through the traces of a function and to move its inputs.

The page holds the picture, the trace tables and the graph as a list of operations; a small script (in
`adlab/render/assets`) evaluates that list again at every change: values, tangents, adjoints, differences.
What needs a library stays what Python computed at the point of the file: the reference of fifty digits and
SymPy's derivatives. Nothing is loaded from anywhere.

Graphs of arrays, large ones, and those with operations that the script does not know become a page without
controls: picture and tables as they are at the point.

`subject` says what can be live, `program` prepares a graph for the script, `formulas` its formulas and
`judged` its exact numbers; `live`, `static` and `document` write HTML.
"""

from __future__ import annotations

from adlab.render.explorer.document import document, figure
from adlab.render.explorer.live import live_page
from adlab.render.explorer.static import static_page
from adlab.render.explorer.subject import Subject, operation_names, why_static
from adlab.reports.picture import Picture

__all__ = ["Subject", "operation_names", "page", "why_static"]


def page(picture: Picture, svg: str, subject: Subject | None, engine: str = "auto") -> str:
    """Return the HTML page of a picture.

    Parameters
    ----------
    picture : Picture
    svg : str
        The picture as it is drawn for a page without controls.
    subject : Subject or None
        What it was made of; without it the page holds the picture alone.
    engine : str
        Who places the boxes.

    Returns
    -------
    str
        A whole HTML file that loads nothing.

    Examples
    --------
    >>> page(Picture("empty", (), ()), "<svg></svg>", None).startswith("<!doctype html>")
    True
    """
    if subject is None or subject.inputs is None:
        return document(picture.title, figure(svg))
    reason = why_static(subject.graph)
    if reason:
        return static_page(picture, svg, subject, reason)
    return live_page(picture, subject, engine)
