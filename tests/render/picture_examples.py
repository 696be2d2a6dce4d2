"""Pictures that the tests of this folder draw: the running example, a network with scopes, and odd ones."""

from __future__ import annotations

from adlab.reports.picture import Arrow, Box, Direction, Picture, Role, Row, Runs

SCALAR: tuple[tuple[str, Role, str, str, str, str], ...] = (
    ("v0", "input", "x1", "2", "1", "5.5"),
    ("v1", "input", "x2", "5", "0", "1.716"),
    ("v2", "operation", "ln v0", "0.6931", "0.5", "1"),
    ("v3", "operation", "v0 · v1", "10", "5", "1"),
    ("v4", "operation", "sin v1", "−0.9589", "0", "−1"),
    ("v5", "operation", "v2 + v3", "10.69", "5.5", "1"),
    ("v6", "output", "v5 − v4", "11.65", "5.5", "1"),
)
SCALAR_ARROWS: tuple[tuple[str, str, int, str], ...] = (
    ("v0", "v2", 0, "1/v0 = 0.5"),
    ("v0", "v3", 0, "v1 = 5"),
    ("v1", "v3", 1, "v0 = 2"),
    ("v1", "v4", 0, "cos v1 = 0.2837"),
    ("v2", "v5", 0, "1"),
    ("v3", "v5", 1, "1"),
    ("v5", "v6", 0, "1"),
    ("v4", "v6", 1, "−1"),
)


def runs(text: str) -> Runs:
    """Symbols with a digit become italic with a subscript."""
    found: list[tuple[str, str]] = []
    rest = ""
    index = 0
    while index < len(text):
        if text[index] in "vxy" and text[index + 1 : index + 2].isdigit():
            if rest:
                found.append((rest, ""))
                rest = ""
            found += [(text[index], "i"), (text[index + 1], "sub")]
            index += 2
        else:
            rest += text[index]
            index += 1
    return (*found, (rest, "")) if rest else tuple(found)


def scalar(direction: Direction = "LR", rows: int = 3, labels: bool = True) -> Picture:
    """y = ln(x1) + x1·x2 − sin(x2) at (2, 5)."""
    boxes = []
    for name, role, words, value, tangent, adjoint in SCALAR:
        lines = (
            Row("value", "value", value),
            Row("tangent", "tangent", tangent),
            Row("adjoint", "adjoint", adjoint),
        )
        boxes.append(
            Box(name, role, runs(f"{name} = {words}"), rows=lines[:rows], label=f"{name} is {words}, {value}")
        )
    arrows = tuple(Arrow(a, b, runs(text) if labels else (), port=port) for a, b, port, text in SCALAR_ARROWS)
    return Picture(
        "y = ln(x1) + x1·x2 − sin(x2)",
        tuple(boxes),
        arrows,
        direction,
        "Seven nodes from two inputs to one output.",
    )


NETWORK = """
X input 32×4 -
W1 parameter 4×16 layer1
b1 parameter 16 layer1
m1 operation 32×16 layer1 X W1 =matmul
a1 operation 32×16 layer1 m1 b1 =add
mu operation 32×1 norm a1 =mean
d1 operation 32×16 norm a1 mu =sub
sq operation 32×16 norm d1 =square
va operation 32×1 norm sq =mean
ep constant scalar norm =1e-5
ae operation 32×1 norm va ep =add
rt operation 32×1 norm ae =sqrt
dv operation 32×16 norm d1 rt =div
ga parameter 16 norm =γ
mg operation 32×16 norm dv ga =mul
be parameter 16 norm =β
ab operation 32×16 norm mg be =add
re operation 32×16 act1 ab =relu
mk constant 32×16 dropout =mask
dr operation 32×16 dropout re mk =mul
W2 parameter 16×3 layer2
b2 parameter 3 layer2
m2 operation 32×3 layer2 dr W2 =matmul
a2 operation 32×3 layer2 m2 b2 =add
mx operation 32×1 loss/log_softmax a2 =max
s1 operation 32×3 loss/log_softmax a2 mx =sub
ex operation 32×3 loss/log_softmax s1 =exp
su operation 32×1 loss/log_softmax ex =sum
lg operation 32×1 loss/log_softmax su =log
ls operation 32×3 loss/log_softmax s1 lg =sub
Y input 32×3 -
yl operation 32×3 loss ls Y =mul
sl operation scalar loss yl =sum
ne operation scalar loss sl =neg
q1 operation 4×16 loss/l2 W1 =square
u1 operation scalar loss/l2 q1 =sum
q2 operation 16×3 loss/l2 W2 =square
u2 operation scalar loss/l2 q2 =sum
al operation scalar loss/l2 u1 u2 =add
la constant scalar loss/l2 =λ
ml operation scalar loss/l2 al la =mul
out output scalar loss ne ml =add
"""


def network(direction: Direction = "TB") -> Picture:
    """A two-layer perceptron with normalisation, dropout, cross entropy and weight decay: 42 boxes."""
    boxes, arrows = [], []
    for number, line in enumerate(NETWORK.split("\n")[1:-1]):
        name, role, shape, scope, *rest = line.split()
        word = rest.pop()[1:] if rest and rest[-1].startswith("=") else name.rstrip("12")
        rows = [Row("value", "‖val‖", f"{(number * 37 % 97) / 41:.2g}")]
        if role != "constant":
            rows.append(Row("adjoint", "‖adj‖", f"{(number * 53 % 89) / 977:.2g}"))
        path = () if scope == "-" else tuple(scope.split("/"))
        boxes.append(Box(name, role, ((word, ""),), ((shape, ""),), tuple(rows), path))  # type: ignore[arg-type]
        arrows += [Arrow(operand, name, port=port) for port, operand in enumerate(rest)]
    return Picture("A training step of a small network", tuple(boxes), tuple(arrows), direction)


def collapsed(direction: Direction = "LR") -> Picture:
    """The same network with every scope closed."""
    notes = {
        "layer1": "4 nodes, 2 parameters",
        "norm": "12 nodes, 2 parameters",
        "act1": "1 node",
        "dropout": "2 nodes",
        "layer2": "4 nodes, 2 parameters",
        "loss": "17 nodes",
    }
    rows = (Row("value", "‖val‖", "0.16"), Row("adjoint", "‖adj‖", "0.076"))
    boxes = [Box("X", "input", (("X", ""),), (("32×4", ""),), rows)]
    boxes += [Box(name, "scope", ((name, ""),), rows=(Row("note", note),)) for name, note in notes.items()]
    boxes.append(Box("Y", "input", (("Y", ""),), (("32×3", ""),), rows))
    arrows = (
        Arrow("X", "layer1"),
        Arrow("layer1", "norm", count=2),
        Arrow("layer1", "loss"),
        Arrow("norm", "act1"),
        Arrow("act1", "dropout"),
        Arrow("dropout", "layer2"),
        Arrow("layer2", "loss", count=3),
        Arrow("Y", "loss"),
    )
    return Picture("A training step, scopes closed", tuple(boxes), arrows, direction)


def chain(length: int, direction: Direction = "LR") -> Picture:
    """One operation after the other."""
    roles: list[Role] = ["input", *(["operation"] * (length - 2)), "output"]
    boxes = tuple(Box(f"v{i}", role, (("v", "i"), (str(i), "sub"))) for i, role in enumerate(roles[:length]))
    arrows = tuple(Arrow(f"v{i}", f"v{i + 1}") for i in range(length - 1))
    return Picture(f"A chain of {length}", boxes, arrows, direction)


def square(direction: Direction = "LR", labels: bool = True) -> Picture:
    """x · x: two arrows between the same boxes."""
    boxes = (
        Box("v0", "input", runs("v0 = x1"), rows=(Row("value", "value", "3"),)),
        Box("v1", "output", runs("v1 = v0 · v0"), rows=(Row("value", "value", "9"),)),
    )
    label = runs("v0 = 3") if labels else ()
    return Picture(
        "x · x", boxes, (Arrow("v0", "v1", label, port=0), Arrow("v0", "v1", label, port=1)), direction
    )


def random_picture(
    seed: int, count: int, direction: Direction, scopes: int = 0, labels: bool = False
) -> Picture:
    """A graph of `count` boxes with one or two operands each, mostly recent ones, seeded."""
    import random

    source = random.Random(seed)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    inputs = max(1, count // 8)
    for number in range(count):
        role: Role = (
            "input" if number < inputs else source.choice(["operation"] * 6 + ["parameter", "constant"])
        )
        used: list[int] = []
        if role == "operation":
            used = [
                max(0, number - 1 - int(source.expovariate(0.35))) for _ in range(source.choice([1, 2, 2]))
            ]
        scope: tuple[str, ...] = ()
        if scopes and role != "input":
            block = number * scopes // count
            scope = (
                (f"block{block // 2}", f"part{block}") if source.random() < 0.6 else (f"block{block // 2}",)
            )
        rows = (Row("value", "value", f"{source.random():.4g}"),) if source.random() < 0.7 else ()
        boxes.append(Box(f"n{number}", role, (("v", "i"), (str(number), "sub")), rows=rows, scope=scope))
        for port, operand in enumerate(used):
            label = (("∂", ""), (" = 0.5", "")) if labels and source.random() < 0.6 else ()
            arrows.append(Arrow(f"n{operand}", f"n{number}", label, port=port))
    return Picture(f"Random {seed}", tuple(boxes), tuple(arrows), direction)
