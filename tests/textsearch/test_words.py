"""From a text to its terms, and from a chunk to how often it has each."""

# ruff: noqa: RUF001 - letters that look like others belong to the odd texts

from __future__ import annotations

import random
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_brain_store.config import KeywordConfig
from agent_brain_store.textsearch.folding import fold
from agent_brain_store.textsearch.frequencies import frequencies
from agent_brain_store.textsearch.stems import term
from agent_brain_store.textsearch.words import count_terms, question_terms, question_words, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserById", "get user id getuserbyid"),
        ("os.path.join", "os path join ospathjoin"),
        ("get_user_by_id", "get user id getuserbyid"),
        ("e.g. U.S. 3d.5 é5.6 é.7 c.é x.y", "e.g u.s 3d.5 é5.6 é 7 c é x.y e5 e e"),
        ("U.S. U.S (e.g) self.x plt.show", "u.s u.s e.g self x plt show pltshow"),
        ("userIDs PDFs OAuth2Token", "user id pdf o auth 2 token userid pdfs oauth2token"),
        ("db/001_init.sql my-app/x.y I/O", "db 001 init sql app x.y o 001init db001initsql myappx io"),
        ("größe_max обход_графа.py", "größe max обход графа py größemax обходграфа обходграфаpi gross grossemax"),
        ("3.11 1.2.3 3.x 3. 3.5d", "3.11 1.2.3 3 x 3 3.5 d"),
        ("red .. blue.. x green..", "red blue .. x green .."),
        ("the of and", ""),
        ("running foxes", "run fox"),
        ("1e5 sha256", "1e 5 sha 256 n1e5 sha256"),
        ("x" * 2047 + " y", "y"),
        ("café Zürich cafe", "café zürich cafe zurich"),
        ("C++ C# .NET i++", "c c net cplusplus csharp dotnet iplusplus"),
        ("ask IT, the US", "ask us it"),
        ("AT&T R&D a=1&b=2 &amp;", "r d 1 b 2 amp att rd at"),
        ("请查VA004", "va 004 va004 请 请查 查"),
        ("API를 호출", "api 를 호 호출 출"),
        ("infor-\nmation", "infor mation inform"),
    ],
)
def test_terms_of_a_text(text, expected):
    assert [term for term in terms(text, "english") if term] == expected.split()


pieces = st.sampled_from(
    [
        "..",
        ".",
        "a",
        "Foo",
        "getUserById",
        "a_b/c.d",
        "é",
        "\u0301",
        "\u00ad",
        "1.2",
        "x..",
        "the",
        "..x",
        "_",
        "-",
        "📎",
        "\u2003",
        "\x85",
        "校验",
        "THE",
        "é",
        "-",
        "C++",
        "1,000",
        "ก็",
        "e\u0301",
    ]
)
odd = st.lists(pieces | st.sampled_from([" ", "\n", "\t", "\u00a0"]) | st.characters(exclude_categories=["Cs"])).map(
    "".join
)


@given(odd, st.sampled_from(["english", "german", "russian", "simple"]))
@example("..", "english")
@example(" .. x", "english")
@example("x ..", "english")
@example("\u0301\u0301 word", "english")
@settings(max_examples=500, deadline=None)
def test_counting_by_pieces_finds_the_terms_of_the_whole_text(text, language):
    expected = Counter(terms(text, language))
    del expected[""]
    assert count_terms(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an e-mail by Wi-Fi", {"email", "wifi"}),
        ("1,000,000 12,34", {"1000000"}),
        ("978-3-16-148410-0", {"9783161484100"}),
        ("O'Reilly isn't l'été", {"oreilli"}),
        ("café-bar", {"cafébar", "cafebar"}),
    ],
)
def test_names_in_one_piece_have_no_position_and_no_length(text, expected):
    counts = count_terms(text, "english")
    assert {found for found, count in counts.items() if count == 0} == expected
    weighted, length = frequencies(text, {}, KeywordConfig())
    assert all(weighted[found] == 1 for found in expected)
    assert length == sum(counts.values())


def test_other_forms_count_little_in_a_question():
    assert question_terms("e-mail the café", "simple") == pytest.approx(
        {"e": 1, "mail": 1, "the": 1, "café": 1, "cafe": 0.1, "email": 0.1}
    )


def test_words_with_digits_and_of_the_simple_language_are_not_stemmed():
    assert term("Houses2", "english") == "houses2"
    assert term("The", "simple") == "the"
    assert term("x" * 1001 + "ing", "english") == "x" * 1001 + "ing"


def test_russian_stems_latin_words_as_english():
    assert (term("houses", "russian"), term("the", "russian"), term("и", "russian")) == ("hous", "", "")


def test_each_letter_becomes_one_lower_case_letter():
    assert [shown for _, shown in question_words("  (ΟΔΟΣ) İx, «Été»  ")] == ["", "οδοσ", "ix", "été", ""]


def test_a_heading_weighs_more_than_the_text_and_counts_once_for_the_length():
    config = KeywordConfig(language="simple", heading_weight=3, summary_weight=2)
    metadata = {"title": "a a", "section_title": "b", "summary": "a c", "other": "d"}
    found, length = frequencies("a b e", metadata, config)
    assert length == 8
    assert found == pytest.approx({"a": 4 + 2 * 1.25 + 1 / 9, "b": 2 + 2, "c": 1 + 1, "e": 1})
    heavy = KeywordConfig(language="simple", heading_weight=2, summary_weight=5)
    assert frequencies("", metadata, heavy)[0]["a"] == pytest.approx(3 + 1.25 + 4 / 9 + 4 - 4 / 9)


def test_only_the_beginning_of_a_huge_text_is_searched():
    found, length = frequencies("früh " * 60_000 + "spät", {}, KeywordConfig(language="simple"))
    assert found == {"früh": 255, "fruh": 255}
    assert length == 2 * 255


def test_every_normal_form_of_a_text_is_folded_alike():
    """Letters, points and marks of Hebrew, Arabic and Devanagari, of which some are put together or reordered by NFC."""
    choose = random.Random(8).choice
    codes = [
        *range(0x591, 0x5C8),
        *range(0x5D0, 0x5EB),
        *range(0x610, 0x61B),
        *range(0x620, 0x670),
        *range(0x670, 0x6D6),
    ]
    codes += [*range(0x6DF, 0x6F0), *range(0x900, 0x964), 0x654, 0x93C, 0x94D, 0x301, 0x308, 0x41, 0xE9, 0x20]
    for _ in range(10_000):
        text = "".join(chr(choose(codes)) for _ in range(choose(range(2, 7))))
        assert len({fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}) == 1, ascii(
            text
        )
        assert fold(text) == fold(unicodedata.normalize("NFC", text)), ascii(text)
