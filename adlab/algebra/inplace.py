"""An assignment in place, rewritten as a functional update: ``x[1:3] = v`` as ``x = ad.at(x)[1:3].set(v)``.

The user's line is parsed, never run. What is no assignment to elements has no rewriting.
"""

from __future__ import annotations

import ast

OPERATORS: dict[type[ast.operator], str] = {
    ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
"""How augmented assignments are written, ``+=`` left out: that one is ``add``."""


def rewritten(line: str) -> str | None:
    """Return the line with its assignment to elements as a functional update, None if it holds none.

    Examples
    --------
    >>> rewritten("x[1:3] = np.sin(v)")
    'x = ad.at(x)[1:3].set(np.sin(v))'
    >>> rewritten("grid[i, :] -= a + b")
    'grid = ad.at(grid)[i, :].add(-(a + b))'
    """
    try:
        statements = ast.parse(line.strip()).body
    except (SyntaxError, ValueError):
        return None
    if len(statements) != 1:
        return None
    statement = statements[0]
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
        update = f"set({ast.unparse(statement.value)})"
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
        update = _augmented(statement)
    else:
        return None
    return _assigned(target, update) if isinstance(target, ast.Subscript) else None


def _augmented(statement: ast.AugAssign) -> str:
    value = ast.unparse(statement.value)
    if isinstance(statement.op, ast.Add):
        return f"add({value})"
    simple = isinstance(statement.value, (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute))
    grouped = value if simple else f"({value})"
    if isinstance(statement.op, ast.Sub):
        return f"add(-{grouped})"
    sign = OPERATORS.get(type(statement.op), "")
    return f"set({ast.unparse(statement.target)} {sign} {grouped})"


def _assigned(target: ast.Subscript, update: str) -> str:
    """Return the assignment to the whole array; an element of an element is updated from the inside out."""
    place: ast.expr = target
    while isinstance(place, ast.Subscript):
        base = ast.unparse(place.value)
        update = f"ad.at({base})[{_index(place.slice)}].{update}"
        place = place.value
        if isinstance(place, ast.Subscript):
            update = f"set({update})"
    return f"{ast.unparse(place)} = {update}"


def _index(part: ast.expr) -> str:
    """Return what stands between the brackets; a tuple without its parentheses."""
    text = ast.unparse(part)
    return text[1:-1] if isinstance(part, ast.Tuple) and text.startswith("(") else text
