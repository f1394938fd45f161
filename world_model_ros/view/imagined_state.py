# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an imagined robot says of itself, for the page: that it is one, and how little is known.

Input: the text of its ~/state, from a topic that anybody may publish on. Must not import ROS.
"""

from __future__ import annotations

import json
from typing import Any

from world_model_ros.experience.read.describe import imagined_words
from world_model_ros.wire.cdr import MessageError
from world_model_ros.wire.message_json import message_json

LONGEST = 200  # characters for a person


def imagined_state(text: str) -> dict[str, Any]:
    """`words`, and `fade`: 0 where the model knows what it shows, 1 where not; None: unsure.

    Raises:
        MessageError: it is no such state.
    """
    content = message_json(text, 'the state of an imagined robot')
    origin, fade = content.get('imagined'), content.get('fade')
    if not isinstance(origin, dict):
        raise MessageError('the state of an imagined robot cannot be read: it names no beginning')
    if isinstance(fade, bool) or not isinstance(fade, (int, float)):
        fade = None
    words = imagined_words(json.dumps(origin) or '{}')
    return {
        'words': words[:LONGEST],
        'fade': None if fade is None else min(max(float(fade), 0.0), 1.0),
    }
