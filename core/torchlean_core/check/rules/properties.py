"""TL7xx: properties of networks (VNN-LIB), held against an artifact."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, WARNING, Example, Rule

_DECLARED = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n"
_BOUNDS = "(assert (>= X_0 0.0))\n(assert (<= X_0 1.0))\n(assert (>= X_1 0.0))\n(assert (<= X_1 1.0))\n"


def _property(text: str, note: str = "") -> Example:
    return Example(text, "lisp", note)


PROPERTY_RULES = (
    Rule(
        "TL701",
        "property-unreadable",
        ERROR,
        "The text is no VNN-LIB: a parenthesis is not closed, a command or an operator is unknown, a number is none.",
        "Solvers refuse the file, or, worse, read another property in it.",
        "Mend what the message names. Of version 1 the commands `declare-const`, `declare-fun` and `assert` are read, "
        "of version 2 `vnnlib-version`, `declare-network` and `assert`, with `and`, `or`, comparisons, `+`, `-`, `*` "
        "(and `/` in version 1).",
        _property(_DECLARED + _BOUNDS + "(assert (>= Y_0 0.5)\n", "The last parenthesis is missing."),
        no_fix="What was meant is not known.",
    ),
    Rule(
        "TL702",
        "property-variables",
        ERROR,
        "The variables that a property declares are not those of the network. In version 1 the elements of the input, "
        "in row-major order, are `X_0`, `X_1`, … and those of the output `Y_0`, `Y_1`, …, batch included; "
        "in version 2 the shapes are the network's own, inputs and outputs in their order. Where version 2 declares "
        "several networks, one of them has to fit.",
        "The property is of another network, or of one with another input shape.",
        "Take the property that belongs to the network, or capture the network with the shape that the property is of.",
        _property(
            _DECLARED + "(declare-const X_2 Real)\n" + _BOUNDS + "(assert (>= Y_0 0.5))\n",
            "The network's input has two elements.",
        ),
        no_fix="Whether the network or the property is the wrong one is not known.",
    ),
    Rule(
        "TL703",
        "undeclared-variable",
        ERROR,
        "An assertion names a variable that is not declared, or an element that a tensor does not have.",
        "The property does not say what it seems to say.",
        "Declare the variable, or mend its name.",
        _property(_DECLARED + _BOUNDS + "(assert (>= Y_1 0.5))\n", "The network has one output, `Y_0`."),
        no_fix="What was meant is not known.",
    ),
    Rule(
        "TL704",
        "bounds-out-of-order",
        ERROR,
        "A lower bound of an input is above its upper bound; in one alternative of an `or` this is a warning. An "
        "alternative is compared with the bounds that stand before it.",
        "No input satisfies the property, so that every network does, and a solver proves it at once.",
        "Exchange the bounds, or mend the one that is wrong.",
        _property(
            _DECLARED + _BOUNDS.replace("(<= X_1 1.0)", "(<= X_1 -1.0)") + "(assert (>= Y_0 0.5))\n",
            "`X_1` is to be at least 0 and at most -1.",
        ),
        no_fix="Which of the two bounds is wrong is not known.",
    ),
    Rule(
        "TL705",
        "unbounded-input",
        WARNING,
        "An input has no lower or no upper bound: neither for all of the property, nor in each alternative of an `or`.",
        "Most solvers begin with a box of inputs, and take no property without one.",
        "Assert both bounds of every input.",
        _property(
            _DECLARED + _BOUNDS.replace("(assert (<= X_1 1.0))\n", "") + "(assert (>= Y_0 0.5))\n",
            "Nothing bounds `X_1` from above.",
        ),
        no_fix="The bound that is missing is not known.",
    ),
    Rule(
        "TL706",
        "nonlinear-term",
        WARNING,
        "Variables are multiplied, or something is divided by one.",
        "The standard's common fragment is linear; few solvers take more.",
        "Say it with linear terms, or use a solver that takes others.",
        _property(_DECLARED + _BOUNDS + "(assert (>= (* X_0 Y_0) 0.5))\n", "Two variables are multiplied."),
        no_fix="There is no linear term that is the same.",
    ),
    Rule(
        "TL707",
        "property-without-outputs",
        WARNING,
        "No assertion names an output.",
        "The property says nothing of what the network computes: any input within the bounds satisfies it.",
        "Assert what is to be shown of the outputs, or rather its negation: a solver looks for an input that satisfies "
        "everything.",
        _property(_DECLARED + _BOUNDS, "Only the inputs are bounded."),
        no_fix="What the property was to say of the outputs is not known.",
    ),
)
