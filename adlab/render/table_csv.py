def to_csv(sheet, **o): return ""
