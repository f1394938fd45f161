# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happened to a camera since a model learned behind it: a homography and a map of colours.

A camera that was turned, tilted or zoomed moves the points of its picture by a homography
(Hartley and Zisserman 2004, section 8.4); exposure, white balance and hue are nearly affine in
RGB. Pictures are resampled with gradients as in a spatial transformer (Jaderberg 2015). One that
was moved aside shows parallax, which no homography undoes. Owns the map, not how it is found.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

NEAREST = 0.1  # least depth of a sampled point: a plane seen from behind has no picture


class CameraShift(nn.Module):
    """Maps pictures [B, 3, h, w] in 0..1 between the camera as it was and as it is.

    ``geometry`` [6]: turn in rad, log zoom, shift in x and y (1: half a picture), perspective in
    x and y. A lens does not shear, so neither does this: a sheared rail explains a weak motor.
    ``colour`` [3, 4]: what is added to the identity that colours are mixed with, and to the
    result. All zero: nothing happened.
    """

    def __init__(self, turn: float = 0.0) -> None:
        super().__init__()
        self.geometry = nn.Parameter(torch.tensor([turn] + [0.0] * 5))
        self.colour = nn.Parameter(torch.zeros(3, 4))

    def homography(self) -> torch.Tensor:
        """Return where points of the picture as it was lie in the one as it is, [3, 3]."""
        turn, zoom, x, y, tip_x, tip_y = self.geometry.unbind()
        cos, sin, none = torch.cos(turn), torch.sin(turn), torch.zeros_like(turn)
        one = torch.ones_like(turn)
        turned = torch.stack([cos, -sin, none, sin, cos, none, none, none, one])
        scale = torch.exp(zoom)
        moved = torch.stack([scale, none, x, none, scale, y, tip_x, tip_y, one])
        return turned.reshape(3, 3) @ moved.reshape(3, 3)

    def undo(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures as they were; edges are drawn out to where the camera lost sight."""
        mixed, offset = self._colours()
        # Not inv, which raises where a black camera led to no colours at all.
        return _mix(torch.linalg.inv_ex(mixed)[0], self.straighten(pictures)[0] - offset)

    def apply_to(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the camera as it is would give of pictures as it was."""
        return _resample(self.tint(pictures), torch.linalg.inv_ex(self.homography())[0])[0]

    def straighten(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Undo the homography alone; also return which points the camera still sees [h, w]."""
        return _resample(pictures, self.homography())

    def tint(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures in the colours of the camera as it is."""
        mixed, offset = self._colours()
        return _mix(mixed, pictures) + offset

    def _colours(self) -> tuple[torch.Tensor, torch.Tensor]:
        same = torch.eye(3, device=self.colour.device)
        return same + self.colour[:, :3], self.colour[:, 3, None, None]


def _mix(matrix: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    return torch.einsum('ij,bjhw->bihw', matrix, pictures)


def _resample(
    pictures: torch.Tensor, homography: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures sampled at the mapped points, and which of these lie inside [h, w]."""
    height, width = pictures.shape[-2:]
    ys = (torch.arange(height, device=homography.device) + 0.5) / height * 2.0 - 1.0
    xs = (torch.arange(width, device=homography.device) + 0.5) / width * 2.0 - 1.0
    y, x = torch.meshgrid(ys, xs, indexing='ij')
    points = torch.stack([x, y, torch.ones_like(x)], -1) @ homography.T  # [h, w, 3]
    grid = points[..., :2] / points[..., 2:].clamp(min=NEAREST)
    inside = ((grid.abs() <= 1.0).all(-1) & (points[..., 2] > NEAREST)).float()
    each = grid.expand(pictures.shape[0], -1, -1, -1)
    sampled = F.grid_sample(pictures, each, padding_mode='border', align_corners=False)
    return sampled, inside
