"""The scalar module: loss, gradients and steps."""

import torch

from torchlean_core.train import ScalarModule


def loss(params, x, y):
    return ((params["w"] * x + params["b"] - y) ** 2).mean()


X, Y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])


def module(**options):
    params = {"b": torch.tensor(0.0), "w": torch.tensor([1.0, 2.0]), "unused": torch.ones(2)}
    return ScalarModule(loss, params, options.pop("requires_grad", {"w", "b", "unused"}), **options)


def test_forward_is_the_loss():
    assert module().forward(X, Y).item() == (2.0**2 + 1.0**2) / 2


def test_backward_gives_gradients_for_all():
    gradients = module().backward(X, Y)
    assert gradients["w"].tolist() == [-2.0, -2.0]
    assert gradients["b"].item() == -3.0
    assert gradients["unused"].tolist() == [0.0, 0.0]


def test_backward_does_not_accumulate():
    scalar = module()
    assert scalar.backward(X, Y)["b"].item() == scalar.backward(X, Y)["b"].item()


def test_step_goes_against_the_gradient():
    scalar = module()
    scalar.step(0.1, X, Y)
    torch.testing.assert_close(scalar.params()["w"], torch.tensor([1.2, 2.2]))
    torch.testing.assert_close(scalar.params()["b"], torch.tensor(0.3))


def test_fixed_parameters_have_no_gradient_and_stay():
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
