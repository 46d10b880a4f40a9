"""Reads the SQL files with PostgreSQL's own parser: ``make check`` runs it, and so does the commit hook.

    python .ci/lint_sql.py [FILE ...]     every file of sql/ without an argument

pglast is that parser as a package. sqlfluff was tried on these files first. It has a grammar of its own, which refuses
valid statements (the operator ``^@``, an ``offset`` in a select without ``from``). It does not read the bodies of
functions in quotes. And what it finds is a matter of taste: three quarters are indentation and line breaks.

The parser is that of PostgreSQL 18. The tests run each file on a server, so they find what an older one refuses.

Beyond that there are few rules, and each is about a mistake. ``not in (select ...)`` is allowed: it is a hashed lookup,
which refresh_term_statistics.sql relies on. Indentation and line breaks are for the author to decide.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pglast import ast, enums, parse_plpgsql, parse_sql
from pglast.parser import ParseError, scan
from pglast.visitors import Visitor

ROOT = Path(__file__).resolve().parents[1]
LONGEST_LINE = 130
AVOIDED_TYPES = {
    "bpchar": "text",
    "json": "jsonb",
    "money": "numeric",
    "serial": "an identity column",
    "bigserial": "an identity column",
    "timestamp": "timestamptz",
    "timetz": "timestamptz",
    "varchar": "text",
}


class Finding(NamedTuple):
    """What is wrong, and at which character of the file."""

    position: int
    message: str


def findings(text: str) -> Iterator[Finding]:
    """Everything that is wrong in a file, in no order. A file that does not parse has that one finding alone."""
    yield from _layout(text)
    try:
        statements = parse_sql(text)
    except ParseError as error:
        yield Finding(error.args[1] or 0, error.args[0])
        return
    yield from _upper_case(text)
    habits = _Habits()
    for statement in statements:
        begin = statement.stmt_location or 0
        start = begin + len(_leading(text[begin:]))
        yield from (Finding(start, message) for message in _body_errors(text, statement))
        habits(statement)
    yield from habits.found


def _layout(text: str) -> Iterator[Finding]:
    for match in re.finditer(r"\t|[ ]+$", text, re.MULTILINE):
        yield Finding(match.start(), "a tab, or a blank at the end of the line")
    for match in re.finditer(rf"^.{{{LONGEST_LINE + 1},}}$", text, re.MULTILINE):
        yield Finding(match.start() + LONGEST_LINE, f"the line is longer than {LONGEST_LINE} characters")
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield Finding(len(text), "the file does not end with one newline")


def _upper_case(text: str) -> Iterator[Finding]:
    for token in scan(text):
        word = text[token.start : token.end + 1]
        if token.kind != "NO_KEYWORD" and word != word.lower():
            yield Finding(token.start, f"the keyword {word} is not in lower case")


def _leading(text: str) -> str:
    """The blanks and comments before a statement."""
    match = re.match(r"(?:\s+|--[^\n]*)*", text)
    return match[0] if match else ""


def _body_errors(text: str, statement: Any) -> Iterator[str]:
    """What is wrong in a body in quotes, which PostgreSQL itself reads only when the function is made or called."""
    node = statement.stmt
    if not isinstance(node, (ast.CreateFunctionStmt, ast.DoStmt)):
        return
    given = node.options if isinstance(node, ast.CreateFunctionStmt) else node.args
    options = {option.defname: option.arg for option in given or ()}
    language = options["language"].sval if "language" in options else "plpgsql"
    begin, length = statement.stmt_location or 0, statement.stmt_len or len(text)
    try:
        if "as" in options and language == "plpgsql":
            parse_plpgsql(text[begin : begin + length])
        elif "as" in options and language == "sql":
            parse_sql(options["as"][0].sval)
    except ParseError as error:
        yield f"in the body that begins here: {error.args[0]}"


class _Habits(Visitor):
    """Valid SQL that does not do what its reader expects."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def _say(self, node: Any, message: str) -> None:
        self.found.append(Finding(node.location, message))

    def visit_A_Expr(self, _: Any, node: Any) -> None:  # noqa: N802
        sides = (node.lexpr, node.rexpr)
        if node.kind == enums.A_Expr_Kind.AEXPR_OP and any(isinstance(s, ast.A_Const) and s.isnull for s in sides):
            self._say(node, "an operator with null gives null: write is null, or is distinct from")

    def visit_TypeName(self, _: Any, node: Any) -> None:  # noqa: N802
        name = node.names[-1].sval
        if name in AVOIDED_TYPES:
            self._say(node, f"the type {name}: take {AVOIDED_TYPES[name]}")


def main(arguments: list[str]) -> int:
    """Print what is wrong as ``file:line:column: message``. The exit code: 1 if anything is."""
    paths = [Path(name) for name in arguments] or sorted((ROOT / "sql").rglob("*.sql"))
    count = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for position, message in sorted(findings(text)):
            before = text[:position]
            print(f"{path}:{before.count(chr(10)) + 1}:{position - before.rfind(chr(10))}: {message}")
            count += 1
    files = "1 SQL file" if len(paths) == 1 else f"{len(paths)} SQL files"
    problems = "1 problem" if count == 1 else f"{count or 'no'} problems"
    print(f"Found {problems} in {files}.")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
