# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a contract to its simulated body: ours, or one of another package by entry point.

Owns the table of our bodies and the messages where there is none. Bodies are imported when they
are made: MuJoCo and Gymnasium load for those that use them. Must not import onboard, nodes, torch
or rclpy.
"""

from __future__ import annotations

from world_model_ros.contract import Contract
from world_model_ros.plugins import PluginError, Plugins
from world_model_ros.robots.bodies.body import Body, BodyError, BodyFactory
from world_model_ros.robots.reality import NOMINAL, Reality

_HERE = 'world_model_ros.robots.bodies'
# As in setup.py; a test compares the two.
BODIES = Plugins(
    'world_model_ros.bodies',
    'simulated body',
    {
        'arm': f'{_HERE}.arm:ArmBody',
        'arm_push': f'{_HERE}.arm_push:ArmPushBody',
        'cartpole': f'{_HERE}.cartpole:CartpoleBody',
        'counter': f'{_HERE}.counter:CounterBody',
        'diff_drive': f'{_HERE}.diff_drive:DiffDriveBody',
        'gymnasium': f'{_HERE}.gymnasium_body:GymnasiumBody',
        'reacher': f'{_HERE}.reacher:ReacherBody',
    },
)
_RECORDINGS = (
    'A robot without a simulated body learns from its own recordings: start robot.launch.py with '
    'explore:=true, then run `world-model train episodes --contract FILE`'
)
_PARTS = sorted(name for name in vars(Body) if not name.startswith('_'))


def make_body(contract: Contract, reality: Reality = NOMINAL) -> Body:
    """Build the body that a contract names by `body`, or else by its own name.

    Raises:
        BodyError: there is none, or it cannot be used; one line with the reason.
    """
    name = _name(contract)
    factory = _factory(name, contract)
    try:
        body = factory(contract)
    except BodyError:
        raise
    except Exception as error:
        if not BODIES.package(name):
            raise
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise BodyError(
            f'simulated body {name!r} of package {BODIES.package(name)} cannot be built for '
            f'contract {contract.name!r} ({reason})'
        ) from error
    if missing := [part for part in _PARTS if not hasattr(body, part)]:
        raise BodyError(
            f'simulated body {name!r} of package {BODIES.package(name)} lacks '
            f'{", ".join(missing)}: see Body in robots/bodies/body.py'
        )
    body.set_reality(reality)
    return body


def check_body(contract: Contract) -> None:
    """Refuse a contract whose body is nowhere, before anything of a simulator is imported.

    Raises:
        BodyError: there is none of its name.
    """
    if _name(contract) not in BODIES.names():
        _factory(_name(contract), contract)


def _name(contract: Contract) -> str:
    return contract.body.partition(':')[0] or contract.name


def _factory(name: str, contract: Contract) -> BodyFactory:
    """The factory of this name."""
    try:
        return BODIES.load(name)
    except PluginError as error:
        raise BodyError(str(error)) from error
    except ImportError as error:
        raise BodyError(
            f'the simulated body {name!r} needs the module {error.name}: install the extra `sim` '
            'of world_model_ros'
        ) from error
    except KeyError:
        there = f'there are: {", ".join(BODIES.names())}'
    if contract.body:
        raise BodyError(
            f'contract {contract.name!r}: body is {contract.body!r}, but no simulated body has '
            f'this name; {there}; install the package of a plug-in beside this one'
        )
    raise BodyError(f'no simulated body for robot {name!r}; {there}. {_RECORDINGS}')
