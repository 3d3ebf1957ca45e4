"""Reading VNN-LIB, versions 1 and 2: one pass over the tokens, with a stack of the open parentheses.

What is kept is the declared variables and the bounds of the inputs: as much as there are variables, however long the
file is. After an error reading goes on with what follows.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from torchlean_core.check.findings import Severity
from torchlean_core.vnnlib import terms
from torchlean_core.vnnlib.box import Box, Hull
from torchlean_core.vnnlib.declarations import Declarations
from torchlean_core.vnnlib.facts import NoPropertyError, Span, Told, Variables
from torchlean_core.vnnlib.frames import TAKES_CONDITIONS, Frame, Sort
from torchlean_core.vnnlib.terms import Term
from torchlean_core.vnnlib.tokens import (
    ASSERT,
    ATOM,
    CLOSE,
    COMPARISON,
    END,
    LEFT,
    NUMBER,
    NUMERAL_2,
    OPEN,
    RELATION,
    RIGHT,
    STRAY,
    STRING,
    TOKEN,
    number,
    short,
)

MAX_DEPTH: Final = 200
"""Open parentheses; files of people have eight."""

_TOO_DEEP = f"more than {MAX_DEPTH} parentheses inside one another; nothing behind is read"
_MOST_OPERANDS = 1 << 17
_MOST_KEPT = 1_000
_RELATIONS = frozenset({"<=", ">=", "<", ">", "=", "==", "!=", "distinct"})
_ARITHMETIC = frozenset({"+", "-", "*", "/"})
_COMMANDS = frozenset({"assert", "vnnlib-version", "declare-const", "declare-fun", "declare-network"})
_DECLARES = frozenset({"declare-input", "declare-hidden", "declare-output", "isomorphic-to", "equal-to"})
_SILENT = frozenset(
    "set-logic set-info set-option check-sat get-model get-value get-unsat-core echo push pop exit reset".split()
)
"""Commands of SMT-LIB that say nothing of variables."""


class Property:
    """What was read of a text.

    Attributes:
        variables: Its variables.
        box: The bounds of its inputs.
        told: What is wrong with it.
        end: Where the last assertion begins: what a property lacks is told there.
    """

    def __init__(self, text: str) -> None:
        self.variables = Variables()
        self.box = Box()
        self.told = Told()
        self.end: Span = (0, min(1, len(text)))
        self._text = text
        self._declarations = Declarations(self.variables, self.told)
        self._stack: list[Frame] = [Frame(Sort.TOP, 0)]
        with suppress(NoPropertyError):  # the findings say it
            self._read()
        self._declarations.tell_missing()

    # -- tokens ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        names = self._declarations.names
        stack, asserted = self._stack, Frame(Sort.ASSERT, 0, box=self.box)
        tokens = TOKEN.finditer(self._text)
        for token in tokens:
            sort = token.lastindex
            if sort == COMPARISON:
                frame = stack[-1]
                if token[ASSERT] is not None:
                    takes = asserted if frame.sort == Sort.TOP else None
                    end = token.start(COMPARISON)
                else:
                    takes = frame if frame.sort in TAKES_CONDITIONS else None
                key = names.get(token[LEFT])
                if key is None or takes is None or not self._quickly(token, key, takes):
                    self._comparison(token)
                elif takes is asserted:
                    self.end = end, end + len("(assert")
            elif sort == OPEN:
                if len(stack) > MAX_DEPTH:
                    self.told.unread(_TOO_DEEP, token.span(OPEN))
                    return
                stack.append(Frame(Sort.NEW, token.start(OPEN)))
            elif sort == CLOSE:
                self._close(token.start(CLOSE))
            elif sort == ATOM:
                self._atom(token[ATOM], token.span(ATOM))
            elif sort == STRING:
                self._string(token.span(STRING))
            elif sort == END:
                break
            elif sort == STRAY:
                unclosed = token[STRAY] == '"'
                what = (
                    "a text without a closing quote" if unclosed else f"`{token[STRAY]}` is not expected here"
                )
                self.told.unread(what, token.span(STRAY))
                if unclosed:
                    return
        if len(stack) > 1:
            self.told.unread("this parenthesis is not closed", (stack[1].at, stack[1].at + 1))

    def _atom(self, text: str, span: Span) -> None:
        frame = self._stack[-1]
        sort = frame.sort
        if sort in (Sort.DECLARE, Sort.NETWORK):
            frame.say(text, span)
        elif sort == Sort.NEW:
            self._open(frame, text, span)
        elif sort in (Sort.COMPARE, Sort.TERM):
            self._operate(frame, self._operand(text, span), span)
        elif sort == Sort.TOP:
            self.told.unread(f"`{short(text)}` stands outside of all parentheses", span)
        elif sort in TAKES_CONDITIONS:
            frame.count += 1
            if text in ("true", "false") and self.variables.version == 1:
                if sort == Sort.OR:
                    self._alternative(frame, Box())
            else:
                self.told.unread(f"`{short(text)}` stands where a condition is expected", span)

    def _string(self, span: Span) -> None:
        frame = self._stack[-1]
        if frame.sort == Sort.DECLARE:
            frame.say(self._text[span[0] : span[1]] if span[1] - span[0] < _MOST_KEPT else '"…"', span)
        elif frame.sort != Sort.SKIP:
            frame.count += 1
            self._operate(frame, terms.UNKNOWN, span)
            self.told.unread("a text in quotes is not expected here", span)

    # -- what opens -----------------------------------------------------------------------------------------

    def _open(self, frame: Frame, head: str, span: Span) -> None:
        """Say what a parenthesis is of, by the word that follows it."""
        around = self._stack[-2]
        if head in _COMMANDS and around.sort != Sort.TOP:
            at = self._stack[1].at
            self.told.unread(f"this parenthesis is not closed before the next `({head}`", (at, at + 1))
            del self._stack[1:-1]  # so that what follows is understood again
            around = self._stack[0]
        frame.head = head
        frame.sort = self._sort(head, around, span)
        if frame.sort == Sort.ASSERT:
            frame.box = self.box
        elif frame.sort == Sort.AND:
            frame.box = Box(around.box) if around.sort == Sort.OR else around.box
        elif frame.sort == Sort.OR:
            frame.hull = Hull()
            frame.box = around.box if around.sort != Sort.OR else Box(around.box)
        elif frame.sort == Sort.COMPARE:
            frame.box = around.box

    def _sort(self, head: str, around: Frame, span: Span) -> Sort:
        version = self.variables.version
        if around.sort == Sort.TOP:
            if head == "assert":
                return Sort.ASSERT
            if head == "declare-network":
                self._declarations.begin_network(span)
                return Sort.NETWORK
            if head in _COMMANDS:
                return Sort.DECLARE
            if head in _SILENT and version == 1:
                return Sort.SKIP
            self.told.unread(f"`{short(head)}` is no command of VNN-LIB {version}", span)
            return Sort.SKIP
        if around.sort == Sort.NETWORK and head in _DECLARES:
            return Sort.DECLARE
        if around.sort in TAKES_CONDITIONS:
            if head in ("and", "or"):
                return Sort.AND if head == "and" else Sort.OR
            if head in _RELATIONS:
                return Sort.COMPARE
        elif (
            around.sort in (Sort.COMPARE, Sort.TERM)
            and head in _ARITHMETIC
            and not (head == "/" and version > 1)
        ):
            return Sort.TERM
        elif around.sort == Sort.SKIP:
            return Sort.SKIP
        expected = {
            Sort.COMPARE: "a number or a variable",
            Sort.TERM: "a number or a variable",
            Sort.NETWORK: "a declaration",
        }
        if around.sort == Sort.DECLARE:
            self.told.unread("a parenthesis is not expected in a declaration", span)
        else:
            what = expected.get(around.sort, "a condition (`and`, `or` or a comparison)")
            self.told.unread(f"`({short(head)}` stands where {what} is expected", span)
        return Sort.SKIP

    # -- what closes ----------------------------------------------------------------------------------------

    def _close(self, at: int) -> None:
        stack = self._stack
        frame = stack[-1]
        if frame.sort == Sort.TOP:
            self.told.unread("this parenthesis closes nothing", (at, at + 1))
            return
        stack.pop()
        around = stack[-1]
        span = frame.at, at + 1
        if frame.sort == Sort.NEW:
            if around.sort == Sort.DECLARE:
                around.say("()", span)
            elif around.sort != Sort.SKIP:
                self.told.unread("nothing stands in these parentheses", span)
        elif frame.sort == Sort.ASSERT:
            self.end = frame.at, frame.at + len("(assert")
            if frame.count != 1:
                self.told.unread(f"an assertion has one condition, found {frame.count}", _head(span))
        elif frame.sort in (Sort.AND, Sort.OR):
            if not frame.count:
                self.told.unread(f"`{frame.head}` has no condition", _head(span))
            around.count += 1
            self._close_condition(frame, around)
        elif frame.sort == Sort.COMPARE:
            around.count += 1
            self._compare(frame.head, frame.terms, around, span)
        elif frame.sort == Sort.TERM:
            self._operate(around, self._computed(frame, span), span)
        elif frame.sort == Sort.DECLARE:
            self._declarations.declare(frame.head, frame.words, span)
        elif frame.sort == Sort.NETWORK:
            self._declarations.end_network(frame.words)
        else:
            around.count += 1
            if around.sort in (Sort.COMPARE, Sort.TERM):
                self._operate(around, terms.UNKNOWN, span)
            elif around.sort == Sort.OR:
                self._alternative(around, Box())

    def _close_condition(self, frame: Frame, around: Frame) -> None:
        """Hand on the bounds of `and` and `or`."""
        if frame.hull is not None:
            self._narrow(frame)
        if around.sort == Sort.OR and frame.box is not None:
            self._alternative(around, frame.box)

    def _narrow(self, frame: Frame) -> None:
        """Bound variables by what all alternatives of an `or` have in common."""
        assert frame.hull is not None and frame.box is not None, "an `or` has both"
        at = frame.at, frame.at + 1
        for key, value in (frame.hull.low or {}).items():
            if (above := frame.box.at_least(key, value)) is not None:
                self._empty(key, value, above, at, "no alternative leaves")
        for key, value in (frame.hull.high or {}).items():
            if (below := frame.box.at_most(key, value)) is not None:
                self._empty(key, below, value, at, "no alternative leaves")

    def _alternative(self, frame: Frame, box: Box) -> None:
        assert frame.hull is not None, "an `or` has a hull"
        frame.hull.add(box)

    # -- comparisons and terms ------------------------------------------------------------------------------

    def _quickly(self, token: re.Match[str], key: int, frame: Frame) -> bool:
        """Take up a comparison of a variable where it is of the simplest sort; returns whether it is."""
        numeral = token[NUMBER]
        if numeral is None:
            other = self._declarations.names.get(token[RIGHT])
            if other is None or key >= 0 or other >= 0:
                return False
        elif self.variables.version > 1 and NUMERAL_2.match(numeral) is None:
            return False
        frame.count += 1
        if key < 0 or numeral is None:
            self.variables.constrains_outputs = True
            if frame.sort == Sort.OR:
                self._alternative(frame, Box())
            return True
        assert frame.box is not None, "conditions have a box"
        box = Box(frame.box) if frame.sort == Sort.OR else frame.box
        self._narrowed(box, key, token[RELATION] == ">=", float(numeral), token.span(COMPARISON))
        if frame.sort == Sort.OR:
            self._alternative(frame, box)
        return True

    def _comparison(self, token: re.Match[str]) -> None:
        """Take up a comparison that stands in one token as its parts."""
        opened = [ASSERT, RELATION] if token[ASSERT] is not None else [RELATION]
        if len(self._stack) + len(opened) > MAX_DEPTH:
            self.told.unread(_TOO_DEEP, token.span(RELATION))
            return
        for group in opened:
            text, at = (
                ("assert", token.start(ASSERT))
                if group == ASSERT
                else (token[RELATION], token.start(RELATION))
            )
            self._stack.append(Frame(Sort.NEW, at if group == ASSERT else self._text.rindex("(", 0, at)))
            self._atom(text, (at, at + len(text)))
        self._atom(token[LEFT], token.span(LEFT))
        group = RIGHT if token[NUMBER] is None else NUMBER
        self._atom(token[group], token.span(group))
        at = token.end(COMPARISON) - 1
        if len(opened) > 1:
            self._close(self._text.rindex(")", 0, at))
        self._close(at)

    def _operand(self, text: str, span: Span) -> Term:
        key = self._declarations.names.get(text)
        if key is None:
            value = number(text, self.variables.version)
            if isinstance(value, float):
                return terms.number(value)
            if value is not None:
                self.told.unread(value, span)
                return terms.UNKNOWN
            key = self._declarations.resolve(text, span)
        if key is None:
            return terms.UNKNOWN
        if key < 0:
            self.variables.constrains_outputs = True
        return terms.variable(key)

    def _operate(self, frame: Frame, term: Term, span: Span) -> None:
        """Give a computation or a comparison one more operand."""
        if len(frame.terms) < _MOST_OPERANDS:
            frame.terms.append(term)
            if len(frame.terms) == _MOST_OPERANDS:
                self.told.unread(f"`{frame.head}` has more than {_MOST_OPERANDS:,} operands", _head(span))

    def _computed(self, frame: Frame, span: Span) -> Term:
        if not frame.terms:
            self.told.unread(f"`{frame.head}` has nothing to compute with", _head(span))
            return terms.UNKNOWN
        result = terms.computed(frame.head, frame.terms)
        if result.degree == 2 and all(one.degree < 2 for one in frame.terms):
            what = "variables are multiplied" if frame.head == "*" else "something is divided by a variable"
            message = f"{what}: few solvers take what is not linear"
            self.told.tell("TL706", Severity.WARNING, message, span)
        return result

    def _compare(self, head: str, found: list[Term], around: Frame, span: Span) -> None:
        box = Box(around.box) if around.sort == Sort.OR else around.box
        if len(found) != 2:
            self.told.unread(f"`{head}` compares two terms, found {len(found)}", _head(span))
        elif box is not None:
            difference = terms.total([found[0], terms.negated(found[1])])
            key, factor = difference.key, difference.factor
            if key is not None and key >= 0 and factor and difference.degree == 1:
                value = -difference.constant / factor
                if head in ("<=", "<", "=", "=="):
                    self._narrowed(box, key, factor < 0, value, span)
                if head in (">=", ">", "=", "=="):
                    self._narrowed(box, key, factor > 0, value, span)
        if around.sort == Sort.OR and box is not None:
            self._alternative(around, box)

    def _narrowed(self, box: Box, key: int, from_below: bool, value: float, span: Span) -> None:
        against = box.at_least(key, value) if from_below else box.at_most(key, value)
        if against is not None:
            low, high = (value, against) if from_below else (against, value)
            self._empty(key, low, high, span, _leaves(box))

    def _empty(self, key: int, low: float, high: float, span: Span, leaves: str) -> None:
        name = self._declarations.name(key)
        severity = Severity.WARNING if leaves == _ONE else Severity.ERROR
        message = f"{leaves} a value for {name}: it is at least {low!r} and at most {high!r}"
        self.told.tell("TL704", severity, message, span)


_ONE = "this alternative does not leave"


def _leaves(box: Box) -> str:
    return "the bounds do not leave" if box.around is None else _ONE


def _head(span: Span) -> Span:
    """The beginning of what may be a long stretch of text."""
    return span[0], min(span[1], span[0] + 40)
