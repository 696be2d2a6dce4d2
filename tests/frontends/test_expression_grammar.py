"""The syntax half of the expression front end: text in, postfix program out, or one sentence and a column.

Precedence is checked against an independent oracle, Python's own `ast`, on random texts, valid or not: both
have to accept the same ones and to build the same trees.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator, Sequence
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adlab.errors import ParseError
from adlab.frontends.expression import Instruction, format_pointer, parse, parse_equation

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def words(text: str) -> str:
    """Write a program as one line, so that the table below can be read: operands, then what takes them."""
    return " ".join(word(step) for step in parse(text))


def word(step: Instruction) -> str:
    match step.kind:
        case "number" | "constant":
            return repr(step.value)
        case "name":
            return str(step.value)
        case "binary":
            return str(step.value)
        case "unary":
            return f"u{step.value}"
        case "call":
            return f"{step.value}/{step.count}" + "".join(f":{name}" for name in step.keywords)
        case "index":
            return f"[{step.value!r}]".replace(" ", "")
        case "transpose":
            return "T"
        case _:
            return f"{step.kind}/{step.count}"


PROGRAMS = [
    # the lectures' functions
    ("ln(x1) + x1*x2 - sin(x2)", "x1 ln/1 x1 x2 * + x2 sin/1 -"),
    ("where(x > 0, x, 0.1*x)", "x 0 > x 0.1 x * where/3"),
    ("sum(x[1:3]**2, axis=0)", "x [(slice(1,3,None),)] 2 ** 0 sum/1:axis"),
    ("y = x1*x2", "x1 x2 *"),
    # numbers
    ("2", "2"),
    ("2.0", "2.0"),
    ("2.", "2.0"),
    (".5", "0.5"),
    ("1e3", "1000.0"),
    ("1.5E-3", "0.0015"),
    ("1_000", "1000"),
    ("1_0.0_1e1_0", "100100000000.0"),
    ("00", "0"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    # names
    ("x₁ + x1", "x1 x1 +"),
    ("x₁₂", "x12"),
    ("v̄3·v̇3", "v̄3 v̇3 *"),
    ("ȳ - y\u0304", "ȳ ȳ -"),
    ("2*π*r", "2 pi * r *"),
    ("σ(α)", "α σ/1"),
    ("𝑥 + _a", "x _a +"),
    ("π2", "π2"),
    ("newaxis", "newaxis"),
    # signs and spellings
    ("a·b×c⋅d", "a b * c * d *"),
    ("a − b", "a b -"),
    ("a ≤ b", "a b <="),
    ("a ≥ b", "a b >="),
    ("a ≠ b", "a b !="),
    # powers
    ("-x^2", "x 2 ** u-"),
    ("2^-1", "2 1 u- **"),
    ("2**-x**2", "2 x 2 ** u- **"),
    ("a^b**c", "a b c ** **"),
    ("(a^b)^c", "a b ** c **"),
    ("v0²", "v0 2 **"),
    ("x⁻¹", "x -1 **"),
    ("x¹²", "x 12 **"),
    ("-x²", "x 2 ** u-"),
    ("2^x²", "2 x 2 ** **"),
    ("sin(x)²", "x sin/1 2 **"),
    ("(a+b)²", "a b + 2 **"),
    ("xᵀ²", "x T 2 **"),
    # precedence
    ("a + b*c", "a b c * +"),
    ("a - b - c", "a b - c -"),
    ("a/b*c", "a b / c *"),
    ("a @ b + c", "a b @ c +"),
    ("-a*b", "a u- b *"),
    ("--+x", "x u+ u- u-"),
    ("a + b < c*d", "a b + c d * <"),
    ("not a < b", "a b < unot"),
    ("not not a", "a unot unot"),
    ("(a < b) < c", "a b < c <"),
    ("((x))", "x"),
    # roots
    ("√x", "x sqrt/1"),
    ("√2·x", "2 sqrt/1 x *"),
    ("√(x² + 1)/y", "x 2 ** 1 + sqrt/1 y /"),
    ("√√x", "x sqrt/1 sqrt/1"),
    ("2^√x", "2 x sqrt/1 **"),
    ("-√sin(x)", "x sin/1 sqrt/1 u-"),
    ("√(x)[0]", "x [(0,)] sqrt/1"),
    # transposes and subscripts
    ("x.T @ y", "x T y @"),
    ("xᵀ·y", "x T y *"),
    ("-x.T", "x T u-"),
    ("a^x.T", "a x T **"),
    ("f(x).T[0]", "x f/1 T [(0,)]"),
    ("x[0]", "x [(0,)]"),
    ("x[-1, +2]", "x [(-1,2)]"),
    ("x[−1]", "x [(-1,)]"),
    ("x[0,]", "x [(0,)]"),
    ("x[:]", "x [(slice(None,None,None),)]"),
    ("x[::2]", "x [(slice(None,None,2),)]"),
    ("x[1:]", "x [(slice(1,None,None),)]"),
    ("x[:-1:]", "x [(slice(None,-1,None),)]"),
    ("x[5:1:-2]", "x [(slice(5,1,-2),)]"),
    ("x[..., newaxis, None, 0]", "x [(Ellipsis,None,None,0)]"),
    ("x[…]", "x [(Ellipsis,)]"),
    ("x[[0, -1, 2], 1:]", "x [((0,-1,2),slice(1,None,None))]"),
    ("x[[[0], [1,],], []]", "x [(((0,),(1,)),())]"),
    ("f(x, index=[0:2, [1]], k=[1])", "x (slice(0, 2, None), (1,)) 1 list/1 f/1:index:k"),
    ("-∞", "inf u-"),
    ("f(x, shape=(), k=(1,))", "x tuple/0 1 tuple/1 f/1:shape:k"),
    ("2^x[1]", "2 x [(1,)] **"),
    ("[1, 2, 3][0]", "1 2 3 list/3 [(0,)]"),
    # calls
    ("f()", "f/0"),
    ("f (x)", "x f/1"),
    ("f(x,)", "x f/1"),
    ("sum(x, axis=(0, 1), keepdims=True)", "x 0 1 tuple/2 True sum/1:axis:keepdims"),
    ("sum(x, axis=-1,)", "x 1 u- sum/1:axis"),
    ("f(g(x), h(y, k=None))", "x g/1 y None h/1:k f/2"),
    ("f(a == b)", "a b == f/1"),
    ("f(k=a < b)", "a b < f/0:k"),
    # lists and tuples
    ("[1, [2, 3], -4.5]", "1 2 3 list/2 4.5 u- list/3"),
    ("[x]", "x list/1"),
    ("(x,)", "x tuple/1"),
    ("(x, y,)", "x y tuple/2"),
    ("((1, 2), 3)", "1 2 tuple/2 3 tuple/2"),
    ("f((x, y))", "x y tuple/2 f/1"),
    # white space
    ("\n x +\n\ty \n", "x y +"),
    ("x\u00a0+\u2009y", "x y +"),
]


@pytest.mark.parametrize(("text", "program"), PROGRAMS)
def test_program(text: str, program: str) -> None:
    assert words(text) == program


def test_instructions_in_full() -> None:
    assert parse("-sum(x[1:], axis=0)²") == (
        Instruction("name", "x", 6),
        Instruction("index", (slice(1, None),), 7, 1),
        Instruction("number", 0, 18),
        Instruction("call", "sum", 2, 1, ("axis",)),
        Instruction("number", 2, 20),
        Instruction("binary", "**", 20, 2),
        Instruction("unary", "-", 1, 1),
    )


def test_columns_of_brackets_are_those_of_the_opening_one() -> None:
    assert [step.column for step in parse("  [1, (2, 3)]") if step.kind in ("tuple", "list")] == [7, 3]


@pytest.mark.parametrize(
    ("text", "output"), [("y = x", "y"), ("y₁=x", "y1"), ("x", None), ("v̇ = 1", "v̇"), ("f(axis=1)", None)]
)
def test_output_name(text: str, output: str | None) -> None:
    equation = parse_equation(text)
    assert equation.output == output
    assert equation.program == parse(text)


ERRORS = [
    # nothing there
    ("", 1, "is empty"),
    ("  \n ", 1, "is empty"),
    ("x +", 3, "'+' lacks its right operand"),
    ("(x *)", 4, "'*' lacks its right operand"),
    ("(x *, y)", 4, "'*' lacks its right operand"),
    ("x − ", 3, "'−' lacks its right operand"),
    ("not", 1, "'not' lacks its right operand"),
    ("* x", 1, "'*' lacks its left operand"),
    ("x + / y", 5, "'/' lacks its left operand"),
    ("f(*x)", 3, "'*' lacks its left operand"),
    ("²", 1, "'²' lacks its left operand"),
    ("ᵀ", 1, "'ᵀ' lacks its left operand"),
    ("x ->y", 4, "'>' lacks its left operand"),
    ("()", 1, "are empty"),
    ("x + []", 5, "are empty"),
    ("f(,)", 3, "nothing before it"),
    ("(x,,y)", 4, "nothing before it"),
    ("y =", 3, "Nothing follows '='"),
    ("f(x, axis=)", 10, "Nothing follows '='"),
    ("f(axis=, x)", 7, "Nothing follows '='"),
    # two in a row
    ("x y", 3, "between 'x' and 'y'"),
    ("x\ny", 3, "between 'x' and 'y'"),
    ("x 2", 3, "between 'x' and '2'"),
    ("(a)(b)", 4, "between ')' and '('"),
    ("f(x)(y)", 5, "between ')' and '('"),
    ("2(x)", 2, "between '2' and '('"),
    ("x[0] y", 6, "between ']' and 'y'"),
    ("x²y", 3, "between '²' and 'y'"),
    ("x √y", 3, "between 'x' and '√'"),
    ("x not y", 3, "between 'x' and 'not'"),
    ("1.5.2", 4, "between '1.5' and '.2'"),
    ("2x", 2, "write 2*x"),
    ("a + 2.5sin(x)", 8, "write 2.5*sin"),
    ("2π", 2, "write 2*π"),
    # ambiguous in print
    ("x²^3", 3, "follows a superscript"),
    ("x² ³", 4, "follows a superscript"),
    ("√x²", 3, "follows a root"),
    ("√x^2", 3, "follows a root"),
    ("1 + sin²(x)", 9, "write sin(x)²"),
    ("√-x", 1, "'√' is followed by no name"),
    ("x + √", 5, "'√' is followed by no name"),
    # numbers
    ("0x1f", 1, "in decimal"),
    ("1 + 0b10", 5, "in decimal"),
    ("3j", 1, "complex"),
    ("1 + 2.5J", 5, "complex"),
    ("1__0", 1, "underscore stands between two digits"),
    ("1_", 1, "underscore stands between two digits"),
    ("012", 1, "begins with 0"),
    ("x⁰¹", 2, "begins with 0"),
    ("x + 1e999", 5, "too large for a float"),
    ("1" * 641, 1, "has 641 digits"),
    # names
    ("__import__('os')", 1, "begins with two underscores"),
    ("x + __class__", 5, "begins with two underscores"),
    ("xⁿ", 2, "write the power with '^'"),
    ("½", 1, "is no name"),
    ("₁x", 1, "is no name"),
    ("v" + "\u0301\u0316" * 100, 1, "has 201 characters"),
    # Python
    ("lambda x: x", 1, "word of Python"),
    ("x if y else z", 3, "where(condition, a, b)"),
    ("a and b", 3, "where(x > 0, where"),
    ("[i for i in x]", 4, "without statements"),
    ("import os", 1, "without statements"),
    ("x in y", 3, "without statements"),
    ("np.sin(x)", 3, "bare names"),
    ("x.sum()", 2, "bare names"),
    ("x.__class__", 2, "only '.T' may follow"),
    ("x.TT", 2, "only '.T' may follow"),
    ("x.", 2, "is no part of an expression"),
    ("f('a')", 3, "strings have no place"),
    ('"a"', 1, "strings have no place"),
    ("f'a'", 2, "strings have no place"),
    ("x; y", 2, "one by one"),
    ("x # y", 3, "no comment"),
    ("{x}", 1, "only ( ) and [ ] are brackets"),
    ("x \\ y", 3, "next line"),
    ("|x|", 1, "abs(x)"),
    ("a // b", 3, "floor(a/b)"),
    ("a % b", 3, "floor(a/b)"),
    ("(y := x)", 4, "single '='"),
    ("~x", 1, "'not'"),
    ("a & b", 3, "where("),
    ("x!", 2, "is no part of an expression"),
    ("$x$", 1, "is no part of an expression"),
    ("`x`", 1, "is no part of an expression"),
    ("x – y", 3, "a minus sign is"),
    ("x + \ud800", 5, "U+D800"),
    ("x\u200b", 2, "U+200B"),
    # equals signs
    ("f(x1, x2) = x1", 11, "defines 'f' as a function"),
    ("f() = 2", 5, "defines 'f' as a function"),
    ("y = z = x", 7, "may only follow"),
    ("= x", 1, "may only follow"),
    ("x += 1", 4, "may only follow"),
    ("2 = x", 3, "may only follow"),
    ("(y) = x", 5, "may only follow"),
    ("-y = x", 4, "may only follow"),
    ("x[0] = 1", 6, "may only follow"),
    ("(y = x)", 4, "may only follow"),
    ("f(a=b=c)", 6, "may only follow"),
    ("f((a)=b)", 6, "may only follow"),
    ("f(-a=b)", 5, "may only follow"),
    ("[a=1]", 3, "may only follow"),
    ("f(None=1)", 7, "may only follow"),
    # calls
    ("f(a=1, a=2)", 8, "given twice"),
    ("f(a=1, (b))", 8, "positional ones first"),
    ("f(a=1, -b, c)", 8, "positional ones first"),
    # comparisons
    ("a<b<c", 4, "do not chain"),
    ("a == b + 1 != c", 12, "do not chain"),
    ("not a < b < c", 11, "do not chain"),
    ("a + not b", 5, "(not x)"),
    ("-not b", 2, "(not x)"),
    ("a == not b", 6, "(not x)"),
    # brackets
    ("(x", 1, "'(' is never closed"),
    ("a*(b + (c)", 3, "'(' is never closed"),
    ("((x)", 1, "'(' is never closed"),
    ("sin(x + cos(y", 12, "'(' is never closed"),
    ("sin(", 4, "'(' is never closed"),
    ("[1, 2,", 1, "'[' is never closed"),
    ("x[1", 2, "'[' is never closed"),
    ("x[", 2, "'[' is never closed"),
    ("x)", 2, "')' closes nothing"),
    (")", 1, "')' closes nothing"),
    ("(x) + y]", 8, "']' closes nothing"),
    ("(x]", 3, "'(' at column 1 is closed by ']'"),
    ("f([1, 2)", 8, "'[' at column 3 is closed by ')'"),
    ("(]", 2, "'(' at column 1 is closed by ']'"),
    ("x[1)", 4, "'[' at column 2 is closed by ')'"),
    ("x, y", 2, "outside all brackets"),
    # subscripts
    ("x[]", 2, "is empty"),
    ("x[i]", 3, "'i' does not fit"),
    ("x[1.5]", 3, "'1.5' does not fit"),
    ("x[[0, 1:2]]", 8, "':' does not fit"),
    ("x[[0, 1]", 2, "'[' is never closed"),
    ("x[[0 1]]", 6, "'1' does not fit"),
    ("x[[i]]", 4, "'i' does not fit"),
    ("x[[0, 1)]", 8, "'[' at column 3 is closed by ')'"),
    ("x[" + "[" * 100, 35, "'[' does not fit"),
    ("f(k=(()))", 6, "empty"),
    ("f(k=x + ())", 9, "empty"),
    ("f(k=1, ())", 8, "empty"),
    ("f(index=[i])", 10, "'i' does not fit"),
    ("x[1 2]", 5, "'2' does not fit"),
    ("x[,]", 3, "',' does not fit"),
    ("x[1:2:3:4]", 8, "':' does not fit"),
    ("x[-]", 4, "No whole number follows the sign"),
    ("x[--1]", 4, "No whole number follows the sign"),
    ("x[1:-i]", 6, "No whole number follows the sign"),
    ("x[::0]", 5, "step of a slice is 0"),
    ("x[..., ...]", 8, "twice"),
    ("x : y", 3, "outside a subscript"),
    ("[1:3]", 3, "outside a subscript"),
    ("...", 1, "outside a subscript"),
]


@pytest.mark.parametrize(("text", "column", "part"), ERRORS)
def test_error(text: str, column: int, part: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    message = str(caught.value)
    assert part in message
    assert caught.value.column == column
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 250


def test_of_two_errors_the_leftmost_is_reported() -> None:
    with pytest.raises(ParseError) as caught:
        parse("x y + 'a' + $")
    assert caught.value.column == 3


# Python's own parser as the oracle


class RefusedError(Exception):
    """Python accepts it, expressions do not."""


def visit(node: ast.AST, text: str) -> Iterator[Instruction]:
    """Flatten a tree of Python's; columns are left out. Recursive, as an oracle on short texts may be."""
    match node:
        case ast.Constant(value=bool() | None as value):
            yield Instruction("constant", value, 0)
        case ast.Constant(value=int() | float() as value):
            yield Instruction("number", value, 0)
        case ast.Name(id=name):
            yield Instruction("name", name, 0)
        case ast.UnaryOp(op=op, operand=operand):
            yield from visit(operand, text)
            yield Instruction("unary", {"USub": "-", "UAdd": "+", "Not": "not"}[type(op).__name__], 0, 1)
        case ast.BinOp(left=left, op=op, right=right):
            yield from visit(left, text)
            yield from visit(right, text)
            yield Instruction("binary", BINARY[type(op).__name__], 0, 2)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            yield from visit(left, text)
            yield from visit(right, text)
            yield Instruction("binary", BINARY[type(op).__name__], 0, 2)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            names = tuple(str(keyword.arg) for keyword in keywords)
            if len(set(names)) < len(names) or None in [keyword.arg for keyword in keywords]:
                raise RefusedError
            for argument in args:
                yield from visit(argument, text)
            for keyword in keywords:
                value = keyword.value
                is_empty = isinstance(value, ast.Tuple) and not value.elts
                if is_empty and text[: value.col_offset].rstrip()[-1] == "=":
                    yield Instruction("tuple", None, 0, 0)
                else:
                    yield from visit(value, text)
            yield Instruction("call", name, 0, len(args), names)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements:
            for element in elements:
                yield from visit(element, text)
            yield Instruction("tuple" if isinstance(node, ast.Tuple) else "list", None, 0, len(elements))
        case ast.Attribute(value=operand, attr="T"):
            yield from visit(operand, text)
            yield Instruction("transpose", None, 0, 1)
        case ast.Subscript(value=operand, slice=subscript):
            yield from visit(operand, text)
            parts = subscript.elts if isinstance(subscript, ast.Tuple) else [subscript]
            if "(" in text[operand.end_col_offset : node.end_col_offset]:
                raise RefusedError  # x[(1)] and x[(1, 2)]
            yield Instruction("index", tuple(None if is_none(part) else item(part) for part in parts), 0, 1)
        case _:
            raise RefusedError


BINARY = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "MatMult": "@", "Pow": "**",
    "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "==", "NotEq": "!=",
}  # fmt: skip


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def item(node: ast.expr | None) -> int | slice | tuple[object, ...] | None:
    match node:
        case ast.List(elts=elements):
            parts = [item(element) for element in elements]
            if any(isinstance(part, slice) for part in parts) or any(map(is_none, elements)):
                raise RefusedError
            return tuple(parts)
        case None:
            return None
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(item(lower), item(upper), item(step))
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() as value)):
            return value
        case _:
            raise RefusedError


def by_python(text: str) -> list[Instruction] | None:
    """Return the program that Python's tree stands for, or None when it is no expression here."""
    try:
        tree = ast.parse(text, mode="eval").body
        # An unparenthesised tuple is one to Python, and refused here.
        if isinstance(tree, ast.Tuple) and (tree.col_offset > 0 or not text.startswith("(")):
            return None
        program = list(visit(tree, text))
    except (SyntaxError, RefusedError):
        return None
    return program


def attempt(text: str) -> tuple[tuple[Instruction, ...], ParseError | None]:
    try:
        return parse(text), None
    except ParseError as error:
        return (), error


def by_adlab(text: str) -> list[Instruction] | None:
    program, error = attempt(text)
    if error is not None:
        return None
    return [Instruction(step.kind, step.value, 0, step.count, step.keywords) for step in program]


def runs(program: Sequence[Instruction]) -> bool:
    """Run a program on a stack of nothing but its height."""
    height = 0
    for step in program:
        if height < step.arity:
            return False
        height += 1 - step.arity
    return height == 1


def is_same(ours: list[Instruction] | None, theirs: list[Instruction] | None) -> bool:
    """Compare by text, for 1 == 1.0 == True."""
    return repr(ours) == repr(theirs)


ARITHMETIC = ["+", "-", "*", "/", "@", "**"]
COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]
OPERANDS = [
    "x",
    "y1",
    "2",
    "2.5",
    "1e3",
    "x.T",
    "f(x)",
    "f(x, -y, k=2**x)",
    "x[1:, -2]",
    "(x, 3)",
    "[x, -1]",
    "None",
]
BRACKETS = [("(", ")"), ("f(", ")"), ("[", "]"), ("(", ",)"), ("g(k=", ")")]
VOCABULARY = [
    *ARITHMETIC,
    *COMPARISONS,
    *["x", "2", "2.5", "None", "f", "k", "=", "(", ")", "[", "]", ",", ":", ".T", "not"],
]


@st.composite
def well_formed(draw: st.DrawFn, depth: int = 3) -> str:
    """A chain of anything with hardly any parentheses, so that precedence decides what it means."""
    compared = draw(st.integers(1, 12))  # the place of the one comparison, if the chain is so long
    pieces = draw(st.lists(st.just("not"), max_size=1))
    for position in range(draw(st.integers(1, 6))):
        if position:
            pieces.append(draw(st.sampled_from(COMPARISONS if position == compared else ARITHMETIC)))
        pieces.extend(draw(st.lists(st.sampled_from(["-", "+"]), max_size=2)))
        pieces.append(draw(st.sampled_from(OPERANDS)))
        if depth and draw(st.integers(0, 4)) == 0:
            opening, closing = draw(st.sampled_from(BRACKETS))
            pieces[-1] = opening + draw(well_formed(depth - 1)) + closing
        pieces.extend(draw(st.lists(st.sampled_from([".T", "[0]", "[::2]"]), max_size=1)))
    return " ".join(pieces)


@st.composite
def slightly_wrong(draw: st.DrawFn) -> str:
    """One or two tokens of a well-formed text left out, added or replaced: some texts stay well-formed."""
    tokens = re.findall(r"\*\*|[<>=!]=|\w+(?:\.\d)?|\.T|\S", draw(well_formed(1)))
    for _ in range(draw(st.integers(1, 2))):
        position = draw(st.integers(0, len(tokens)))
        width = draw(st.integers(0, 1))
        tokens[position : position + width] = draw(st.lists(st.sampled_from(VOCABULARY), max_size=1))
    return " ".join(["-", *tokens])  # a sign in front, since "k = x" is an equation here


@SEEDED
@given(well_formed())
def test_agrees_with_python_on_well_formed_text(text: str) -> None:
    program = by_adlab(text)
    assert program is not None
    assert runs(program)
    assert is_same(program, by_python(text))


@settings(SEEDED, max_examples=300)
@given(slightly_wrong())
def test_accepts_what_python_accepts(text: str) -> None:
    assert is_same(by_adlab(text), by_python(text))


def test_the_oracle_tells_trees_apart() -> None:
    assert not is_same(by_adlab("-(x**2)"), by_python("(-x)**2"))
    assert not is_same(by_adlab("1"), by_python("1.0"))
    assert by_python("a < b < c") is None


# Sizes: a recursive parser would die on each of these


SIZES = {
    "sum of 20,000 terms": ("+".join(["x1*y"] * 20_000), 79_999),
    "30,000 unary minuses": ("-" * 30_000 + "x", 30_001),
    "parentheses 10,000 deep": ("(" * 10_000 + "x" + ")" * 10_000, 1),
    "parentheses 50,000 deep": ("(" * 50_000 + "x" + ")" * 50_000, 1),
    "powers nested 10,000 deep": ("2**" * 10_000 + "x", 20_001),
    "calls nested 20,000 deep": ("sin(" * 20_000 + "x" + ")" * 20_000, 20_001),
    "lists nested 50,000 deep": ("[" * 50_000 + "x" + "]" * 50_000, 50_001),
    "roots nested 50,000 deep": ("√" * 50_000 + "x", 50_001),
    "30,000 subscripts": ("x" + "[0]" * 30_000, 30_001),
    "30,000 arguments": ("f(" + "x," * 30_000 + ")", 30_001),
    "a name of 100,000 letters": ("x" * 100_000, 1),
    "white space": (" " * 100_000 + "x", 1),
}
BROKEN = {
    "open parentheses": "(" * 100_000,
    "digits": "1" * 100_000,
    "underscores": "1_" * 50_000,
    "exponents": "1e" * 50_000,
    "a complex number": "1." + "1" * 100_000 + "j",
    "dots": "x" + "." + " " * 100_000,
    "accents": "v" + "\u0301\u0316" * 50_000,
    "superscripts": "x" + "²" * 100_000,
    "open subscript": "x[" + "1:" * 2 + "," * 100_000,
    "one argument too many": "f(" + "x," * 30_000 + ",)",
}


@pytest.mark.parametrize("name", SIZES)
def test_size(name: str) -> None:
    text, length = SIZES[name]
    assert len(parse(text)) == length


@pytest.mark.parametrize("name", BROKEN)
def test_size_of_what_is_refused(name: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(BROKEN[name])
    assert len(str(caught.value)) < 250


def test_many_keywords_take_linear_time() -> None:
    assert len(parse("f(" + ",".join(f"k{i}=1" for i in range(10_000)) + ")")) == 10_001


# Fuzzing


CHARACTERS = st.one_of(
    st.sampled_from(list("xyfT01259.,:;=<>!+-*/@^()[]{}'\"#\\ \n_ejᵀ²⁻¹₁·×−√πσ≤≠…½ⁿ\u0304\u0307\u20d7𝑥ﷺ")),
    st.characters(),
)


@settings(SEEDED, max_examples=1000)
@given(st.text(CHARACTERS, max_size=40))
def test_any_text_gives_a_program_or_a_sentence(text: str) -> None:
    program, error = attempt(text)
    if error is not None:
        assert 1 <= error.column <= len(text) + 1
        assert str(error).endswith(".")
        assert str(error).isprintable()
        assert format_pointer(text, error.column).count("\n") == 1
    else:
        assert runs(program)


# The pointer


@pytest.mark.parametrize(
    ("text", "column", "excerpt"),
    [
        ("x y", 3, "x y\n  ^"),
        ("", 1, "\n^"),
        ("x +", 4, "x +\n   ^"),
        ("a\nb\tc", 3, "a b c\n  ^"),
        ("v̇ + $", 6, "v̇ + $\n    ^"),
        ("ｘ $", 3, "ｘ $\n   ^"),
        ("x", 99, "x\n ^"),
        ("a" * 100, 1, "a" * 30 + "…\n^"),
        ("a" * 50 + "$" + "b" * 50, 51, "…" + "a" * 30 + "$" + "b" * 29 + "…\n" + " " * 31 + "^"),
        ("a" * 100, 101, "…" + "a" * 30 + "\n" + " " * 31 + "^"),
    ],
)
def test_pointer(text: str, column: int, excerpt: str) -> None:
    assert format_pointer(text, column) == excerpt


@pytest.mark.parametrize("name", ["grammar", "pointer", "tokens"])
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(import_module(f"adlab.frontends.expression.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
