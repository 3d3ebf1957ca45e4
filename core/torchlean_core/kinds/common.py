"""What every artifact and every node has beside the fields of its kind, in words."""

from __future__ import annotations

FORMAT = "torchlean.ir.v1"
"""The value of `format`, in every dialect."""


def root_fields(output_field: str, output_doc: str) -> dict[str, str]:
    """The fields of a dialect's root, in canonical order."""
    return {
        "format": "Format marker.",
        "input_id": "Id of the input node.",
        output_field: output_doc,
        "nodes": "Nodes in topological order; nodes[i].id is i.",
    }


NODE_FIELDS: dict[str, str] = {
    "id": "The node's place in `nodes`.",
    "kind": "What the node computes.",
    "parents": "Ids of the operands; each is smaller than the node's own id.",
    "value_kind": "What the node holds.",
    "shape": "Shape of the result; [] is a scalar.",
    "tuple_shapes": "Shapes of the components.",
}
"""The fields that nodes of every kind have, in canonical order."""

TRAINING_DIFFERS = "training this artifact is not training the model: "
"""What findings of TL407 begin with."""

EXTRA_FIELDS: dict[str, str] = {
    "debug_target": "The operator that the node was captured from; a comment.",
    "source": "The line of the model file, and the module, that the node was captured from; a comment.",
    "captured_from": "The model that the artifact was captured from: file, class, example shape, hash, meaning.",
    "approximations": "The operators that an approximation stands for, and the measured error.",
    "training_differs": "Why training the artifact is not training the model that it was captured from.",
    "parameters": "What each tensor of the payload is in the model: its name, view, whether it trains, is absent.",
    "eps": "The epsilon of the normalization; 1e-5 where absent.",
    "trainable": "Whether initialization and training may change the constant.",
    "groups": "Groups of the original convolution; the dense kernel's other entries stay zero.",
    "dilation": "Dilation of the original convolution; the dense kernel's other entries stay zero.",
}
"""Fields that TorchLean's importer ignores and that mean something here."""
