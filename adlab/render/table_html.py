def to_html(sheet, **o): return ""
