"""The computational graph: types, rows, the straight-line program, its builder, its checker, its JSON form."""
