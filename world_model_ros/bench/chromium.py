# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, driven by its own driver; both must be installed, none is fetched.

For measurements and tests of the page. Selenium is in the extra `test`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSER, DRIVER = 'chromium', 'chromedriver'
# Chromium's sandbox does not run as root, nor in most containers; it opens our own page alone.
OPTIONS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage')


def missing() -> str:
    """What is not installed, with the remedy, in one line; '' where all is there."""
    if importlib.util.find_spec('selenium') is None:
        return 'selenium is not installed: it is in the extra `test`'
    if lacking := [name for name in (BROWSER, DRIVER) if shutil.which(name) is None]:
        return (
            f'no {" and no ".join(lacking)} on this machine: apt-get install chromium '
            'chromium-driver'
        )
    return ''


@contextlib.contextmanager
def chromium(width: int = 1280, height: int = 1000) -> Iterator[Chrome]:
    """A browser until the end of the block; its log keeps everything."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(BROWSER) or ''
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        driver.set_window_size(width, height)
        yield driver
    finally:
        driver.quit()
