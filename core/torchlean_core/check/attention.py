"""Projections of tuples: `tuple_getitem`, and the one case of attention that lowers (ir-v1 section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchlean_core.check.nodes import Reader, Record, cut
from torchlean_core.kinds.numbers import show, show_shape

Find = Callable[[int, int], Record | None]
"""(id, place) to the node of that id that stands before the place."""


def check_projection(reader: Reader, record: Record, parent: Record, find: Find) -> None:
    """Check one projection: its parent, its index, its shape, and whether it can be lowered."""
    if not parent.is_tuple:
        if parent.is_tuple is False:
            message = f"the parent {show(parent.ref)} (`{cut(parent.kind)}`) is a tensor; there is nothing to take from"
            reader.error(record, "TL302", message, ("parents", 0))
        return
    index = record.fields.get("index")
    if index is not None and parent.tuple_shapes is not None:
        count = len(parent.tuple_shapes)
        if index >= count:
            reader.error(
                record,
                "TL302",
                f"index {show(index)} is out of range: the tuple {show(parent.ref)} has {count} component"
                f"{'' if count == 1 else 's'}",
                ("index",),
            )
        elif record.shape is not None and record.shape != parent.tuple_shapes[index]:
            reader.error(
                record,
                "TL302",
                f"component {index} of the tuple {show(parent.ref)} has shape "
                f"{show_shape(parent.tuple_shapes[index])}, found {show_shape(record.shape)}",
                ("shape",),
                inferred=parent.tuple_shapes[index],
            )
    producer = reader.dialect.tuple_kinds.get(parent.kind or "")
    if parent.kind is None:
        return
    if producer is None or not producer.lowers:
        reader.error(
            record,
            "TL303",
            f"a component of `{cut(parent.kind)}` cannot be lowered: only `{reader.dialect.attention.name}` can",
            ("parents", 0),
        )
        return
    if parent.parents is not None and None in parent.parents:
        return  # reported at the attention node
    _check_attention(reader, record, parent, find)


def _check_attention(reader: Reader, record: Record, attention: Record, find: Find) -> None:
    """Check that a projection of `multihead_attention` is the supported case; say which conditions fail.

    A missing or ill-typed field is reported at the attention node, and silences only what would be said of that field.
    """
    fields = _attention_fields(reader, attention)

    def refuse(condition: str, path: tuple[str | int, ...] = ("parents", 0)) -> None:
        reader.error(record, "TL304", f"{attention.kind} lowers only when {condition}", path)

    index = record.fields.get("index")
    if index is not None and index != 0:
        refuse(
            f"component 0 (the output) is taken; component {show(index)} (the weights) is not lowered",
            ("index",),
        )
    if fields.get("num_heads", 1) != 1:
        refuse(f"num_heads is 1, found {show(fields['num_heads'])}")
    for name in ("batch_first", "dropout_zero"):
        if not fields.get(name, True):
            refuse(f"{name} is true, found false")
    parents = attention.parents
    if parents is None:
        return
    if len(parents) != 3:
        refuse(f"it has three parents (query, key, value), found {len(parents)}")
        return
    if len(set(parents)) != 1:
        found = ", ".join(show(parent) for parent in parents if parent is not None)
        refuse(f"query, key and value are one node (self-attention), found {found}")
        return
    source = find(parents[0], attention.index) if parents[0] is not None else None
    if source is None:
        refuse("its query, key and value name an earlier node")
    elif source.is_tuple:
        refuse("its query, key and value are tensors, found a tuple")
    elif source.shape is not None:
        _check_shapes(refuse, record, source.shape, fields.get("embed_dim"))


def _check_shapes(refuse: Any, record: Record, shape: list[int], embed_dim: int | None) -> None:
    if len(shape) != 3:
        refuse(f"its input is (batch, seq, embed) of rank 3, found {show_shape(shape)}")
        return
    if embed_dim is not None and shape[2] != embed_dim:
        refuse(f"embed_dim is the input's last dimension, found {show(embed_dim)} and {show_shape(shape)}")
    if record.shape is not None and record.shape != shape:
        refuse(
            f"the output's shape is the input's {show_shape(shape)}, found {show_shape(record.shape)}",
            ("shape",),
        )


def _attention_fields(reader: Reader, attention: Record) -> dict[str, Any]:
    """The fields of an attention node, those that are there and of their types.

    Every projection reads them anew and reports the same findings, of which the checker keeps one each.
    """
    kind = reader.dialect.tuple_kinds[attention.kind or ""]
    attention.fields, attention.complete = {}, True
    reader.own_fields(attention, kind.fields, kind.name)
    return attention.fields
