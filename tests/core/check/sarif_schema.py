"""The part of SARIF 2.1.0's schema that our logs use, written from the standard; nothing else is allowed in them.

Set SARIF_SCHEMA to a copy of the standard's own `sarif-schema-2.1.0.json` to validate against that too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema


def _object(required=(), **properties):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _array(items, **more):
    return {"type": "array", "items": items, **more}


_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 1}
_INDEX = {"type": "integer", "minimum": 0}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_URI_REFERENCE = {"type": "string", "format": "uri-reference", "minLength": 1}
_URI = {"type": "string", "format": "uri", "pattern": "^https://"}
_MESSAGE = _object(["text"], text=_TEXT)
_ARTIFACT_LOCATION = _object(["uri"], uri=_URI_REFERENCE, index=_INDEX)
_REGION = _object(
    ["startLine", "startColumn", "endLine", "endColumn"],
    startLine=_NUMBER,
    startColumn=_NUMBER,
    endLine=_NUMBER,
    endColumn=_NUMBER,
)
_PLACE = {
    "physicalLocation": _object(["artifactLocation"], artifactLocation=_ARTIFACT_LOCATION, region=_REGION),
    "logicalLocations": _array(_object(fullyQualifiedName=_TEXT, kind=_TEXT)),
}
_LOCATION = _object(["physicalLocation"], **_PLACE)
_RELATED = _object(["physicalLocation", "message"], id=_INDEX, message=_MESSAGE, **_PLACE)
_REPLACEMENT = _object(
    ["deletedRegion"], deletedRegion=_REGION, insertedContent=_object(["text"], text=_TEXT)
)
_CHANGE = _object(
    ["artifactLocation", "replacements"],
    artifactLocation=_ARTIFACT_LOCATION,
    replacements=_array(_REPLACEMENT, minItems=1),
)
_FIX = _object(
    ["artifactChanges"], description=_MESSAGE, artifactChanges=_array(_CHANGE, minItems=1, uniqueItems=True)
)
_RESULT = _object(
    ["message", "ruleId", "locations"],
    ruleId={"type": "string", "pattern": "^TL[0-9]{3}$"},
    ruleIndex=_INDEX,
    level=_LEVEL,
    message=_MESSAGE,
    locations=_array(_LOCATION, minItems=1),
    relatedLocations=_array(_RELATED, uniqueItems=True),
    fixes=_array(_FIX, uniqueItems=True),
    properties={"type": "object"},
)
_RULE = _object(
    ["id"],
    id=_TEXT,
    name=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    help=_MESSAGE,
    helpUri=_URI,
    defaultConfiguration=_object(level=_LEVEL),
)
_DRIVER = _object(
    ["name"],
    name=_TEXT,
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    informationUri=_URI,
    rules=_array(_RULE, uniqueItems=True),
)
_NOTIFICATION = _object(["message"], level=_LEVEL, message=_MESSAGE, locations=_array(_LOCATION))
_INVOCATION = _object(
    ["executionSuccessful"],
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications=_array(_NOTIFICATION),
)
_RUN = _object(
    ["tool", "results"],
    tool=_object(["driver"], driver=_DRIVER),
    columnKind={"const": "utf16CodeUnits"},
    invocations=_array(_INVOCATION),
    artifacts=_array(
        _object(location=_ARTIFACT_LOCATION, mimeType={"type": "string", "pattern": "[^/]+/.+"}),
        uniqueItems=True,
    ),
    results=_array(_RESULT),
)
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ["version", "runs"], **{"$schema": _URI}, version={"const": "2.1.0"}, runs=_array(_RUN, minItems=1)
    ),
}


def validate(log):
    """Fail where a log is not SARIF 2.1.0."""
    schemas = [SCHEMA]
    if path := os.environ.get("SARIF_SCHEMA"):
        schemas.append(json.loads(Path(path).read_text("utf-8")))
    for schema in schemas:
        validator = jsonschema.validators.validator_for(schema)
        validator(schema, format_checker=validator.FORMAT_CHECKER).validate(log)
