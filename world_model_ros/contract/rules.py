# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What more than one section of a robot file must keep to: topic names, rates, rounding."""

import re
from typing import Any

from world_model_ros.contract.problems import MISSING, Section

# Slack for "is a whole number of": decimal fractions such as 0.04 * 25 are not exact in binary.
RELATIVE_SLACK = 1e-6
MAX_RATE_HZ = 10_000.0
_TOPIC = re.compile(r'/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\Z')


def whole(ratio: float) -> bool:
    """Whether a ratio is an integer of at least 1, but for rounding."""
    return round(ratio) >= 1 and abs(ratio - round(ratio)) <= RELATIVE_SLACK * ratio


def read_topic(section: Section, default: Any = MISSING, key: str = 'topic') -> str:
    """Read a relative or absolute ROS name; an empty one only where it is the default."""
    topic = section.text(key, default)
    absent = not topic and default == ''
    if section.problems.clean(section.key(key)) and not absent and not _TOPIC.match(topic):
        example = 'camera/image_raw' if key == 'topic' else key
        section.note(
            key,
            topic,
            f'a ROS name such as {example}, which follows the namespace of the nodes, or '
            f'/{example}, which does not',
            'write words of letters, digits and _ with single slashes between them',
        )
    return topic
