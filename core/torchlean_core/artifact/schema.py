"""The JSON Schema of artifacts, built from the kind tables: what an editor without the server can check.

`python -m torchlean_core.artifact.schema FOLDER` writes it; `schema/` holds the checked-in copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from torchlean_core.files import write_text
from torchlean_core.kinds import (
    DIALECTS,
    FORMAT,
    NODE_FIELDS,
    Dialect,
    Fact,
    Field,
    FieldType,
    Kind,
    TupleKind,
)
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.dialects import DEFAULT
from torchlean_core.kinds.spec import ParamSpec

FILE_NAME = "torchlean.ir.v1.schema.json"

_NATURAL = {"$ref": "#/$defs/natural"}
_SHAPE = {"$ref": "#/$defs/shape"}
_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.NATURAL: _NATURAL,
    FieldType.SHAPE: _SHAPE,
    FieldType.AXES: _SHAPE,
    FieldType.GEOMETRY: _SHAPE,
    FieldType.BOOLEAN: {"type": "boolean"},
}


def artifact_schema() -> dict[str, Any]:
    """The schema, draft 2020-12: fields, types, arities and kinds; ids, edges and shapes are beyond it.

    The root field that names the outputs decides which dialect's nodes there are; a file without any is the default's
    unless a node says otherwise, which is beyond a schema, so that the missing field is all that is said of it.
    """
    properties: dict[str, Any] = {
        "format": {"const": FORMAT, "description": DEFAULT.root_fields["format"]},
        INPUT_FIELD: {**_NATURAL, "description": DEFAULT.root_fields[INPUT_FIELD]},
    }
    definitions: dict[str, Any] = {"natural": {"type": "integer", "minimum": 0}, "shape": _array(_NATURAL)}
    for dialect in DIALECTS.values():
        properties[dialect.output_field] = {"description": dialect.root_fields[dialect.output_field]}
        definitions.update(_definitions(dialect))
    properties["nodes"] = {"type": "array", "minItems": 1, "description": DEFAULT.root_fields["nodes"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://torchlean-ls.readthedocs.io/schema/{FILE_NAME}",
        "title": f"{FORMAT} artifact",
        "description": "A network as a graph of tensor operations, as TorchLean imports it.",
        "type": "object",
        "required": [INPUT_FIELD, "nodes"],
        "properties": properties,
        **_decided(),
        "$defs": definitions,
    }


def _decided() -> dict[str, Any]:
    """The dialect by the field that names the outputs: of several the newest one's."""
    found: dict[str, Any] = {"else": {"required": [DEFAULT.output_field]}}
    for dialect in DIALECTS.values():
        found = {
            "if": {"required": [dialect.output_field]},
            "then": {"$ref": f"#/$defs/{dialect.name}_root"},
            "else": found if "if" in found else found["else"],
        }
    return found


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _definitions(dialect: Dialect) -> dict[str, Any]:
    """The root and the nodes of a dialect."""
    name = dialect.name
    outputs = {**_array(_NATURAL), "minItems": 1} if dialect.many_outputs else _NATURAL
    root: dict[str, Any] = {
        "properties": {
            dialect.output_field: outputs,
            "nodes": _array({"$ref": f"#/$defs/{name}_node"}),
        }
    }
    if dialect.requires_format:
        root["required"] = ["format"]
    return {
        f"{name}_root": root,
        f"{name}_node": {
            "type": "object",
            "required": ["id", "kind", "parents"],
            "properties": {
                "id": {**_NATURAL, "description": NODE_FIELDS["id"]},
                "kind": {"type": "string", "description": NODE_FIELDS["kind"]},
                "parents": {**_array(_NATURAL), "description": NODE_FIELDS["parents"]},
                "value_kind": {"enum": ["tensor", "tuple"], "description": NODE_FIELDS["value_kind"]},
            },
            "if": {"properties": {"value_kind": {"const": "tuple"}}, "required": ["value_kind"]},
            "then": {"$ref": f"#/$defs/{name}_tuple_node"},
            "else": {"$ref": f"#/$defs/{name}_tensor_node"},
        },
        f"{name}_tuple_node": {
            "required": ["tuple_shapes"],
            "properties": {
                "tuple_shapes": {**_array(_SHAPE), "description": NODE_FIELDS["tuple_shapes"]},
            },
            "allOf": [_tuple_rule(dialect, kind) for kind in dialect.tuple_kinds.values() if kind.fields],
        },
        f"{name}_tensor_node": {
            "required": ["shape"],
            "properties": {
                "shape": {**_SHAPE, "description": NODE_FIELDS["shape"]},
                "kind": {"oneOf": [_kind_choice(kind) for kind in dialect.all_kinds]},
            },
            "allOf": [_kind_rule(dialect, kind) for kind in dialect.all_kinds],
        },
    }


def _kind_choice(kind: Kind) -> dict[str, Any]:
    return {"const": kind.name, "description": kind.summary}


def _kind_rule(dialect: Dialect, kind: Kind) -> dict[str, Any]:
    """What a node of a kind looks like: its arity, its own fields, and parameters that stand in it."""
    low, high = kind.arity
    parents: dict[str, Any] = {"minItems": low}
    if high is not None:
        parents["maxItems"] = high
    return {
        "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
        "then": {
            "required": [field.name for field in kind.fields if field.required],
            "properties": {"parents": parents}
            | {field.name: _field(field) for field in kind.fields}
            | _payload(dialect, kind),
        },
    }


def _tuple_rule(dialect: Dialect, kind: TupleKind) -> dict[str, Any]:
    """Field descriptions of a tuple kind; fields are checked where a component is taken, not by the schema."""
    return {
        "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
        "then": {
            "properties": {field.name: {"description": field.doc} for field in kind.fields}
            | _payload(dialect, kind)
        },
    }


def _payload(dialect: Dialect, kind: Kind | TupleKind) -> dict[str, Any]:
    """Parameters that stand in a node, in dialects that have them: arrays of numbers, and numbers."""
    return {_name(part): _part(part) for part in kind.payload} if dialect.inline else {}


def _name(part: ParamSpec | Fact) -> str:
    return part.role if isinstance(part, ParamSpec) else part.name


def _part(part: ParamSpec | Fact) -> dict[str, Any]:
    if isinstance(part, ParamSpec):
        return {"type": ["array", "number"], "description": part.doc}
    return {**({"type": "number"} if part.type is None else _TYPES[part.type]), "description": part.doc}


def _field(field: Field) -> dict[str, Any]:
    positive = {"minimum": 1} if field.positive else {}
    return {**_TYPES[field.type], **positive, "description": field.doc}


def schema_text() -> str:
    """The schema file's text."""
    return json.dumps(artifact_schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / FILE_NAME, schema_text())
