"""What a scalar module promises of its inputs, its loss, its log and its types."""

from pathlib import Path

import pytest
import torch

from tests.core.train.train_graphs import CNN_NODES, MLP_NODES, artifact
from torchlean_core.artifact import parse_graph
from torchlean_core.errors import UserError
from torchlean_core.graph import lower
from torchlean_core.init import Scheme, default_plan
from torchlean_core.train import Input, Objective, Optimizer, ScalarModule, ScalarModuleDef

X, Y = torch.linspace(-1, 1, 20).reshape(5, 1, 4), torch.linspace(0, 1, 15).reshape(5, 1, 3)
CLASSES = torch.tensor([[0], [1], [2], [0], [1]])


def module(loss="mse", **options):
    program = lower(parse_graph(artifact(*MLP_NODES)))
    return ScalarModuleDef.of_program(program, loss).instantiate_with_plan(default_plan(program), **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X,), r"the loss takes 2 inputs \(x, y\), found 1"),
        ((X, Y, Y), "the loss takes 2 inputs .*, found 3"),
        ((X[:, 0], Y), r"x is float32 \[5, 4\], expected float32 \[n, 1, 4\]"),
        ((X, Y[:, :, :1]), r"y is float32 \[5, 1, 1\], expected float32 \[5, 1, 3\]; nothing is broadcast"),
        ((X, Y[:1]), r"y is float32 \[1, 1, 3\], expected float32 \[5, 1, 3\]"),
        ((X, Y[0, 0]), r"y is float32 \[3\], expected"),
        ((X.double(), Y), r"x is float64 \[5, 1, 4\], expected float32"),
        ((X, Y.long()), "y is int64 .* expected float32"),
        ((X, Y.tolist()), "y is of type list, expected a tensor"),
    ],
)
def test_inputs_are_those_that_were_declared(inputs, message):
    scalar = module()
    for call in (
        lambda: scalar.forward(*inputs),
        lambda: scalar.backward(inputs),
        lambda: scalar.step(0.1, *inputs),
        lambda: scalar.train_sgd(0.1, 1, [inputs]),
        lambda: scalar.mean_loss([inputs]),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_class_numbers_and_probabilities_are_both_targets_of_classes():
    scalar = module("cross_entropy")
    one_hot = torch.nn.functional.one_hot(CLASSES, 3).float()
    assert scalar.forward(X, CLASSES).item() == pytest.approx(scalar.forward(X, one_hot).item())
    with pytest.raises(UserError, match=r"y is int64 \[5\], expected float32 \[5, 1, 3\] or int64 \[5, 1\]"):
        scalar.forward(X, CLASSES[:, 0])


def test_the_class_axis_follows_from_the_targets_of_a_call():
    nodes = CNN_NODES[:3]  # (4, 6, 6) to (4, 3, 3)
    program = lower(parse_graph(artifact(*nodes)))
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    y = torch.zeros(2, 3, 3, dtype=torch.int64)

    def loss(objective, y):
        definition = ScalarModuleDef.of_program(program, objective)
        return definition.instantiate_with_plan(default_plan(program)).forward(x, y)

    assert loss("cross_entropy", y).item() == loss(Objective("cross_entropy", 0), y).item()
    with pytest.raises(UserError, match="axis 1 or 2 of the output"):
        loss("cross_entropy", torch.zeros(2, 4, 3, dtype=torch.int64))


def test_inputs_of_a_loss_by_hand_are_declared_with_sizes_and_names():
    inputs = [Input("x", ("n", 3)), Input("target", ("n", 3)), Input("label", ("n",), torch.int64)]
    scalar = ScalarModuleDef(
        lambda params, x, y, z: ((params["w"] * x - y) ** 2).mean(), {"w": torch.ones(3)}, inputs=inputs
    ).instantiate()
    labels = torch.zeros(2, dtype=torch.int64)
    assert scalar.forward(torch.ones(2, 3), torch.ones(2, 3), labels).item() == 0
    with pytest.raises(UserError, match=r"target is float32 \[2, 1\], expected float32 \[2, 3\]"):
        scalar.forward(torch.ones(2, 3), torch.ones(2, 1), labels)
    with pytest.raises(UserError, match=r"label is int64 \[3\], expected int64 \[2\]"):
        scalar.forward(torch.ones(2, 3), torch.ones(2, 3), torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda params, x: params["w"] * x, r"the loss has shape \[2\], expected a scalar"),
        (lambda params, x: (params["w"] * x).sum().reshape(1), r"the loss has shape \[1\]"),
        (lambda params, x: 3.0, "the loss is no tensor"),
    ],
)
def test_the_loss_is_a_scalar_everywhere(loss, message):
    scalar = ScalarModule(loss, {"w": torch.ones(2)})
    x = torch.ones(2)
    for call in (
        lambda: scalar.forward(x),
        lambda: scalar.backward(x),
        lambda: scalar.step(0.1, x),
        lambda: scalar.train_with(Optimizer(), 1, [(x,)]),
        lambda: scalar.mean_loss([(x,)]),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_the_log_is_told_while_training_runs():
    scalar, told = module(), []

    def hear(step, loss):
        told.append((step, loss))
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scalar.train_sgd(0.1, 100, [(X, Y)], log_every=2, on_log=hear)
    assert told == module().train_sgd(0.1, 5, [(X, Y)], log_every=2)
    told.clear()
    _, log = module().train_with(
        Optimizer("adam"), 6, [(X, Y)], log_every=3, on_log=lambda *e: told.append(e)
    )
    assert told == log


@pytest.mark.parametrize("options", [{"steps": -1}, {"log_every": -1}, {"steps": 1.5}, {"steps": True}])
def test_numbers_of_steps_are_whole_and_not_negative(options):
    (name,) = options
    scalar, options = module(), {"steps": 2, **options}
    for call in (
        lambda: scalar.train_sgd(0.1, samples=[(X, Y)], **options),
        lambda: scalar.train_with(Optimizer(), samples=[(X, Y)], **options),
    ):
        with pytest.raises(UserError, match=f"{name} must be a whole number, 0 or greater, found"):
            call()
    assert scalar.train_sgd(0.1, 0, [(X, Y)]) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_types_train(dtype, optimizer):
    scalar = module(dtype=dtype)
    sample = (X.to(dtype), Y.to(dtype))
    before = scalar.mean_loss([sample])
    assert before.dtype == dtype
    scalar.train_with(Optimizer(optimizer, lr=0.02), 30, [sample])
    assert scalar.mean_loss([sample]) < before
    assert {tensor.dtype for tensor in scalar.params().values()} == {dtype}


VALUES = {"w": torch.tensor([1.0, 2.0009765625]), "b": torch.tensor(0.5)}


def definition():
    return ScalarModuleDef(lambda params, x: (params["w"] * x + params["b"]).mean(), VALUES)


def test_cast_makes_the_first_values():
    double = definition().instantiate(cast=lambda tensor: tensor.double())
    assert double.params()["w"].dtype == torch.float64
    rounded = definition().instantiate(cast=lambda tensor: tensor.bfloat16().float())
    assert rounded.params()["w"].tolist() == [1.0, 2.0]
    same = definition().instantiate(cast=lambda tensor: tensor)
    same.set_params({"b": torch.tensor(7.0)})
    assert VALUES["b"].item() == 0.5


def test_a_cast_takes_what_initializers_give():
    scalar = module(cast=lambda tensor: tensor.bfloat16().double())
    plain = module()
    for name, value in scalar.params().items():
        assert value.dtype == torch.float64
        assert torch.equal(value, plain.params()[name].bfloat16().double())
    ones = [Scheme("ones"), Scheme("zeros")]
    doubled = definition().instantiate_with_initializers(ones, cast=lambda tensor: 2 * tensor)
    assert doubled.params()["w"].tolist() == [2.0, 2.0]
    kept = definition().instantiate_with_plan({"b": Scheme("ones")}, cast=lambda tensor: tensor.double())
    assert kept.params()["w"].tolist() == VALUES["w"].tolist() and kept.params()["b"].dtype == torch.float64
    before = VALUES["w"].clone()
    same = definition().instantiate_with_plan({"b": Scheme("ones")}, cast=lambda tensor: tensor)
    same.set_params({"w": torch.zeros(2)})
    assert torch.equal(VALUES["w"], before)


def test_a_cast_that_is_no_function_is_refused():
    for call in (module, definition().instantiate):
        with pytest.raises(UserError, match="cast is of type str, expected a function of a tensor"):
            call(cast="double")


@pytest.mark.parametrize(
    ("cast", "message"),
    [
        (lambda tensor: tensor[:1] if tensor.ndim else tensor, r"cast makes \[1\] of w, expected \[2\]"),
        (lambda tensor: tensor.tolist(), "cast makes list of w"),
        (lambda tensor: tensor.int(), "cannot train in torch.int32: expected float32, float64, bfloat16"),
        (
            lambda tensor: tensor.double() if tensor.ndim else tensor,
            "float32 and torch.float64, expected one",
        ),
    ],
)
def test_a_cast_to_something_else_is_refused(cast, message):
    with pytest.raises(UserError, match=message):
        definition().instantiate(cast=cast)


@pytest.mark.parametrize("lr", [-1, -1e-30, float("nan"), float("inf"), "0.1", True, None])
def test_rates_are_finite_and_not_negative(lr):
    scalar = module()
    before = {name: value.clone() for name, value in scalar.params().items()}
    for call in (
        lambda: scalar.train_sgd(lr, 2, [(X, Y)]),
        lambda: scalar.train_sgd(lr, 0, [(X, Y)]),
        lambda: scalar.step(lr, X, Y),
        lambda: Optimizer("adam", lr=lr),
    ):
        with pytest.raises(UserError, match="lr must be a finite number, 0 or greater, found"):
            call()
    for options in ({"momentum": -0.1}, {"weight_decay": float("nan")}):
        with pytest.raises(UserError, match=f"{next(iter(options))} must be a finite number"):
            Optimizer("sgd", **options)
    assert all(torch.equal(before[name], value) for name, value in scalar.params().items())


@pytest.mark.parametrize(
    "train", [lambda m, s: m.train_sgd(1e30, 9, s), lambda m, s: m.train_with(Optimizer("sgd", 1e30), 9, s)]
)
def test_a_loss_that_is_not_finite_stops_before_its_step_and_names_step_and_node(train):
    scalar = module()
    with pytest.raises(
        UserError, match=r"step [12]: the loss is (inf|nan); the first node that gives .* is node"
    ):
        train(scalar, [(X, Y)])
    at_the_start = module()
    start = at_the_start.params()["linear_1_b"].clone()
    with pytest.raises(
        UserError, match=r"step 0: the loss is inf; every node is finite, only the loss itself"
    ):
        train(at_the_start, [(X, Y * 1e30)])
    assert torch.equal(at_the_start.params()["linear_1_b"], start)


def test_a_loss_that_is_not_finite_stops_in_half_types_and_of_a_loss_by_hand():
    with pytest.raises(UserError, match=r"step 0: the loss is inf$"):
        module(dtype=torch.float16).train_sgd(0.1, 2, [(X.half(), Y.half() * 6e4)])
    scalar = ScalarModule(lambda params, x: (params["w"] * x).log().sum(), {"w": torch.ones(2)})
    with pytest.raises(UserError, match=r"step 0: the loss is nan$"):
        scalar.train_sgd(0.1, 2, [(-torch.ones(2),)])


def test_parameters_that_the_last_step_made_infinite_are_refused():
    scalar = ScalarModule(lambda params, x: (params["w"] * x).sum(), {"w": torch.ones(2)})
    with pytest.raises(UserError, match="step 0 made w not finite; try a smaller learning rate"):
        scalar.train_sgd(1e38, 1, [(torch.full((2,), 1e30),)])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (
            CLASSES + 1,
            {},
            r"y holds class 3; there are 3 \(0 to 2\); ignore_index 3 leaves such targets out$",
        ),
        (CLASSES - 2, {}, r"y holds class -2; there are 3 \(0 to 2\)$"),
        (CLASSES - 100, {}, "y holds class -100"),
        (CLASSES + 1, {"ignore_index": 1}, "y holds class 3"),
    ],
)
def test_a_class_out_of_range_is_told(y, options, message):
    scalar = module(Objective("cross_entropy", **options))
    for call in (lambda: scalar.forward(X, y), lambda: scalar.train_with(Optimizer(), 2, [(X, y)])):
        with pytest.raises(UserError, match=message):
            call()
    assert module(Objective("cross_entropy", ignore_index=3)).forward(X, CLASSES + 1).isfinite()


@pytest.mark.parametrize(
    ("loss", "sample"), [("mse", (X[:0], Y[:0])), ("cross_entropy", (X[:0], CLASSES[:0]))]
)
def test_an_empty_batch_is_an_error(loss, sample):
    scalar = module(loss)
    for call in (lambda: scalar.forward(*sample), lambda: scalar.mean_loss([sample])):
        with pytest.raises(UserError, match=r"x is float32 \[0, 1, 4\]: the batch is empty"):
            call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mse", "class_axis": 1}, "^class_axis belongs to the loss cross_entropy, not to mse"),
        (
            {"name": None, "ignore_index": 1},
            "^ignore_index belongs to the loss cross_entropy, not to the graph",
        ),
        ({"class_weights": (1.0, -1.0)}, "^class_weights must be finite"),
        ({"label_smoothing": 2}, "^label_smoothing must be from 0 to 1"),
        ({"class_axis": 5}, "^class_axis 5: the output .* has the axes 0 to 1"),
        ({"class_weights": (1.0, 2.0)}, "^class_weights has 2 numbers; the output"),
    ],
)
def test_an_objective_speaks_of_its_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        module(Objective(**{"name": "cross_entropy", **arguments}))


def test_the_example_of_the_docs_runs(folder, capsys):
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    example = page.partition("## From Python")[2].partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert capsys.readouterr().out.startswith("0 ")
    assert {tensor.dtype for tensor in names["again"].params().values()} == {torch.float64}
