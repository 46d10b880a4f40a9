"""What people write in other ways than the chunk does: forms of letters, closed and open forms, scripts, and names."""

# ruff: noqa: RUF001 - letters that look like others belong to the texts

from __future__ import annotations

import unicodedata

from tests.support.stores import fill, ids

OTHERS = (
    ("other1", "a text about the weather in spring"),
    ("other2", "another one about net weight, a c and a sharp r, and fishing nets"),
    ("other3", "天气 날씨 อากาศ"),
)

FOUND = [
    ("Die U\u0308bergabe der Schlüssel", "Übergabe"),
    ("Die Übergabe der Schlüssel", "U\u0308bergabe"),
    (unicodedata.normalize("NFD", "서울에서 먹은 김치"), "김치"),
    ("서울에서 먹은 김치", unicodedata.normalize("NFD", "김치")),
    (unicodedata.normalize("NFD", "プログラムを書く"), "プログラム"),
    ("プログラムを書く", unicodedata.normalize("NFD", "プログラム")),
    (unicodedata.normalize("NFD", "học tiếng Việt"), "tiếng Việt"),
    ("học tiếng Việt", unicodedata.normalize("NFD", "tiếng Việt")),
    ("the o\ufb03ce next door", "office"),
    ("an ＡＰＩ of ２０２４", "API"),
    ("an ＡＰＩ of ２０２４", "2024"),
    ("ｶﾀｶﾅで書く", "カタカナ"),
    ("step ① of the plan", "1"),
    ("soft\u00adware for all", "software"),
    ("soft\u200bware for all", "software"),
    ("soft\u2060ware for all", "software"),
    ("\u200eword\u200f of mouth", "word"),
    ("word\ufe0f of mouth", "word"),
    ("\x1b[31merror\x1b[0m while reading", "error"),
    ("some infor-\nmation on paper", "information"),
    ("some infor\u00ad\nmation on paper", "information"),
    ("we met at a café", "cafe"),
    ("a naïve try", "naive"),
    ("trams of Zürich", "zurich"),
    ("học tiếng Việt", "tieng viet"),
    ("fabryka w Łodzi, Łódź", "lodz"),
    ("שָׁלוֹם לכם", "שלום"),
    ("کتاب یک", "كتاب"),
    ("کتاب یک", "يك"),
    ("the ISI protocol", "ısı"),
    ("ISPARTA gülleri", "ısparta"),
    ("İSTANBUL'DA yağmur", "istanbul"),
    ("istanbul’da yağmur", "İstanbul"),
    ("في الكتاب صور", "كتاب"),
    ("قرأت كتاب", "الكتاب"),
    ("وبالكتاب صور", "الكتاب"),
    ("للمدرسة باب", "مدرسه"),
    ("إلى المستشفى", "المستشفي"),
    ("أحمد في القرآن", "احمد"),
    ("شؤون مسئولة", "مسيوله"),
    ("عام ٢٠٢٤", "2024"),
    ("کتاب\u200cها روی میز", "کتاب"),
    ("می\u200cخواهم بروم", "میخواهم"),
    ("می\u200cخواهم بروم", "می خواهم"),
    ("میخواهم بروم", "می\u200cخواهم"),
    ("خانهٔ ما", "خانه"),
    ("خانۀ ما", "خانه"),
    ("در پائیز", "پاییز"),
    ("הספר על השולחן", "ספר"),
    ("ומהבית יצאנו", "הבית"),
    ("ספר על שולחן", "הספר"),
    ("בית־ספר", "בית ספר"),
    ("בית־ספר", "ביתספר"),
    ("צה״ל", 'צה"ל'),
    ('צה"ל', "צהל"),
    ("ג׳ירפה", "ג'ירפה"),
    ("हिन्दी की किताब", "हिंदी"),
    ("संबंध", "सम्बन्ध"),
    ("फ़िल्म देखी", "फिल्म"),
    ("क\u093cलम", "क़लम"),
    ("माँ आई।", "मां"),
    ("सन् २०२४।", "2024"),
    ("২০২৪ সালে", "2024"),
    ("ปี ๒๕๖๗", "2567"),
    ("Ο ΟΔΟΣ", "οδος"),
    ("η οδός", "ΟΔΟΣ"),
    ("Ο Γιώργος", "ΓΙΩΡΓΟΣ"),
    ("l’homme d'aujourd’hui", "aujourd'hui"),
    ("l’œuvre", "OEUVRE"),
    ("ещё раз", "еще"),
    ("большая ЁЛКА", "елка"),
    ("hoà bình", "hòa"),
    ("launch 🚀🎉 today", "🎉"),
    ("well done 👍🏽", "👍"),
    ("flag 🇩🇪", "🇩🇪"),
    ("send an e-mail", "email"),
    ("send an email", "e-mail"),
    ("the Wi-Fi is slow", "wifi"),
    ("the WiFi is slow", "Wi-Fi"),
    ("it costs 1,000,000 coins", "1000000"),
    ("it costs 1000000 coins", "1,000,000"),
    ("ISBN 978-3-16-148410-0", "9783161484100"),
    ("ISBN 9783161484100", "978-3-16-148410-0"),
    ("run 550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000"),
    ("run 550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716-446655440000"),
    ("请查看VA004校验逻辑", "VA004"),
    ("API를 호출", "API"),
    ("我们使用数据库存储", "数据库"),
    ("我们的猫在家", "猫"),
    ("東京都に住んでいます", "京都"),
    ("ฉันอยากเรียนภาษาไทย", "ภาษา"),
    ("ຂ້ອຍຮຽນພາສາລາວ", "ພາສາ"),
    ("ខ្ញុំរៀនភាសាខ្មែរ", "ភាសា"),
    ("မြန်မာစကားပြော", "စကား"),
    ("서울에서 만나요", "서울"),
    ("책을 읽다", "책"),
    ("AT&T raised prices", "AT&T"),
    ("their R&D budget", "R&D"),
    ("run Node.js there", "Node.js"),
    ("books by O'Reilly", "O’Reilly"),
    ("books by O'Reilly", "oreilly"),
    ("ask IT about it", "IT"),
    ("ask IT about it", "IT support"),
    ("WHO guidelines", "WHO"),
    ("the US office", "US"),
    ("Will Smith sings", "Will"),
]


async def test_a_chunk_is_found_first_however_it_is_written(store):
    await fill(store, *OTHERS)
    missed = []
    for text, question in FOUND:
        await fill(store, ("wanted", text))
        if (await ids(store, question))[:1] != ["wanted"]:
            missed.append((text, question))
        await store.delete_by_ids(["wanted"])
    assert missed == []


NAMES = {
    "C++": ("a book on C++ templates", "a book on C templates, by C", "C C C"),
    "C#": ("a book on C# templates", "a book on C templates, by C", "C C C"),
    "F#": ("a book on F# templates", "a book on F templates, by F", "F F F"),
    ".NET": ("a book on the .NET runtime", "net weight of the net", "fishing net", "net net net"),
    "AT&T": ("a bill of AT&T today", "a t bill", "t t t"),
    "R&D": ("the R&D department", "r and d", "r r r d"),
}


async def test_a_name_with_marks_ranks_above_its_letters(store):
    for name, texts in NAMES.items():
        await fill(store, *((f"{name}{place}", text) for place, text in enumerate(texts)))
        assert (await ids(store, name))[0] == f"{name}0"


async def test_the_exact_form_ranks_above_the_other_one(make, elsewhere):
    store = make(keyword={"language": "simple"}, **elsewhere("simple"))
    await store.initialize()
    for one, other in (("café", "cafe"), ("Zürich", "Zurich"), ("résumé", "resume"), ("Việt", "Viet")):
        await fill(store, ("a", f"we met at {one} then"), ("b", f"we met at {other} then"), *OTHERS)
        assert await ids(store, one) == ["a", "b"]
        assert await ids(store, other) == ["b", "a"]


async def test_a_stop_word_in_capitals_is_no_other_word(store):
    await fill(store, ("name", "Ask IT for help"), ("word", "Ask it for help"), ("loud", "ASK IT FOR HELP"))
    assert set(await ids(store, "it")) == {"name", "word", "loud"}, "nothing else is left of the question"
    assert await ids(store, "IT") == ["name"]
    assert set(await ids(store, "WHO CAN HELP ME")) == {"name", "word", "loud"}, "in a loud question it is a stop word"


async def test_the_stored_text_stays_as_it_was_given(store):
    text = "ﬁ\u0301 ＡＰＩ soft\u00adware \x1b[31mred\x1b[0m"
    await fill(store, ("a", text))
    (hit,) = await store.keyword_search("api", 1)
    assert hit.text == text


async def test_words_that_are_found_are_shown_as_they_were_asked(store):
    await fill(store, ("a", "Le café by e-mail, C++ (not .NET) 🚀 and 数据库"))
    (hit,) = await store.keyword_search("CAFE, email, C++, (.NET), 🚀! 数据库!", 1, explain=True)
    assert hit.matched_terms == ["cafe", "email", "c++", ".net", "🚀", "数据库"]
