"""Find a question of nothing but stop words as it is written, as the SQL function ``verbatim()`` does
(``sql/functions/verbatim.sql``).

Stop words are not indexed, so texts are read one by one. This is the last resort, and it is bounded.
"""

import re

from agent_brain_store.textsearch.folding import ALNUM, fold
from agent_brain_store.textsearch.words import question_terms

MOST_WORDS, MOST_CHARACTERS = 20, 400  # a longer question of stop words finds nothing
BUDGETS = 30  # how many texts are read at most, in budgets

_WORD = re.compile(f"[{ALNUM}]+")


def verbatim(query: str, language: str) -> re.Pattern[str] | None:
    """Return what finds the words of a question side by side, in any case. Returns None if it has terms, or no words."""
    words = _WORD.findall(fold(query)) if len(query) <= MOST_CHARACTERS else []
    if not 0 < len(words) <= MOST_WORDS or question_terms(query, language):
        return None
    between = f"[^{ALNUM}]+"
    return re.compile(f"(?<![{ALNUM}]){between.join(''.join(map(_in_any_case, word)) for word in words)}(?![{ALNUM}])")


def _in_any_case(letter: str) -> str:
    return "[" + "".join(form for form in (letter.lower(), letter.upper()) if len(form) == 1) + "]"
