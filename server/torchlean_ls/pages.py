"""The page that says what the server can do, written from what it answers to `initialize`.

`python -m torchlean_ls.pages docs` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from torchlean_core.dialect_around import CHOICES
from torchlean_core.files import write_text
from torchlean_ls import PROTOCOL_VERSION
from torchlean_ls.capabilities import COMMANDS, server_capabilities
from torchlean_ls.client import Client

NAME = "language-server.md"

_FEATURES: dict[str, tuple[str, str]] = {
    "hoverProvider": (
        "hover",
        "kind, formula, shapes of the operands, parameters, users, PyTorch form; fields; the whole graph",
    ),
    "completionProvider": (
        "completion",
        "missing fields, kinds that fit, ids of operands, values, whole nodes; in broken text too",
    ),
    "definitionProvider": (
        "definition",
        "from an id to its node; from a node to the line of the model it was captured from",
    ),
    "referencesProvider": ("references", "every place that names a node"),
    "documentHighlightProvider": ("highlights", "the same, in sight"),
    "renameProvider": ("rename", "another id for a node, everywhere; refused where it would break the order"),
    "documentSymbolProvider": ("outline", "the nodes with shapes, operands and modules"),
    "workspaceSymbolProvider": (
        "workspace symbols",
        "nodes of all artifacts, opened or not, by id, kind, module and operator",
    ),
    "codeActionProvider": (
        "code actions",
        "quick fixes, all safe fixes at once, and what can be done with an artifact or a model",
    ),
    "codeLensProvider": (
        "code lens",
        "size and state; emit, or refresh and open the module; initialize, train, show the graph",
    ),
    "documentLinkProvider": ("document links", "to the model that it was captured from"),
    "documentFormattingProvider": (
        "formatting",
        "one node per line; numbers and strings keep their spelling",
    ),
    "documentRangeFormattingProvider": ("range formatting", "the same for the nodes in a range"),
    "foldingRangeProvider": ("folding", "nodes and arrays"),
    "selectionRangeProvider": ("selection ranges", "from a value to its field, node, and the graph"),
    "callHierarchyProvider": ("call hierarchy", "producers and consumers of a node"),
    "inlayHintProvider": ("inlay hints", "kind and shape behind every parent id; captured operators"),
    "semanticTokensProvider": (
        "semantic tokens",
        "kinds, ids and fields; what changed since, for clients that ask for that",
    ),
    "diagnosticProvider": (
        "pulled diagnostics",
        "of open documents; `workspace/diagnostic` covers all artifacts of the workspace",
    ),
    "executeCommandProvider": ("commands", "see below"),
}
_PYTHON: dict[str, str] = {
    "hoverProvider": "shapes of names and calls, the nodes they became; how a model stands; directives",
    "completionProvider": "`# torchlean:` directives",
    "definitionProvider": "from a model to its artifact and generated module",
    "referencesProvider": "the nodes that an expression became",
    "codeActionProvider": "exact rewrites, allowed approximations, the example shape; capture, also with emission",
    "codeLensProvider": "capture, state, artifact and generated module of each model; over a generated module "
    "what it is from, whether it is fresh, open and refresh",
    "inlayHintProvider": "shapes at the ends of lines, from the last capture",
    "diagnosticProvider": "TL601 to TL608 where they stand",
}
_BASICS = ("positionEncoding", "textDocumentSync", "workspace")

_COMMANDS = {
    "torchlean.check": "Check; answers with counts and findings.",
    "torchlean.emit": "Write the `nn.Module` (`out`, `params`, `options`, `force`).",
    "torchlean.refresh": "Write the generated module again, where there is one (`force`).",
    "torchlean.capture": "Capture a model of a Python file, or an ONNX file (`name` of the model, `exampleShape`, "
    "`out`, `dialect`, `approximate`, `force`; `ask`: true asks for what is missing, see below; `write`: false for "
    "what is learned alone).",
    "torchlean.captureAndEmit": "The same, and write the `nn.Module` of the artifact.",
    "torchlean.init": "Initialize parameters (`seed`, `scheme`, `device`, `force`, …).",
    "torchlean.models": "List the models of an open Python file: `name`, `line`, `shape`, `guess`, `state`, "
    "`artifact`, `needs` (why it cannot be captured, or null), `doc`.",
    "torchlean.writeShape": "Have the editor write an example shape over a model (`name`, `exampleShape`).",
    "torchlean.train": "Train (`steps` or `epochs`, `data`, `loss`, `lr`, `val_split`, `output`, `device`, `force`, …; "
    "`resume`: true goes on with a run that was stopped, `ask`: true asks first, see below).",
    "torchlean.training": "How the last training of an artifact stands: `running`, `points`, `previous`, `resume`, "
    "`trained`.",
    "torchlean.trainOptions": "The options of `torchlean.train`: of each its `name`, `type` (`number`, `whole`, "
    "`text`, `file`, `folder` or `flag`), `values` that it mostly gets, `endings` of files, `bare` (whether its name "
    "alone means something), `help`.",
    "torchlean.useParams": "Make the trained parameters those of the artifact; what it had is kept (`params`).",
    "torchlean.convert": "Write the artifact in the other dialect, with its parameters, or say which node has no "
    "exact counterpart (`dialect`, `out`: a path or URI, by default `m.DIALECT.ir.json` beside it, `params`, "
    "`output`: place of the output to keep, `force`: over a file that is there, which is kept).",
    "torchlean.dialects": "The names that `dialect` of `torchlean.convert` may be: `dialects`.",
    "torchlean.stop": "Stop the work on a document; without `uri` all work.",
    "torchlean.openFile": "Have the editor show a file.",
    "torchlean.showGraph": "Draw the graph (`format`: `svg`, `dot`, `mermaid` or `text`; `depth`: levels of clusters "
    "that are open, or `all`; `against`: an older version, as `{uri}` or `{text, name}`, whose differences are "
    "marked). The formats `model` and `node` are for clients that draw it themselves; see below.",
}

_SETTINGS = (
    ("torchlean.enable", "true", "Whether the server does anything."),
    ("torchlean.validate", '"onType"', 'When findings are shown: "onType", "onSave" or "off".'),
    (
        "torchlean.captureOnSave",
        "false",
        "Capture a file's models when it is saved; not in an untrusted workspace. Nothing is written where that "
        "would replace somebody's work.",
    ),
    (
        "torchlean.refreshOnSave",
        "false",
        "Write the generated module of an artifact again when the artifact is saved; never one that was edited.",
    ),
    (
        "torchlean.warmWorker",
        "true",
        "Keep a process that has loaded torch while a model is open; not in an untrusted workspace.",
    ),
    (
        "torchlean.captureOnType",
        "false",
        "Capture a text that rests, without writing anything; not in an untrusted workspace (experimental).",
    ),
    (
        "torchlean.inlayHints",
        "true",
        "Inlay hints; or an object with `enable`, `parents`, `debugTargets` and `shapes`.",
    ),
    (
        "torchlean.artifacts",
        "[]",
        "Patterns as in .gitignore of files that are artifacts whatever they are called.",
    ),
    (
        "torchlean.python.interpreter",
        '""',
        "The Python that models are captured and trained in. It needs torch, numpy and safetensors, not "
        "this package. Each folder may have its own: `workspace/configuration` asks with the folder as scope.",
    ),
    ("torchlean.device", '"auto"', "Device for initialization and training."),
    (
        "torchlean.dialect",
        '"auto"',
        f"Dialect of captures where no settings file says it: {', '.join(CHOICES)}. With auto an artifact that is "
        "captured again keeps its own; a new one gets the one that the project's TorchLean reads, else that of most "
        "artifacts in its folder.",
    ),
    ("torchlean.timeLimit", "120", "Seconds after which a capture is stopped."),
    ("torchlean.memoryLimit", "0", "Memory in MiB that a capture may use; 0 for no limit."),
)

_ANSWERS = """
## Before somebody's work is replaced

A command that would replace captured weights, trained parameters, or an artifact or module that was edited by hand asks
first. It asks only about what the last capture, emission or initialization did not write itself, and the file that is
replaced stays as `m.ir.json.orig` (`.orig2`, …). A client that announces `window.showMessage` gets a
`window/showMessageRequest`; where the answer is no, the command ends with the error -32802. Others, and those that send
`"confirms": true` in their `initializationOptions`, get the error -32803, whose `data.confirm` has

| field | |
|---|---|
| `question` | a sentence that names what would be lost |
| `what` | the same as a list |
| `accept` | the title of the button that goes on |
| `argument` | what the command's argument gets besides when it is sent again: `{"force": true}` |

## What is asked

Capture and training find out what they can. With `"ask": true` in their argument they ask for the rest, and nothing
was done yet. Clients that send `"confirms": true`, and `"forms": true` for the last of these, get the error -32803,
ask in their own way, and send the command again with the answers in its argument; of the others those that announce
`window.showMessage` are asked for the model and the shape by a `window/showMessageRequest`, and train with the
defaults. The error's `data` has one of

- `choices`, which model: `question`, `argument` (the name under which the answer is sent), and `choices`, each with
  `label`, `detail`, `value` and the `line` of the class;
- `input`, which example shape: `question`, `value` (a guess, or ""), `argument`, and `write`: a `command` that
  writes the shape over the model, with its `argument`, to which `exampleShape` is added;
- `form`, how to train: `title`, `accept`, `resume` (`label` and `argument`: a run that was stopped, or null), and
  `fields`.

A field of a form has a `label`, the `names` of the argument that it says, and `choices`, of which the first is what
happens where nothing is said. A choice has a `label`, a `detail`, and either an `answer`, which is added to the
argument, or what to `ask`: a `name`, a `type` (`whole`, `number` or `file`), a `prompt`, of numbers a `value` to
propose, the `unit`, and what they are `above`, of files their `endings`. Losses, devices and everything else that
can be chosen stand there, so that no client has a list of its own.

An error's `data.unsaved` is true where the file has to be saved first, `data.problems` where what is wrong is in
the list of problems; `data.detail` has the message for a log, with paths and options, where the `message` is
another one. Results have a `detail` likewise.

## Trainings

Clients that send `"training": true` in their `initializationOptions` get notifications `torchlean/training`, ten a
second at most. Each has the artifact's `uri`, an id `run`, and a `kind`: `begin` (with the first point), `points`,
`checkpoint`, `end`. They have, as far as it is known, `points` (each a `step`, `loss`, `lr`, `val_loss` and the
metrics of the loss), `steps` of the whole run, `percentage`, `steps_per_second`, `seconds_left`, `device`,
`checkpoint` (`step`, `name`, `uri`); at the begin `asked` and `previous`, the points of the run before; at the end
`how` (`done`, `stopped` or `failed`), `message`, `trained` (the parameters), and `resume`: `step` and `steps` of a
checkpoint, and the `argument` with which `torchlean.train` goes on from there. `torchlean.training` answers all of
that at any time, also in another session. A training is kept every five seconds (`checkpoint_seconds`) until it
comes to its end.

Where code of the workspace would run and the client said that it is not trusted, the error's `data.trust` is true.
Where another command would help, such as one that makes parameters, `data.offer` has its `title` and `command`; it
takes the same `uri`, and the first command can be given again afterwards.

Where the interpreter of workers cannot do the work, the error's `data.interpreter` has its `path`, the `missing`
packages, and the command that would `install` them, a list of words, or null. Where a capture failed with findings,
which stand in the files as diagnostics, `data.findings` is their number.
"""

_GRAPH = """
## The graph, for clients that draw it themselves

`torchlean.showGraph` with `"format": "model"` answers `{uri, format, version, content}`; `version` is that of the open
document, null where the file is read from disk. `content` has

- `name` and `dialect` of the artifact.
- `nodes` in order: `index` (place in the artifact's `nodes`), `id`, `kind`, `shape`, `role`, `family`; where there are
  any, `parameters` (role and shape), `module`, `outputs` (places among the outputs), `findings` (the worst three:
  `code`, `severity`, `message`), `place` (line and column of begin and end in the artifact), `origin` (place in
  `files`, line and column of begin and end in the model).
- `edges`: pairs (operand, user) of places in this list of nodes, once for each operand, operands first.
- `clusters`, each after the one around it: `key`, by which a later version is recognized, `title`, `first` and `last`
  node, `parent` (place in this list or -1), `repeat` (how many equal parts it has, or 0).
- `opened`: keys of the clusters to open at first, so that about sixty nodes and closed clusters are seen.
- `families` of kinds: `name`, `slug` (which nodes say), colours on a `light` and on a `dark` ground.
- `files`: URIs of the model files that `origin` speaks of.
- `findings`: those that are about no node.
- `marked`, with `against`: what became of edges, as operand, user, `added` or `removed`. Nodes have a `mark` (`added`,
  `removed`, `changed` or `moved`) and `changes`, in words.

Lines and columns count from 0, columns in the units of the connection (those of `origin` in characters). With
`"format": "node"` and `index` the content is what there is to know of one node: `summary`, `formula`, `torch`,
`fields`, `parameters`, `operands`, `users`, `module`, `target`, `findings`.
"""

_PROTOCOL = f"Language Server Protocol {PROTOCOL_VERSION}"
_TEXT = f"""\
# The language server

`torchlean server` speaks the {_PROTOCOL} over standard input and output (`--tcp [HOST:]PORT`
and `--ws [HOST:]PORT` serve one client over a socket, on this computer unless told otherwise; port 0 takes a free one,
which is said on standard error). WebSockets need the extra `ws`, carry one message as one text frame, and are for
programs and pages of this computer: other origins are refused.

The server serves JSON files that are artifacts: named `*.ir.json` or `*.torchlean.json`, of the language
`torchlean-ir`, holding the marker `"format": "torchlean.ir.v1"` (or `nodes` and `input_id`), or named by a setting.
Other JSON is left alone. Of Python files it serves models, beside Python's own server:
[Python model files](python-files.md). Opening, hovering and typing never run anybody's code.

What is answered follows what the client announces: diagnostics are pulled by clients that can be asked to pull anew,
and pushed to the others (Neovim 0.11), never both; positions count UTF-8, UTF-16 or UTF-32; completions have snippets,
code actions are literals with edits made later, and progress is shown where the client can do that. Answers that could
be huge are cut, and say or log how many entries were left out.
"""


def full_client() -> Client:
    """A client that can do everything that makes a difference."""
    paths = (
        "textDocument.diagnostic",
        "textDocument.rename.prepareSupport",
        "textDocument.completion.completionItem.snippetSupport",
        "textDocument.codeAction.codeActionLiteralSupport",
        "textDocument.codeAction.dataSupport",
        "textDocument.semanticTokens.requests.full.delta",
        "workspace.diagnostics.refreshSupport",
        "workspace.fileOperations.didRename",
        "workspace.fileOperations.didDelete",
    )
    capabilities: dict[str, Any] = {}
    for path in paths:
        *parents, name = path.split(".")
        inner = capabilities
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = True
    capabilities["textDocument"]["codeAction"]["resolveSupport"] = {"properties": ["edit"]}
    return Client(capabilities)


def page(capabilities: dict[str, Any], least: dict[str, Any]) -> str:
    """The page.

    Args:
        capabilities: What the server answered to a client that can do everything.
        least: What it answered to one that announced nothing.

    Raises:
        KeyError: A capability or a command is not explained here.
    """
    lines = [
        _TEXT,
        "## Features",
        "",
        "| feature | capability | on artifacts | on Python files |",
        "|---|---|---|---|",
    ]
    for name in capabilities:
        if name in _BASICS:
            continue
        feature, what = _FEATURES[name]
        note = "" if name in least else " (only for clients that ask for it)"
        lines.append(f"| {feature} | `{name}`{note} | {what} | {_PYTHON.get(name, '')} |")
    lines += [
        "",
        "## Commands",
        "",
        "Each takes one object with a `uri`; what else it may have stands in brackets.",
        "",
    ]
    lines += ["| command | |", "|---|---|"]
    lines += [
        f"| `{name}` | {_COMMANDS[name]} |" for name in capabilities["executeCommandProvider"]["commands"]
    ]
    kinds = ", ".join(f"`{kind}`" for kind in capabilities["codeActionProvider"]["codeActionKinds"])
    lines += ["", f"Kinds of code actions: {kinds}.", _ANSWERS + _GRAPH, "## Settings", ""]
    lines += ["| setting | default | |", "|---|---|---|"]
    lines += [f"| `{name}` | `{default}` | {doc} |" for name, default, doc in _SETTINGS]
    lines += [
        "",
        "`torchlean.toml`, or `[tool.torchlean]` in `pyproject.toml`, applies as it does to `torchlean check`: "
        "`select`, `ignore`, `per-file-ignores`, and `exclude` for what `workspace/diagnostic` looks at. All "
        "changes apply at once.",
    ]
    return "\n".join(lines) + "\n"


def text() -> str:
    """The page for this version of the server."""
    return page(server_capabilities(full_client()), server_capabilities(Client({})))


if __name__ == "__main__":
    assert set(_COMMANDS) == set(COMMANDS)
    write_text(Path(sys.argv[1]) / NAME, text())
