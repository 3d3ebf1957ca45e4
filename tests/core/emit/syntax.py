"""What may stand in a generated file, as Python's own parser sees it."""

from __future__ import annotations

import ast

NODES = {
    "Module", "Import", "ImportFrom", "alias", "ClassDef", "FunctionDef", "arguments", "arg", "Return", "Assign",
    "AugAssign", "Expr", "Constant", "Name", "Load", "Store", "Attribute", "Call", "keyword", "Tuple", "List", "Dict",
    "ListComp", "comprehension", "For", "If", "IfExp", "Continue", "With", "withitem", "Subscript", "Slice", "Starred",
    "BinOp", "Add", "Sub", "Mult", "Div", "FloorDiv", "Mod", "Pow", "MatMult", "BitXor", "BitAnd", "RShift",
    "UnaryOp", "USub", "Compare", "Eq", "Gt", "GtE", "BitOr", "Is", "IsNot", "JoinedStr", "FormattedValue", "Raise",
}  # fmt: skip
MODULES = {"json", "mmap", "struct", "torch", "torch.nn.functional", "pathlib"}
CALLED = {
    "super", "super().__init__", "SystemExit", "float", "range", "list", "print", "slice", "int",
    "read_weights", "structure", "compact", "Reshape", "_mix", "_unit", "make_optimizer", "train_step",
    "Path", "path.open", "file.read", "file.fileno", "struct.unpack", "json.loads", "header.items", "mmap.mmap",
    "optimizer.zero_grad", "optimizer.step", "loss.backward", "loss.item", "y.mean", "y.mean().item", "model",
    "model.parameters", "self.register_buffer", "self.load_state_dict", "self.eval", "flat.reshape", "flat.clone",
    "flat.data_ptr", "words.to", "enumerate", "len", "zip", "reversed", "bool",
    "diagonal_blocks", "convolution", "pool", "embed", "blocks",
}  # fmt: skip
ROOTS = {"torch", "F", "nn"}
METHODS = {
    "to", "clone", "clamp", "reshape", "expand", "permute", "transpose", "detach", "new_zeros", "contiguous", "numel",
    "flatten", "squeeze", "unsqueeze", "diagonal", "movedim", "unfold", "amax", "mean", "new_full",
}  # fmt: skip


def refuse_other_syntax(tree: ast.Module, class_name: str | None = None) -> None:
    """Check that a tree holds nothing but what the emitter writes: kinds of nodes, imports, and what is called.

    Args:
        tree: The module.
        class_name: Name of its one class; None for whatever that is called.
    """
    if class_name is None:
        [class_name] = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in ast.walk(tree):
        kind = type(node).__name__
        assert kind in NODES, kind
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= MODULES
        elif isinstance(node, ast.ImportFrom):
            assert node.module in MODULES and not node.level
        elif isinstance(node, ast.Call):
            assert _may_be_called(node.func, class_name), ast.unparse(node.func)
        elif isinstance(node, ast.Name):
            assert not node.id.startswith("__") or node.id in ("__name__", "__file__"), node.id
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr == "__init__", node.attr


def _may_be_called(function: ast.expr, class_name: str) -> bool:
    text = ast.unparse(function)
    if text in CALLED or text == class_name:
        return True
    if not isinstance(function, ast.Attribute):
        return False
    base = function
    while isinstance(base, ast.Attribute):
        base = base.value
    return function.attr in METHODS or (isinstance(base, ast.Name) and base.id in ROOTS)
