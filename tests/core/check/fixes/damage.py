"""Valid artifacts of both dialects, and what people and tools do to them."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.core.convert.graphs import classic_root, general_root
from torchlean_core.check import Finding, Report, Severity, check_text
from torchlean_core.kinds import Kind, dialect_of

Root = dict[str, Any]
Damage = Callable[[random.Random, Root], bool]


def root_of(seed: int) -> Root:
    """A valid artifact, of either dialect by turns; every node has a mark that stays with it."""
    root: Root = copy.deepcopy((general_root if seed % 2 else classic_root)(seed, nodes=12))
    for index, node in enumerate(root["nodes"]):
        node["mark"] = index
    return root


def kind_of(root: Root, node: Root) -> Kind | None:
    found = dialect_of(root).kind(str(node.get("kind")))
    return found if isinstance(found, Kind) else None


def _some(draw: random.Random, nodes: list[Root], fits: Callable[[Root], Any] = bool) -> Root | None:
    found = [node for node in nodes if fits(node)]
    return draw.choice(found) if found else None


def surplus_parent(draw: random.Random, root: Root) -> bool:
    """One parent more than there should be, or a second time the same."""
    node = _some(draw, root["nodes"][1:], lambda one: kind_of(root, one) is not None)
    if node is None:
        return False
    node["parents"].append(draw.choice([*node["parents"], draw.randrange(root["nodes"].index(node))]))
    return True


def missing_parent(draw: random.Random, root: Root) -> bool:
    """One parent gone, or all."""
    node = _some(draw, root["nodes"], lambda one: one["parents"])
    if node is None:
        return False
    if draw.random() < 0.7:
        del node["parents"][draw.randrange(len(node["parents"]))]
    else:
        node["parents"] = []
    return True


def wrong_parent(draw: random.Random, root: Root) -> bool:
    """A parent that is the node itself, one behind it, or none at all."""
    node = _some(draw, root["nodes"], lambda one: one["parents"])
    if node is None:
        return False
    count, own = len(root["nodes"]), root["nodes"].index(node)
    later = draw.randrange(own, count)
    node["parents"][draw.randrange(len(node["parents"]))] = draw.choice([own, later, count + 3, -1])
    return True


def repeated_id(draw: random.Random, root: Root) -> bool:
    """An id that another node has."""
    if len(root["nodes"]) < 3:
        return False
    place = draw.randrange(1, len(root["nodes"]))
    root["nodes"][place]["id"] = draw.choice([place - 1, draw.randrange(len(root["nodes"]))])
    return root["nodes"][place]["id"] != place


def copied_node(draw: random.Random, root: Root) -> bool:
    """A node that stands there twice."""
    place = draw.randrange(1, len(root["nodes"])) if len(root["nodes"]) > 1 else 0
    if not place:
        return False
    again = copy.deepcopy(root["nodes"][place])
    again["mark"] = len(root["nodes"])
    root["nodes"].insert(place + 1, again)
    return True


def gap(draw: random.Random, root: Root) -> bool:
    """Ids with a gap: a node was taken out, or all numbers behind one are greater."""
    nodes = root["nodes"]
    place = draw.randrange(1, len(nodes)) if len(nodes) > 1 else 0
    if not place:
        return False
    if draw.random() < 0.4:
        del nodes[place]
        return True
    field = "output_ids" if "output_ids" in root else "output_id"

    def later(number: int) -> int:
        return number + 1 if number >= place else number

    for node in nodes:
        node["id"] = later(node["id"])
        node["parents"] = [later(parent) for parent in node["parents"]]
    if draw.random() < 0.6:
        ends = root[field]
        root[field] = later(ends) if isinstance(ends, int) else [later(end) for end in ends]
    return True


def swapped(draw: random.Random, root: Root) -> bool:
    """Two neighbours in each other's places."""
    nodes = root["nodes"]
    if len(nodes) < 3:
        return False
    place = draw.randrange(1, len(nodes) - 1)
    nodes[place], nodes[place + 1] = nodes[place + 1], nodes[place]
    return True


def wrong_axis(draw: random.Random, root: Root) -> bool:
    """An axis that the operand has not, or one counted from the end."""

    def axes(node: Root) -> list[str]:
        kind = kind_of(root, node)
        return [field.name for field in kind.fields if field.is_axis and field.name in node] if kind else []

    node = _some(draw, root["nodes"], axes)
    if node is None:
        return False
    name = draw.choice(axes(node))
    value = draw.choice([-1, -2, 3, 4, 5, 9, -9])
    if isinstance(node[name], list):
        if not node[name]:
            return False
        node[name][draw.randrange(len(node[name]))] = value
    else:
        node[name] = value
    return True


def wrong_shape(draw: random.Random, root: Root) -> bool:
    """A declared shape with another number, or another rank."""
    node = _some(draw, root["nodes"], lambda one: "shape" in one)
    if node is None:
        return False
    shape = node["shape"]
    if shape and draw.random() < 0.7:
        shape[draw.randrange(len(shape))] += draw.choice([1, 2])
    else:
        shape.append(2)
    return True


def turned_product(draw: random.Random, root: Root) -> bool:
    """A matrix product whose second operand is transposed, or has another batch."""
    nodes = root["nodes"]
    node = _some(draw, nodes, lambda one: one["kind"] == "matmul" and "shape" in nodes[one["parents"][1]])
    if node is None:
        return False
    other = nodes[node["parents"][1]]
    shape = other["shape"]
    if len(shape) > 2 and draw.random() < 0.5:
        shape[0] = 1 if shape[0] != 1 else 3
    elif len(shape) > 1:
        shape[-1], shape[-2] = shape[-2], shape[-1]
    else:
        return False
    if "value_shape" in other:
        other["value_shape"] = list(shape)
    return True


def wrong_end(draw: random.Random, root: Root) -> bool:
    """An input or output that is none."""
    count = len(root["nodes"])
    name = draw.choice(["input_id", "output_ids" if "output_ids" in root else "output_id"])
    value = draw.choice([count, count + 4, 0, max(count - 1, 0), -1])
    root[name] = [value] if name == "output_ids" else value
    return True


def misspelt_kind(draw: random.Random, root: Root) -> bool:
    """A kind with another letter, or in capitals."""
    node = draw.choice(root["nodes"])
    kind = node["kind"]
    node["kind"] = draw.choice([kind.upper(), kind[:-1], kind + "s", kind.replace("_", "-")])
    return True


def lost_field(draw: random.Random, root: Root) -> bool:
    """A field that is gone."""
    node = draw.choice(root["nodes"])
    name = draw.choice([name for name in node if name not in ("mark", "value_kind")])
    del node[name]
    return True


def quoted_number(draw: random.Random, root: Root) -> bool:
    """A number in quotes."""
    node = draw.choice(root["nodes"])
    names = [name for name, value in node.items() if name != "mark" and type(value) is int]
    if not names:
        return False
    name = draw.choice(names)
    node[name] = str(node[name])
    return True


DAMAGES = (
    surplus_parent,
    missing_parent,
    wrong_parent,
    repeated_id,
    copied_node,
    gap,
    swapped,
    wrong_axis,
    wrong_shape,
    turned_product,
    wrong_end,
    misspelt_kind,
    lost_field,
    quoted_number,
)


LOCAL = (surplus_parent, missing_parent, wrong_parent, wrong_axis, wrong_shape, misspelt_kind, lost_field)
"""Damages of one node."""


def damaged(
    seed: int, count: int, root: Root | None = None, damages: tuple[Damage, ...] = DAMAGES
) -> tuple[list[str], str]:
    """An artifact with some damages, and their names."""
    draw = random.Random(seed)
    made = copy.deepcopy(root) if root is not None else root_of(seed)
    names = []
    for _ in range(count * 6):
        damage = draw.choice(damages)
        try:
            done = damage(draw, made)
        except (TypeError, KeyError, ValueError, IndexError, AttributeError):
            continue  # an earlier damage leaves nothing for it
        if done:
            names.append(damage.__name__)
        if len(names) == count:
            break
    return names, json.dumps(made, indent=draw.choice([None, 1]))


def marked_errors(report: Report) -> Counter[tuple[Any, ...]]:
    """The errors by rule, field and node, whatever numbers the nodes have."""
    found: Counter[tuple[Any, ...]] = Counter()
    for finding in report.findings:
        if finding.severity is Severity.ERROR:
            found[_key(report, finding)] += 1
    return found


def _key(report: Report, finding: Finding) -> tuple[Any, ...]:
    record = report.records[finding.index] if finding.index is not None else None
    mark = record.raw.get("mark", "new") if record is not None else None
    return finding.code, mark, *finding.path


def each(seeds: range, most: int = 3) -> Iterator[tuple[str, Report]]:
    """Damaged artifacts, with how they came about."""
    for seed in seeds:
        for count in range(1, most + 1):
            names, text = damaged(seed, count)
            yield f"{seed}/{count}: {', '.join(names)}", check_text(text)
