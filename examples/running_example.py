"""The running example, y = ln(x1) + x1·x2 − sin(x2) at (2, 5): its traces, the four methods, its picture.

python examples/running_example.py
"""

from pathlib import Path

import numpy as np

import adlab as ad


def f(x1, x2):  # plain NumPy code, no adlab in it
    return np.log(x1) + x1 * x2 - np.sin(x2)


def main(picture: Path = Path("running-example.svg")) -> None:
    print(ad.trace(f, 2, 5, mode="all").to_text())
    print()
    print(ad.compare(f, 2, 5).to_text())
    print()
    print("picture:", ad.draw(f, 2, 5).save(picture))


if __name__ == "__main__":
    main()
