# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench view --browser`: from the time of a tick to the pixels of what it saw, in a real browser.

The clock of the simulated robot is that of this machine, and so is the browser's. A picture counts
once the browser has painted the frame in which it was drawn.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.chromium import chromium
from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.view_cost import SETTLE_SEC, shown_robot
from world_model_ros.bench.wait_for import wait_for
from world_model_ros.contract import Contract

FIRST_PICTURE_SEC = 60.0
GOALS = {'drawn_p95_ms': 150.0}
# The canvas says of which tick it is; two steps later the frame with it is painted.
_WATCH = """
const canvas = document.querySelector('[data-what="seen"]');
window.drawn = [];
new MutationObserver(() => {
  const seconds = Number(canvas.dataset.seconds);
  if (!seconds) return;
  requestAnimationFrame(() => setTimeout(() => window.drawn.push(Date.now() / 1000 - seconds)));
}).observe(canvas, {attributes: true, attributeFilter: ['data-number']});
"""
_THERE = 'return Boolean(document.querySelector(\'[data-what="seen"]\')?.dataset.seconds)'


def measure_drawn(
    contract: Contract,
    robot_file: Path,
    bundle: Path,
    minutes: float,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Let the robot act for some minutes while a browser shows it; add the figures."""
    keep_to_itself()
    ages: list[float] = []
    with (
        shown_robot(contract, robot_file, bundle, folder) as shown,
        chromium() as browser,
    ):
        browser.get(shown.address.partition('#')[0])

        def there() -> Any:
            return browser.execute_script(_THERE)

        wait_for(shown.supervisor, there, 'a picture in the browser', FIRST_PICTURE_SEC)
        browser.execute_script(_WATCH)
        time.sleep(SETTLE_SEC)
        browser.execute_script('window.drawn = []')
        end_s = time.monotonic() + 60.0 * minutes
        try:
            while (left_s := end_s - time.monotonic()) > 0.0:
                time.sleep(min(1.0, left_s))
        finally:
            ages += browser.execute_script('return window.drawn')
            figures |= figures_of_drawn(ages)


def figures_of_drawn(ages: list[float]) -> dict[str, Any]:
    """Count and percentiles of the ages [s] of what was seen, when it was painted."""
    figures: dict[str, Any] = {'drawn': len(ages)}
    if ages:
        for share in (50, 95, 99):
            figures[f'drawn_p{share}_ms'] = round(1e3 * float(np.percentile(ages, share)), 1)
    figures['goals'] = GOALS
    return figures
