# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far DDS discovery reaches from here, and which domains this computer's processes use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from world_model_ros.contract.problems import did_you_mean
from world_model_ros.deploy.finding import Finding, warn

RANGE, DOMAIN, OLD_RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_DOMAIN_ID', 'ROS_LOCALHOST_ONLY'
RANGES = {
    'SUBNET': 'every ROS computer of this network is seen',
    'LOCALHOST': 'only nodes of this computer are seen',
    'OFF': 'no node sees another one, not even on this computer',
    'SYSTEM_DEFAULT': "as the DDS vendor's own settings say",
}
# RTPS: the ports of domain D begin at 7400 + 250 D. Domains above 101 share theirs with the
# ephemeral ports of Linux, so an open port there says nothing.
FIRST_PORT, PORTS_PER_DOMAIN, MAX_DOMAIN = 7400, 250, 101
UDP_TABLES = (Path('/proc/net/udp'), Path('/proc/net/udp6'))


def discovery_finding(environment: Mapping[str, str]) -> Finding:
    """Whether nodes can find each other at all, and how far they look."""
    reach = environment.get(RANGE) or 'SUBNET'
    domain = environment.get(DOMAIN) or '0'
    if not (domain.isascii() and domain.isdigit() and int(domain) <= 232):
        return Finding(
            'discovery',
            False,
            f'{DOMAIN} is {domain[:40]!r}; expected a whole number from 0 to 232 (at most '
            f'{MAX_DOMAIN} is safe on Linux): correct it',
        )
    if reach not in RANGES:
        return Finding(
            'discovery',
            False,
            f'{RANGE} is {reach[:40]!r}; expected one of {", ".join(RANGES)}: '
            f'{did_you_mean(reach, list(RANGES))}',
        )
    text = f'{reach}: {RANGES[reach]}; domain {domain}'
    if reach == 'OFF':
        remedy = f'export {RANGE}=LOCALHOST (this computer), or SUBNET (the network)'
        return Finding('discovery', False, f'{text}: {remedy}')
    if environment.get(OLD_RANGE, '0') not in ('', '0'):
        return warn('discovery', f'{text}; {OLD_RANGE} is set too and is old: unset it')
    return Finding('discovery', True, text)


def domains_here(tables: tuple[Path, ...] = UDP_TABLES) -> list[int]:
    """Domains in which processes of this computer seem to have DDS ports open."""
    found = set()
    for table in tables:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            try:
                port = int(columns[1].rsplit(':', 1)[1], 16)
            except (IndexError, ValueError):
                continue
            domain = (port - FIRST_PORT) // PORTS_PER_DOMAIN
            if 0 <= domain <= MAX_DOMAIN:
                found.add(domain)
    return sorted(found)


def nobody_finding(domain: int, reach: str, domains: list[int]) -> Finding:
    """No other node was found: why that may be."""
    others = [str(other) for other in domains if other != domain]
    text = f'no other node in domain {domain} ({RANGE}={reach})'
    if others:
        text += (
            f'; DDS ports of domain {", ".join(others)} are open on this computer: '
            f'export {DOMAIN}={others[0]} here, or {DOMAIN}={domain} for the driver'
        )
    else:
        text += f': start the driver, with the same {DOMAIN}'
    if reach == 'LOCALHOST':
        text += f'; if it runs on another computer: export {RANGE}=SUBNET on both'
    return Finding('graph', False, text)
