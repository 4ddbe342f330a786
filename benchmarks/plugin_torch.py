"""The plug-in head in PyTorch as its authors formulate it: the rival of `benchmarks/plugin.py`. Grids only.

Written from the published equations (Chou et al. 2022, arXiv 2202.03822): two 1x1 convolutions a level and bilinear
doubling, 1x1 convolutions over points, and a selector that walks over the images of the batch one by one, sorts all points
of each, and gathers the kept and the dropped ones. Channels first, as PyTorch has them.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plugin_size import CLASSES, RATE, Answers, Size, TapShapes, drawn_labels, drawn_taps

POINTS_PER_JOINT = 32
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


class Selector(nn.Module):
    """The surest points of each level, image by image."""

    def __init__(self, kept: Sequence[int]) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, maps: list[Tensor], logits: list[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """[(B, F, S)] and [(B, S, K)] -> kept features [(B, s, F)], dropped logits [(B, S - s, K)], indices [(B, s)]."""
        features, dropped, indices = [], [], []
        for points, scores, count in zip(maps, logits, self.kept, strict=True):
            probabilities = torch.softmax(scores, dim=-1)
            rows, left, ranks = [], [], []
            for image in range(len(points)):
                confidence, _ = probabilities[image].max(dim=-1)
                order = torch.sort(confidence, descending=True).indices
                rows.append(points[image].T[order[:count]])
                left.append(scores[image][order[count:]])
                ranks.append(order[:count])
            features.append(torch.stack(rows))
            dropped.append(torch.stack(left))
            indices.append(torch.stack(ranks))
        return features, dropped, indices


class Combiner(nn.Module):
    """(B, F, T) kept points -> (B, K) logits."""

    def __init__(self, points: int, channels: int, classes: int) -> None:
        super().__init__()
        joints = points // POINTS_PER_JOINT
        self.pool = nn.Linear(points, joints)
        self.adjacency = nn.Parameter(torch.eye(joints) / 100 + 1 / 100)
        self.alpha = nn.Parameter(torch.zeros(()))
        self.convolution = nn.Conv1d(channels, channels, 1)
        self.query = nn.Conv1d(channels, channels // 4, 1)
        self.key = nn.Conv1d(channels, channels // 4, 1)
        self.norm = nn.BatchNorm1d(channels)
        self.joint_pool = nn.Linear(joints, 1)
        self.logits = nn.Linear(channels, classes)

    def forward(self, points: Tensor) -> Tensor:
        joints = self.pool(points)
        query, key = self.query(joints).mean(1), self.key(joints).mean(1)
        edges = self.adjacency + self.alpha * torch.tanh(query[:, :, None] - key[:, None])
        graph = self.norm(torch.matmul(self.convolution(joints), edges))
        return self.logits(self.joint_pool(graph).flatten(1))


class TorchPlugin(nn.Module):
    """Taps [(B, C, H, W)], each half as wide as the last -> (level logits [(B, S, K)], dropped ones, combined logits).

    Args:
        channels: of each tap.
        kept: points of each level.
        size: F.
        classes: K.
    """

    def __init__(self, channels: Sequence[int], kept: Sequence[int], size: int, classes: int) -> None:
        super().__init__()
        self.widen = nn.ModuleList(nn.Conv2d(count, count, 1) for count in channels)
        self.project = nn.ModuleList(nn.Conv2d(count, size, 1) for count in channels)
        self.hidden = nn.ModuleList(nn.Conv1d(size, size, 1) for _ in channels)
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for _ in channels)
        self.logits = nn.ModuleList(nn.Conv1d(size, classes, 1) for _ in channels)
        self.selector = Selector(kept)
        self.combiner = Combiner(sum(kept), size, classes)

    def forward(self, taps: list[Tensor]) -> tuple[list[Tensor], list[Tensor], Tensor]:
        points, logits = self.points(taps)
        features, dropped, _ = self.selector(points, logits)
        return logits, dropped, self.combiner(torch.cat(features, dim=1).transpose(1, 2))

    def points(self, taps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Features [(B, F, S)] and logits [(B, S, K)] of every point."""
        maps = [
            second(functional.relu(first(tap)))
            for first, second, tap in zip(self.widen, self.project, taps, strict=True)
        ]
        for fine, coarse in reversed(list(pairwise(range(len(maps))))):
            doubled = functional.interpolate(maps[coarse], scale_factor=2, mode="bilinear", align_corners=False)
            maps[fine] = maps[fine] + doubled
        points = [grid.flatten(2) for grid in maps]
        logits = [
            last(functional.relu(norm(hidden(rows)))).transpose(1, 2)
            for hidden, norm, last, rows in zip(self.hidden, self.norms, self.logits, points, strict=True)
        ]
        return points, logits

    def loss(self, logits: list[Tensor], dropped: list[Tensor], combined: Tensor, labels: Tensor) -> Tensor:
        """The published total: 0.5 each level + 5 what is dropped + 1 the combiner."""
        total = functional.cross_entropy(combined, labels)
        for scores, left in zip(logits, dropped, strict=True):
            total = total + 0.5 * functional.cross_entropy(scores.mean(1), labels)
            total = total + 5 * functional.mse_loss(torch.tanh(left), -torch.ones_like(left))
        return total

    @torch.no_grad()
    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over the weights of our head, by their Keras paths below it; all must come, and fit.

        Dense kernels are turned round; maps over points and what is no layer's are as they are.
        """
        own = self.state_dict()
        taken = {_name(path): torch.as_tensor(array) for path, array in weights.items()}
        missing = {name for name in own if not name.endswith("num_batches_tracked")} ^ set(taken)
        if missing:
            raise ValueError(f"These weights are on one side only: {', '.join(sorted(missing))}")
        for name, array in taken.items():
            turned = array.T if name.endswith("weight") and array.ndim == 2 and "pool" not in name else array
            own[name].copy_(turned.reshape(own[name].shape))


def _name(path: str) -> str:
    """plugin_head/level1/hidden/kernel -> hidden.0.weight; plugin_head/combiner/alpha -> combiner.alpha."""
    layer, _, part = path.rpartition("/")
    part = "weight" if part == "kernel" else _NORM.get(part, part)
    if found := re.search(r"pyramid/level(\d+)_(in|out)$", layer):
        return f"{'widen' if found[2] == 'in' else 'project'}.{int(found[1]) - 1}.{part}"
    if found := re.search(r"level(\d+)/(hidden|norm|logits)$", layer):
        return f"{found[2]}{'s' * (found[2] == 'norm')}.{int(found[1]) - 1}.{part}"
    return f"{layer[layer.index('combiner') :].replace('/', '.')}.{part}"


class Theirs:
    """That head on drawn taps. Training asks for the gradients of the taps too, as a backbone would.

    Args:
        kept: points of each level.
        weights: of our head, by path.
        threads: as many as TensorFlow takes.
    """

    def __init__(
        self, size: Size, shapes: TapShapes, kept: Sequence[int], weights: Mapping[str, np.ndarray], threads: int
    ) -> None:
        torch.set_num_threads(threads)
        self.size = size
        self.head = TorchPlugin([shape[-1] for shape in shapes.values()], kept, size.fpn_size, CLASSES)
        self.head.load(weights)
        self.optimizer = torch.optim.SGD(self.head.parameters(), RATE, momentum=0.9)
        maps = (np.ascontiguousarray(np.moveaxis(tap, -1, 1)) for tap in drawn_taps(size, shapes).values())
        self.taps = [torch.from_numpy(tap).requires_grad_() for tap in maps]
        self.labels = torch.from_numpy(drawn_labels(size)).long()

    def answers(self, kept: Sequence[np.ndarray]) -> Answers:
        """In inference; the combined logits are those of the points `kept`, of ours."""
        self.head.eval()
        with torch.inference_mode():
            points, logits = self.head.points(self.taps)
            _, _, own = self.head.selector(points, logits)
            places = (torch.from_numpy(index).long()[:, None] for index in kept)
            chosen = [torch.take_along_dim(grid, place, dim=2) for grid, place in zip(points, places, strict=True)]
            combined = self.head.combiner(torch.cat(chosen, dim=2))
        return Answers(
            [scores.mean(1).numpy() for scores in logits], [order.numpy() for order in own], combined.numpy()
        )

    def losses(self, steps: int) -> list[float]:
        """Of the first steps."""
        return [self._step() for _ in range(steps)]

    def inference(self) -> int:
        """Images done; the same of the other."""
        self.head.eval()
        with torch.inference_mode():
            for _ in range(2 * self.size.steps):
                logits, _, combined = self.head(self.taps)
                heads = [*(scores.mean(1) for scores in logits), combined]
                (sum(torch.softmax(head, -1) for head in heads) / len(heads)).numpy()
        return 2 * self.size.steps * self.size.batch

    def training(self) -> int:
        """Forward, losses, gradients, update."""
        self.losses(self.size.steps)
        return self.size.steps * self.size.batch

    def _step(self) -> float:
        self.head.train()
        self.optimizer.zero_grad()
        for tap in self.taps:
            tap.grad = None
        logits, dropped, combined = self.head(self.taps)
        loss = self.head.loss(logits, dropped, combined, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()
