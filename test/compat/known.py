"""Where kvd is meant to answer otherwise than redis-server 7.0.15, each with the reason.

A row is (command as a regular expression over its words joined by blanks, what kvd answers as a regular expression or
None for anything, reason, and perhaps what redis-server answers). The differential tester ignores a difference that a row explains and counts its use.
"""
import re

KNOWN = [
    (r"(?i)z(rev)?rank .*", rb"-ERR syntax error\r\n", "ZRANK and ZREVRANK have the option WITHSCORE, as in Redis 7.2."),
    (r"(?i)\S+ help", None, "The text of HELP is our own."),
    (r"(?i)lpos .*rank -9223372036854775808.*", rb"-ERR value is out of range.*",
     "The lowest integer has no opposite; Redis of later versions refuses it too."),
    (r"(?i)bitfield .*\bset i\d+ \S+ -92233720368547\d+.*", None,
     "SET of a number near -2^63 saturates at the lowest number; Redis' check overflows and it takes the highest."),
    (r"(?i)pfadd damaged .*", rb"-INVALIDOBJ .*", "Of several elements none is added where a later one meets damage; Redis keeps the first ones."),
    (r"(?i)object encoding .*", rb"\$8\r\nlistpack\r\n", "Small sets are packed, as Redis does from 7.2 on.", rb"\$9\r\nhashtable\r\n"),
    (r"(?i)object encoding zs1", rb"\$8\r\nlistpack\r\n",
     "SORT of Redis turns a packed sorted set into its other form; here it only reads.", rb"\$8\r\nskiplist\r\n"),
]


def compiled(command, mine, reason, theirs=None):
    return [expression and re.compile(expression, re.S) for expression in (command, mine, theirs)]


COMPILED = [compiled(*row) for row in KNOWN]


def explained(words, mine, theirs=b""):
    text = " ".join(word.decode("latin-1") for word in words)
    return any(command.fullmatch(text) and (of_mine is None or of_mine.fullmatch(mine)) and (of_theirs is None or of_theirs.fullmatch(theirs))
               for command, of_mine, of_theirs in COMPILED)
