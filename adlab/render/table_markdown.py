def to_markdown(sheet, **o): return ""
