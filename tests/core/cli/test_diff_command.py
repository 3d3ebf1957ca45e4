"""`torchlean diff` as a user runs it: text, JSON, exit codes, refusals."""

from __future__ import annotations

import json

import pytest

from tests.core.cli.support import BROKEN, GOOD, torchlean

TANH = GOOD.replace('"relu"', '"tanh"')


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.ir.json").write_text(GOOD)
    (tmp_path / "b.ir.json").write_text(TANH)
    (tmp_path / "broken.ir.json").write_text(BROKEN)
    return tmp_path


def test_equal_artifacts_exit_0_whatever_their_layout(folder):
    (folder / "pretty.ir.json").write_text(json.dumps(json.loads(GOOD), indent=3).replace("4", "4.0"))
    done = torchlean("diff", "a.ir.json", "pretty.ir.json", cwd=folder)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode().strip() == "no changes: 2 nodes are the same"


def test_a_changed_node_is_shown_field_by_field(folder):
    done = torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        "--- a.ir.json",
        "+++ b.ir.json",
        "~ 1 tanh",
        '    kind: "relu" -> "tanh"',
    ]
    assert done.stderr.decode().strip() == "nodes: 1 changed, 1 unchanged"


def test_an_inserted_node_renumbers_and_says_so_once(folder):
    root = json.loads(GOOD)
    root["output_id"] = 2
    root["nodes"].insert(1, {"id": 1, "kind": "detach", "parents": [0], "shape": [1, 4]})
    root["nodes"][2] |= {"id": 2, "parents": [1]}
    done = torchlean("diff", "a.ir.json", "-", cwd=folder, stdin=json.dumps(root).encode())
    assert done.stdout.decode().splitlines()[2:] == [
        "+ 1 detach: parents [0], shape [1, 4]",
        "~ 1 -> 2 relu",
        "    parents: [0] -> [1]",
    ]


def test_a_removed_node_stands_where_it_was(folder):
    root = json.loads(GOOD)
    root["nodes"] = [*root["nodes"], {"id": 2, "kind": "tanh", "parents": [1], "shape": [1, 4]}]
    root["output_id"] = 2
    (folder / "long.ir.json").write_text(json.dumps(root))
    done = torchlean("diff", "long.ir.json", "a.ir.json", cwd=folder)
    assert done.stdout.decode().splitlines()[2:] == [
        "~ output_id: 2 -> 1",
        "- 2 tanh: parents [1], shape [1, 4]",
    ]


def test_root_fields_and_comments_count_and_the_summary_tells_comments_apart(folder):
    root = json.loads(GOOD)
    del root["format"]
    root["captured_from"] = {"file": "model.py"}
    root["nodes"][1]["debug_target"] = "aten.relu.default"
    (folder / "c.ir.json").write_text(json.dumps(root))
    done = torchlean("diff", "a.ir.json", "c.ir.json", cwd=folder)
    assert done.stdout.decode().splitlines()[2:] == [
        '~ format: removed "torchlean.ir.v1"',
        '~ captured_from: added {"file": "model.py"}',
        "~ 1 relu",
        '    debug_target: added "aten.relu.default"',
    ]
    assert b"only comments differ" in done.stderr
    assert b"only comments differ" not in torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder).stderr


def test_json_says_the_same(folder):
    done = torchlean("diff", "--output-format", "json", "a.ir.json", "b.ir.json", cwd=folder)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "old": "a.ir.json",
        "new": "b.ir.json",
        "equal": False,
        "same_meaning": False,
        "root": [],
        "removed": [],
        "added": [],
        "changed": [
            {
                "old_id": 1,
                "new_id": 1,
                "kind": "tanh",
                "moved": False,
                "fields": [{"field": "kind", "old": "relu", "new": "tanh"}],
            }
        ],
        "unchanged": 1,
        "renumbered": [],
    }


def test_an_artifact_with_errors_is_refused_with_the_command_that_shows_them(folder):
    done = torchlean("diff", "a.ir.json", "broken.ir.json", cwd=folder)
    assert done.returncode == 2
    assert "TL201" in done.stderr.decode()
    assert "`torchlean check broken.ir.json` shows everything" in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.ir.json", "none.ir.json"), "torchlean: none.ir.json: No such file or directory"),
        (("a.ir.json", "."), "torchlean: .: Is a directory"),
        (("-", "-"), "only one of the two"),
        (("a.ir.json",), "required: B"),
    ],
)
def test_what_cannot_be_read_exits_2(folder, arguments, message):
    done = torchlean("diff", *arguments, cwd=folder)
    assert done.returncode == 2 and message in done.stderr.decode()


def test_numbers_of_any_size_can_be_shown(folder):
    huge = "9" * 5000
    text = GOOD.replace("[1, 4]", f"[1, {huge}]")
    done = torchlean("diff", "a.ir.json", "-", cwd=folder, stdin=text.encode())
    assert done.returncode == 1 and "…".encode() in done.stdout
    text = GOOD.replace('"id": 1,', f'"id": 1, "x": 1e20000, "y": {huge},')
    done = torchlean("diff", "a.ir.json", "-", "--output-format", "json", cwd=folder, stdin=text.encode())
    assert done.returncode in (1, 2) and b"Traceback" not in done.stderr and b"internal" not in done.stderr


# -- the generalized dialect ----------------------------------------------------------------------------------


def general(*nodes, **root):
    return json.dumps({"format": "torchlean.ir.v1", "input_id": 0, **root, "nodes": list(nodes)})


INPUT = {"id": 0, "kind": "input", "parents": [], "shape": [2, 3]}
RELU = {"id": 1, "kind": "relu", "parents": [0], "shape": [2, 3]}
TWICE = {"id": 2, "kind": "tanh", "parents": [0], "shape": [2, 3]}


def test_several_outputs_are_compared_in_their_order(folder):
    (folder / "a.ir.json").write_text(general(INPUT, RELU, TWICE, output_ids=[1, 2]))
    (folder / "b.ir.json").write_text(general(INPUT, RELU, TWICE, output_ids=[2, 1]))
    done = torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder)
    assert done.stdout.decode().splitlines()[2:] == ["~ output_ids: [1, 2] -> [2, 1]"]
    swapped = [{**TWICE, "id": 1}, {**RELU, "id": 2}]
    (folder / "b.ir.json").write_text(general(INPUT, *swapped, output_ids=[2, 1]))
    done = torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder)
    lines = done.stdout.decode().splitlines()[2:]
    assert len(lines) == 1 and lines[0].endswith("(moved)")


def test_artifacts_of_two_dialects_are_compared_by_what_their_nodes_compute(folder):
    swap = {"id": 1, "kind": "swap_first_two", "parents": [0], "shape": [3, 2]}
    same = {**swap, "kind": "transpose", "axis1": 0, "axis2": 1}
    after = {"id": 2, "kind": "relu", "parents": [1], "shape": [3, 2]}
    (folder / "a.ir.json").write_text(general(INPUT, swap, after, output_id=2))
    (folder / "b.ir.json").write_text(general(INPUT, same, after, output_ids=[2]))
    done = torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[2:] == [
        "~ output_id: removed 2",
        "~ output_ids: added [2]",
        "~ 1 transpose",
        '    kind: "swap_first_two" -> "transpose"',
        "    axis1: added 0",
        "    axis2: added 1",
    ]


def test_parameters_in_nodes_count_and_are_shown_by_their_shape(folder):
    linear = {
        "id": 1,
        "kind": "linear",
        "parents": [0],
        "shape": [2, 2],
        "out_dim": 2,
        "in_dim": 3,
        "bias": [0, 0],
    }
    for name, weight in (("a", 1), ("b", 2)):
        node = {**linear, "weight": [[weight] * 3] * 2}
        (folder / f"{name}.ir.json").write_text(general(INPUT, node, output_ids=[1]))
    done = torchlean("diff", "a.ir.json", "b.ir.json", cwd=folder)
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()[2:]
    assert lines[0] == "~ 1 linear" and len(lines) == 2 and lines[1].startswith("    weight: ")
