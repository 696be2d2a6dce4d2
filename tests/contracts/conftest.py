"""Makes the helpers of this folder importable as ``contracts.…``; importlib mode does not do so itself."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).resolve().parent.parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
