"""The JSON Schema of artifacts, built from the kind table: what an editor without the server can check.

`python -m torchlean_core.artifact.schema FOLDER` writes it; `schema/` holds the checked-in copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from torchlean_core.files import write_text
from torchlean_core.kinds import CLASSIC, FORMAT, NODE_FIELDS, Field, FieldType, Kind, TupleKind

FILE_NAME = "torchlean.ir.v1.schema.json"

_NATURAL = {"$ref": "#/$defs/natural"}
_SHAPE = {"$ref": "#/$defs/shape"}
_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.NATURAL: _NATURAL,
    FieldType.SHAPE: _SHAPE,
    FieldType.AXES: _SHAPE,
    FieldType.BOOLEAN: {"type": "boolean"},
}


def artifact_schema() -> dict[str, Any]:
    """The schema, draft 2020-12: fields, types, arities and kinds; ids, edges and shapes are beyond it."""
    tensor_kinds = [*CLASSIC.tensor_kinds.values(), CLASSIC.getitem]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://torchlean-ls.readthedocs.io/schema/{FILE_NAME}",
        "title": f"{FORMAT} artifact",
        "description": "A network as a graph of tensor operations, as TorchLean imports it.",
        "type": "object",
        "required": ["input_id", "output_id", "nodes"],
        "properties": {
            "format": {"const": FORMAT, "description": CLASSIC.root_fields["format"]},
            "input_id": {**_NATURAL, "description": CLASSIC.root_fields["input_id"]},
            "output_id": {**_NATURAL, "description": CLASSIC.root_fields["output_id"]},
            "nodes": {
                "type": "array",
                "minItems": 1,
                "description": CLASSIC.root_fields["nodes"],
                "items": {"$ref": "#/$defs/node"},
            },
        },
        "$defs": {
            "natural": {"type": "integer", "minimum": 0},
            "shape": {"type": "array", "items": _NATURAL},
            "node": {
                "type": "object",
                "required": ["id", "kind", "parents"],
                "properties": {
                    "id": {**_NATURAL, "description": NODE_FIELDS["id"]},
                    "kind": {"type": "string", "description": NODE_FIELDS["kind"]},
                    "parents": {"type": "array", "items": _NATURAL, "description": NODE_FIELDS["parents"]},
                    "value_kind": {"enum": ["tensor", "tuple"], "description": NODE_FIELDS["value_kind"]},
                },
                "if": {"properties": {"value_kind": {"const": "tuple"}}, "required": ["value_kind"]},
                "then": {"$ref": "#/$defs/tuple_node"},
                "else": {"$ref": "#/$defs/tensor_node"},
            },
            "tuple_node": {
                "required": ["tuple_shapes"],
                "properties": {
                    "tuple_shapes": {
                        "type": "array",
                        "items": _SHAPE,
                        "description": NODE_FIELDS["tuple_shapes"],
                    }
                },
                "allOf": [_tuple_rule(kind) for kind in CLASSIC.tuple_kinds.values() if kind.fields],
            },
            "tensor_node": {
                "required": ["shape"],
                "properties": {
                    "shape": {**_SHAPE, "description": NODE_FIELDS["shape"]},
                    "kind": {"oneOf": [_kind_choice(kind) for kind in tensor_kinds]},
                },
                "allOf": [_kind_rule(kind) for kind in tensor_kinds],
            },
        },
    }


def _kind_choice(kind: Kind) -> dict[str, Any]:
    return {"const": kind.name, "description": kind.summary}


def _kind_rule(kind: Kind) -> dict[str, Any]:
    """What a node of a kind looks like: its arity and its own fields."""
    low, high = kind.arity
    parents: dict[str, Any] = {"minItems": low}
    if high is not None:
        parents["maxItems"] = high
    return {
        "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
        "then": {
            "required": [field.name for field in kind.fields if field.required],
            "properties": {"parents": parents} | {field.name: _field(field) for field in kind.fields},
        },
    }


def _tuple_rule(kind: TupleKind) -> dict[str, Any]:
    """Field descriptions of a tuple kind; fields are checked where a component is taken, not by the schema."""
    return {
        "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
        "then": {"properties": {field.name: {"description": field.doc} for field in kind.fields}},
    }


def _field(field: Field) -> dict[str, Any]:
    positive = {"minimum": 1} if field.positive else {}
    return {**_TYPES[field.type], **positive, "description": field.doc}


def schema_text() -> str:
    """The schema file's text."""
    return json.dumps(artifact_schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / FILE_NAME, schema_text())
