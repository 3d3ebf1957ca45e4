"""Why an operator that is not in the table has no form."""

from __future__ import annotations

_REASONS = {
    "an artifact has no control flow": "If Loop Scan SequenceMap",
    "an artifact computes with real numbers, not with integers of a few bits": (
        "QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger MatMulInteger "
        "BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BitCast"
    ),
    "an artifact draws no random numbers": (
        "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial"
    ),
    "an artifact has no text": "StringConcat StringNormalizer StringSplit RegexFullMatch TfIdfVectorizer",
    "an artifact has no sequences": (
        "SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence "
        "ConcatFromSequence Optional OptionalGetElement OptionalHasElement"
    ),
    "it is not read; an export for operator set 22 or older says the same by others": "Attention RotaryEmbedding",
    "the shape of its result depends on values": "Compress Unique NonMaxSuppression",
}
_BY_OPERATOR = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def why_not(operator: str) -> str:
    """The reason, in words."""
    if "." in operator:
        return "operators of other domains than ONNX's own are not read"
    return _BY_OPERATOR.get(operator, "has no exact form in torchlean.ir.v1")
