"""Whether a property fits a network: names, counts, shapes, bounds, and what is no VNN-LIB."""

from __future__ import annotations

import pytest

from torchlean_core.check import RULES, Severity
from torchlean_core.vnnlib import Network, check_property_text

TWO_TO_ONE = Network((1, 2), ((1, 1),))
DECLARED = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n"
BOUNDS = "(assert (>= X_0 0.0))\n(assert (<= X_0 1.0))\n(assert (>= X_1 0.0))\n(assert (<= X_1 1.0))\n"
CLAIM = "(assert (>= Y_0 0.5))\n"
VERSION_2 = "(vnnlib-version <2.0>)\n(declare-network f (declare-input X {} {}) (declare-output Y Real {}))\n"


def found(text, network=TWO_TO_ONE):
    """Code, message and marked text of every finding."""
    report = check_property_text(text, network)
    return [(one.code, one.message, text[slice(*report.span(one))]) for one in report.findings]


def codes(text, network=TWO_TO_ONE):
    return [code for code, _, _ in found(text, network)]


def version_2(assertions, shape="[1,2]", kind="Real", output="[1,1]"):
    return VERSION_2.format(kind, shape, output) + assertions


@pytest.mark.parametrize("code", [code for code in RULES if code.startswith("TL7")])
def test_the_example_triggers_its_rule_and_no_other(code):
    report = check_property_text(RULES[code].example.text, TWO_TO_ONE)
    assert {one.code for one in report.findings} == {code}
    assert {one.severity for one in report.findings} == {RULES[code].severity}


@pytest.mark.parametrize(
    "text",
    [
        DECLARED + BOUNDS + CLAIM,
        "; a comment (\n(set-logic QF_LRA)\n" + DECLARED + BOUNDS + CLAIM + "(check-sat)\n",
        DECLARED.replace("declare-const X_0", "declare-fun X_0 ()") + BOUNDS + CLAIM,
        DECLARED + "(assert (and (<= 0 X_0) (>= 1 X_0)))(assert (= X_1 -1.5e-3))" + CLAIM,
        DECLARED + "(assert (>= X_0 (- 1.0)))(assert (<= (* 2 X_0) (/ 1 3)))(assert (= X_1 1))" + CLAIM,
        DECLARED
        + "(assert (or (and (>= X_0 0) (<= X_0 1) (= X_1 0)) (and (>= X_0 2) (<= X_0 3) (= X_1 4) (<= Y_0 1))))",
        DECLARED + BOUNDS + "(assert (or (>= Y_0 1) (<= Y_0 0) (<= (+ Y_0 X_0) (- X_1 1))))",
        DECLARED.replace("\n", "\r\n") + BOUNDS.replace("\n", "\t") + CLAIM,
    ],
)
def test_a_property_of_the_network_has_no_findings(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "assertions",
    [
        "(assert (and (>= X[0,0] 0) (<= X[0,0] 1)))(assert (== X[0, 1] 1.0))(assert (!= Y[0,0] 0.0))",
        "(assert (>= X[0,0] 0))(assert (<= X[0,0] 1))(assert (= X[0,1] -1))(assert (<= (* -1.0 Y[0,0]) 2))",
    ],
)
def test_version_2_names_elements_by_indices(assertions):
    assert found(version_2(assertions)) == []


def test_a_scalar_output_of_version_2_has_no_indices():
    text = version_2("(assert (= X[0] 1))(assert (or (<= Y -3.0) (>= Y 0.0)))", "[1]", output="[]")
    assert found(text, Network((1,), ((),))) == []
    assert codes(text.replace("Y -3.0", "Y[0] -3.0"), Network((1,), ((),))) == ["TL703"]


# -- declarations -------------------------------------------------------------------------------------------


def test_too_few_and_too_many_inputs_are_told_with_the_shape():
    (missing,) = found(DECLARED + BOUNDS + CLAIM, Network((1, 5), ((1,),)))
    assert missing == (
        "TL702",
        "X_2, X_3 and X_4 are not declared: the network's input [1, 5] has 5 elements, X_0 to X_4",
        "X_1",
    )
    (extra,) = found(DECLARED + BOUNDS + CLAIM, Network((1,), ((1,),)))
    assert extra == ("TL702", "X_1 is declared: the network's input [1] has 1 element, X_0", "X_1")


def test_many_missing_variables_are_one_finding():
    ((_, message, _),) = found(DECLARED + BOUNDS + CLAIM, Network((1, 3, 32, 32), ((1, 1),)))
    assert message.startswith("X_2, X_3, X_4 and 3,067 more are not declared")


@pytest.mark.parametrize(
    ("declaration", "part"),
    [
        ("(declare-const X_1 Real)", "X_1 is declared twice"),
        ("(declare-const Z_0 Real)", "Z_0 is no variable of a network"),
        ("(declare-const X_00 Real)", "X_00 is no variable of a network"),
        ("(declare-const x_2 Real)", "x_2 is no variable of a network"),
        ("(declare-const Y_1 Real)", "Y_1 is declared: the network's output [1, 1] has 1 element, Y_0"),
    ],
)
def test_a_declaration_that_is_none_of_the_networks(declaration, part):
    ((code, message, _),) = found(DECLARED + declaration + BOUNDS + CLAIM)
    assert code == "TL702"
    assert part in message


def test_several_outputs_need_version_2():
    two = Network((1, 2), ((1, 1), (1, 3)))
    ((code, message, marked),) = found(DECLARED + BOUNDS + CLAIM, two)
    assert (code, marked) == ("TL702", "Y_0")
    assert "has 2 outputs ([1, 1], [1, 3])" in message
    text = (
        "(vnnlib-version <2.0>)(declare-network f (declare-input X Real [1,2]) (declare-output A Real [1,1])"
        '(declare-output B Real [1,3] "b"))(assert (= X[0,0] 1))(assert (= X[0,1] 1))(assert (<= B[0,2] A[0,0]))'
    )
    assert found(text, two) == []
    assert codes(text, TWO_TO_ONE) == ["TL702"]


def test_a_shape_of_version_2_is_the_networks_own():
    ((code, message, marked),) = found(version_2("(assert (<= Y[0,0] 1))", "[2]"))
    assert (code, marked) == ("TL702", "[2]")
    assert message == "X has the shape [2], the network's input [1, 2]"
    assert codes(version_2("(assert (<= Y[0,0] 1))", kind="int64"))[:1] == ["TL702"]


def test_of_several_networks_one_has_to_fit():
    other = "(declare-network g (declare-input A Real [7]) (declare-output B Real [7]))\n"
    text = version_2("(assert (<= Y[0,0] B[3]))")
    text = text.replace("(assert", other + "(assert", 1)
    assert "TL702" not in codes(text)
    assert "TL702" in codes(text, Network((9,), ((9,),)))


# -- assertions ---------------------------------------------------------------------------------------------


def test_an_undeclared_variable_is_told_once_where_it_first_stands():
    ((code, message, marked),) = found(DECLARED + BOUNDS + CLAIM + "(assert (<= X_7 1))(assert (<= X_7 2))")
    assert (code, message, marked) == ("TL703", "an assertion names X_7, which is not declared", "X_7")


def test_a_variable_is_declared_before_it_is_used():
    text = DECLARED.replace("(declare-const Y_0 Real)\n", "") + BOUNDS + CLAIM + "(declare-const Y_0 Real)"
    ((_, message, _),) = found(text)
    assert message == "an assertion names Y_0 before it is declared"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("X[0,2]", "there is no X[0,2]: X has the shape [1, 2]"),
        ("X[0]", "X[0] has 1 indices"),
        ("Z[0]", "names Z[0], which is not declared"),
        ("X_0", "names X_0, which is not declared"),
        ("X[99999999999999999999,0]", "too many indices"),
    ],
)
def test_an_element_that_a_tensor_does_not_have(name, part):
    ((code, message, marked),) = found(version_2(f"(assert (<= {name} Y[0,0]))"))
    assert (code, marked) == ("TL703", name)
    assert part in message


def test_bounds_out_of_order_are_told_at_the_second():
    ((code, message, marked),) = found(DECLARED + BOUNDS + "(assert (<= (* -2 X_0) -4.0))" + CLAIM)
    assert (code, marked) == ("TL704", "(<= (* -2 X_0) -4.0)")
    assert message == "the bounds do not leave a value for X_0: it is at least 2.0 and at most 1.0"


def test_an_alternative_without_inputs_is_a_warning():
    text = DECLARED + BOUNDS + "(assert (or (and (>= X_0 2) (>= Y_0 1)) (and (>= X_1 0.5) (<= Y_0 0))))"
    report = check_property_text(text, TWO_TO_ONE)
    (one,) = report.findings
    assert (one.code, one.severity) == ("TL704", Severity.WARNING)
    assert text[slice(*report.span(one))] == "(>= X_0 2)"


def test_an_or_of_which_no_alternative_is_left_is_an_error():
    text = DECLARED + "(assert (or (>= X_0 2) (>= X_0 3)))" + BOUNDS + CLAIM
    assert [(one.code, one.severity) for one in check_property_text(text, TWO_TO_ONE).findings] == [
        ("TL704", Severity.ERROR)
    ]


def test_an_input_is_bounded_where_each_alternative_bounds_it():
    both = "(assert (or (and (>= X_1 0) (<= X_1 1) (>= Y_0 1)) (and (>= X_1 2) (<= X_1 3))))"
    bounds = "(assert (>= X_0 0))(assert (<= X_0 1))"
    assert found(DECLARED + bounds + both) == []
    ((code, message, _),) = found(DECLARED + bounds + both.replace("(<= X_1 3)", "(<= X_0 1)"))
    assert (code, message) == ("TL705", "X_1 has no upper bound: most solvers take no such property")


@pytest.mark.parametrize(
    ("term", "is_linear"),
    [
        ("(* X_0 X_1)", False),
        ("(* 2 X_0 3)", True),
        ("(/ 1 Y_0)", False),
        ("(/ Y_0 2)", True),
        ("(- X_0)", True),
    ],
)
def test_what_is_not_linear(term, is_linear):
    expected = [] if is_linear else [("TL706", term)]
    text = DECLARED + BOUNDS + f"(assert (<= Y_0 {term}))"
    assert [(code, marked) for code, _, marked in found(text)] == expected


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("(assert (=> true false))", "`(=>` stands where a condition", "=>"),
        ("(assert (<= X_0 1 2))", "`<=` compares two terms, found 3", "(<= X_0 1 2)"),
        ("(assert (<= X_0 (max 1 2)))", "`(max` stands where a number or a variable is expected", "max"),
        ("(assert (<= X_0 (<= X_1 2)))", "`(<=` stands where a number or a variable is expected", "<="),
        ("(assert (<= X_0 1.2.3))", "`1.2.3` is no number", "1.2.3"),
        ("(assert (<= X_0 1e999))", "`1e999` is larger than any number of float64", "1e999"),
        ("(assert X_0)", "`X_0` stands where a condition is expected", "X_0"),
        ("(assert)", "an assertion has one condition, found 0", "(assert)"),
        ("(assert (and))", "`and` has no condition", "(and)"),
        ("(declare-const X_9)", "a declaration reads `(declare-const X_0 Real)`", "(declare-const X_9)"),
        (
            "(declare-const X_9 Int)",
            "a declaration reads `(declare-const X_0 Real)`",
            "(declare-const X_9 Int)",
        ),
        ("(minimize Y_0)", "`minimize` is no command of VNN-LIB 1", "minimize"),
        (")", "this parenthesis closes nothing", ")"),
        ("X_0", "`X_0` stands outside of all parentheses", "X_0"),
        ("()", "nothing stands in these parentheses", "()"),
        ('(assert (<= X_0 "1"))', "a text in quotes is not expected here", '"1"'),
        ("(vnnlib-version <1.0>)", "the version stands at the beginning", "(vnnlib-version <1.0>)"),
    ],
)
def test_what_cannot_be_read_is_told_where_it_stands(text, message, marked):
    ((code, told, where),) = found(DECLARED + BOUNDS + CLAIM + text)
    assert (code, where) == ("TL701", marked)
    assert told.startswith(message)


def test_version_2_has_no_exponents_no_division_and_no_single_declarations():
    assert codes(version_2("(assert (<= Y[0,0] 1e-5))")) == ["TL701"]
    assert codes(version_2("(assert (<= X[0,0] 1))(assert (<= X[0,0] 1e-5))")) == ["TL701"]
    assert codes(version_2("(assert (<= Y[0,0] (/ 1 3)))")) == ["TL701"]
    assert codes(version_2("(declare-const X_0 Real)")) == ["TL701"]
    assert codes("(vnnlib-version <3.0>)")[:1] == ["TL701"]
    assert codes(version_2("(assert (<= Y[0,0] 1))").replace("(vnnlib-version <2.0>)", ""))[:1] == ["TL701"]


def test_reading_goes_on_behind_a_parenthesis_that_is_not_closed():
    text = DECLARED + "(assert (<= X_0 1.0)\n" + BOUNDS + "(assert (<= X_9 1))"
    assert [(code, marked) for code, _, marked in found(text)] == [("TL701", "("), ("TL703", "X_9")]


# -- hostile texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_000_000,
        "(assert " + "(and " * 1_000_000,
        "(assert " * 1_000 + "(<= X_0 1.0)" * 1_000,
        '(assert "' + "a" * 1_000_000,
        "(assert (<= X_0 " + "1" * 10_000_000 + "))",
        "(declare-const " + "X" * 1_000_000 + " Real)",
        "X[" * 1_000_000,
        ")" * 100_000,
        "\x00\ufeff\u2028" * 10_000,
        "(assert (<= " + "X_0 " * 500_000 + "))",
        "(declare-const " + "X_0 " * 500_000 + ")",
        " " * 1_000_000,
        "(assert (<= X_0" + " " * 1_000_000 + "1.0" + " " * 1_000_000,
        ";" * 1_000_000,
        "(vnnlib-version <2.0>)(declare-network f (declare-input X Real [" + "9," * 500_000 + "9]))",
        "(vnnlib-version <2.0>)(declare-network f (declare-input X Real [999999999999,999999999999])"
        "(declare-output Y Real [1]))(assert (<= X[0,0] 1))",
        "(vnnlib-version <" + "9" * 1_000_000 + ".0>)",
    ],
    ids=range(17),
)
def test_a_hostile_text_gives_few_and_short_findings(text):
    findings = check_property_text(text, TWO_TO_ONE).findings
    assert 0 < len(findings) <= 60
    assert all(len(one.message) < 400 for one in findings)


def test_of_many_findings_the_first_are_told_and_how_many_there_are():
    text = DECLARED + BOUNDS + CLAIM + "(assert (>= X_0 2))" * 1_000
    messages = [message for code, message, _ in found(text) if code == "TL704"]
    assert len(messages) == 20
    assert messages[-1].endswith("; 980 more are not shown")


def test_a_text_of_nothing_lacks_everything():
    assert codes("") == ["TL702", "TL702"]
    assert codes("(vnnlib-version <2.0>)") == ["TL702"]
