# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent node on a device that goes away: from the moment a file appears, no graph computes.

For `chaos faults`: what an NVIDIA driver does that resets, on any machine. The file's path is in
the environment variable that `LOST_ENV` names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnxruntime

from world_model_ros.nodes import agent

LOST_ENV = 'WORLD_MODEL_PROVIDER_LOST'


def main() -> None:
    """Run the agent."""
    lost, compute = Path(os.environ[LOST_ENV]), onnxruntime.InferenceSession.run

    def run(session: Any, *args: Any, **kwargs: Any) -> Any:
        if lost.exists():
            raise RuntimeError('[ONNXRuntimeError] : 1 : FAIL : CUDA failure 719: launch failure')
        return compute(session, *args, **kwargs)

    onnxruntime.InferenceSession.run = run
    agent.main()


if __name__ == '__main__':
    main()
