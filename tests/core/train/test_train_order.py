"""Which samples each step takes."""

import pytest
import torch

from torchlean_core.train.data import Dataset
from torchlean_core.train.order import Feed, Order


def test_every_epoch_deals_every_sample_once_in_its_own_order():
    order = Order(10, 4, seed=0)
    assert order.per_epoch == 3
    epochs = [
        [k for step in range(1, 4) for k in order.index(3 * epoch + step).tolist()] for epoch in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_a_step_takes_the_same_samples_wherever_a_run_begins():
    whole = Order(10, 4, seed=7)
    taken = [whole.index(step).tolist() for step in range(1, 12)]
    assert [Order(10, 4, seed=7).index(step).tolist() for step in range(1, 12)] == taken
    assert [Order(10, 4, seed=8).index(step).tolist() for step in range(1, 12)] != taken


@pytest.mark.parametrize("seed", [2**64 - 1, 2**63])
def test_every_seed_deals(seed):
    assert sorted(Order(3, 3, seed).index(1).tolist()) == [0, 1, 2]


def test_feed_gives_the_samples_of_an_index_and_all_in_order():
    data = Dataset(torch.arange(5.0)[:, None], torch.arange(5.0))
    feed = Feed(data, torch.device("cpu"), lambda data: Dataset(data.x.squeeze(1), data.y))
    x, y = feed.batch(torch.tensor([3, 1]))
    assert (x.tolist(), y.tolist()) == ([3, 1], [3, 1])
    assert [index.tolist() for index in feed.in_order(2)] == [[0, 1], [2, 3], [4]]
