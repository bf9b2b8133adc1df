"""The words of a rule's text."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from mrtoolkit.errors import ExpressionError
from mrtoolkit.expressions.interning import MAX_KEY

_PATTERN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<sign>\*\*|>=|<=|==|!=|[-+*/<>&|~=.,:()\[\]{}])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word: its kind ("number", "name", "string", "sign", "end"), its text, and where it starts (from 0)."""

    kind: str
    text: str
    start: int


def tokenize(text: str) -> list[Token]:
    """Return the words of `text`, an "end" last.

    Raises
    ------
    ExpressionError
        If `text` is no text, is longer than 100,000 characters, or has a character that no rule has.
    """
    if not isinstance(text, str):
        raise ExpressionError(
            f"a rule to parse must be text, got a {type(text).__name__}; write mrt.parse('close > 5')."
        )
    if len(text) > MAX_KEY:
        raise ExpressionError(
            f"the text of a rule has {len(text):,} characters, of at most {MAX_KEY:,}; split the rule."
        )
    tokens = []
    at = 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        if match is None:
            raise unreadable(text, at, *_unknown(text[at]))
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup or "", match.group(), at))
        at = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def string_value(text: str, token: Token) -> str:
    """Return what a quoted word stands for."""
    body = token.text[1:-1]
    if token.text[0] == "'":
        body = re.sub(r'\\.|"', lambda match: {"\\'": "'", '"': '\\"'}.get(match.group(), match.group()), body)
    try:
        return str(json.loads(f'"{body}"'))
    except ValueError:
        reason = "the quoted text has an escape or character that is not known"
        raise unreadable(text, token.start, reason, r"escapes are \" \\ \n \t and \u00e9") from None


def unreadable(text: str, at: int, reason: str, cure: str) -> ExpressionError:
    """Return the error for `text` at index `at`."""
    near = repr(text[max(0, at - 20) : at] + "<here>" + text[at : at + 20])
    return ExpressionError(f"the rule cannot be read at character {at + 1:,}, {near}: {reason}; {cure}.")


def shortened(text: str) -> str:
    """Return `text` in quotes, cut to what a message bears."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _unknown(character: str) -> tuple[str, str]:
    if character in "\"'":
        return "the quoted text has no end", f"close it by {character}, and write a new line inside as \\n"
    cures = {
        "^": "write a ** b for a power",
        "%": "compute a remainder in an @mrt.indicator",
        "!": "write ~ for not",
        "@": "leave it out",
    }
    return f"{character!r} is no part of a rule", cures.get(character, "leave it out")
