"""A composite index as index.yaml has it: what an error tells to add, and what the automatic part is made of.

The text is the one of App Engine's development server, except that a name is quoted where YAML would take it for
something else: the server writes ``name: yes``, and can't read its own file again.
"""

from __future__ import annotations

import re

from .composite import CompositeIndex

# What YAML 1.1 (Google's tools) or 1.2 (most others) resolves to something that is no string.
_WORDS = frozenset({"", "~", "=", "<<", "y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NUMBER = re.compile(
    r"""(?ix)
      (?: [-+] | (?!_) )                                              # an underscore needs a sign before it
      (?: 0b[01_]+ | 0o[0-7_]+ | 0x[0-9a-f_]+
        | [0-9_.]+ (?: e [-+]? [0-9]* )?
        | [0-9][0-9_]* (?: :[0-5]?[0-9] )+ (?: \.[0-9_]* )?           # base 60
        | \.inf )
    | \.nan
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} .*                               # a date
    """
)
# What ends a plain scalar, or begins something else.
_SPECIAL = re.compile(
    r"""(?x) ^ (?: [\s,\[\]{}\#&*!|>'"%@`] | [-?:](?:\s|$) | --- | \.\.\. ) | :(?:\s|$) | \s\# | \s$"""
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def stanza(index: CompositeIndex, indent: str = "") -> str:
    """The entry of *index* under ``indexes:``, without a line end; each line begins with *indent*."""
    lines = [f"- kind: {scalar(index.kind)}"]
    if index.ancestor:
        lines.append("  ancestor: yes")
    if index.properties:
        lines.append("  properties:")
    for each in index.properties:
        lines.append(f"  - name: {scalar(each.name)}")
        if each.descending:
            lines.append("    direction: desc")
    return "\n".join(indent + line for line in lines)


def scalar(text: str) -> str:
    """*text* as a value on the line of its key: plain where every YAML reads it as this string, or quoted."""
    is_plain = (
        text.isprintable()
        and text.lower() not in _WORDS
        and not _SPECIAL.search(text)
        and not _NUMBER.fullmatch(text)
    )
    return text if is_plain else f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
