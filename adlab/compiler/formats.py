"""The two formats of numbers, as algorithms need to know them: places, exponents, and constants in two parts.

The first part of a constant has so many zeros at its end that its products with whole numbers in the range of exponents
are exact; or it is the nearest number, and the second part what it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from adlab.compiler.emit import Element, Emitter

Parts = tuple[float, float]


@dataclass(frozen=True)
class Format:
    """A binary format of IEEE 754.

    Attributes
    ----------
    places : int
        Bits after the leading one.
    bias : int
        What the exponent in the bits is above the exponent.
    reach : float
        Beyond ± this eˣ is 0 or ∞; between, its exponent is less than 1.6 times the bias.
    ln2, log10_2 : two floats
        ln 2 and log₁₀ 2; whole numbers up to `reach` times the first part are exact.
    log2_e, log10_e, pi : two floats
        1/ln 2, 1/ln 10 and π.
    sqrt_half_bits : int
        The bits of √½.
    """

    places: int
    bias: int
    reach: float
    ln2: Parts
    log10_2: Parts
    log2_e: Parts
    log10_e: Parts
    pi: Parts
    sqrt_half_bits: int

    @property
    def shifter(self) -> float:
        """1.5·2ᵖˡᵃᶜᵉˢ: a number added to it is rounded to a whole one, which the last bits then hold."""
        return 1.5 * 2.0**self.places

    @property
    def one_bits(self) -> int:
        """The bits of 1."""
        return self.bias << self.places

    @property
    def fraction_bits(self) -> int:
        """The bits after the leading one, set."""
        return (1 << self.places) - 1

    @property
    def unit_bits(self) -> int:
        """The bits of 2ᵖˡᵃᶜᵉˢ, whose last place is 1."""
        return (self.bias + self.places) << self.places

    @property
    def smallest(self) -> float:
        """The smallest number that is not denormal."""
        return 2.0 ** (1 - self.bias)

    @property
    def smallest_bits(self) -> int:
        """The bits of the smallest number that is not denormal."""
        return 1 << self.places

    @property
    def infinity_bits(self) -> int:
        """The bits of ∞."""
        return (2 * self.bias + 1) << self.places


FORMATS: Mapping[Element, Format] = MappingProxyType(
    {
        "double": Format(
            places=52,
            bias=1023,
            reach=750.0,
            ln2=(float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")),
            log10_2=(float.fromhex("0x1.34413509f7800p-2"), float.fromhex("0x1.fef311f12b358p-46")),
            log2_e=(float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
            log10_e=(float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
            pi=(float.fromhex("0x1.921fb54442d18p+1"), float.fromhex("0x1.1a62633145c07p-53")),
            sqrt_half_bits=0x3FE6A09E667F3BCD,
        ),
        "float": Format(
            places=23,
            bias=127,
            reach=130.0,
            ln2=(float.fromhex("0x1.62e4p-1"), float.fromhex("0x1.7f7d1cp-20")),
            log10_2=(float.fromhex("0x1.3440p-2"), float.fromhex("0x1.3509f8p-18")),
            log2_e=(float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0c0p-26")),
            log10_e=(float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
            pi=(float.fromhex("0x1.921fb6p+1"), float.fromhex("-0x1.777a5cp-24")),
            sqrt_half_bits=0x3F3504F3,
        ),
    }
)
"""By LLVM's names: float64 and float32."""


def format_of(E: Emitter) -> Format:
    """Return the format of an emitter's lanes."""
    return FORMATS[E.lanes.dtype]
