def to_json(sheet, **o): return ""
