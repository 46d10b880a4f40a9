"""Python sees the terms that PostgreSQL sees, with the same positions, matches and scores."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import Stemmer

from agent_brain_store import StoreConfig, create_backend
from agent_brain_store.config import LANGUAGES, KeywordConfig
from agent_brain_store.textsearch.frequencies import frequencies
from agent_brain_store.textsearch.index import KeywordIndex
from agent_brain_store.textsearch.words import Form, word_forms
from agent_brain_store.textsearch.words import count_terms as count_words
from benchmarks.judged import COLLECTIONS
from tests.support.internals import count_terms
from tests.support.odd_texts import ODD_TEXTS
from tests.support.stores import embed, mapping

# ruff: noqa: RUF001 - letters that look like others belong to the odd texts

pytestmark = pytest.mark.postgres
SNOWBALL_2 = pytest.mark.skipif(
    int(Stemmer.version().split(".")[0]) >= 3, reason="PostgreSQL's stems are those of PyStemmer < 3"
)


SCRIPTS = [
    "é", "ü", "e\u0301", "ß", "ё", "й", "校验", "서울", "\u0e01\u0e47", "\u0e17\u0e35\u0e48", "\u1000\u103a",
    "\u1780\u17d2\u1780", "\u05e9\u05b8\u05c1", "ی", "\u001b[31m", "\u200b", "ﬃ", "①", "²", "½", "…", "ÉTÉ", "ー",
    "ｶﾞ", "IT", "THE", "-", "-\u000a", "\u00ad\u000a", "++", "#", ".net", "1,000", "&", "’", "Ab", "‐", " ", "\u000a",
    ".", "ה", "ומ", "ספר", "״", '"', "־", "ال", "و", "لل", "كتاب", "أ", "\u200c", "ـ", "٤", "ν", "ς", "न्", "द", "क\u093c", "मँ",
    "२", "๗", "🚀", "\U0001f3fd", "✓",
]  # fmt: skip


async def use_language(plain: Any, language: str) -> None:
    await plain.execute(
        "create or replace function search_config() returns regconfig language sql immutable parallel safe "
        f"return '{language}'::regconfig"
    )


async def terms_in_postgres(plain: Any, language: str, texts: list[str]) -> list[Counter[str]]:
    """Return how often each text has each term. A term without a position counts once."""
    await use_language(plain, language)
    rows = await plain.fetch(
        """select (select array_agg(lexeme) from unnest(terms) as w, unnest(coalesce(w.positions, '{1}')) as p) as lexemes
           from (select place, text_terms(item) as terms
                 from unnest($1::text[]) with ordinality as items (item, place) offset 0) texts
           order by place""",
        texts,
    )
    return [Counter(row["lexemes"] or []) for row in rows]


def has_old_stems(plain: Any) -> bool:
    return bool(plain.get_server_version().major < 18)


def terms_in_python(language: str, text: str) -> Counter[str]:
    counted, length = frequencies(text, {}, KeywordConfig(language=language))
    assert sum(counted.values()) - length == sum(not n for n in count_words(text, language).values())
    return Counter({term: round(count) for term, count in counted.items()})


# --- terms -----------------------------------------------------------------------------------------------------------


@SNOWBALL_2
@pytest.mark.parametrize("language", sorted(LANGUAGES))
async def test_odd_texts_have_the_terms_that_postgres_finds(plain, language):
    if language not in {"french", "simple"} and has_old_stems(plain):
        pytest.skip("PostgreSQL before 18 stems a few English and German words otherwise")
    theirs = await terms_in_postgres(plain, language, ODD_TEXTS)
    assert [(text, terms_in_python(language, text)) for text in ODD_TEXTS] == list(zip(ODD_TEXTS, theirs, strict=True))


async def test_made_up_names_have_the_terms_that_postgres_finds(plain):
    """The parts of compound names are put together in any order, 6,000 times."""
    choose = random.Random(5).choice
    pieces = ["get", "User", "ID", "URL", "42", "..", "__", "()", *"asB7éЯ的._-/:\\ @'"]
    texts = ["".join(choose(pieces) for _ in range(choose(range(1, 14)))) for _ in range(6_000)]
    theirs = await terms_in_postgres(plain, "simple", texts)
    differ = [
        (text, ours, words)
        for text, words in zip(texts, theirs, strict=True)
        if (ours := terms_in_python("simple", text)) != words
    ]
    assert not differ, differ[:5]


async def test_every_character_has_the_terms_that_postgres_finds(plain):
    """Every character that Python knows, in a word and beside words, folded and parsed."""
    known = [chr(code) for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in {"Cs", "Cn", "Co"}]
    known.remove("\u037a")  # NFKC makes a blank and a mark of it, and the parser takes this mark alone for a letter
    words = [f"a{character}b É{character}." for character in known]
    texts = [" ".join(words[start : start + 100]) for start in range(0, len(words), 100)]
    theirs = await terms_in_postgres(plain, "simple", texts)
    assert [terms_in_python("simple", text) for text in texts] == theirs


async def test_made_up_texts_of_many_scripts_have_the_terms_that_postgres_finds(plain):
    choose = random.Random(6).choice
    texts = ["".join(choose(SCRIPTS) for _ in range(choose(range(1, 14)))) for _ in range(2_000)]
    for language in ("english", "french"):
        theirs = await terms_in_postgres(plain, language, texts)
        differ = [text for text, words in zip(texts, theirs, strict=True) if terms_in_python(language, text) != words]
        assert not differ, differ[:5]


async def test_made_up_questions_need_the_words_that_postgres_needs(plain):
    """Paths, names and accents are put together in any order, 4,000 times. Each word may be there in several forms."""
    choose = random.Random(7).choice
    pieces = ["get", "User", "main.py", "is", "42", "::", "café", "C++", "数据", "e-mail", "ＡＢ", *" a/_.\\- "]
    questions = ["".join(choose(pieces) for _ in range(choose(range(1, 10)))) for _ in range(4_000)]
    forms = [" & ".join(filter(None, map(tsquery, dict(word_forms(q, "simple")).values()))) for q in questions]
    await use_language(plain, "simple")
    differ = await plain.fetch(
        """select question, form, every_word(question)::text as theirs
           from unnest($1::text[], $2::text[]) as asked (question, form)
           where every_word(question) is distinct from nullif(form, '')::tsquery""",
        questions,
        forms,
    )
    assert not differ, differ[:5]


def tsquery(form: Form) -> str:
    """Write what finds a word as PostgreSQL reads it."""
    found = [" & ".join(map(quoted, form.every)), *map(quoted, form.others)]
    return f"({' | '.join(filter(None, found))})" if any(found) else ""


def quoted(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


@SNOWBALL_2
@pytest.mark.parametrize(
    "name", ["cranfield", "cisi", "medline", "cosqa", "techdocs", "piaf_fr", "xquad_vi", "xquad_zh"]
)
async def test_real_texts_have_the_terms_that_postgres_finds(plain, name):
    corpus = COLLECTIONS / name / "corpus.jsonl.gz"
    if not corpus.exists():
        pytest.skip(f"{corpus} is not there")
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        items = [json.loads(line) for line, _ in zip(lines, range(300), strict=False)]
    texts = [f"{item['title']} {item['text']}".replace("\0", "") for item in items]
    ours, theirs = (
        [terms_in_python("english", text) for text in texts],
        await terms_in_postgres(plain, "english", texts),
    )
    if has_old_stems(plain):
        same = sum((a & b).total() for a, b in zip(ours, theirs, strict=True))
        assert same >= 0.999 * sum(words.total() for words in theirs)
    else:
        assert ours == theirs


async def test_positions_end_where_those_of_postgres_end(plain):
    """Headings and summaries come first. The last word that has a position and is no stop word is the same."""
    config = KeywordConfig(heading_weight=1, summary_weight=1)
    metadata = {"title": "one two needle the", "summary": "three needle of the"}
    for pads in (16_370, *range(16_372, 16_384), 16_390):
        text = "pad " * pads + "needle the needle needle"
        (theirs,) = await plain.fetch(
            """select array_agg(lexeme) as lexemes
               from unnest(chunk_terms($1::text, $2::text::jsonb)) as w, unnest(w.positions)""",
            text,
            json.dumps(metadata),
        )
        counted, _ = frequencies(text, metadata, config)
        assert {term: round(count) for term, count in counted.items()} == Counter(theirs["lexemes"]), pads


# --- matched terms and scores ----------------------------------------------------------------------------------------


async def test_matched_terms_are_those_of_postgres(plain):
    text = "The quick brown foxes jumped over getUserById in os.path.join; 1e5 été Straße 日本"
    queries = [
        "Fox FOX foxes? jump, jumping the THE (quick) --brown-- slow",
        "getuserbyid get user ID getUserById os.path join! 'path' os/path/join",
        "1E5 Été straße STRASSE 日本 \u3000quick\u00a0fox a\u2003brown … ¿fox? ²fox²",
        "fox's fox-like x.fox",
        "userjumps quick userJumps",
        "(.os) ..os ...path [.join] x.path. os++ os++, os+ join#. #join -.os- 'été'++ 日本# .. . 🚀 over++++ '.os",
        *ODD_TEXTS,
    ]
    index = KeywordIndex(KeywordConfig())
    index.put("a", text, {})
    for query in queries:
        theirs = await plain.fetchval(
            "select matched_words(words, forms, chunk_terms($2::text, '{}')) from question_words($1::text)", query, text
        )
        assert index.matched(query, ["a"]) == {"a": theirs}, query


WORDS = [
    "parser",
    "token",
    "index",
    "vector",
    "chunk",
    "store",
    "query",
    "rank",
    "score",
    "weight",
    "lexeme",
    "heading",
    "summary",
    "corpus",
    "model",
    "stem",
]


def some_chunks(count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Make chunks of common and rare words. They have every key that is searched, some with odd values."""
    chooser = random.Random(11)

    def words(most: int) -> str:
        return " ".join(WORDS[min(int(chooser.expovariate(0.25)), 15)] for _ in range(chooser.randint(1, most)))

    keys = ("title", "file_name", "filename", "section_title", "heading_path", "symbol_name", "summary")
    chunks = []
    for i in range(count):
        metadata: dict[str, Any] = {
            key: words(6) for key in (*keys, "section_summary", "other") if chooser.random() < 0.2
        }
        if i % 10 == 0:
            metadata["heading_path"] = [words(2), words(2), 3, None]
        if i % 17 == 0:
            odd: list[Any] = [7, 2.5, True, {"index": "vector"}, [1e20, "token"], "src/token_rank/modelStore.py"]
            metadata["title"] = chooser.choice(odd)
        chunks.append((f"c{i:03}", words(60), metadata))
    return chunks


@pytest.mark.parametrize("weights", [(3.0, 2.0), (1.0, 1.0), (2.0, 6.5), (9.0, 1.0)])
async def test_keyword_scores_are_those_of_postgres(tmp_path, database, weights):
    chunks = some_chunks(200)
    ids, texts, metadatas = [c[0] for c in chunks], [c[1] for c in chunks], [c[2] for c in chunks]
    keyword = {"budget": 0, "heading_weight": weights[0], "summary_weight": weights[1]}
    places = {"chroma": {"path": str(tmp_path)}, "postgres": database}
    answers: list[list[list[Any]]] = []
    for backend in places:
        config = mapping(backend=backend, keyword=keyword, **places)
        store: Any = create_backend(StoreConfig.from_dict(config))
        await store.initialize()
        await store.upsert_documents(ids, [embed(text) for text in texts], texts, metadatas)
        if backend == "postgres":
            await count_terms(store)
        questions = [
            *WORDS,
            "stem",
            "100000000000000000000",
            "the parser of tokens",
            "vector vector index",
            "modelStore",
            "src/token_rank",
        ]
        questions += [" ".join(random.Random(i).sample(WORDS, 4)) for i in range(20)]
        answers.append([await store.keyword_search(question, 200, explain=True) for question in questions])
        await store.close()
    for mine, theirs in zip(*answers, strict=True):
        assert {hit.chunk_id: hit.score for hit in mine} == pytest.approx(
            {hit.chunk_id: hit.score for hit in theirs}, rel=1e-4
        )
        assert {hit.chunk_id: hit.matched_terms for hit in mine} == {hit.chunk_id: hit.matched_terms for hit in theirs}
        scores = {hit.chunk_id: hit.score for hit in mine}
        order = [scores[hit.chunk_id] for hit in theirs]  # the same order, except where scores are equal to 1e-4
        assert all(a >= b * (1 - 1e-4) for a, b in pairwise(order))
        assert mine[0].score == 1
