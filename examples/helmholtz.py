"""The Helmholtz free energy of a mixed fluid, the survey's benchmark for gradients (Baydin et al., JMLR 18, 2018).

adlab check examples/helmholtz.py:helmholtz x=[0.1,0.2,0.3]
"""

import numpy as np

import adlab as ad

RT = 8.314 * 0.3
SQRT2, SQRT8 = 2**0.5, 8**0.5


def helmholtz(x):
    n = len(x)
    b = np.arange(1, n + 1) / (n * (n + 1))
    A = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
    bx = b @ x
    mixing = RT * np.sum(np.log(x / (1 - bx)))
    attraction = (x @ A @ x) / (SQRT8 * bx) * np.log((1 + (1 + SQRT2) * bx) / (1 + (1 - SQRT2) * bx))
    return mixing - attraction


def main() -> None:
    x = np.array([0.1, 0.2, 0.3])
    print("gradient:", ad.grad(helmholtz)(x))
    print(ad.compare(helmholtz, x).to_text())


if __name__ == "__main__":
    main()
