"""What becomes a graph: NumPy code, expression strings, SymPy expressions."""
