"""Where kvd is meant to answer otherwise than redis-server 7.0.15, each with the reason.

A row is (command as a regular expression over its words joined by blanks, what kvd answers as a regular expression or
None for anything, reason). The differential tester ignores a difference that a row explains and counts its use.
"""
import re

KNOWN = [
    (r"(?i)\S+ help", None, "The text of HELP is our own."),
    (r"(?i)lpos .*rank -9223372036854775808.*", rb"-ERR value is out of range.*",
     "The lowest integer has no opposite; Redis of later versions refuses it too."),
]

COMPILED = [(re.compile(command, re.S), re.compile(answer, re.S) if answer else None) for command, answer, _ in KNOWN]


def explained(words, answer):
    text = " ".join(word.decode("latin-1") for word in words)
    return any(command.fullmatch(text) and (expected is None or expected.fullmatch(answer)) for command, expected in COMPILED)
