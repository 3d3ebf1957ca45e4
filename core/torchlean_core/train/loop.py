"""The training loop: batches, steps, what is logged and kept, and when it stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from torchlean_core.errors import UserError
from torchlean_core.train.best import Best
from torchlean_core.train.course import Course
from torchlean_core.train.diagnose import Diagnosis, require_finite
from torchlean_core.train.distributed import World, is_loss_of_another, replicate
from torchlean_core.train.measure import METRICS, Measure, Tap
from torchlean_core.train.metrics import Entry
from torchlean_core.train.module import ScalarModule, some
from torchlean_core.train.options import TrainRequest
from torchlean_core.train.order import Feed, Order
from torchlean_core.train.watch import DeferredWatch, Watch

_PULSE_SECONDS = 0.1  # a display of progress hears of a long run at least this often; metrics do not
_TORCH_REFUSES = (RuntimeError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears of a run.

    Attributes:
        logged: Gets every entry of the metrics.
        told: Gets the events of a display of progress.
        checkpoint: Keeps the run as it is, after its step.
    """

    logged: Callable[[Entry], None]
    told: Callable[[dict[str, Any]], None]
    checkpoint: Callable[[Training], None]


class _Keeping:
    """When a run is to be kept: every so many steps, or every so many seconds.

    Time is each process's own: to keep is the work of the first alone, so the others need not agree.
    """

    _SHARE = 20
    """Of the time, writing takes one in so many parts at most."""

    def __init__(self, options: TrainRequest) -> None:
        self._every, self._seconds = options.checkpoint_every, options.checkpoint_seconds
        self._due = math.inf if self._seconds is None else time.perf_counter() + self._seconds

    def is_due(self, step: int, *, is_last: bool) -> bool:
        """Whether to keep the run as it is after a step."""
        if self._every is not None and (step % self._every == 0 or is_last):
            return True
        return not is_last and time.perf_counter() >= self._due

    @contextmanager
    def timed(self) -> Iterator[None]:
        """While the run is kept."""
        began = time.perf_counter()
        yield
        if self._seconds is not None:
            now = time.perf_counter()
            self._due = now + max(self._seconds, self._SHARE * (now - began))


class Training:
    """A run: parameters, optimizer, schedule and data, at a step.

    Attributes:
        module: The parameters and the loss.
        state: The optimizer's state.
        course: The course of the learning rate.
        best: The best validation so far.
        unreached: Names of the parameters that no gradient reaches.
        step: Steps taken.
        steps: Steps of the whole run, unless it ends early.
        steps_per_second: Speed, without the first step of this process, which also prepares and compiles.
    """

    def __init__(
        self,
        module: ScalarModule,
        options: TrainRequest,
        world: World,
        data: Feed,
        validation: Feed | None,
        diagnosis: Diagnosis,
        measure: Measure | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.module, self.step, self.steps_per_second = module, 0, 0.0
        self._options, self._world, self._data, self._validation = options, world, data, validation
        self._diagnosis = diagnosis
        self._order = Order(data.count, options.batch_size * world.size, options.seed)
        self.steps = options.total_steps(self._order.per_epoch)
        self._log_every = options.log_interval(self.steps)
        self._replica: DistributedDataParallel | None = None
        self.state = module.init_optim(options.described())
        self._optimizer = self.state.optimizer
        self.course = Course(
            self._optimizer, options.schedule, options.learning_rate, self.steps, options.warmup
        )
        self.best = Best(keeps=options.best)
        self.unreached: list[str] = []
        self._measure, self._tap = measure, tap
        self._watch: Watch = Watch()
        if world.device.type != "cpu":
            self.defer_checks()

    def defer_checks(self) -> None:
        """Look at losses when logging only, as on devices that nothing should wait for."""
        self._watch = DeferredWatch(self._optimizer, self._world.device, shared=self._world.size > 1)

    def resume(self, step: int, optimizer: dict[str, torch.Tensor], schedule: dict[str, Any] | None) -> None:
        """Go on after a step, with the optimizer's and the schedule's state; the parameters are there.

        Raises:
            UserError: The state does not fit.
        """
        self.state.restore(optimizer)
        self.step = step
        self.course.restore(schedule, step)

    @property
    def ended_early(self) -> bool:
        """Whether validation has brought nothing better for as long as the run waits for it."""
        patience = self._options.patience
        return patience is not None and self.best.since >= patience

    def run(self, listeners: Listeners) -> None:
        """Take the steps that are left.

        Raises:
            UserError: A loss or a parameter is not finite; the message names the step and the node. Or torch
                cannot compute a step, or no gradient reaches a parameter.
        """
        clip, keeping = self._options.clip, _Keeping(self._options)
        leaves = self.module.leaves
        if self._world.size > 1:
            self._replica = replicate(self.module, self._data.batch(self._share(1)[0]))
        began = told = started = time.perf_counter()
        first = self.step + 1
        for step in range(first, self.steps + 1):
            logs = self.logs(step)
            index, weight = self._share(step)
            if self._tap is not None:
                self._tap.is_open = logs
            loss = self._descend(index, weight)
            if step == first:
                self._require_gradients(listeners)
            if not self._watch.see(loss):
                raise self._not_finite(step, loss)
            measured = self._measured(step) if logs else {}
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(leaves.values(), clip)
            rate = self._optimizer.param_groups[0]["lr"]
            self._optimizer.step()
            self.course.after(step)
            self.step = step
            if logs:
                entry = self._entry(loss, weight, rate, measured)
                listeners.logged(entry)
                listeners.told(self._event("progress", entry, began, step - first))
                told = time.perf_counter()
            elif time.perf_counter() - told > _PULSE_SECONDS and self._world.is_first:
                self._settle()
                entry = {"step": step, "loss": loss.item(), "lr": rate}
                listeners.told(self._event("pulse", entry, began, step - first))
                told = time.perf_counter()
            is_last = step == self.steps or self.ended_early
            if keeping.is_due(step, is_last=is_last):
                self._settle()
                require_finite(leaves, step)
                if self._world.is_first:
                    with keeping.timed():
                        listeners.checkpoint(self)
            if step == first:
                self._wait()
                began = time.perf_counter()
            if is_last:
                break
        self._replica = None  # it must go before the group of processes does
        self._settle()
        self._wait()
        taken = self.step - first
        self.steps_per_second = self._speed(began, taken) if taken else self._speed(started, 1)
        require_finite(leaves, self.step)

    def _share(self, step: int) -> tuple[torch.Tensor, float]:
        return self._world.share(self._order.index(step), self._data.counts)

    def _require_gradients(self, listeners: Listeners) -> None:
        self.unreached = self.module.unreached()
        if self.unreached:
            message = f"no gradient reaches {some(self.unreached)}: not trained"
            listeners.told({"kind": "warning", "message": message})

    def logs(self, step: int) -> bool:
        """Whether the metrics have an entry for a step."""
        return step == 1 or step % self._log_every == 0 or step == self.steps

    def _descend(self, index: torch.Tensor, weight: float) -> torch.Tensor:
        batch = self._data.batch(index)
        try:
            if self._replica is None:
                return self.module.descend(*batch)
            self._optimizer.zero_grad(set_to_none=True)
            loss: torch.Tensor = self._replica(*batch)
            (loss * weight).backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        except _TORCH_REFUSES as error:
            if is_loss_of_another(error):
                raise
            raise self._diagnosis.refusal(self.module.params(), batch[0], error) from error

    def _measured(self, step: int) -> dict[str, float]:
        """Metrics of a step's samples, with the parameters before it: of outputs that were kept, or made again."""
        measure = self._measure
        if measure is None:
            return {}
        index = self._order.index(step)
        own = self._world.own(index)
        kept = None
        if self._tap is not None and torch.equal(own, self._share(step)[0]):
            kept, self._tap.outputs = self._tap.outputs, None
        if not len(own):  # this process's outputs are of a sample that counts for another
            sums = measure.nothing()
        elif kept is not None:
            sums = measure.sums(kept, self._data.batch(own)[1])
        else:
            sums = measure.look(self.module.params(), *self._data.batch(own))[1]
        return measure.metrics(self._world.sum(sums), self._data.batch(index)[1])

    def _entry(self, loss: torch.Tensor, weight: float, rate: float, measured: dict[str, float]) -> Entry:
        self._settle()
        entry = {"step": self.step, "loss": self._world.mean(loss, weight), "lr": rate, **measured}
        if self._validation is not None:
            found = self._validated(self._validation)
            entry |= {f"val_{name}": value for name, value in found.items()}
            agreed = self._world.agreed(found["loss"])
            self.best.see(self.step, agreed, self.module.params())
            self.course.validated(agreed, self.step)
        return entry

    def _validated(self, data: Feed) -> dict[str, float]:
        """The mean loss over samples, as `loss`, and their metrics."""
        found = mean_over(data, self._options.batch_size, self.module, self._measure)
        if not math.isfinite(found["loss"]):
            raise UserError(f"step {self.step}: the validation loss is {found['loss']}")
        return found

    def _settle(self) -> None:
        """Stop where one of the last steps was not taken."""
        bad = self._watch.bad_steps()
        if bad:
            step = self.step - bad + 1
            batch = self._data.batch(self._share(step)[0])
            with torch.no_grad():
                raise self._not_finite(step, self.module.forward(*batch))

    def _not_finite(self, step: int, loss: torch.Tensor) -> UserError:
        index, _ = self._share(step)
        if self._data.counts is not None and not bool(self._data.counts[index].any()):
            return UserError(
                f"step {step}: none of the targets of the batch counts; use a larger --batch-size"
            )
        where = self._diagnosis.first_not_finite(self.module.params(), self._data.batch(index)[0])
        return UserError(f"step {step}: the loss is {loss.item()}; {where}")

    def _event(self, kind: str, entry: Entry, began: float, taken: int) -> dict[str, Any]:
        text = f"step {entry['step']}/{self.steps} · loss {entry['loss']:.6g}"
        text += metric_words(entry, "")
        if "val_loss" in entry:
            text += f" · validation {entry['val_loss']:.6g}" + metric_words(entry, "val_")
        event = {"kind": kind, "percentage": 100 * self.step // self.steps, **entry, "steps": self.steps}
        event["device"] = str(self._world.device)
        if taken:
            speed = self._speed(began, taken)
            left = (self.steps - self.step) / speed
            event |= {"steps_per_second": speed, "seconds_left": left}
            text += f" · {speed:.0f} steps/s" if speed >= 100 else f" · {speed:.3g} steps/s"
            if self.step < self.steps:
                text += f" · {duration(left)} left"
        return {**event, "message": text}

    def _speed(self, began: float, taken: int) -> float:
        return taken / max(time.perf_counter() - began, 1e-9)

    def _wait(self) -> None:
        if self._world.device.type == "cuda":
            torch.cuda.synchronize(self._world.device)


def mean_over(data: Feed, size: int, module: ScalarModule, measure: Measure | None) -> dict[str, float]:
    """The mean loss over all samples of a feed, as `loss`, and their metrics; nothing changes.

    Args:
        data: The samples.
        size: How many are computed at once.
        module: Parameters and loss.
        measure: The metrics; none where None.
    """
    loss = torch.zeros((), dtype=torch.float64)
    sums = torch.zeros(()) if measure is None else measure.nothing()
    weight = 0.0
    with torch.no_grad():
        for index in data.in_order(size):
            counts = len(index) if data.counts is None else data.counts[index].sum().item()
            if not counts:
                continue
            batch = data.batch(index)
            if measure is None:
                mean = module.forward(*batch)
            else:
                mean, found = measure.look(module.params(), *batch)
                sums = sums + found
            loss += mean.cpu() * counts
            weight += counts
    result = {"loss": loss.item() / weight if weight else math.nan}
    if measure is not None:
        result |= measure.metrics(sums, data.targets())
    return result


def metric_words(entry: Entry, prefix: str) -> str:
    """The metrics of an entry in words: ` · accuracy 0.953`."""
    found = [(name, entry.get(prefix + name)) for name in METRICS]
    return "".join(f" · {name} {value:.4g}" for name, value in found if value is not None)


def duration(seconds: float) -> str:
    """A time in words: `4 s`, `3 min 20 s`, `5 h 12 min`."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
