"""Generated graphs: valid ones are clean, and every single mutation is found at its node."""

from __future__ import annotations

import json
import random
import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.check.graphs import MUTATIONS, mutate, random_graph
from tests.core.convert.graphs import general_root
from torchlean_core.artifact import parse_graph, serialize_graph
from torchlean_core.artifact.schema import artifact_schema
from torchlean_core.check import Severity, check_text
from torchlean_core.kinds import CLASSIC

pytestmark = pytest.mark.thorough

SCHEMA = jsonschema.Draft202012Validator(artifact_schema())


def errors(text):
    return [f for f in check_text(text).findings if f.severity is Severity.ERROR]


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.integers(0, 25), st.sampled_from([None, 1]))
def test_a_valid_graph_is_clean(seed, steps, indent):
    root = random_graph(random.Random(seed), steps)
    text = json.dumps(root, indent=indent)
    assert errors(text) == []
    assert list(SCHEMA.iter_errors(root)) == []
    graph = parse_graph(text)
    assert parse_graph(serialize_graph(graph)) == graph


def test_the_generator_makes_every_kind():
    seen = set()
    for seed in range(150):
        seen |= {node["kind"] for node in random_graph(random.Random(seed), 25)["nodes"]}
    assert seen >= set(CLASSIC.tensor_kinds)


@settings(max_examples=1500)
@given(st.integers(0, 2**48))
def test_a_mutation_is_found_at_its_node_and_elsewhere_only_at_those_who_depend_on_it(seed):
    draw = random.Random(seed)
    mutation = mutate(draw, random_graph(draw, draw.randrange(1, 20)))
    if mutation is None:
        return
    root, place, codes = mutation
    found = errors(json.dumps(root))
    assert [f for f in found if f.index == place and f.code in codes], (root["nodes"][place], codes, found)
    near = {place, None}
    for _ in range(2):  # a node and its users; an attention's projections stand one further
        near |= {n for n, node in enumerate(root["nodes"]) if _parents(node) & near}
    near |= {
        p for n in list(near) if n is not None for p in _parents(root["nodes"][n])
    }  # an attention's own fields
    if "TL101" not in codes and not any("`id`" in f.message or f.path == ("id",) for f in found):
        assert {f.index for f in found} <= near


def _parents(node):
    parents = node.get("parents")
    return {p for p in parents if isinstance(p, int)} if isinstance(parents, list) else set()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
def test_every_way_of_breaking_a_graph_was_tried(mutation):
    """Each mutation applies to some node of some graph, and is found there."""
    tried = 0
    for seed in range(1000):
        draw = random.Random(seed)
        root = json.loads(json.dumps(random_graph(draw, 12)))
        place = draw.randrange(len(root["nodes"]))
        codes = mutation(draw, root["nodes"][place], root["nodes"])
        if codes is None:
            continue
        tried += 1
        if tried > 30:
            break
        assert [f for f in errors(json.dumps(root)) if f.index == place and f.code in codes], root["nodes"][
            place
        ]
    assert tried >= 10


@pytest.mark.parametrize("seed", range(40))
def test_texts_of_the_generalized_dialect_that_are_being_typed_are_judged(seed):
    """Values go missing, become something else, or are cut off: whatever is left gets findings, and no exception."""
    text = json.dumps(general_root(seed, inline=True))
    draw = random.Random(seed)
    values = [match.span(1) for match in re.finditer(r'": ([^,{}]+?)(?=, "|\})', text)]
    for start, end in draw.sample(values, min(25, len(values))):
        for new in ("", "[", "null", "-1", "[NaN]", '"x"', "[[1], 2]", "1e400"):
            report = check_text(text[:start] + new + text[end:])
            assert report.findings or new, (start, new)  # without a value it is no JSON
        assert not check_text(text[:end]).ok
