"""Expression strings: a formula as it is typed or printed becomes a graph, in two halves.

The *syntax* half turns text into a flat postfix program, a tuple of `Instruction`; it knows operators and
brackets but no function. `tokens` splits the text and `words` reads names and numbers; `grammar` finds the
structure, with `yard` for the order of operators, `frame` for brackets and `subscript` for what stands in
``x[…]``; `complaints` has the sentences for what is wrong, and `pointer` shows where. The *semantic* half
(`meaning`) runs the program on a stack, and there every name meets the rule table; `vocabulary` has the
words. Nothing in either half evaluates Python, and nothing recurses.
"""

from adlab.frontends.expression.grammar import Equation, parse, parse_equation
from adlab.frontends.expression.instruction import Instruction, Kind, SubscriptItem, Value
from adlab.frontends.expression.meaning import expression_graph, input_names
from adlab.frontends.expression.pointer import format_pointer

__all__ = [
    "Equation",
    "Instruction",
    "Kind",
    "SubscriptItem",
    "Value",
    "expression_graph",
    "format_pointer",
    "input_names",
    "parse",
    "parse_equation",
]
