"""Filters as PostgreSQL gets them: one jsonpath expression."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, settings

from agent_brain_store.filters.parse import parse
from agent_brain_store.postgres.jsonpath import required_prefix, to_jsonpath
from tests.support.strategies import wheres


@given(wheres)
@settings(max_examples=300, deadline=None)
def test_keys_and_values_of_a_filter_are_quoted_as_json(where):
    """Whatever is in a filter, the jsonpath holds it only inside JSON strings."""
    path = to_jsonpath(parse(where))
    rest, position = [], 0
    while position < len(path):
        if path[position] == '"':
            _, position = json.JSONDecoder().raw_decode(path, position)
        else:
            rest.append(path[position])
            position += 1
    skeleton = "".join(rest)
    for word in ("strict", "exists", "starts with", "type", "true", "false"):
        skeleton = skeleton.replace(word, "")
    assert set(skeleton) <= set(" ()$?@.[*]=<>!&|-+0123456789e"), skeleton


def test_the_prefix_that_every_match_must_have():
    prefix = {"source": {"$prefix": "/a/"}}
    assert required_prefix(parse(prefix), "source") == "/a/"
    assert required_prefix(parse({"source": "/a/b"}), "source") == "", "the index on metadata serves equality"
    assert required_prefix(parse({"$and": [prefix, {"n": 1}, {"source": {"$prefix": "/a/b"}}]}), "source") == "/a/b"
    for loose in (
        None,
        {"n": 1},
        {"$or": [prefix, {"n": 1}]},
        {"$not": prefix},
        {"source": 1},
        {"other": {"$prefix": "/a/"}},
    ):
        assert required_prefix(parse(loose), "source") == ""


def test_a_long_list_becomes_a_binary_search():
    """A stored value is compared with one value of each half. So the nesting is as deep as the logarithm of the list."""
    short = to_jsonpath(parse({"k": {"$in": ["b", "a", 1]}}))
    assert short == (
        'strict exists($ ? (exists(@."k" ? ('
        '((@.type() == "number" && @ == 1) || (@.type() == "string" && (@ == "a" || @ == "b")))))))'
    )
    assert to_jsonpath(parse({"k": {"$in": ["a"]}})) == to_jsonpath(parse({"k": "a"}))
    long = to_jsonpath(parse({"k": {"$in": list(range(4096))}}))
    depths = itertools.accumulate({"(": 1, ")": -1}.get(char, 0) for char in long)
    assert max(depths) < 40
    assert long.count("==") == 4096 + 1, "and the kind of value"
    assert long.count(">=") == 1023


def test_a_prefix_that_the_index_checks_is_left_out():
    node = parse({"$and": [{"source": {"$prefix": "/a/"}}, {"n": 1}]})
    assert to_jsonpath(node) == 'strict (exists($ ? (@."source" starts with "/a/")) && exists($ ? (@."n" == 1)))'
    said = to_jsonpath(node, required_prefix(node, "source"))
    assert said == 'strict (exists($ ? (@."source".type() == "string")) && exists($ ? (@."n" == 1)))'
    long = parse({"source": {"$prefix": "x" * 600}})
    assert to_jsonpath(long, required_prefix(long, "source")) == to_jsonpath(long), "the index holds less than that"
