"""Store chunks for retrieval-augmented generation, on Chroma or on PostgreSQL, through one async contract."""

from agent_brain_store.config import StoreConfig, load_config
from agent_brain_store.errors import (
    ConfigError,
    ConnectionFailed,
    DimensionMismatchError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidQueryError,
    MigrationFailed,
    MissingDependency,
    NotInitialized,
    OutcomeUnknown,
    PoolTimeout,
    ProviderMismatchError,
    QueryFailed,
    ReadOnlyStore,
    SchemaError,
    SchemaTooNew,
    StorageError,
    StoreLocked,
    TransferError,
)
from agent_brain_store.factory import create_backend, open_store
from agent_brain_store.lifespan import lifespan
from agent_brain_store.protocol import (
    BulkLoader,
    Document,
    Fusion,
    Progress,
    ProgressCallback,
    StorageBackend,
)
from agent_brain_store.results import (
    ChunkProblem,
    EmbeddingMetadata,
    Health,
    IndexReport,
    ReplaceResult,
    SearchResult,
    Upserted,
)
from agent_brain_store.sync import SyncStore, open_store_sync
from agent_brain_store.transfer.moving import TransferReport, copy_documents, export_documents, import_documents

__version__ = "0.1.0"

__all__ = [
    "BulkLoader",
    "ChunkProblem",
    "ConfigError",
    "ConnectionFailed",
    "DimensionMismatchError",
    "Document",
    "EmbeddingMetadata",
    "Fusion",
    "Health",
    "IndexReport",
    "InvalidDocumentError",
    "InvalidFilterError",
    "InvalidQueryError",
    "MigrationFailed",
    "MissingDependency",
    "NotInitialized",
    "OutcomeUnknown",
    "PoolTimeout",
    "Progress",
    "ProgressCallback",
    "ProviderMismatchError",
    "QueryFailed",
    "ReadOnlyStore",
    "ReplaceResult",
    "SchemaError",
    "SchemaTooNew",
    "SearchResult",
    "StorageBackend",
    "StorageError",
    "StoreConfig",
    "StoreLocked",
    "SyncStore",
    "TransferError",
    "TransferReport",
    "Upserted",
    "copy_documents",
    "create_backend",
    "export_documents",
    "import_documents",
    "lifespan",
    "load_config",
    "open_store",
    "open_store_sync",
]
