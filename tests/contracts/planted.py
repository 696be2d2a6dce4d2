"""Wrong rules, to test the tests with: copies of rows whose rules are altered on the way out."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adlab.primitives.rules import Joint


def altered(row, **changes):
    """Return a copy of a row with other facts."""
    return dataclasses.replace(row, **changes)


def intact(value):
    """Return a tangent or cotangent as it is."""
    return value


def flipped(value):
    """Return it with the wrong sign."""
    return None if value is None else -value


def stretched(value):
    """Return it wrong by a thousandth."""
    return None if value is None else value * 1001 / 1000


def forgotten(value):
    """Return nothing: a path that is missing."""
    return


@dataclass(frozen=True)
class Spoiled:
    """A rule whose results are altered on the way out."""

    rule: Any
    forward: Callable[[Any], Any] = intact
    backward: Callable[[Any], Any] = intact

    def jvp(self, A, site, tangents):
        return self.forward(self.rule.jvp(A, site, tangents))

    def vjp(self, A, site, cotangent, position):
        return self.backward(self.rule.vjp(A, site, cotangent, position))


class SpoiledJoint(Spoiled, Joint):
    """The same of a rule that finds all cotangents in one go."""

    def pull(self, A, site, cotangent, positions):
        return [self.backward(part) for part in self.rule.pull(A, site, cotangent, positions)]


def spoiled(row, **faults):
    """Return a copy of a row with a rule that is altered in forward or backward mode."""
    kind = SpoiledJoint if isinstance(row.rule, Joint) else Spoiled
    return altered(row, rule=kind(row.rule, **faults))
