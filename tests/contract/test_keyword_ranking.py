"""How keyword search ranks: BM25, identifiers of code, headings, and the languages."""

from __future__ import annotations

import math

import pytest

from tests.support.stores import embed, fill, ids

# --- BM25 ------------------------------------------------------------------------------------------------------------

BEARS = [
    "bear bear bear in the wood",
    "a bear and a wolf and a fox and a hare, all in one long sentence about a walk",
    "the wolf",
    "a wolf and a hare",
    "hare",
    "fox fox",
    "a sparrow",
    "bear",
]


def bm25(documents: list[list[str]], question: list[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """Return the scores by the textbook (Robertson and Zaragoza, 2009), with the idf that is never negative."""
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        score = 0.0
        for word in question:
            df, tf = sum(word in d for d in documents), words.count(word)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(words) / average))
        scores.append(score)
    return scores


@pytest.mark.parametrize("question", ["bear", "wolf hare", "bear wolf fox", "bear bear wolf", "sparrow the"])
async def test_scores_follow_the_bm25_formula(store, question):
    stop_words = {"a", "and", "in", "the", "all", "about"}
    documents = [[w for w in text.replace(",", "").split() if w not in stop_words] for text in BEARS]
    stemmed = [["sentenc" if w == "sentence" else w for w in words] for words in documents]
    await fill(store, *((f"{i}", text) for i, text in enumerate(BEARS)))
    expected = bm25(stemmed, [w for w in question.split() if w not in stop_words])
    hits = await store.keyword_search(question, 20)
    assert {hit.chunk_id for hit in hits} == {f"{i}" for i, score in enumerate(expected) if score}
    for hit in hits:
        assert hit.score == pytest.approx(expected[int(hit.chunk_id)] / max(expected), rel=1e-3)


async def test_k1_and_b_are_taken_from_the_configuration(make, elsewhere):
    store = make(keyword={"k1": 0.0, "b": 0.0}, **elsewhere("flat"))
    await store.initialize()
    await fill(store, ("1", "bear bear bear"), ("2", "bear and a long text of many other words besides"), ("3", "fox"))
    assert [hit.score for hit in await store.keyword_search("bear", 5)] == pytest.approx([1.0, 1.0])


async def test_rare_words_weigh_more(store):
    await fill(store, *((f"c{i}", f"common word number{i}") for i in range(30)), ("rare", "zebra sits here"))
    assert (await ids(store, "common zebra"))[0] == "rare"


async def test_a_word_that_a_question_has_twice_counts_twice(store):
    await fill(store, ("a", "bear"), ("b", "wolf"), ("c", "owl"))
    assert await ids(store, "bear wolf") == ["a", "b"]
    hits = await store.keyword_search("bear wolf wolf", 3)
    assert [(hit.chunk_id, round(hit.score, 6)) for hit in hits] == [("b", 1.0), ("a", 0.5)]


async def test_a_word_of_a_question_counts_255_times_at_most(store):
    await fill(store, *((f"{i}", text) for i, text in enumerate(BEARS)))
    often = await store.keyword_search("bear " * 5000 + "fox " * 200, 10)
    enough = await store.keyword_search("bear " * 255 + "fox " * 200, 10)
    assert [(hit.chunk_id, hit.score) for hit in often] == [(hit.chunk_id, hit.score) for hit in enough]


async def test_words_of_two_thousand_bytes_are_found(make):
    store = make(keyword={"budget": 3})
    await store.initialize()
    long = "z" * 2010
    await fill(store, ("a", f"{long} bear"), ("b", long), ("c", f"{long} wolf"), ("d", "bear wolf"))
    assert await ids(store, f"{long} bear") == ["a", "d", "b", "c"]
    assert set(await ids(store, "bear " + "m" * 2046)) == {"a", "d"}


@pytest.mark.parametrize(
    ("question", "found"),
    [("", 0), ("the of and", 0), ("!?", 0), ("zzz", 0), ("bear", 3), ("bears", 3), ("bear " * 200, 3)],
)
async def test_odd_questions_are_answered(store, question, found):
    await fill(store, *((f"{i}", text) for i, text in enumerate(BEARS)))
    assert len(await ids(store, question)) == found
    assert len(await ids(store, " ".join(f"word{i}" for i in range(300)) + " " + question)) == found


# --- words of code ---------------------------------------------------------------------------------------------------

CODE = {
    "camel": "call getUserById to load one",
    "snake": "def get_user_by_id(key): pass",
    "dotted": "use os.path.join for that",
    "path": "it is defined in src/app/main.py",
    "parts": "get the user by his id, then join the path of the app to the main source",
    "plural": "mapUserIDs and parsePDFs do that",
    "numbered": "the schema is in db/migrations/001_init.sql",
    "traced": "Error in lib/core/run.py:42: a name is not defined",
    "scattered": "Error in the core, a lib, its run and py: a name is not defined",
    "abbreviated": "as the U.S. office has it",
    "other": "nothing of the kind",
}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("getUserById", "camel"),
        ("os.path.join", "dotted"),
        ("what does src/app/main.py do", "path"),
        ("db/migrations/001_init.sql", "numbered"),
        ("mapUserIDs", "plural"),
        ("lib/core/run.py", "traced"),
    ],
)
async def test_identifiers_are_found_whole(store, question, first):
    await fill(store, *CODE.items())
    assert (await ids(store, question))[0] == first


CODES = [
    *(
        "ORA-01555",
        "ORA-01556",
        "CVE-2021-44228",
        "CVE-2021-45046",
        "0x80070005",
        "0x80070002",
        "KB5034441",
        "E0308",
        "TS2345",
    ),
    *("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440001", "192.168.10.24", "192.168.10.25"),
    *("00:1B:44:11:3A:B7", "00:1B:44:11:3A:B8", "+49 30 1234567", "+49 30 1234568", "v1.2.3", "v1.2.4", "2.0.0-rc1"),
    *(
        "H2SO4",
        "C6H12O6",
        "nginx:1.25-alpine",
        "nginx:1.26-alpine",
        "@angular/core",
        "@angular/forms",
        "ISO-8859-1",
        "RFC 9110",
    ),
    *(
        "sha256:9f86d081",
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "EADDRINUSE",
        "--no-cache-dir",
        "MER-0237",
        "Q3-2024",
    ),
]


async def test_a_code_is_found_among_codes_like_it(store):
    await fill(store, *((code, f"The log has {code} in a line of its own") for code in CODES))
    for question in ("{}", "What does {} mean?", "({})"):
        firsts = [(await ids(store, question.format(code), 1))[0] for code in CODES]
        assert firsts == CODES, question


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("user", {"camel", "snake", "parts"}),
        ("join", {"dotted", "parts"}),
        ("main", {"path", "parts"}),
        ("app", {"path", "parts"}),
        ("GETUSERBYID", {"camel"}),
        ("getuserbyid", {"camel", "snake"}),
        ("id", {"camel", "snake", "parts", "plural"}),
        ("pdf", {"plural"}),
        ("001_init", {"numbered"}),
        ("migrations/001_init.sql", {"numbered"}),
        ("U.S", {"abbreviated"}),
        ("U.S.", {"abbreviated"}),
    ],
)
async def test_identifiers_are_found_by_their_parts(store, question, found):
    await fill(store, *CODE.items())
    result = set(await ids(store, question))
    assert found <= result
    assert "other" not in result


# --- headings --------------------------------------------------------------------------------------------------------

HEADINGS = ["title", "file_name", "filename", "section_title", "heading_path", "symbol_name"]
SUMMARIES = ["summary", "section_summary"]


@pytest.mark.parametrize("key", HEADINGS + SUMMARIES)
async def test_headings_are_searchable_and_weigh_more(store, key):
    await fill(
        store,
        ("body", "some words about authentication here", {key: "other matters"}),
        ("heading", "some words about something else here", {key: "authentication"}),
        *((f"{i}", f"filler {i} with more words") for i in range(10)),
    )
    assert await ids(store, "authentication") == ["heading", "body"]


async def test_summaries_weigh_less_than_headings(store):
    await fill(
        store,
        ("summary", "words", {"summary": "authentication", "title": "matters"}),
        ("title", "words", {"summary": "matters", "title": "authentication"}),
        *((f"{i}", f"filler {i}") for i in range(10)),
    )
    assert await ids(store, "authentication") == ["title", "summary"]


async def test_weights_of_one_make_headings_plain_text(make, elsewhere):
    store = make(keyword={"heading_weight": 1, "summary_weight": 1}, **elsewhere("even"))
    await store.initialize()
    await fill(store, ("a", "authentication", {"title": "x y"}), ("b", "x y", {"title": "authentication"}), ("c", "z"))
    assert [hit.score for hit in await store.keyword_search("authentication", 5)] == pytest.approx([1.0, 1.0])


async def test_odd_values_under_heading_keys_are_left_out(store):
    await fill(store, ("a", "words", {"title": ["One", "Two"], "summary": {"k": "Three"}, "file_name": 42}), ("b", "x"))
    assert await ids(store, "words") == ["a"]


# --- languages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "question", "stop_words"),
    [
        ("english", "the databases were configured", "configure a database", "the were a"),
        ("german", "die Häuser wurden verkauft", "Haus verkaufen", "die und"),
        ("french", "les chevaux étaient vendus", "cheval vendu", "et la"),
        ("russian", "красивые дома продавались", "красивый дом", "и в на"),
        ("simple", "the exact words", "THE words", ""),
    ],
)
async def test_each_language_has_its_stems_and_stop_words(make, elsewhere, language, text, question, stop_words):
    store = make(keyword={"language": language}, **elsewhere(language))
    await store.initialize()
    await fill(store, ("a", text), ("b", "zzz qqq"), ("c", "Überraschung ёлка naïve"))
    assert await ids(store, question) == ["a"]
    assert await ids(store, stop_words) == []


# --- matched terms ---------------------------------------------------------------------------------------------------


async def test_matched_terms_are_words_of_the_question(store):
    await fill(store, ("a", "The configured databases are running; see getUserById"), ("b", "unrelated"))
    question = "How do I Configure (running) databases, configure, getUserById or cats?"
    for hits in (
        await store.keyword_search(question, 5, explain=True),
        await store.hybrid_search(question, embed("x"), 5, 0.0, 1.0, explain=True),
        await store.hybrid_search(question, embed("x"), 5, 0.0, 1.0, explain=True, fusion="relative_score"),
    ):
        assert hits[0].matched_terms == ["configure", "running", "databases", "getuserbyid"]


async def test_abbreviations_are_matched_terms(store):
    await fill(store, ("a", "the U.S. office, e.g. in Ohio"), ("b", "unrelated"))
    assert [hit.matched_terms for hit in await store.keyword_search("U.S. e.g.", 5, explain=True)] == [["u.s", "e.g"]]
