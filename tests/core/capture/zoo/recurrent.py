"""Networks that walk along a sequence of fixed length."""

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,5,4
class LSTM(nn.Module):
    """`nn.LSTM`, the last step to scores."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.lstm(x)
        return self.head(out[:, -1, :])


# torchlean: example-shape=4,1,3
class StackedGRU(nn.Module):
    """Two layers of `nn.GRU` in both directions, sequence first; the final states of both."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, num_layers=2, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, state = self.gru(x)
        return torch.cat([state[-2], state[-1]], dim=-1)


# torchlean: example-shape=1,4,3
class Elman(nn.Module):
    """`nn.RNN` with tanh, every step to a number."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 5, batch_first=True)
        self.head = nn.Linear(5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.rnn(x)
        return self.head(out).squeeze(-1)


# torchlean: example-shape=2,4,3
class WrittenOutCell(nn.Module):
    """An LSTM cell called in a loop, with gates taken by `chunk`."""

    def __init__(self, inputs: int = 3, width: int = 4) -> None:
        super().__init__()
        self.width = width
        self.gates = nn.Linear(inputs + width, 4 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x.new_zeros(x.size(0), self.width)
        c = torch.zeros(x.size(0), self.width, device=x.device)
        for step in range(x.size(1)):
            i, f, g, o = self.gates(torch.cat([x[:, step], h], dim=1)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


# torchlean: example-shape=1,6,4
class AttentionPooling(nn.Module):
    """A GRU cell along the sequence, and a softmax over time of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 5)
        self.score = nn.Linear(5, 1)
        self.start = nn.Parameter(torch.zeros(1, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, states = self.start, []
        for token in x.unbind(dim=1):
            state = self.cell(token, state)
            states.append(state)
        stacked = torch.stack(states, dim=1)
        weights = F.softmax(self.score(stacked), dim=1)
        return torch.sum(weights * stacked, dim=1)
