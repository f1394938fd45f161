# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `doctor` examines of a robot beside its computer: topics, graph, bundle, store, disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from world_model_ros.bringup.live_graph import GraphSeen, judge_graph
from world_model_ros.bringup.live_topics import (
    Expected,
    Wanted,
    expected_of,
    judge,
    wanted_of,
)
from world_model_ros.bundle import BundleError, check_bundle
from world_model_ros.bundle.bundle_lookup import find_bundle
from world_model_ros.contract import Contract
from world_model_ros.contract.cautions import contract_warnings
from world_model_ros.deploy.finding import Finding, warn
from world_model_ros.deploy.machine import disk_finding, robot_findings
from world_model_ros.deploy.network import (
    DOMAIN,
    RANGE,
    discovery_finding,
    domains_here,
    nobody_finding,
)

SHOWN = 3  # faults of a bundle in one line


@dataclass(frozen=True)
class Asked:
    """What a person gave beside the contract; '' is not asked for."""

    seconds: float = 5.0
    namespace: str = ''
    bundle: str = ''
    store: str = ''
    folder: Path = Path()
    min_free_mb: int = 0
    provider: str = 'auto'


def examine_robot(contract: Contract, asked: Asked) -> list[Finding]:
    """Everything about one robot, causes before what follows from them."""
    findings = robot_findings(asked.provider)
    findings += [warn('contract', text) for text in contract_warnings(contract)]
    if asked.bundle:
        findings.append(bundle_finding(asked.bundle, contract))
    if asked.store:
        findings.append(store_finding(asked.store))
    live, bytes_per_sec = _live(contract, asked)
    findings.append(disk_finding(asked.folder, asked.min_free_mb, bytes_per_sec))
    return findings + live


def examine_topic(topic: str, rate_hz: float, seconds: float, namespace: str) -> list[Finding]:
    """One topic, without a contract."""
    from world_model_ros.nodes._probe import measure

    return [
        judge(Expected(topic, topic, rate_hz=rate_hz), got)
        for got in measure([Wanted(topic)], seconds, namespace)
    ]


def bundle_finding(name: str, contract: Contract) -> Finding:
    """Whether a bundle is whole and made for this robot."""
    try:
        folder = find_bundle(name)
        problems = check_bundle(folder, contract)
    except BundleError as error:
        return Finding('bundle', False, '; '.join(error.problems))
    if not problems:
        return Finding('bundle', True, f'{folder} is whole and made for {contract.name}')
    more = f' (and {len(problems) - SHOWN} more)' if len(problems) > SHOWN else ''
    foreign = any('another interface' in problem for problem in problems)
    remedy = (
        'give the contract that it was trained with, or train a bundle for this one'
        if foreign
        else f'see all: world-model bundle check {name}'
    )
    return Finding('bundle', False, f'{folder}: {"; ".join(problems[:SHOWN])}{more}: {remedy}')


def store_finding(url: str) -> Finding:
    """Whether the store can be reached and is one."""
    from world_model_ros.store import StoreError, open_store

    try:
        store = open_store(url)
        return Finding('store', True, f'{store.url}: format {store.layout.format}')
    except StoreError as error:
        return Finding('store', False, str(error))


def _live(contract: Contract, asked: Asked) -> tuple[list[Finding], float]:
    """What comes on the topics and what the graph says; bytes per second of all streams."""
    if discovery_finding(os.environ).ok is False:
        return [Finding('topics', None, 'not listened to: see discovery')], 0.0
    from world_model_ros.nodes._graph import look
    from world_model_ros.nodes._probe import measure

    seen: list[GraphSeen] = []
    expected = expected_of(contract)
    found = measure(
        [wanted_of(item) for item in expected],
        asked.seconds,
        asked.namespace,
        at_end=lambda node, spin: seen.append(look(node, contract, spin)),
    )
    findings = []
    if not seen[0].nodes:
        reach, domain = os.environ.get(RANGE) or 'SUBNET', int(os.environ.get(DOMAIN) or 0)
        findings.append(nobody_finding(domain, reach, domains_here()))
    findings += [judge(item, got) for item, got in zip(expected, found, strict=True)]
    rates = {got.topic: got.bytes_per_sec for got in found}
    return findings + judge_graph(seen[0]), sum(rates.values())
