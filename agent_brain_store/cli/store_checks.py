"""What the doctor looks at in a store on PostgreSQL: schema, fit, profile, indexes, upkeep and terms.

Each function looks for one kind of finding.
"""

from __future__ import annotations

from agent_brain_store.checks import startup
from agent_brain_store.cli.findings import (
    AS_SAID,
    ERROR,
    MIGRATE,
    NOTE,
    REDERIVE,
    REINDEX,
    RELOAD,
    WARNING,
    Check,
    Finding,
    in_psql,
    mebibytes,
    no_profile,
)
from agent_brain_store.cli.opening import Look, store_name
from agent_brain_store.cli.screen import counted
from agent_brain_store.cli.state import schema_state
from agent_brain_store.config import StoreConfig
from agent_brain_store.errors import DimensionMismatchError, ProviderMismatchError, StorageError
from agent_brain_store.results import EmbeddingMetadata

_FEW = 1000  # rows; below this, nobody notices
_SHARE = 0.2  # of all rows
LARGE = 16 * 2**20  # bytes; a smaller index is not worth a thought
_BLOATED = 50  # percent
OFTEN = 1000  # scans
_AUTOVACUUM_HERE = "alter table chunks reset (autovacuum_enabled)"
_AUTOVACUUM = "alter system set autovacuum = on"
_GRANT_USAGE = "grant usage on schema {schema} to {role}"
_VACUUM = "vacuum analyze chunks"
_ANALYZE = "analyze chunks"


async def schema(config: StoreConfig, look: Look) -> list[Finding]:
    """Find a store that is missing, behind this library, or ahead of it."""
    from agent_brain_store.postgres.migrate import load_migrations

    if look.server["may_use_schema"] is False:
        role, owner, name = look.server["role"], look.server["schema_owner"], store_name(config)
        evidence = f"the schema {name} belongs to {owner}, and this role may not look into it"
        mend = in_psql(_GRANT_USAGE.format(schema=name, role=role), owner)
        return [Finding(ERROR, f"the role {role} may not see the store", evidence, mend)]
    if not look.version:
        evidence = f"the schema {store_name(config)} has no tables of this library that this role can see"
        return [Finding(ERROR, "there is no store", evidence, MIGRATE)]
    if look.version > load_migrations()[-1].version:
        evidence = f"the schema is at version {look.version}"
        return [
            Finding(ERROR, "the store is newer than this library", evidence, "Run: pip install -U agent-brain-store.")
        ]
    return [Finding(WARNING, "the schema is behind this library", state, MIGRATE) for state in await schema_state(look)]


async def fit(config: StoreConfig, look: Look) -> list[Finding]:
    """Find a store that is not what the configuration asks for: its dimensions, distance, language, model or locale."""
    from agent_brain_store.postgres.guard import check_store

    try:
        _, stored = await check_store(look.connection, config)
        if (await look.row("count_chunks"))["chunks"]:  # an empty store takes the settings of the next start
            startup.check_store(config, stored, "postgres")
    except DimensionMismatchError as error:
        mend = f"Configure the model that filled the store: its vectors have {error.expected} dimensions."
        return [Finding(ERROR, "the dimensions differ", error.message, mend)]
    except ProviderMismatchError as error:
        mend = f"Set embedding.provider to {error.indexed_provider} and embedding.model to {error.indexed_model}."
        return [Finding(ERROR, "another embedding model filled the store", error.message, mend)]
    except StorageError as error:
        return [Finding(ERROR, "the store is not what the configuration asks for", error.message, AS_SAID)]
    return []


async def profile(config: StoreConfig, look: Look) -> list[Finding]:
    """Find a store whose embedding model nobody has named."""
    rows = await look.query("get_profile")
    stored = EmbeddingMetadata(**rows[0]) if rows else None
    return no_profile(config, stored, int((await look.row("count_chunks"))["chunks"]))


async def indexes(config: StoreConfig, look: Look) -> list[Finding]:
    """Find indexes that are missing or invalid. Searches are right without them, but slow."""
    from agent_brain_store.postgres.index_builds import VECTOR_INDEX
    from agent_brain_store.postgres.indexes import wants_index

    there = {row["name"]: row["valid"] for row in await look.query("index_facts")}
    missing = [row["name"] for row in await look.query("missing_indexes", concurrently=True)]
    if wants_index(config) and VECTOR_INDEX not in there:
        missing.append(VECTOR_INDEX)
    invalid = [name for name, valid in there.items() if not valid]
    builds = await look.query("build_progress")
    found = [Finding(NOTE, "an index is being built", ", ".join(str(row["index"]) for row in builds), "Wait for it.")]
    return [
        *(found if builds else []),
        *(Finding(ERROR, "an index is missing", name, MIGRATE) for name in missing),
        *(Finding(ERROR, "an index is invalid", f"{name}: its build was interrupted", MIGRATE) for name in invalid),
    ]


async def index_options(config: StoreConfig, look: Look) -> list[Finding]:
    """Find a vector index that was built with other parameters than the configured ones."""
    from agent_brain_store.checks.startup import StoreFacts, config_of
    from agent_brain_store.postgres.index_builds import VECTOR_INDEX, compare

    (facts,) = await look.query("store_facts")
    stored = config_of(config, StoreFacts(facts["dimensions"], facts["distance"], facts["language"]))
    found = []
    for row in await look.query("index_facts"):
        if row["name"] == VECTOR_INDEX:
            found += compare(stored, row)
    return [Finding(WARNING, "the vector index is not as configured", evidence, REINDEX) for evidence in found]


async def upkeep(_: StoreConfig, look: Look) -> list[Finding]:
    """Find that autovacuum is off, many dead rows, and statistics of the planner that are old."""
    row = await look.row("upkeep")
    found = []
    if not row["autovacuum"]:
        mend = f'{in_psql(_AUTOVACUUM_HERE)} -c "{_AUTOVACUUM}" {RELOAD}'
        found.append(Finding(WARNING, "autovacuum is off", "for the table chunks or for the server", mend))
    if row["dead_rows"] > max(_FEW, _SHARE * row["rows"]):
        evidence = f"{counted(row['dead_rows'], 'dead row')} beside {counted(row['rows'], 'chunk')}"
        found.append(Finding(WARNING, "the table is full of dead rows", evidence, in_psql(_VACUUM)))
    if row["changes"] > max(_FEW, _SHARE * row["rows"]):
        since = row["analyzed"] or "the beginning"
        evidence = f"{counted(row['changes'], 'change')} of rows since {since}"
        found.append(Finding(WARNING, "the planner's statistics are old", evidence, in_psql(_ANALYZE)))
    return found


async def index_use(_: StoreConfig, look: Look) -> list[Finding]:
    """Find indexes that are much larger than new ones would be, and a vector index that no search uses."""
    rows = {row["name"]: row for row in await look.query("bloat")}
    found = [
        Finding(
            WARNING,
            "an index is bloated",
            f"{name} has {mebibytes(row['bytes'])}, and {row['bloat_percent']} % of that would go",
            REINDEX,
        )
        for name, row in rows.items()
        if row["bytes"] > LARGE and (row["bloat_percent"] or 0) > _BLOATED
    ]
    vectors, words = rows.get("chunks_embedding_ann"), rows.get("chunks_tsv_gin")
    if vectors and words and not vectors["scans"] and words["scans"] > OFTEN and vectors["bytes"] > LARGE:
        evidence = f"{counted(words['scans'], 'scan')} of the word index, and none of the vector index"
        mend = "If nobody searches by vectors, set storage.postgres.index to none, and remove the index."
        found.append(Finding(NOTE, "the vector index is not used", evidence, mend))
    return found


async def word_counts(_: StoreConfig, look: Look) -> list[Finding]:
    """Find word counts that are far behind the chunks, as a crash can leave them. The next start counts again."""
    age = await look.row("term_statistics_age")
    if age["changes"] <= 0.1 * age["chunks"]:
        return []
    evidence = (
        f"{counted(age['changes'], 'chunk')} written or deleted since the last count, "
        f"and the store has {counted(age['chunks'], 'chunk')}"
    )
    return [Finding(WARNING, "keyword ranking works with old word counts", evidence, MIGRATE)]


async def terms(_: StoreConfig, look: Look) -> list[Finding]:
    """Find stored terms that another version of the library derived."""
    from agent_brain_store.postgres.derivation import outdated_terms

    outdated = await outdated_terms(look.connection)
    return [Finding(WARNING, "keyword search may miss chunks", evidence, REDERIVE) for evidence in outdated]


# The first looks whether there is a store. The others are asked only if there is one.
CHECKS: tuple[Check, ...] = (schema, fit, profile, indexes, index_options, index_use, upkeep, word_counts, terms)
