# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a robot file to a KeepOut, or to the reason why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from world_model_ros.onboard.guard.keep_out.keep_out import KeepOut
from world_model_ros.onboard.guard.keep_out.margins import Margins
from world_model_ros.onboard.guard.keep_out.urdf import UrdfError
from world_model_ros.onboard.guard.motion import Limits

if TYPE_CHECKING:
    from world_model_ros.contract import Contract


def load_keep_out(contract: Contract, file: Path) -> tuple[KeepOut | None, str]:
    """What keeps the links of a robot out of harm, and why it cannot, ''.

    Both are empty for a robot file that asks for neither workspace nor collision. Its URDF is
    looked for beside `file`.
    """
    if contract.guard.workspace is None and contract.guard.collision is None:
        return None, ''
    try:
        margins = Margins(contract, file.parent)
    except UrdfError as error:
        return None, f'guard.urdf cannot be used: {error}'
    return KeepOut(margins, Limits.of(contract)), ''
