# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `guard`: in no hash while it is absent, never in the interface, faults by name."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_hash,
    load_contract,
    parse_contract,
)
from world_model_ros.contract.guard_settings import (
    BOOL,
    JOY,
    Collision,
    GuardSettings,
    Lock,
    Workspace,
    Zone,
)
from world_model_ros.contract.meaning import meaning

FIXTURES = Path(__file__).parents[1] / 'fixtures'
TEXT = (FIXTURES / 'contract_format2.yaml').read_text()
GUARD = {
    'urdf': 'arm.urdf',
    'joint_positions': {'finger': 0.02},
    'workspace': {'low': [-1, -1, 0], 'high': [1, 1, 2], 'links': ['tool']},
    'collision': {'distance': 0.02, 'ignore': [['base', 'arm']]},
    'dead_man': {'topic': 'joy', 'type': JOY, 'button': 4},
    'locks': {'pause': {'topic': 'pause', 'priority': 50, 'timeout': 1.0}},
    'zones': {
        'front': {'topic': 'scan', 'action_type': 'stop', 'points': [[0, 0], [1, 0], [1, 1]]},
        'near': {'topic': 'scan', 'action_type': 'slowdown', 'radius': 1.5, 'pose': [0.1, 0, 0]},
    },
}


def with_guard(guard):
    return parse_contract(f'{TEXT}\nguard: {yaml.safe_dump(guard, default_flow_style=True)}')


def test_a_file_without_it_means_what_it_meant():
    assert parse_contract(TEXT).guard == GuardSettings()


def test_it_is_read_and_is_no_part_of_the_interface():
    plain, guarded = parse_contract(TEXT), with_guard(GUARD)
    assert guarded.guard == GuardSettings(
        urdf='arm.urdf',
        joint_positions=(('finger', 0.02),),
        workspace=Workspace((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0), ('tool',)),
        collision=Collision(0.02, (('base', 'arm'),)),
        locks=(
            Lock('pause', 'pause', BOOL, 0, False, 50, 1.0),
            Lock('dead_man', 'joy', JOY, 4, True, 255, 0.5),
        ),
        zones=(
            Zone('front', 'scan', ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), 1.0, (0.0, 0.0, 0.0),
                 'stop', 0.5, 4, 255, 0.5),
            Zone('near', 'scan', (), 1.5, (0.1, 0.0, 0.0), 'slowdown', 0.5, 4, 255, 0.5),
        ),
    )  # fmt: skip
    assert interface_hash(guarded) == interface_hash(plain)
    assert contract_hash(guarded) != contract_hash(plain)
    words = dict(meaning(guarded))
    assert words['stays'] == 'tool within x -1 to 1 m, y -1 to 1 m, z 0 to 2 m'


def test_a_stored_file_keeps_its_hashes():
    stored = load_contract(FIXTURES / 'contract_guard.yaml')
    assert stored.guard == with_guard(GUARD).guard
    hashes = json.loads((FIXTURES / 'contract_guard_hashes.json').read_text())
    # If this fails, what recordings were made under is orphaned: raise a version instead.
    assert interface_hash(stored) == hashes['interface']
    assert contract_hash(stored) == hashes['contract']


@pytest.mark.parametrize(
    ('path', 'value', 'key'),
    [
        ('urdf', None, 'guard.urdf'),
        ('urdf', 7, 'guard.urdf'),
        ('workspace.low', [2, -1, 0], 'guard.workspace.low'),
        ('workspace.high', [1, 1], 'guard.workspace.high'),
        ('workspace.link', ['a'], 'guard.workspace.link'),
        ('collision.distance', -0.1, 'guard.collision.distance'),
        ('collision.ignore', [['a']], 'guard.collision.ignore'),
        ('joint_positions', {'a': 'b'}, 'guard.joint_positions'),
        ('dead_man.button', None, 'guard.dead_man.button'),
        ('dead_man.type', 'std_msgs/msg/Int8', 'guard.dead_man.type'),
        ('dead_man.topic', 'a b', 'guard.dead_man.topic'),
        ('dead_man.timeout', 0, 'guard.dead_man.timeout'),
        ('locks.pause.priority', 300, 'guard.locks.pause.priority'),
        ('locks.dead_man', {}, 'guard.locks'),
        ('zones.front.radius', 1.0, 'guard.zones.front.points'),
        ('zones.near.radius', None, 'guard.zones.near.points'),
        ('zones.front.points', [[0, 0], [1, 'a'], [1, 1]], 'guard.zones.front.points'),
        ('zones.front.slowdown_ratio', 0.5, 'guard.zones.front.slowdown_ratio'),
        ('zones.near.min_points', 0, 'guard.zones.near.min_points'),
    ],
)
def test_faults_are_named(path, value, key):
    guard = copy.deepcopy(GUARD)
    *parents, last = path.split('.')
    section = guard
    for parent in parents:
        section = section[parent]
    section[last] = value
    if value is None:
        del section[last]
    with pytest.raises(ContractError) as caught:
        with_guard(guard)
    assert [problem.key for problem in caught.value.problems] == [key]


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from([*GUARD, *GUARD['workspace'], *GUARD['zones']['front'], 'x']),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(junk=JUNK)
def test_whatever_it_holds_it_is_read_or_refused(junk):
    try:
        with_guard(junk)
    except ContractError as error:
        assert error.problems
