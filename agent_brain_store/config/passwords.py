"""Find the password of PostgreSQL: in a variable, in a file, by a command, or where it stands."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from agent_brain_store.config.commands import from_command
from agent_brain_store.config.rules import expanded

PASSWORDS = ("password", "password_env", "password_file", "password_command")
_PG = "storage.postgres"


def _if_named(text: str, pattern: str) -> str:
    """Quote the name of a variable or file only if it looks like one. Someone may have put a password there."""
    return f" {text}" if re.fullmatch(pattern, text) else ""


class Passwords(ABC):
    """The part of a draft that finds passwords. The draft says what is in the environment, and collects problems."""

    env: dict[str, str]
    problems: list[str]
    origins: dict[tuple[str, str], str]

    @abstractmethod
    def report(self, section: str, key: str, text: str) -> None:
        """Note a problem of a key."""

    def settle_password(self, postgres: dict[str, Any]) -> None:
        """Replace the keys of a password in ``postgres`` by the password itself."""
        given = {key: postgres.pop(key) for key in PASSWORDS if key in postgres}
        if len(given) == 1 and "password" not in given:
            self.origins[_PG, "password"] = f"{_PG}.{next(iter(given))}"
        if len(given) > 1:
            self.report(_PG, "password", f"{' and '.join(given)} are set together; set only one of them")
        elif "password_env" in given:
            postgres["password"] = self._variable(given["password_env"], f"{_PG}.password_env")
        elif "password_file" in given:
            postgres["password"] = self._password_from(expanded(given["password_file"]))
        elif "password_command" in given:
            postgres["password"] = from_command(given["password_command"])
        elif isinstance(given.get("password"), str):
            postgres["password"] = self.resolved(given["password"], f"{_PG}.password")
        elif given:
            postgres.update(given)
        elif not self.env.keys() & {"PGPASSWORD", "PGPASSFILE"} and "embedded_path" not in postgres:
            origin = "POSTGRES_PASSWORD"
            postgres["password"] = self.resolved(self.env.get(origin), origin)
            self.origins |= {(_PG, "password"): origin} if origin in self.env else {}

    def _password_from(self, path: Path) -> str | None:
        try:
            text = path.read_text(encoding="utf-8-sig").rstrip("\r\n")  # Windows writes a mark before the text
            reason = "" if text else "it is empty"
        except (OSError, ValueError) as error:
            text, reason = "", getattr(error, "strerror", None) or "it isn't UTF-8 text"
        if reason:
            name = _if_named(str(path), r".*[/\\].*")
            self.report(_PG, "password_file", f"the file{name} gives no password: {reason}")
        return text or None

    def resolved(self, text: str | None, origin: str) -> str | None:
        """Replace ``secret://env/NAME`` by the variable's value. Other text is returned as it is."""
        if text is None or not text.startswith("secret://"):
            return text
        if text.startswith("secret://env/"):
            return self._variable(text.removeprefix("secret://env/"), origin)
        self.problems.append(
            f"{origin}: only secret://env/NAME is supported; have your platform put "
            f"the secret in a variable or a file, and name it with {_PG}.password_env or {_PG}.password_file"
        )
        return None

    def _variable(self, name: str, origin: str) -> str | None:
        if name not in self.env:
            named = _if_named(name, "[A-Z_][A-Z0-9_]*")
            self.problems.append(f"{origin}: the environment variable{named} is not set; it should hold the password")
        return self.env.get(name)
