"""Artifacts as files: reading, writing in the canonical form, hashing, names beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from torchlean_core.artifact import (
    ArtifactError,
    artifact_hash,
    canonical_text,
    generated_module_path,
    load_graph,
    params_path,
    parse_graph,
    serialize_graph,
)
from torchlean_core.errors import UsageError
from torchlean_core.files import replacing, write_text
from torchlean_core.graph import lower

CORPUS = Path(__file__).parents[2] / "conformance"
VALID = [
    CORPUS / case["file"]
    for case in map(json.loads, (CORPUS / "manifest.jsonl").read_text().splitlines())
    if case["ok"]
]


def test_every_valid_case_survives_writing_and_reading():
    for path in VALID:
        graph = load_graph(path)
        again = parse_graph(serialize_graph(graph))
        assert again == graph, path.name
        assert artifact_hash(again) == artifact_hash(graph)


def test_the_canonical_form_is_one_node_a_line_and_idempotent():
    for path in VALID:
        text = serialize_graph(load_graph(path))
        assert canonical_text(json.loads(text)) == text
        assert sum(line.startswith("    {") for line in text.splitlines()) == len(load_graph(path).nodes)


def test_the_hash_ignores_comments_and_follows_meaning():
    text = (CORPUS / "cases" / "odd_batchnorm_extra_eps.json").read_text()
    root = json.loads(text)
    base = artifact_hash(parse_graph(text))
    root["note"] = "x"
    root["nodes"][0]["debug_target"] = "aten.x"
    root["nodes"][0]["source"] = {"line": 3, "module": "fc"}
    assert artifact_hash(parse_graph(json.dumps(root, indent=3))) == base
    root["nodes"][0]["eps"] = 0.5
    assert artifact_hash(parse_graph(json.dumps(root))) != base


def test_an_artifact_with_errors_gives_no_graph_and_says_where():
    with pytest.raises(ArtifactError, match=r"x\.json:1:\d+: TL\d+ .*torchlean check x\.json"):
        parse_graph('{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 0, "nodes": [{}]}', "x.json")


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        load_graph(tmp_path / "none.ir.json")


@pytest.mark.parametrize("name", ["m.ir.json", "m.torchlean.json", "m.json"])
def test_companions_stand_beside_the_artifact(name):
    assert params_path(Path("d") / name) == Path("d/m.params.safetensors")
    assert generated_module_path(Path("d") / name) == Path("d/m.py")


def test_lowering_renumbers_densely_and_names_attention_parameters():
    graph = load_graph(CORPUS / "cases" / "valid_kind_multihead_attention_1.json")
    program = lower(graph)
    assert [node.id for node in program.nodes] == list(range(len(program.nodes)))
    attention = next(node.id for node in graph.nodes if node.kind == "multihead_attention")
    names = [parameter.name for parameter in program.parameters() if parameter.node == attention]
    assert names[0] == f"mha_{attention}_q_W" and f"mha_{attention}_scale" in names
    assert len([node for node in program.nodes if node.raw == program.nodes[program.output_id].raw]) in (
        1,
        10,
    )


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    write_text(target, "new\n")
    assert target.read_text() == "new\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_replaced_file_keeps_its_permissions_and_its_link(tmp_path):
    real = tmp_path / "real.txt"
    real.write_text("old")
    real.chmod(0o640)
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640
