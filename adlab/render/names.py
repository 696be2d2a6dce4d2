r"""Names in LaTeX and in ASCII: ``x1`` is x₁, ``alpha`` is α, ``params.W[0]`` and ``ŷ`` are legal too.

A name of several letters is one identifier, not a product, so it is set as a word. Digits at its end are its
index. Whatever a name holds, what comes out is legal LaTeX mathematics with balanced braces.
"""

from __future__ import annotations

import re
import unicodedata

GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"),
        *("mu", "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    )
)
CAPITALS = frozenset(
    ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")
)
"""Greek capitals that do not look like Latin ones, and so have a command of their own."""

ACCENTS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar",
    "\u0307": "dot", "\u0308": "ddot", "\u030c": "check",
}  # fmt: skip

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip

MATHS = {
    char: rf"\ensuremath{{{command}}}"
    for char, command in {
        "−": "-", "·": r"\cdot ", "×": r"\times ", "∂": r"\partial ", "ε": r"\varepsilon ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "→": r"\to ", "√": r"\surd ", "π": r"\pi ", "σ": r"\sigma ",
        "α": r"\alpha ", "Γ": r"\Gamma ", "½": r"\tfrac12 ", "±": r"\pm ", "‖": r"\|", "²": "^2", "³": "^3",
        "′": "^{\\prime}", "″": "^{\\prime\\prime}", "‴": "^{\\prime\\prime\\prime}",
    }.items()
}  # fmt: skip
"""Mathematical characters in prose, which pdflatex does not know."""

_INDEXED = re.compile(r"(.*?[^\d_])_?(\d+)", re.DOTALL)


def latex_words(text: str) -> str:
    """Return plain text with every character that LaTeX would take for a command spelled out."""
    return "".join(SPECIAL.get(char, MATHS.get(char, char)) for char in text)


def latex_name(name: str) -> str:
    r"""Return a name as LaTeX mathematics.

    Examples
    --------
    >>> latex_name("x1"), latex_name("alpha"), latex_name("captured0")
    ('x_{1}', '\\alpha', '\\mathit{captured}_{0}')
    >>> latex_name("params.W[0]"), latex_name("x_train")
    ('\\mathit{params}.W[0]', 'x_{\\mathrm{train}}')
    """
    parts = re.split(r"(\.|\[[^\]]*\])", name)
    return "".join(_part(part) for part in parts)


def _part(part: str) -> str:
    if part in ("", "."):
        return part
    if part.startswith("[") and part.endswith("]"):
        inner = part[1:-1]
        return part if re.fullmatch(r"[\d, ]*", inner) else rf"[\text{{{latex_words(inner)}}}]"
    indexed = _INDEXED.fullmatch(part)
    if indexed:
        return f"{_word(indexed[1])}_{{{indexed[2]}}}"
    base, _, rest = part.partition("_")
    letter = _word(base) if base else ""
    if rest.isalpha() and rest.isascii() and (len(base) == 1 or base in GREEK):
        return rf"{letter}_{{\mathrm{{{rest}}}}}"
    return _word(part)


def _word(word: str) -> str:
    if word in GREEK:
        return "\\" + word
    letters = [_letter(char) for char in _with_accents(word)]
    if len(letters) == 1:
        return letters[0]
    if word.isascii() or any(letter is None for letter in letters):
        return rf"\mathit{{{latex_words(word)}}}" if word.isascii() else rf"\text{{{latex_words(word)}}}"
    return "{" + "".join(letters) + "}"


def _with_accents(word: str) -> list[str]:
    """Return the letters of a word, each with the accents that stand on it."""
    letters: list[str] = []
    for char in unicodedata.normalize("NFD", word):
        if unicodedata.combining(char) and letters:
            letters[-1] += char
        else:
            letters.append(char)
    return letters


def _letter(letter: str) -> str:
    base = greek(letter[0]) or (letter[0] if letter[0].isascii() and letter[0].isalnum() else "")
    text = base or rf"\text{{{latex_words(letter[0])}}}"
    for accent in letter[1:]:
        text = rf"\{ACCENTS[accent]}{{{text}}}" if accent in ACCENTS else text
    return text


def greek(char: str) -> str:
    """Return the LaTeX command of a Greek letter, with a blank behind it; empty for any other character."""
    words = unicodedata.name(char, "").split()
    if words[:1] != ["GREEK"] or len(words) != 4:
        return ""
    name = words[3].lower().replace("lamda", "lambda")
    if words[1] == "SMALL" and name in GREEK:
        return f"\\{name} "
    return f"\\{name.capitalize()} " if words[1] == "CAPITAL" and name in CAPITALS else ""


def ascii_name(name: str) -> str:
    """Return a name in ASCII: α is alpha, ŷ is y, what has no Latin letters is "?".

    Examples
    --------
    >>> ascii_name("α1"), ascii_name("ŷ"), ascii_name("x1")
    ('alpha1', 'y', 'x1')
    """
    if name.isascii():
        return name
    letters = (greek(char).strip(" \\") or char for char in name)
    decomposed = unicodedata.normalize("NFKD", "".join(letters))
    kept = (char for char in decomposed if not unicodedata.combining(char))
    return "".join(char if char.isascii() else "?" for char in kept)
