"""Readers of what this library did not make, and `import_from`, which stores what they yield."""

from agent_brain_store.sources.chroma import read_chroma
from agent_brain_store.sources.files import read_json_lines, read_parquet
from agent_brain_store.sources.importing import NAMED, ImportReport, Items, LeftOut, import_from
from agent_brain_store.sources.tables import read_agent_brain, read_langchain, read_llama_index, read_table

__all__ = [
    "NAMED",
    "ImportReport",
    "Items",
    "LeftOut",
    "import_from",
    "read_agent_brain",
    "read_chroma",
    "read_json_lines",
    "read_langchain",
    "read_llama_index",
    "read_parquet",
    "read_table",
]
