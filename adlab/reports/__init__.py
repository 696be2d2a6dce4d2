"""What is worth showing, as frozen data: traces, pictures, comparisons, checks."""
