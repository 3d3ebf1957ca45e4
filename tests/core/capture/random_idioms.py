"""What is written in models beside single operators: conditions that meet, values of the state, views, spectra."""

# ruff: noqa: E501 -- a row is one idiom

from __future__ import annotations

from collections.abc import Callable

from tests.core.capture.random_models import Program, Step

Idiom = Callable[[Program, str, str], "str | list[str] | None"]
"""Statements, or an expression, for a new name and the name of a value."""


def _n(p: Program) -> str:
    return str(p.number())


def _positive(p: Program) -> str:
    return p.draw.choice(["0.5", "1.0", "2.0", "0.1", "3.7", "1e-3"])


def _axis(p: Program, v: str) -> int | None:
    rank = len(p.values[v])
    return p.draw.randrange(rank) if rank else None


# -- conditions -------------------------------------------------------------------------------------------------


def _pieces(p: Program, new: str, v: str) -> str:
    a, c = _positive(p), p.draw.choice(["0.5", "-0.3", "2.0", "0.0"])
    other = p.operand(p.values[v])
    known = p.known(p.values[v])
    return p.draw.choice(
        [
            f"{v} * ({v} > 0)",
            f"{v} * ({v} > 0).float() * {a}",
            f"torch.where({v} > {a}, {v} * {a}, {a} * {a})",
            f"torch.where({v} > {a}, {v} * {v}, {a} * {v})",
            f"torch.where({v}.abs() < {a}, 0.5 * {v} ** 2, {a} * ({v}.abs() - 0.5 * {a}))",
            f"torch.sign({v}) * torch.log1p({v}.abs())",
            f"torch.sign({v}) * torch.sqrt({v}.abs())",
            f"torch.sign({v}) * {v} ** 2",
            f"torch.sgn({v}) * {v}",
            f"torch.where({v} > 0, {v}, torch.exp({v}) - 1)",
            f"torch.where({v} >= 0, torch.sin({v}), {c} * {v})",
            f"torch.where({v} < {c}, {v} - {c}, ({v} - {c}) * {other})",
            f"torch.where({v} < {c}, {v} - {c}, ({v} - {c}) * {known})",
            f"({v} > {c}) * ({v} - {c}) + ({v} <= {c}) * {a} * ({v} - {c})",
            f"(1 - ({v} > {c}).float()) * ({v} - {c}) + ({v} > {c}).float() * torch.tanh({v} - {c})",
            f"torch.where({v} > {other}, {v}, {other})",
            f"torch.where({v} <= {known}, {v}, {known})",
            f"({v} > 1) * ({v} - 1) + ({v} < -1) * ({v} + 1)",
            f"torch.where({v} > 1, {v} * {v}, torch.where({v} < -1, -{v} * {v}, {v}))",
            f"torch.where(({v} > -1) & ({v} < 1), {v} * {v} - 1, 0.0)",
            f"torch.where(({v} > -1) & ({v} < 1), {v} * {v}, 1.0)",
            f"torch.where(({v} < -{a}) | ({v} > {a}), {v}.abs(), {a})",
            f"{v}.masked_fill({v} < {c}, {c})",
            f"{v}.masked_fill({v} < 0, 0.0)",
            f"torch.relu({v} - {c}) ** 3",
            f"torch.where({v} * 2 + 1 > 0, (2 * {v} + 1) ** 2, 0.0)",
            f"torch.where({v} > {known}, {v} - {known}, 0.0)",
            f"torch.heaviside({v}, torch.zeros(())) * {v}",
            f"torch.where({v} == 0, torch.ones_like({v}), torch.sin({v}) / {v})",
            f"torch.clamp({v}, -{a}, {a}) + ({v} > {a}) * ({v} - {a})",
            f"torch.where({v}.abs() > {a}, {v}, 0.0)",
            f"torch.round({v})",
            f"torch.where({v} > {a}, torch.log({v}), ({v} - {a}) + math.log({a}))",
            f"torch.where({v} > 0, torch.sqrt({v}), torch.zeros_like({v}))",
            f"torch.where({v} > 0, {v} * {other}, {v} * 0.1)",
            f"F.threshold({v}, {c}, {c})",
            f"F.hardshrink({v}, {a})",
            f"F.softshrink({v}, {a})",
            f"F.relu({v}) - {a} * F.relu(-{v})",
            f"F.huber_loss({v}, {other}, reduction='none', delta={a})" if v not in other else f"F.relu({v})",
            f"F.smooth_l1_loss({v}, {known}.expand_as({v}), reduction='none')",
        ]
    )


def _mask_assigned(p: Program, new: str, v: str) -> list[str]:
    a = _positive(p)
    return p.draw.choice(
        [
            [f"{new} = {v}.clone()", f"{new}[{new} < 0] = 0"],
            [f"{new} = {v}.clone()", f"{new}[{new} > {a}] = {a}"],
            [f"{new} = {v} * 1", f"{new}[{v} < 0] *= {a}"],
            [f"{new} = {v}.clone()", f"{new}.masked_fill_({new} < -{a}, -{a})"],
            [f"m{new} = {v} > 0", f"{new} = torch.zeros_like({v})", f"{new}[m{new}] = {v}[m{new}]"],
            [f"{new} = {v} + 0", f"{new}.clamp_(-{a}, {a})"],
            [f"{new} = {v} + 0", f"{new}.relu_()"],
        ]
    )


# -- state --------------------------------------------------------------------------------------------------------


def _state_values(p: Program, new: str, v: str) -> str | list[str]:
    b = p.fixed(f"torch.randn({p.size(1)})")
    i = p.fixed("torch.tensor(2)")
    m = p.fixed("torch.rand(4) > 0.3")
    w = p.known((3,))
    return p.draw.choice(
        [
            f"{v} * {b}.max().item()",
            f"{v} * float({b}[0])",
            f"{v} + int({i})",
            f"{v} * {b}.sum() if {b}.sum() > 0 else {v} - {b}.sum()",
            f"{v} * sum({b}.tolist())",
            f"{v} + {p.fixed('torch.randn(4)')}[{m}].sum()",
            f"{v} + {m}.nonzero().sum()",
            f"{v} * {m}.float().mean()",
            f"{v} + {b}.argmax()",
            f"{v} * torch.unique({p.fixed('torch.tensor([3, 1, 3, 2])')}).numel()",
            f"{v} + torch.bincount({p.fixed('torch.tensor([3, 1, 3, 2])')}).float().mean()",
            f"{v} + torch.arange(int({i}) + 1).float().sum()",
            f"{v} * ({w} * 2).sum().item()",
            f"{v} * {w}.norm()",
            f"{v} / {w}.abs().max()",
            f"{v} * torch.linalg.norm({w})",
            f"{v} + {w}.softmax(0)[1]",
            f"{v} * torch.where({b} > 0, {b}, -{b}).sum()",
            f"{v} + ({w} > 0).sum()",
            f"{v} * {w}.sort().values[0]",
            f"{v} * torch.relu({w}).cumsum(0)[-1]",
            f"{v} * {b}.mean() ** 2",
            f"{v} * {b}.std()",
            f"{v} * len({b})",
            f"{v} * {i}",
            f"{v} - {i} / 3",
            f"{v} * {v}.shape[0]" if p.values[v] else f"{v} * 2",
            f"{v} / {v}.numel()",
            f"{v} * {p.fixed('torch.randn(3).double()')}.sum().float()",
            f"{v} * {p.fixed('torch.tensor(True)')}",
            f"{v} * {p.fixed('torch.tensor(3, dtype=torch.int32)')}",
            f"{v} * {p.fixed('torch.randn(3).half()')}.float().sum()",
            f"{v} + {p.known((2, 2))}.det()",
            f"{v} + torch.linalg.inv({p.fixed('torch.randn(2, 2) + 3 * torch.eye(2)')}).sum()",
        ]
    )


# -- views and in place -------------------------------------------------------------------------------------------


def _in_place(p: Program, new: str, v: str) -> list[str] | None:
    axis = _axis(p, v)
    if axis is None:
        return [
            f"{new} = {v}.clone()",
            f"{new}.{p.draw.choice(['mul_(2)', 'add_(1)', 'tanh_()', 'sub_(x.sum())'])}",
        ]
    shape = p.values[v]
    size = shape[axis]
    if not size:
        return None
    a = p.draw.choice(["-1", "0"])
    rest = (*shape[:axis], *shape[axis + 1 :])
    row = p.operand(rest)
    whole = p.operand(shape)
    step = p.draw.choice(["::2", "1:", ":-1", "1::2", "-2:", f"{size - 1}:", ":1"])
    pre = ":, " * axis
    start = p.draw.choice(
        [
            f"{new} = {v}.clone()",
            f"{new} = {v} * 1.5",
            f"{new} = {v}",
            f"{new} = torch.zeros_like({v})",
            f"{new} = {v} + 0",
        ]
    )
    return p.draw.choice(
        [
            [start, f"{new}[{pre}{step}] += 1.5"],
            [start, f"{new}[{pre}{step}] *= {_n(p)}"],
            [start, f"{new}[{pre}{a}] = {row}"],
            [start, f"{new}[{pre}{a}] = {_n(p)}"],
            [start, f"{new}[{pre}{step}] = {_n(p)}"],
            [start, f"y{new} = {new}[{pre}{step}]", f"y{new}.add_(y{new} * 0.5)"],
            [start, f"y{new} = {new}[{pre}{a}]", f"y{new}.mul_(2.0)", f"{new} = {new} + y{new}.sum()"],
            [start, f"y{new} = {new}.transpose(0, -1)", f"y{new}.mul_(0.3)"],
            [start, f"y{new} = {new}.view(-1)" if p.draw.random() < 0.5 else f"y{new} = {new}.reshape(-1)", f"y{new}[0] = 3.0", f"y{new}[-1:] += 1"],
            [start, f"y{new} = {new}.unsqueeze(0)", f"y{new}.add_(1)", f"{new}.mul_(2)", f"{new} = {new} + y{new}[0]"],
            [start, f"{new}.add_({whole}, alpha=0.5)"],
            [start, f"{new}.copy_({whole})"],
            [start, f"{new}.select({axis}, {a}).zero_()"],
            [start, f"{new}.diagonal(0, 0, -1).add_(1.0)" if len(shape) > 1 else f"{new}.sin_()"],
            [start, f"{new}[..., {a}] = {new}[..., {a}] * 2 + 1"],
            [start, f"{new}[{pre}{step}] = {new}[{pre}{step}].exp().clamp(max=10)"],
            [start, f"{new}[{pre}{step}] = {new}[{pre}{step}].flip({axis})"],
            [start, f"{new}.narrow({axis}, 0, {max(1, size - 1)}).sub_({whole}.expand({shape}).narrow({axis}, {min(1, size - 1)}, {max(1, size - 1)}))"],
            [f"{new} = torch.empty_like({v})", f"{new}[{pre}:1] = {v}[{pre}:1]", f"{new}[{pre}1:] = {v}[{pre}1:] * 2"],
            [f"{new} = {v}.new_zeros({shape})", f"{new}[{pre}::2] = {v}[{pre}::2]"],
            [f"{new} = torch.cat([{v}, {whole}.expand({shape})], {axis})", f"{new}[{pre}{size}:].mul_(-1)"],
            [f"y{new} = {v}.chunk(2, {axis})", f"{new} = y{new}[0] * y{new}[-1][{pre}:1]"],
            [f"y{new} = {v}.clone()", f"z{new} = y{new}.expand(2, *y{new}.shape)", f"y{new}.mul_(3)", f"{new} = z{new} + 1"],
            [start, f"for i in range({size}):\n    {new}[{pre}i] = {new}[{pre}i] + {new}[{pre}i - 1] * 0.5"],
            [start, f"{new}.index_add_({axis}, torch.tensor([0, {size - 1}, 0]), {p.operand((*shape[:axis], 3, *shape[axis + 1 :]), wide=False)})"],
            [start, f"{new}.index_fill_({axis}, torch.tensor([0]), {_n(p)})"],
            [start, f"{new}.index_copy_({axis}, torch.tensor([{size - 1}]), {p.operand((*shape[:axis], 1, *shape[axis + 1 :]), wide=False)})"],
            [start, f"{new}.swapaxes(0, -1)[0] = 0.25"],
            [start, f"{new}.squeeze().add_(1)"],
            [start, f"{new}.fill_diagonal_(0.5)" if len(shape) == 2 else f"{new}.neg_()"],
            [start, f"y{new} = {new}.detach()", f"y{new}.add_(1)"],
            [start, f"y{new} = {new}.unbind({axis})", f"y{new}[0].mul_(2)"] if p.draw.random() < 0.3 else [start, f"{new}.sigmoid_()"],
            [start, f"y{new} = {new}.as_strided({shape}, {new}.stride())", f"y{new}.add_(1)"],
            [start, f"{new}.pow_(2)"],
            [start, f"{new}.lerp_({whole}.expand({shape}), 0.3)"],
            [start, f"{new}.addcmul_({whole}, {p.operand(shape)}, value=0.5)"],
            [start, f"{new}.tril_()" if len(shape) > 1 else f"{new}.cos_()"],
            [start, f"{new}.cumsum_({axis})"],
            [start, f"{new}.masked_fill_({p.fixed(f'torch.rand({shape}) > 0.5')}, {_n(p)})"],
            [start, f"{new}[{p.fixed(f'torch.rand({shape}) > 0.5')}] = {_n(p)}"],
            [start, f"{new}[{p.fixed(f'torch.rand({shape}) > 0.5')}] += 1"],
            [start, f"{new}[{p.fixed(f'torch.rand({shape[0]}) > 0.5')}] *= 2"],
        ]
    )  # fmt: skip


def _sliced(p: Program, new: str, v: str) -> str | None:
    axis = _axis(p, v)
    if axis is None:
        return f"{v}[None]"
    shape = p.values[v]
    pre = ":, " * axis
    return p.draw.choice(
        [
            f"{v}[{pre}::2]",
            f"{v}[{pre}1::2]" if shape[axis] > 1 else f"{v}[{pre}None]",
            f"{v}[{pre}::3]",
            f"{v}[..., None]",
            f"{v}[{pre}-1]",
            f"{v}[{pre}[0, -1]]",
            f"{v}[{pre}torch.tensor([0, {shape[axis] - 1}, 0])]",
            f"{v}[..., :, None] * {v}[..., None, :]",
            f"{v}.movedim({axis}, 0)",
            f"{v}.flatten().unfold(0, 2, 1)",
            f"{v}.swapaxes(0, {axis})",
            f"{v}.mT" if len(shape) > 1 else f"{v}[:, None]",
            f"torch.rot90({v})" if len(shape) > 1 else f"{v}.flip(0)",
            f"torch.tensor_split({v}, 2, dim={axis})[0]",
            f"torch.meshgrid({v}.flatten()[:3], {v}.flatten()[:2], indexing='ij')[0]",
            f"torch.cartesian_prod({v}.flatten()[:3], {v}.flatten()[:2])",
            f"torch.combinations({v}.flatten()[:4])",
            f"torch.block_diag({v}.flatten()[None], {v}.flatten()[:2, None])",
            f"torch.diag_embed({v})",
            f"torch.diag({v}.flatten()[:4])",
            f"torch.repeat_interleave({v}, 2, dim={axis})",
            f"torch.repeat_interleave({v}, torch.arange({shape[axis]}) + 1, dim={axis})",
            f"torch.tile({v}, (2,))",
            f"torch.take({v}, torch.tensor([0, {max(0, len(shape) - 1)}]))",
            f"torch.take_along_dim({v}, torch.zeros_like({v}, dtype=torch.long), {axis})",
            f"torch.hstack([{v}, {v}])",
            f"torch.narrow_copy({v}, {axis}, 0, 1)" if shape[axis] else v,
            f"torch.broadcast_to({v}, (2, *{v}.shape))",
            f"torch.atleast_2d({v})",
            f"torch.kron({v}.flatten()[:3], {v}.flatten()[:2])",
            f"torch.outer({v}.flatten()[:4], {v}.flatten()[:3])",
            f"{v}[{p.fixed(f'torch.rand({shape}) > 0.5')}]",
            f"{v}[{pre}{p.fixed(f'torch.rand({shape[axis]}) > 0.4')}]",
        ]
    )


# -- complex numbers ----------------------------------------------------------------------------------------------


def _complex(p: Program, new: str, v: str) -> str | list[str]:
    rank = len(p.values[v])
    axis = p.draw.randrange(rank) if rank else 0
    last = p.values[v][-1] if rank else 1
    norm = p.draw.choice(["None", "'ortho'", "'forward'", "'backward'"])
    n = p.draw.choice(["None", "None", "3", "4", "5"])
    if not rank:
        return f"torch.polar({v}.abs(), {v} * 2).real"
    other = p.operand(p.values[v], wide=False)
    pairs = p.shaped((*p.size(p.draw.choice([0, 1, 2])), 2))
    return p.draw.choice(
        [
            f"torch.fft.fft({v}, n={n}, dim={axis}, norm={norm}).real",
            f"torch.fft.fft({v}, n={n}, dim={axis}, norm={norm}).imag",
            f"torch.fft.fft({v}, dim={axis}, norm={norm}).abs()",
            f"torch.fft.rfft({v}, n={n}, dim={axis}, norm={norm}).abs() ** 2",
            f"torch.fft.irfft(torch.fft.rfft({v}, dim={axis}, norm={norm}), n={max(2, p.values[v][axis])}, dim={axis}, norm={norm})",
            f"torch.fft.irfft(torch.fft.rfft({v}) * {p.known((last // 2 + 1,))}, n={max(2, last)})",
            f"torch.fft.ifft(torch.fft.fft({v}) * torch.fft.fft({other})).real",
            f"torch.view_as_real(torch.fft.rfft({v}))",
            f"torch.fft.fft2({v}).real" if rank > 1 else f"torch.fft.fftn({v}).imag",
            f"torch.fft.fftshift({v}, dim={axis})",
            f"torch.fft.ifftshift(torch.fft.fft({v}, dim={axis})).imag",
            f"torch.fft.hfft({v}, n={2 * last + 1})",
            f"torch.fft.ihfft({v}).real",
            f"torch.view_as_real(torch.view_as_complex({pairs}.contiguous()) * torch.view_as_complex(torch.tensor([0.5, -1.0])))",
            f"torch.view_as_complex({pairs}.contiguous()).abs()",
            f"torch.view_as_complex({pairs}.contiguous()).conj().imag",
            f"torch.complex({v}, {other}).abs()",
            f"(torch.complex({v}, {other}) ** 2).real",
            f"(torch.complex({v}, {other}) / (1.5 + 2j)).imag",
            f"(1 / torch.complex({v}, {other}.abs() + 1)).real",
            f"torch.complex({v}, {other}).exp().real",
            f"torch.exp(1j * {v}).imag",
            f"torch.polar({v}.abs() + 0.1, {other}).real",
            f"(torch.complex({v}, {other}) + 2j).sum().abs()",
            f"torch.complex({v}, {other}).mean({axis}).imag",
            f"(torch.complex({v}, {other}).reshape(-1) @ torch.complex({other}, {v}).reshape(-1)).real",
            f"torch.view_as_real(torch.cat([torch.complex({v}, {other}), torch.fft.fft({v})], {axis}))",
            f"torch.complex({v}, {other}).transpose(0, -1)[..., ::2].real",
            f"torch.complex({v}, {other}).conj().reshape(-1).roll(1).imag",
            f"torch.complex({v}, {other}).square().real",
            f"(torch.complex({v}, {other}) * {v}).real",
            f"({other} - torch.complex({v}, {other})).imag",
            f"torch.where({p.fixed(f'torch.rand({p.values[v]}) > 0.5')}, torch.complex({v}, {other}), 1.0).real",
            f"torch.complex({v}, {other}).angle()",
            f"torch.stft({v}.reshape(-1).repeat(3)[:12], 4, return_complex=True, window=torch.ones(4)).abs()",
            f"torch.einsum('i,i->i', torch.complex({v}, {other}).reshape(-1), torch.exp(1j * torch.arange({v}.numel()))).real",
            f"torch.complex({v}, {other}).flatten()[:2].real",
            f"torch.complex({v}, {other}).prod({axis}).real",
            f"torch.complex({v}, {other}).cumsum({axis}).imag",
            f"torch.real(torch.complex({v}, {other}) * torch.complex({other}, {v}).conj())",
            f"torch.complex({v}, {other}).tanh().real",
            f"torch.complex({v}, {other}).sqrt().real",
            f"torch.nn.functional.pad(torch.complex({v}, {other}), (1, 1)).imag",
            f"(-torch.complex({v}, {other})).sigmoid().real",
        ]
    )


# -- linear, and what has other ways ----------------------------------------------------------------------------------


def _linear(p: Program, new: str, v: str) -> str | list[str] | None:
    axis = _axis(p, v)
    if axis is None:
        return f"{v} * torch.ones(2, 2).tril()"
    shape = p.values[v]
    square = p.shaped((3, 3))
    known = p.known((3, 3))
    return p.draw.choice(
        [
            f"F.grid_sample({p.shaped((1, 2, 3, 3))}, {p.fixed('torch.rand(1, 2, 3, 2) * 2 - 1')}, align_corners={p.draw.random() < 0.5}, padding_mode={p.draw.choice(['zeros', 'border', 'reflection'])!r})",
            f"torch.linalg.solve_triangular({p.fixed('torch.randn(3, 3).tril() + 3 * torch.eye(3)')}, {p.shaped((3, 2))}, upper=False)",
            f"torch.linalg.solve({p.fixed('torch.randn(3, 3) + 3 * torch.eye(3)')}, {p.shaped((3, 2))})",
            f"torch.linalg.solve({known} + 4 * torch.eye(3), {p.shaped((3,))})",
            f"torch.trace({square})",
            f"torch.diff({v}, dim={axis})",
            f"torch.gradient({v}, dim={axis})[0]" if shape[axis] > 1 else v,
            f"torch.cumulative_trapezoid({v}, dim={axis})",
            f"torch.trapezoid({v}, dim={axis})",
            f"torch.vander({v}.flatten()[:4], 3)",
            f"torch.einsum('ij,jk->ik', {square}, {known})",
            f"torch.einsum('ij,ij->', {square}, {known})",
            f"torch.einsum('ii->i', {square})",
            f"torch.einsum('bij,bkj->bik', {p.shaped((2, 2, 3))}, {p.operand((2, 2, 3), wide=False)})",
            f"torch.tensordot({square}, {known}, 1)",
            f"torch.cross({square}, {known}, dim=1)",
            f"torch.linalg.cross({p.shaped((2, 3))}, {p.operand((2, 3), wide=False)})",
            f"torch.det({p.shaped((2, 2))})",
            f"torch.linalg.matrix_power({square}, 3)",
            f"torch.matrix_exp({known}) @ {square}",
            f"torch.chain_matmul({square}, {known}, {square})",
            f"F.fold({p.shaped((1, 8, 4))}, (3, 3), (2, 2))",
            f"F.unfold({p.shaped((1, 2, 3, 3))}, 2)",
            f"F.conv1d({p.shaped((1, 2, 5))}, {p.shaped((2, 2, 3))})",
            f"F.conv2d({p.shaped((1, 2, 3, 3))}, {p.shaped((2, 1, 2, 2))}, groups=2, padding=1)",
            f"F.bilinear({p.shaped((2, 2))}, {p.operand((2, 3), wide=False)}, {p.known((2, 2, 3))})",
            f"F.interpolate({p.shaped((1, 2, 3, 4))}, scale_factor={p.draw.choice([0.5, 1.5, 2])}, mode={p.draw.choice(['nearest', 'bilinear', 'bicubic', 'area', 'nearest-exact'])!r})",
            f"F.lp_pool1d({p.shaped((1, 2, 4))}, {p.draw.choice([1, 2, 3])}, 2)",
            f"F.lp_pool2d({p.shaped((1, 2, 4, 4))}, 2, 2)",
            f"F.local_response_norm({p.shaped((1, 4, 3))}, {p.draw.choice([2, 3])})",
            f"F.normalize({v}, p={p.draw.choice([1, 2, 3, 0.5])}, dim={axis})",
            f"F.embedding({p.fixed('torch.randint(0, 3, (4,))')}, {p.operand((3, 2), wide=False)})",
            f"F.embedding_bag({p.fixed('torch.randint(0, 3, (2, 4))')}, {p.operand((3, 2), wide=False)}, mode={p.draw.choice(['sum', 'mean', 'max'])!r})",
            f"F.one_hot({p.fixed('torch.tensor([0, 2, 1])')}, 3).float() @ {p.shaped((3, 2))}",
            f"torch.sparse_coo_tensor(torch.tensor([[0, 1, 2], [2, 0, 2]]), torch.tensor([1.0, 2.0, -1.0]), (3, 3)).to_dense() @ {square}",
            f"torch.scatter_add(torch.zeros({shape}), {axis}, torch.zeros({shape}, dtype=torch.long), {v})",
            f"torch.index_add({v}, {axis}, torch.tensor([0, 0]), {p.operand((*shape[:axis], 2, *shape[axis + 1 :]), wide=False)}, alpha={_n(p)})",
            f"F.cosine_similarity({v}, {p.operand(shape)}, dim={axis})",
            f"F.pairwise_distance({p.shaped((2, 3))}, {p.operand((2, 3), wide=False)}, p={p.draw.choice([1.0, 2.0, 3.0])})",
            f"F.rms_norm({v}, ({shape[-1]},), {p.known((shape[-1],))})",
            f"F.multi_margin_loss({p.shaped((2, 3))}, torch.tensor([0, 2]))",
            f"F.cross_entropy({p.shaped((2, 3))}, torch.tensor([0, 2]), label_smoothing={p.draw.choice([0.0, 0.1])})",
            f"F.nll_loss({p.shaped((2, 3))}, torch.tensor([0, 2]), reduction={p.draw.choice(['none', 'mean', 'sum'])!r})",
            f"F.mse_loss({v}, {p.known(shape)})",
            f"F.l1_loss({v}, {p.known(shape)}, reduction='none')",
            f"F.kl_div({v}, {p.known(shape)}.softmax(-1))",
            f"F.binary_cross_entropy_with_logits({v}, torch.full({shape}, 0.3), reduction='none')",
            f"F.binary_cross_entropy(torch.sigmoid({v}), torch.full({shape}, 0.3))",
            f"F.gaussian_nll_loss({v}, {p.known(shape)}, torch.full({shape}, 0.7))",
            f"F.poisson_nll_loss({v}.clamp(max=5), {p.known(shape)}.abs(), full=False)",
            f"F.soft_margin_loss({v}, torch.sign({p.known(shape)}))",
            f"F.hinge_embedding_loss({v}, torch.ones({shape}))",
            f"F.triplet_margin_loss({p.shaped((2, 3))}, {p.operand((2, 3), wide=False)}, {p.known((2, 3))})",
        ]
    )


def _ordered(p: Program, new: str, v: str) -> str | None:
    axis = _axis(p, v)
    if axis is None or not p.values[v][axis]:
        return None
    size = p.values[v][axis]
    return p.draw.choice(
        [
            f"torch.sort({v}, {axis}, descending={p.draw.random() < 0.5}).values",
            f"{v}.topk({p.draw.randint(1, size)}, {axis}, largest={p.draw.random() < 0.5}).values",
            f"{v}.median({axis}, keepdim={p.draw.random() < 0.5}).values",
            f"{v}.kthvalue({p.draw.randint(1, size)}, {axis}).values",
            f"torch.quantile({v}, {p.draw.choice(['0.5', '0.25', '0.9', '1.0', '0.0'])}, dim={axis}, keepdim={p.draw.random() < 0.5}, interpolation={p.draw.choice(['linear', 'lower', 'higher', 'midpoint', 'nearest'])!r})",
            f"torch.quantile({v}, torch.tensor([0.1, 0.6]), dim={axis})",
            f"torch.nanquantile({v}, 0.5, dim={axis})",
            f"torch.msort({v})",
            f"{v}.cummax({axis}).values",
            f"{v}.cummin({axis}).values",
            f"{v}.cumprod({axis})",
            f"{v}.logcumsumexp({axis})",
            f"{v}.aminmax(dim={axis}).max",
            f"{v}.max({axis}).values - {v}.amin({axis})",
            f"{v}.max() - {v}.min()",
            f"{v}.unique().sum()"
            if p.draw.random() < 0.1
            else f"{v}.mode({axis}).values"
            if p.draw.random() < 0.1
            else f"{v}.median()",
            f"torch.fmax({v}, {p.operand(p.values[v])})",
            f"{v}.renorm(2, {axis}, 1.0)" if len(p.values[v]) > 1 else f"{v}.nanmean()",
            f"torch.nansum({v}, {axis})",
            f"torch.count_nonzero({v}) * 1.0"
            if p.draw.random() < 0.1
            else f"torch.nanmedian({v}, {axis}).values",
            f"torch.clamp({v}, min={p.operand(p.values[v])})",
            f"torch.clamp({v}, {p.operand(p.values[v])}, {p.operand(p.values[v])})",
            f"torch.dist({v}, {p.known(p.values[v])}, {p.draw.choice(['1', '2', '3', 'math.inf'])})",
            f"torch.linalg.vector_norm({v}, {p.draw.choice(['1', '2', '3', '0.5', 'math.inf', '-math.inf', '0', '4'])}, dim={axis})",
            f"torch.linalg.matrix_norm({p.shaped((3, 3))}, {p.draw.choice(['1', 'math.inf', chr(39) + 'fro' + chr(39)])})",
            f"torch.var_mean({v}, {axis}, correction=0)[0]",
            f"torch.std({v}.reshape(-1), correction={p.draw.choice(['0', '1', '2'])})"
            if p.draw.random() < 0.7
            else f"torch.cov({p.shaped((2, 4))})",
            f"torch.corrcoef({p.shaped((2, 4))})",
        ]
    )


def _powers(p: Program, new: str, v: str) -> str:
    exponent = p.known(p.values[v])
    return p.draw.choice(
        [
            f"{v} ** {p.draw.choice([0, 1, 2, 3, 4, 5, 7, 8])}",
            f"{v}.abs() ** {p.draw.choice(['0.5', '1.5', '0.3', '2.7', '3.0', '0.75', '1.25', '0.0', '33.0'])}",
            f"({v}.abs() + 0.1) ** {p.draw.choice(['-0.5', '-1', '-2', '-1.5', '-0.3', '-3'])}",
            f"({v}.abs() + 0.5) ** {exponent}",
            f"torch.exp({v}.clamp(-2, 2)) ** {exponent}",
            f"F.softplus({v}) ** {p.operand(p.values[v])}",
            f"{p.draw.choice(['2', '0.5', '10', '1', 'math.e'])} ** {v}.clamp(-5, 5)",
            f"({exponent}.abs() + 0.2) ** {v}.clamp(-5, 5)",
            f"torch.float_power({v}, 2).float()",
            f"torch.pow({v}, torch.tensor({p.draw.choice([2.0, 3.0, 0.0, 1.0])}))",
            f"torch.pow({v}, torch.tensor({p.draw.choice([2, 3, 0, 1])}))",
            f"torch.sqrt({v} * {v})",
            f"torch.rsqrt({v} * {v} + 1e-3)",
            f"{v}.pow(2).mean().sqrt()",
            f"torch.xlogy({v}.abs() + 0.1, {v}.abs() + 0.2)",
            f"torch.ldexp({v}, torch.tensor(3))",
            f"torch.hypot({v}, {p.operand(p.values[v])})",
            f"torch.logaddexp({v}, {p.operand(p.values[v])})",
            f"torch.logaddexp2({v}, {p.operand(p.values[v])})",
            f"torch.sinc({v})",
            f"torch.asinh({v})",
            f"torch.acosh({v}.abs() + 1.5)",
            f"torch.atan({v})",
            f"torch.erf({v})" if p.draw.random() < 0.05 else f"torch.exp(-{v} * {v})",
            f"torch.special.expit({v})",
            f"torch.special.entr(torch.sigmoid({v}))",
            f"torch.special.xlog1py({v}, {v}.abs())",
            f"torch.special.logit(torch.sigmoid({v}), eps=1e-3)",
            f"torch.nan_to_num({v})",
            f"torch.frac({v})" if p.draw.random() < 0.05 else f"torch.exp2({v}.clamp(max=5))",
            f"torch.remainder({v}, 2.0)" if p.draw.random() < 0.05 else f"torch.tanh({v}) / (1 + {v}.abs())",
            f"torch.rad2deg({v})",
            f"torch.deg2rad({v})",
            f"torch.copysign({v}, {exponent})",
            f"torch.trunc({v})" if p.draw.random() < 0.05 else f"torch.sigmoid({v}) * {v}",
            f"torch.fmin({v}, {p.operand(p.values[v])})",
            f"torch.mul({v}, {p.operand(p.values[v])})",
            f"torch.subtract({v}, {p.operand(p.values[v])}, alpha={_n(p)})",
            f"{_n(p)} - {v}",
            f"{_n(p)} / ({v}.abs() + 0.5)",
            f"torch.addcdiv({v}, {p.operand(p.values[v])}, {p.operand(p.values[v])}.abs() + 0.3, value={_n(p)})",
            f"({v} + {p.operand(p.values[v])}) / 2",
            f"{v} // 1" if p.draw.random() < 0.05 else f"{v} * 1e-3",
            f"{v} * 1e10 * 1e-10",
            f"({v} - 100.0) + 100.0",
        ]
    )


def _types(p: Program, new: str, v: str) -> str | list[str]:
    ints = p.fixed(f"torch.randint(-3, 3, {p.values[v]})")
    mask = p.fixed(f"torch.rand({p.values[v]}) > 0.5")
    return p.draw.choice(
        [
            f"{v} + {ints}",
            f"{v} * {ints}",
            f"{v} * {mask}",
            f"{v} + {mask}",
            f"{v} / ({ints}.abs() + 1)",
            f"{ints} - {v}",
            f"{v}.to(torch.float32)",
            f"{v}.type_as({ints}.float())",
            f"{v}.to({p.known(())})",
            f"{v}.masked_fill(~{mask}, {_n(p)})",
            f"torch.where({mask}, {v}, {ints})",
            f"torch.where({mask} & ({ints} > 0), {v}, -{v})",
            f"torch.where({ints} > 0, {v}, {p.operand(p.values[v])})",
            f"{v}.double().float()" if p.draw.random() < 0.1 else f"{v}.float()",
            f"{v}.half().float()" if p.draw.random() < 0.05 else f"{v}.clone()",
            f"{v} * torch.tensor({_n(p)}, dtype=torch.float64)",
            f"{v} * {mask}.sum()",
            f"{v} * (~{mask}).to({v}.dtype)",
            f"{v}.detach() + {v}",
            f"{v} * {v}.detach()",
            f"{v}.masked_select({mask}).sum()",
            f"torch.ones_like({v}) - {v}",
            f"torch.full_like({v}, {_n(p)}) * {v}",
            f"{v} + torch.eye({p.values[v][-1]})" if p.values[v] else f"{v} + 1",
            f"{v} + torch.arange({p.values[v][-1]})" if p.values[v] else f"{v} - 1",
            f"{v}.expand_as({v}) + 0",
            f"{v}.sum(dtype=torch.float32)",
            f"{v}.softmax(-1, dtype=torch.float32)" if p.values[v] else f"{v} * 3",
            f"torch.stack([{v}.mean(), {v}.sum(), {p.known(())}])",
            f"torch.cat([{v}.flatten(), {p.known((2,))}, {ints}.flatten().float()])",
            f"sum({v}.reshape(-1)[:3])",
            f"{v}.T" if len(p.values[v]) == 2 else f"{v}.mean()",
        ]
    )


IDIOMS: dict[str, tuple[Idiom, float]] = {
    "pieces": (_pieces, 30),
    "mask assigned": (_mask_assigned, 8),
    "state values": (_state_values, 16),
    "in place": (_in_place, 30),
    "sliced": (_sliced, 20),
    "complex": (_complex, 26),
    "linear": (_linear, 30),
    "ordered": (_ordered, 20),
    "powers": (_powers, 22),
    "types": (_types, 18),
}
"""Idioms, and how often each is drawn, where an operator is drawn once."""


def steps() -> list[tuple[str, Step, float]]:
    """A step for each idiom."""
    return [(name, _step(idiom), often) for name, (idiom, often) in IDIOMS.items()]


def _step(idiom: Idiom) -> Step:
    def step(program: Program) -> list[str] | None:
        name = program.new()
        found = idiom(program, name, program.value())
        return [f"{name} = {found}"] if isinstance(found, str) else found

    return step
