"""Grading somebody's trace table: which cells are right, which are wrong, and what went wrong in them.

Rows are recognised by what they compute, not by their number: every formula is evaluated at the point and at a few
points next to it, and the node with the same values is the one it stands for. So any numbering, any order of factors and
any equivalent form is accepted; a table without formulas is read by names. From the evaluation table the names get
their meaning, and with it their true tangents and adjoints; the derivative tables are graded against those.

`truth` has the right numbers, `rows` reads the tables, `definitions` gives names their meaning in the `book`, `formulas`
and `numbers` judge parts of cells, `missing` finds what is not there, and `grader` leads through it to the `report`.
"""

from __future__ import annotations

from adlab.reports.grading.grader import grade
from adlab.reports.grading.marks import TOLERANCE
from adlab.reports.grading.report import GradedCell, GradeReport, MissingRow

__all__ = ["TOLERANCE", "GradeReport", "GradedCell", "MissingRow", "grade"]
