"""Face identity: dlib's 29-layer residual net, an aligned 150x150 face -> a 128-d embedding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIXEL_MEAN = (122.782, 117.001, 104.298)  # of the net's training pictures, RGB 0..255
PIXEL_SCALE = 256.0
EMBEDDING = 128
# (channels, residual blocks at this width); every width but the first starts with a downsampling block
STAGES = ((32, 3), (64, 3), (128, 2), (256, 2))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions (their affine layers folded in) around an identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return F.relu(self.conv2(F.relu(self.conv1(x))) + x)


class DownBlock(nn.Module):
    """Halves the resolution; the shortcut is an average pool with zero channels and edge pixels appended."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=2)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C2 h w."""
        y = self.conv2(F.relu(self.conv1(x)))
        shortcut = F.avg_pool2d(x, 2)
        height, width = (max(a, b) for a, b in zip(y.shape[2:], shortcut.shape[2:], strict=True))
        return F.relu(_grow(y, y.shape[1], height, width) + _grow(shortcut, y.shape[1], height, width))


def _grow(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Append zeros below, to the right and behind until B C H W has the given size."""
    return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))


class IdentityNet(nn.Module):
    """Aligned face chips -> embeddings; Euclidean distance below about 0.45-0.6 means the same person."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, STAGES[0][0], 7, stride=2)
        blocks: list[nn.Module] = []
        previous = STAGES[0][0]
        for channels, count in STAGES:
            if channels != previous:
                blocks.append(DownBlock(previous, channels))
            blocks += [ResidualBlock(channels) for _ in range(count)]
            previous = channels
        blocks.append(DownBlock(previous, previous))
        self.blocks = nn.ModuleList(blocks)
        self.embed = nn.Linear(previous, EMBEDDING, bias=False)

    def forward(self, chips: Tensor) -> tuple[Tensor]:
        """`chips` [B,3,150,150] RGB 0..1 -> ([B,128],)."""
        mean = chips.new_tensor(PIXEL_MEAN).view(1, 3, 1, 1)
        x = ((chips * 255 - mean) / PIXEL_SCALE).contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        for block in self.blocks:
            x = block(x)
        return (self.embed(x.mean((2, 3))),)
