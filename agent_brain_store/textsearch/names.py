"""Find the exact names in a question, as the SQL function ``question_names()`` does (``sql/functions/question_names.sql``)."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

# A name has a digit, or a mark or a capital inside that ordinary words do not have. Only ASCII decides, so that both
# backends do the same on every server. A dot needs two characters on each side, because "e.g." is not a name.
_NAME = re.compile(
    r"[0-9]|[A-Za-z0-9](?:_|::|:?\\|@)[A-Za-z0-9]|[A-Za-z0-9]{2}\.[A-Za-z0-9]{2}|/.*[/.][A-Za-z0-9]|[a-z][A-Z]",
    re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_QUOTED = re.compile(r'"([^"]+)"|`([^`]+)`')
MOST_NAMES, LONGEST = 100, 200  # words, and as many quotations; the characters of a name


def exact_names(query: str) -> set[str]:
    """Return the words of a question that look like a code, a number, an identifier or a path, and what it quotes.

    Only the first of very many are returned.
    """
    words = (word for word in _BLANKS.split(query) if _NAME.search(word))
    return {*_first(words), *_first(found[1] or found[2] for found in _QUOTED.finditer(query))}


def _first(names: Iterable[str]) -> Iterator[str]:
    return islice(dict.fromkeys(name for name in names if len(name) <= LONGEST), MOST_NAMES)
