from contracts import elementwise as contract
from contracts.rows import ELEMENTWISE, KINKED, SMOOTH, each


@each(ELEMENTWISE)
def test_every_fact_is_stated(row):
    contract.check_facts(row)


@each(ELEMENTWISE)
def test_notation_writes_every_operand(row):
    contract.check_notation(row)


@each(ELEMENTWISE)
def test_sympy_and_mpmath_compute_what_numpy_does(row):
    contract.check_values_agree(row)


@each(SMOOTH)
def test_rule_is_sympys_derivative(row):
    contract.check_partials_against_sympy(row)


@each(SMOOTH)
def test_rule_is_mpmaths_derivative_to_20_digits(row):
    contract.check_partials_against_mpmath(row)


@each(SMOOTH)
def test_float64_is_as_accurate_as_the_row_promises(row):
    contract.check_accuracy(row)


@each(SMOOTH)
def test_forward_is_the_transpose_of_reverse_for_every_broadcast(row):
    contract.check_adjoint(row)


@each(ELEMENTWISE)
def test_dtypes_stay(row):
    contract.check_dtypes(row)


@each(SMOOTH)
def test_every_mode_gives_first_and_second_derivatives(row):
    contract.check_modes_and_orders(row)


@each(SMOOTH)
def test_second_derivatives_far_out(row):
    contract.check_second_order_far_out(row)


@each(KINKED)
def test_rule_follows_its_convention_on_the_kink(row):
    contract.check_kinks(row)


@each(KINKED)
def test_switch_vanishes_on_the_kink_and_nowhere_else(row):
    contract.check_switches(row)


@each([row for row in SMOOTH if row.arity > 1])
def test_literal_operands_stay_exact(row):
    contract.check_literals(row)
