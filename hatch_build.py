"""A hook of the build, for a package index, where no files lie beside the README.

Nobody can know the address of a repository from its files. With the variable ``PROJECT_URL``, as in
``https://HOST/OWNER/NAME``, the metadata name that address, and the links of the README lead to the files of the version's
tag there. Without it, the README goes into the metadata as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"(?!\w+:|#)"
_PICTURE = re.compile(rf'(!\[[^\]]*\]\(|\b(?:src|srcset)="){_RELATIVE}')
_LINK = re.compile(rf"(\]\(){_RELATIVE}")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


class Links(MetadataHookInterface):
    """Adds the README, and with ``PROJECT_URL`` the project's addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        root, url = Path(self.root), os.environ.get("PROJECT_URL", "").rstrip("/")
        text = (root / "README.md").read_text(encoding="utf-8")
        if url:
            code = (root / "agent_brain_store" / "__init__.py").read_text(encoding="utf-8")
            (version,) = _VERSION.findall(code)
            text = absolute(text, url, f"v{version}")
            metadata["urls"] = {
                "Repository": url,
                "Documentation": f"{url}/blob/v{version}/docs/index.md",
                "Changelog": f"{url}/blob/v{version}/CHANGELOG.md",
                "Issues": f"{url}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def absolute(text: str, url: str, tag: str) -> str:
    """Return a page whose links and pictures are those of a tag in a repository, as GitHub and its likes name them."""
    text = _PICTURE.sub(rf"\g<1>{url}/raw/{tag}/", text)
    return _LINK.sub(rf"\g<1>{url}/blob/{tag}/", text)
