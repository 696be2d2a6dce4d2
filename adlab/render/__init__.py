"""From reports to text, Markdown, LaTeX, HTML, CSV, JSON, SVG, DOT, PNG, PDF: one format per file."""
