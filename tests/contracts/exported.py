"""Exported source, run where nothing but NumPy and SciPy can be imported.

The examples are handed to one process, which is told that there is no adlab, runs every source in a namespace of its
own and hands back the values.
"""

import ast
import pickle
import subprocess
import sys

RUNNER = """
import pickle, sys, warnings
import numpy
sys.modules["adlab"] = None  # an import of it raises
warnings.simplefilter("ignore")

def answer(source, args):
    namespace = {"__name__": "exported"}
    try:
        exec(compile(source, "exported", "exec"), namespace)
        function = [v for v in namespace.values() if getattr(v, "__module__", "") == "exported"][-1]
        return "value", function(*args)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"

examples = pickle.load(sys.stdin.buffer)
answers = {key: [answer(source, args) for source, args in cases] for key, cases in examples.items()}
pickle.dump(answers, sys.stdout.buffer)
"""


def imported(source):
    """Return the packages that a source imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def run_elsewhere(examples):
    """Return ("value", result) or ("error", words) for each (source, arguments) in lists by key."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER], input=pickle.dumps(examples), capture_output=True, check=True
    )
    return pickle.loads(done.stdout)
