"""Graphs of one node, and the graphs of their derivatives."""

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder
from adlab.ir.builder import Builder
from adlab.ir.check import check
from adlab.ir.constant import Constant
from adlab.ir.types import Type
from adlab.transforms.sweeps import evaluate, forward_sweep, reverse_sweep


def one_node(row, types, params=()):
    """Return the graph that applies a row to inputs of these types."""
    builder = Builder()
    inputs = tuple(builder.input(f"x{k}", type) for k, type in enumerate(types))
    return builder.finish([builder.apply(row, inputs, params)])


def ones(algebra, type):
    """Return a tangent or cotangent of ones."""
    value = np.ones(type.shape, type.dtype) if type.shape else 1
    return algebra.constant(Constant(value, Type(type.shape, type.dtype)))


def zeros(algebra, type):
    """Return a derivative that is 0, in the shape of what it belongs to."""
    return algebra.constant(Constant(np.zeros(type.shape, type.dtype) if type.shape else 0.0, type))


def value_of(algebra, graph, operand, values):
    """Return the value of a node or literal."""
    return values[operand] if operand >= 0 else algebra.constant(graph.constants[~operand])


def forward(graph, algebra, inputs, tangents):
    """Return the tangents of the outputs."""
    values = evaluate(graph, algebra, inputs)
    found = forward_sweep(graph, algebra, values, tangents)
    return [found[j] if j >= 0 else None for j in graph.outputs]


def reverse(graph, algebra, inputs, cotangents, wrt=None):
    """Return the adjoints of the inputs."""
    values = evaluate(graph, algebra, inputs)
    seeds = [(j, c) for j, c in zip(graph.outputs, cotangents, strict=True) if c is not None]
    return reverse_sweep(graph, algebra, values, seeds, wrt)[: len(graph.inputs)]


def traced(graph, build):
    """Return the graph that ``build(algebra, variables)`` writes; its inputs are those of ``graph``."""
    recorder = Recorder()
    variables = [
        recorder.variable(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)
    ]
    results = build(GraphAlgebra(recorder), variables)
    outputs = [recorder.operand(0.0 if result is None else result) for result in results]
    result = recorder.finish(outputs)
    check(result)
    return result


def gradient_graph(graph, wrt, output=0, cotangent=None):
    """Return the graph of the adjoints of the inputs ``wrt``; the seed is 1 or the given array."""

    def build(algebra, variables):
        seeds = [None] * len(graph.outputs)
        seeds[output] = ones(algebra, graph.output_types[output])
        if cotangent is not None:
            seeds[output] = algebra.constant(Constant(cotangent, graph.output_types[output]))
        adjoints = reverse(graph, algebra, variables, seeds, wrt)
        types = graph.input_types
        return [zeros(algebra, types[k]) if adjoints[k] is None else adjoints[k] for k in wrt]

    return traced(graph, build)


def tangent_graph(graph, position):
    """Return the graph of the outputs' derivatives by one input."""

    def build(algebra, variables):
        tangents = [None] * len(graph.inputs)
        tangents[position] = ones(algebra, graph.input_types[position])
        return forward(graph, algebra, variables, tangents)

    return traced(graph, build)


def run(graph, algebra, inputs):
    """Return the outputs of a graph."""
    return algebra.outputs(graph, evaluate(graph, algebra, inputs))
