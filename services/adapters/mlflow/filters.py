r"""Filters for MLflow's search calls that are right for every name.

MLflow's grammar has no escape inside a quoted text (`name = 'it''s'` looks for two quotes), so a name with both
kinds of quotes cannot be written after ``=``. The list after ``IN``, however, is read as a Python literal
(`SearchUtils._parse_list_from_sql_token`), which knows ``\uXXXX``: with everything but letters and digits written
that way a name cannot end its text, so nothing can be injected, and every name can be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus

MAX_NAMES = 100
MAX_QUERY = 6_000
"""Bytes of the encoded filter: proxies refuse addresses beyond 8 kB."""
PLAIN = re.compile(r"[A-Za-z0-9 ._-]")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def literal(name: str) -> str:
    """The name as an ASCII Python literal that holds no character of meaning to SQL or MLflow's parser."""
    return "'" + "".join(c if PLAIN.fullmatch(c) else _escaped(c) for c in name) + "'"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def is_plain(name: str) -> bool:
    """True when the literal is the name in quotes, which every version of MLflow understands."""
    return all(PLAIN.fullmatch(c) for c in name)


def one_of(attribute: str, values: Sequence[str]) -> str:
    """``attribute IN (…)``; empty `values` match nothing, which the grammar cannot say, so there must be one."""
    return f"{attribute} IN ({','.join(literal(value) for value in values)})"


def like(name: str) -> str:
    """A pattern that matches the name and perhaps others: what is not plain becomes a wildcard.

    The caller keeps only exact matches. For servers that read the list after ``IN`` in another way.
    """
    pattern = re.sub(r"%+", "%", "".join(c if PLAIN.fullmatch(c) else "%" for c in name[:200]))
    return f"name LIKE '{pattern}{'%' if len(name) > 200 else ''}'"


def fits(name: str) -> bool:
    """False for a name so long that its literal alone would make the address too long."""
    return len(quote_plus(literal(name))) < MAX_QUERY - 20


def chunks(names: Sequence[str]) -> Iterator[list[str]]:
    """Groups of names whose filter fits into an address."""
    group: list[str] = []
    size = 0
    for name in names:
        more = len(quote_plus(literal(name))) + 3
        if group and (len(group) == MAX_NAMES or size + more > MAX_QUERY):
            yield group
            group, size = [], 0
        group.append(name)
        size += more
    if group:
        yield group


def is_run_id(text: str) -> bool:
    """True for what MLflow makes as run ids; anything else is never put into a filter."""
    return _RUN_ID.fullmatch(text) is not None
