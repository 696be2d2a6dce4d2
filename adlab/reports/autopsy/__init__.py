"""The autopsy of a NaN: which operation made it, out of which numbers, and how to write the line instead.

Values, adjoints and tangents follow IEEE arithmetic, in which 0·∞ and ∞ − ∞ are not numbers. A value can be
perfectly finite and its derivative not: `where` throws a branch away, but its derivative is still multiplied
by 0, and 0·∞ is NaN. The autopsy evaluates, sweeps backwards and forwards, and stops at the first bad number
of each; then it follows the operands back to an input.

A proposed rewrite is not trusted because it is well known. It is carried out on the graph, evaluated beside
the original in fifty digits at random points, and at the point itself its value and derivative are held
against limits found in mpmath. What does not pass is not proposed.
"""

from __future__ import annotations

from adlab.reports.autopsy.examination import autopsy
from adlab.reports.autopsy.report import Autopsy, Finding, PathStep, Rewrite, shown

__all__ = ["Autopsy", "Finding", "PathStep", "Rewrite", "autopsy", "shown"]
