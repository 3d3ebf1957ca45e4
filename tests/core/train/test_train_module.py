"""The scalar module: loss, gradients, steps and optimizers; and its definition."""

import math

import pytest
import torch

from tests.core.init.init_graphs import EVERYTHING, MLP, grouped
from torchlean_core.artifact import parse_graph
from torchlean_core.environment import compiler
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import lower
from torchlean_core.init import Scheme, default_plan, materialize
from torchlean_core.train import Optimizer, ScalarModule, ScalarModuleDef


def loss(params, x, y):
    return ((params["w"] * x + params["b"] - y) ** 2).mean()


X, Y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
SAMPLES = [(X, Y), (Y, X), (X + 1, Y - 1)]


def params():
    return {"b": torch.tensor(0.0), "w": torch.tensor([1.0, 2.0]), "unused": torch.ones(2)}


def module(**options):
    return ScalarModule(loss, params(), **options)


def test_forward_is_the_loss():
    assert module().forward(X, Y).item() == (2.0**2 + 1.0**2) / 2


def test_inputs_come_one_by_one_or_together():
    assert module().forward((X, Y)).item() == module().forward(X, Y).item()
    one, other = module(), module()
    one.step(0.1, X, Y)
    other.step(0.1, [X, Y])
    assert torch.equal(one.params()["w"], other.params()["w"])


def test_backward_gives_gradients_for_all():
    gradients = module().backward(X, Y)
    assert list(gradients) == ["b", "w", "unused"]
    assert gradients["w"].tolist() == [-2.0, -2.0]
    assert gradients["b"].item() == -3.0
    assert gradients["unused"].tolist() == [0.0, 0.0]


def test_backward_does_not_accumulate():
    scalar = module()
    assert scalar.backward(X, Y)["b"].item() == scalar.backward(X, Y)["b"].item()


def test_step_goes_against_the_gradient_and_gives_the_loss_before():
    scalar = module()
    assert scalar.step(0.1, X, Y).item() == 2.5
    torch.testing.assert_close(scalar.params()["w"], torch.tensor([1.2, 2.2]))
    torch.testing.assert_close(scalar.params()["b"], torch.tensor(0.3))


def test_fixed_parameters_have_zero_gradients_and_stay():
    scalar = module(requires_grad={"w"})
    gradients = scalar.backward(X, Y)
    assert set(gradients) == {"b", "w", "unused"}
    assert gradients["b"].item() == 0.0 != gradients["w"][0].item()
    scalar.step(0.1, X, Y)
    assert scalar.params()["b"].item() == 0.0


def test_mask_stops_gradients():
    scalar = module(masks={"w": torch.tensor([True, False])})
    assert scalar.backward(X, Y)["w"].tolist() == [-2.0, 0.0]


def test_parameters_are_copies_in_the_order_given():
    own = torch.tensor(0.0)
    scalar = ScalarModule(loss, {"w": torch.ones(2), "b": own}, {"w", "b"})
    scalar.step(0.1, X, Y)
    assert own.item() == 0.0
    assert list(scalar.params()) == ["w", "b"]
    scalar.set_params({"b": torch.tensor(7.0)})
    assert scalar.params()["b"].item() == 7.0
    assert scalar.backward(X, Y)["b"].item() != 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"c": torch.ones(2)}, "no parameter is named c; there are b, w, unused"),
        ({"w": torch.zeros(2), "b": torch.ones(2)}, r"b has shape \[2\], expected \[\]"),
    ],
)
def test_parameters_that_do_not_fit_change_nothing(values, message):
    scalar = module()
    with pytest.raises(UserError, match=message):
        scalar.set_params(values)
    assert scalar.params()["w"].tolist() == [1.0, 2.0]


def test_names_that_are_no_parameters_are_refused():
    with pytest.raises(UserError, match="no parameter is named q"):
        module(requires_grad={"q"})


def test_samples_are_used_in_turn():
    scalar, expected = module(), module()
    log = scalar.train_sgd(0.01, 7, SAMPLES)
    losses = [expected.step(0.01, *SAMPLES[step % 3]).item() for step in range(7)]
    assert log == list(enumerate(losses))
    assert torch.equal(scalar.params()["w"], expected.params()["w"])


def test_log_every():
    assert [step for step, _ in module().train_sgd(0.01, 7, SAMPLES, log_every=3)] == [0, 3, 6]
    assert module().train_sgd(0.01, 7, SAMPLES, log_every=0) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda scalar: scalar.train_sgd(0.1, 3, []),
        lambda scalar: scalar.train_with(Optimizer(), 3, []),
        lambda scalar: scalar.mean_loss([]),
    ],
)
def test_an_empty_dataset_is_an_error(call):
    with pytest.raises(UserError, match="the dataset is empty"):
        call(module())


def test_mean_loss_changes_nothing():
    scalar = module()
    expected = sum(scalar.forward(*sample).item() for sample in SAMPLES) / 3
    assert scalar.mean_loss(SAMPLES).item() == pytest.approx(expected, rel=1e-6)
    assert scalar.params()["w"].tolist() == [1.0, 2.0]
    assert not scalar.mean_loss(SAMPLES).requires_grad


OPTIMIZERS = {
    "sgd": (Optimizer("sgd", 0.05, 0.9, 0.1), torch.optim.SGD, {"momentum": 0.9}),
    "adam": (Optimizer("adam", 0.05, 0.0, 0.1), torch.optim.Adam, {}),
    "adamw": (Optimizer("adamw", 0.05, 0.0, 0.1), torch.optim.AdamW, {}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_those_of_torch(name):
    described, kind, options = OPTIMIZERS[name]
    scalar, reference = module(), {key: value.requires_grad_() for key, value in params().items()}
    theirs = kind(reference.values(), lr=0.05, weight_decay=0.1, **options)
    state = scalar.init_optim(described)
    for sample in SAMPLES * 2:
        assert scalar.step_with(described, state, *sample) is state
        theirs.zero_grad()
        loss(reference, *sample).backward()
        theirs.step()
    for key, value in scalar.params().items():
        torch.testing.assert_close(value, reference[key].detach())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_state_is_saved_and_restored_exactly(name):
    described = OPTIMIZERS[name][0]
    whole = module()
    whole.train_with(described, 6, SAMPLES)
    first = module()
    state, _ = first.train_with(described, 3, SAMPLES)
    saved = state.tensors()
    first.train_with(described, 1, SAMPLES, state)  # what is saved does not change with the state
    then = module()
    then.set_params(module_after(described, 3).params())
    fresh = then.init_optim(described)
    fresh.restore(saved)
    then.train_with(described, 3, SAMPLES, fresh)
    for key, value in whole.params().items():
        assert torch.equal(then.params()[key], value)


def module_after(described, steps):
    scalar = module()
    scalar.train_with(described, steps, SAMPLES)
    return scalar


def test_state_of_another_optimizer_or_module_is_refused():
    scalar, described = module(), Optimizer("adam")
    state = scalar.init_optim(described)
    with pytest.raises(UserError, match="not of Optimizer"):
        scalar.step_with(Optimizer("sgd"), state, X, Y)
    with pytest.raises(UserError, match="belongs to another module"):
        module().step_with(described, state, X, Y)
    with pytest.raises(UserError, match="belongs to no parameter that is trained"):
        state.restore({"c.exp_avg": torch.ones(2)})
    with pytest.raises(UserError, match=r"'w.exp_avg' has shape \[3\], expected \[2\]"):
        state.restore({"w.exp_avg": torch.ones(3)})
    with pytest.raises(UserError, match="unknown optimizer 'lion'"):
        scalar.init_optim(Optimizer("lion"))
    with pytest.raises(UserError, match="nothing to train"):
        module(requires_grad=()).init_optim(described)


# -- definitions ----------------------------------------------------------------------------------------------

DEFINITION = ScalarModuleDef(loss, params(), {"unused": False})


def test_instances_are_independent_and_have_the_type_asked_for():
    one, other = DEFINITION.instantiate(dtype=torch.float64), DEFINITION.instantiate()
    one.step(0.1, X.double(), Y.double())
    assert one.params()["w"].dtype == torch.float64
    assert other.params()["w"].tolist() == [1.0, 2.0] == DEFINITION.params["w"].tolist()
    assert set(one.leaves) == {"b", "w"}


def test_plan_and_initializer_list():
    plan = {"w": Scheme("uniform", seed=3), "b": Scheme("ones")}
    planned = DEFINITION.instantiate_with_plan(plan).params()
    listed = DEFINITION.instantiate_with_initializers([plan["b"], plan["w"], Scheme("zeros")]).params()
    assert torch.equal(planned["w"], listed["w"])
    assert planned["b"].item() == 1.0
    assert (planned["unused"].tolist(), listed["unused"].tolist()) == ([1.0, 1.0], [0.0, 0.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: d.instantiate_with_initializers([Scheme("ones")]),
            "1 initializers for 3 .* it is shorter",
        ),
        (lambda d: d.instantiate_with_initializers([Scheme("ones")] * 4), "it is longer; .* number 4"),
        (lambda d: d.instantiate_with_plan({"q": Scheme("ones")}), "the plan names q, which is no parameter"),
        (lambda d: d.instantiate_with_plan({"w": Scheme("kaiming_uniform")}), "rank is less than 2"),
        (lambda d: d.instantiate(dtype=torch.int64), "cannot train in torch.int64"),
    ],
)
def test_what_does_not_fit_a_definition(call, message):
    with pytest.raises(UserError, match=message):
        call(DEFINITION)


def test_definition_of_a_graph():
    program = lower(parse_graph(EVERYTHING))
    definition = ScalarModuleDef.of_program(program, "l1")
    with pytest.raises(UserError, match="linear_1_W has no value yet"):
        definition.instantiate()
    planned = definition.instantiate_with_plan(default_plan(program, 4))
    with pytest.raises(UserError, match=r"linear_1_W \[4, 4\] has no initializer, and no value"):
        definition.instantiate_with_plan({})
    values = materialize(program, default_plan(program, 4))
    scalar = ScalarModuleDef.of_program(program, "l1", values).instantiate()
    assert all(torch.equal(planned.params()[name], value) for name, value in values.items())
    assert set(scalar.fixed) == {"mha_2_scale", "const_5", "batchnorm_9_mean", "batchnorm_9_var"}
    x, y = torch.randn(5, 1, 2, 4), torch.randn(5, 3)
    first = scalar.forward(x, y).item()
    scalar.train_with(Optimizer("adam", 0.01), 30, [(x, y)])
    assert scalar.forward(x, y).item() < 0.8 * first


def test_structural_zeros_of_a_plan_stay():
    program = lower(parse_graph(grouped(2, 2)))
    scalar = ScalarModuleDef.of_program(program, "mse").instantiate_with_plan(default_plan(program))
    before = scalar.params()["conv2d_1_kernel"] != 0
    scalar.train_sgd(0.1, 3, [(torch.randn(2, 4, 8, 8), torch.randn(2, 4, 6, 6))])
    assert torch.equal(scalar.params()["conv2d_1_kernel"] != 0, before)
    assert 0 < int(before.sum()) < before.numel()


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "cross_entropy", "bce_with_logits"])
def test_gradients_are_those_of_finite_differences(name):
    program = lower(parse_graph(MLP))
    scalar = ScalarModuleDef.of_program(program, name).instantiate_with_plan(
        default_plan(program, 1), dtype=torch.float64
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 1, 2, 4, generator=generator, dtype=torch.float64)
    y = torch.rand(3, 1, 2, 4, generator=generator, dtype=torch.float64)
    y = y.argmax(-1) if name == "cross_entropy" else y
    gradients = scalar.backward(x, y)
    values = scalar.params()
    for parameter, gradient in gradients.items():
        flat = values[parameter].view(-1)
        for k in range(0, flat.numel(), 3):
            slope = 0.0
            before = flat[k].item()
            for sign in (1, -1):
                flat[k] = before + sign * 1e-6
                slope += sign * scalar.forward(x, y).item() / 2e-6
            flat[k] = before
            assert gradient.view(-1)[k].item() == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert any(gradient.abs().max() > 0.01 for gradient in gradients.values())


# -- backends -------------------------------------------------------------------------------------------------


def test_compiling_without_a_compiler_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        UsageError, match=r"compiled needs a C\+\+ compiler \(no-such-compiler\); install one"
    ):
        DEFINITION.instantiate("compiled")
    with pytest.raises(UsageError, match="unknown backend 'fast'"):
        DEFINITION.instantiate("fast")


@pytest.mark.skipif(
    compiler.missing_for_compiling() is not None, reason=f"missing: {compiler.missing_for_compiling()}"
)
def test_compiled_gives_what_eager_gives():
    program = lower(parse_graph(MLP))
    definition = ScalarModuleDef.of_program(program, "mse", materialize(program, default_plan(program)))
    eager, compiled = definition.instantiate(), definition.instantiate("compiled")
    sample = (torch.randn(8, 1, 2, 4), torch.randn(8, 1, 2, 4))
    for backend in (eager, compiled):
        backend.train_with(Optimizer("adam", 0.01), 5, [sample])
    assert math.isfinite(compiled.forward(*sample).item())
    for name, value in eager.params().items():
        torch.testing.assert_close(compiled.params()[name], value)


# -- what a definition refuses --------------------------------------------------------------------------------


def definition(**options):
    return ScalarModuleDef.of_program(lower(parse_graph(MLP)), "mse", **options)


def test_a_device_that_is_not_there_is_a_message():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    plan = default_plan(lower(parse_graph(MLP)))
    for device in ("cuda", torch.device("cuda", 0)):
        with pytest.raises(UsageError, match="was asked for, but"):
            definition().instantiate_with_plan(plan, device=device)
        with pytest.raises(UsageError, match="was asked for, but"):
            ScalarModuleDef(loss, params()).instantiate(device=device)


def test_losses_and_schemes_that_do_not_exist_are_named():
    with pytest.raises(UserError, match="unknown loss 'msee'; there are mse, l1"):
        ScalarModuleDef.of_program(lower(parse_graph(MLP)), "msee")
    with pytest.raises(UserError, match="unknown scheme 'he'; there are zeros, ones"):
        Scheme("he")


def test_an_output_that_is_no_loss_needs_one():
    with pytest.raises(UserError, match=r"the output has shape \[.*\], so it is no loss"):
        ScalarModuleDef.of_program(lower(parse_graph(MLP)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("linear_1_b"), "linear_1_b is missing"),
        (
            lambda values: values.update(linear_1_b=torch.ones(5)),
            r"linear_1_b has shape \[5\], expected \[4\]",
        ),
        (lambda values: values.update(q=torch.ones(5)), "the graph has no parameter q"),
    ],
)
def test_values_that_are_not_those_of_the_graph_are_refused(change, message):
    program = lower(parse_graph(MLP))
    values = materialize(program, default_plan(program))
    change(values)
    with pytest.raises(UserError, match=message):
        definition(params=values)


def test_momentum_belongs_to_sgd():
    with pytest.raises(UserError, match="momentum belongs to sgd, not to adam"):
        module().init_optim(Optimizer("adam", momentum=0.9))


def test_requires_grad_of_unknown_names_is_refused():
    with pytest.raises(UserError, match="no parameter is named q"):
        ScalarModuleDef(loss, params(), requires_grad={"q": False}).instantiate()
