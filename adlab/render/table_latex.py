def to_latex(sheet, **o): return ""
