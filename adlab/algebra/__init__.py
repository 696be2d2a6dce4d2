"""The carriers that a graph can be evaluated in: numbers, symbols, fifty digits, formulas, dual numbers, graphs."""
