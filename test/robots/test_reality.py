# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reality files: strict reading, clear errors, repeatable draws."""

from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import yaml
from hypothesis import given, settings

from world_model_ros.contract.contract_lookup import config_directories
from world_model_ros.robots import (
    NOMINAL,
    Reality,
    RealityError,
    load_ranges,
    load_reality,
    parse_ranges,
    parse_reality,
    sample_reality,
)
from world_model_ros.robots.reality import LIMITS


def _values():
    return st.fixed_dictionaries(
        {},
        optional={
            key: (st.integers if isinstance(low, int) else st.floats)(low, high)
            for key, (low, high) in LIMITS.items()
        },
    )


@given(_values())
def test_reality_written_as_yaml_is_read_back_equal(values):
    reality = parse_reality(yaml.safe_dump(values), 'here')
    assert {key: getattr(reality, key) for key in values} == values
    assert reality.name == 'here'


@given(
    st.text(max_size=60)
    | st.dictionaries(
        st.sampled_from([*LIMITS, 'name', 'gravity']),
        st.floats() | st.integers() | st.text(max_size=5) | st.booleans() | st.none(),
    ).map(yaml.safe_dump)
)
@settings(max_examples=300)
def test_any_text_gives_a_reality_within_limits_or_a_reality_error(text):
    try:
        reality = parse_reality(text)
    except RealityError:
        return
    for key, (low, high) in LIMITS.items():
        assert low <= getattr(reality, key) <= high


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('gravity: 3.7', 'unknown gravity; known are action_delay_frames'),
        ('motor_strength: strong', "motor_strength must be a number, not 'strong'"),
        ('motor_strength: true', 'motor_strength must be a number, not True'),
        ('motor_strength: .nan', 'motor_strength must be within [0, 5], not nan'),
        ('action_delay_frames: 1.5', 'action_delay_frames must be a whole number, not 1.5'),
        ('- 1', 'expected "key: value" lines, found list'),
        ('a: [', 'not YAML'),
        ('name: 3', 'name must be text, not 3'),
    ],
)
def test_error_names_the_key_the_value_and_what_was_expected(text, said):
    with pytest.raises(RealityError) as error:
        parse_reality(text, 'bench')
    assert said in str(error.value)
    assert str(error.value).startswith('bench: ')


def test_all_faults_are_listed_at_once():
    with pytest.raises(RealityError, match=r'motor_strength.*friction'):
        parse_reality('{motor_strength: -1, friction: -1}')


def test_reality_built_in_code_is_checked_as_well():
    with pytest.raises(RealityError, match='camera_exposure'):
        Reality(camera_exposure=float('nan'))
    with pytest.raises(FrozenInstanceError):
        NOMINAL.friction = 2.0


def test_every_shipped_reality_loads():
    folder = next(d for d in config_directories() if (d / 'reality').is_dir()) / 'reality'
    names = {path.stem for path in folder.glob('*.yaml')} - {'randomize'}
    assert {'nominal', 'shifted_reacher', 'shifted_cartpole'} <= names
    for name in names:
        assert load_reality(name).name == name
    assert load_reality('nominal') == NOMINAL


@pytest.mark.parametrize(
    ('robot', 'parts'),
    [
        ('diff_drive', 'slippery weak_wheel moved_camera payload floor dirt light'),
        ('arm', 'weak moved_camera payload table dirt light longer_finger'),
    ],
)
def test_a_compound_is_what_its_parts_are(robot, parts):
    compound, changed = load_reality(f'shifted_{robot}'), frozenset()
    for part in parts.split():
        reality = load_reality(f'{part}_{robot}')
        changed |= reality.changed
        assert all(getattr(compound, k) == getattr(reality, k) for k in reality.changed)
    assert compound.changed == changed


def test_unknown_name_lists_what_there_is():
    with pytest.raises(RealityError, match='shifted_reacher'):
        load_reality('shifted_reachr')


def test_path_is_read_as_a_path(tmp_path: Path):
    path = tmp_path / 'weak.yaml'
    path.write_text('motor_strength: 0.5')
    assert load_reality(path) == Reality(motor_strength=0.5, name='weak')


def test_hash_counts_numbers_and_not_the_name():
    assert Reality(name='a').sha256 == Reality(name='b', motor_strength=1).sha256
    assert Reality(friction=2.0).sha256 != NOMINAL.sha256


def test_a_quantity_that_came_later_leaves_hashes_of_old_results_alone():
    # As in benchmarks/results/cells/reacher_shifted.csv.
    assert load_reality('shifted_reacher').sha256.startswith('3b78f14d452a')
    assert Reality(lens_dirt=0.0, floor=0).sha256 == NOMINAL.sha256
    assert len({Reality(floor=1).sha256, Reality(payload_kg=1.0).sha256, NOMINAL.sha256}) == 3


def test_what_is_changed_is_told_from_what_is_nominal():
    assert NOMINAL.changed == frozenset()
    changed = Reality(motor_strength=1, friction=2.0, floor=2, name='x').changed
    assert changed == {'friction', 'floor'}


@given(st.integers(0, 2**32 - 1))
def test_draws_lie_in_the_ranges_and_follow_the_seed(seed):
    ranges = load_ranges('randomize')
    drawn = sample_reality(np.random.default_rng(seed), ranges)
    assert drawn == sample_reality(np.random.default_rng(seed))
    values = asdict(drawn)
    assert all(low <= values[key] <= high for key, (low, high) in ranges.items())


@pytest.mark.parametrize(
    'text',
    [
        'friction: 2.0',
        'friction: [2.0]',
        'friction: [2.0, 1.0]',
        'friction: [1.0, .inf]',
        'mass: [1, 2]',
    ],
)
def test_ranges_that_cannot_be_meant_are_refused(text):
    with pytest.raises(RealityError):
        parse_ranges(text)
