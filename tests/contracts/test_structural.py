import pytest
from contracts import structural as contract
from contracts.applications import APPLICATIONS
from contracts.rows import STRUCTURAL, each

from adlab.ir.types import FLOAT32, FLOAT64


def applications(row):
    return APPLICATIONS[row.name]


@each(STRUCTURAL)
def test_every_row_has_an_example(row):
    assert APPLICATIONS.get(row.name), f"add examples of {row.name} to tests/contracts/applications.py"


def test_every_example_belongs_to_a_row():
    assert set(APPLICATIONS) == {row.name for row in STRUCTURAL}


@each(STRUCTURAL)
def test_every_fact_is_stated(row):
    for application in applications(row):
        contract.check_facts(row, application)


@each(STRUCTURAL)
def test_exact_carriers_compute_what_numpy_does(row):
    for application in applications(row):
        contract.check_values(row, application)


@each(STRUCTURAL)
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_forward_is_the_transpose_of_reverse(row, dtype):
    for application in applications(row):
        contract.check_adjoint(row, application, dtype)


@each([row for row in STRUCTURAL if row.arity != 1])
def test_tangents_of_single_operands_add_up(row):
    for application in applications(row):
        contract.check_missing_tangents(row, application)


@each(STRUCTURAL)
def test_jacobian_is_the_difference_quotient(row):
    for application in applications(row):
        if application.smooth:
            contract.check_jacobian(row, application)


@each(STRUCTURAL)
def test_second_order_is_the_difference_quotient(row):
    for application in applications(row):
        if application.smooth and application.second:
            contract.check_second_order(row, application)
