"""Makes the helpers of the tests importable as ``compile.…`` and ``contracts.…``."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).resolve().parent.parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
