# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The differential-drive base: motion, odometry, sensors, task and end, by its own physics."""

import math
from dataclasses import replace

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract, parse_contract
from world_model_ros.evaluation import ScriptedActor, run_episode
from world_model_ros.robots import BodyError, load_reality, make_env
from world_model_ros.robots.bodies import diff_drive, make_body
from world_model_ros.robots.bodies.base_sensors import RAYS_PER_BEAM
from world_model_ros.robots.bodies.room import (
    BOX_HALF_M,
    COLOURS,
    POST_RADIUS_M,
    ROBOT_RADIUS_M,
    ROOM_HALF_M,
)

ROBOT = load_contract(find_robot('diff_drive'))
DEPTH = """
  depth: {kind: depth, topic: depth/image, rate: 10.0, max_age: 0.25, shape: [64, 64, 3],
          range: [0.2, 6.0]}
  scan:"""


def clear_room(body, x, y, heading):
    """Posts and boxes in the corners, the robot at a pose."""
    body._arrange(
        replace(
            body.layout,
            posts=np.array([[2.2, 2.2], [2.2, -2.2], [-2.2, -2.2], [-2.2, 2.2]]),
            boxes=np.array([[0.0, 2.2, 0.0], [0.0, -2.2, 0.0]]),
            start=np.array([x, y, heading]),
        )
    )


def drive(body, command, frames):
    body.apply(np.array(command))
    for _ in range(frames):
        body.advance()


def speed_up(body, command, frames=10):
    """As a guard's limit on acceleration does: no wheel slips."""
    for share in np.linspace(1.0 / frames, 1.0, frames):
        drive(body, share * np.array(command), 1)


def believed(body, start):
    """The pose that odometry means, in the room."""
    x, y, heading = start
    odometry = body.sense(replace(ROBOT.stream('odometry'))).astype(float)
    c, s = math.cos(heading), math.sin(heading)
    return x + c * odometry[0] - s * odometry[1], y + s * odometry[0] + c * odometry[1], odometry


def test_sizes_in_the_code_are_those_of_the_model(body):
    model = body.model
    assert all(model.geom(f'post_{name}').size[0] == POST_RADIUS_M for name in COLOURS)
    for name, half in BOX_HALF_M.items():
        assert tuple(model.geom(f'box_{name}').size[:2]) == half
    assert model.geom('wall_east').pos[0] - model.geom('wall_east').size[0] == ROOM_HALF_M
    assert model.geom('chassis').size[0] == ROBOT_RADIUS_M
    assert model.geom('left_wheel').size[0] == diff_drive.WHEEL_RADIUS_M
    track = model.body('left_wheel').pos[1] - model.body('right_wheel').pos[1]
    assert track == pytest.approx(diff_drive.TRACK_M)
    for name in ('chassis', 'castor', 'castor_front', 'left_wheel', 'right_wheel'):
        geom = model.geom(name)
        at = geom.pos[:2] + model.body(geom.bodyid[0]).pos[:2] * (name.endswith('wheel'))
        assert math.hypot(*at) + (0.07 if name.endswith('wheel') else 0.0) < 0.24
        assert model.geom_group[geom.id] == 1


def test_it_drives_straight_and_odometry_knows(body):
    start = (-1.5, 0.3, 0.2)
    clear_room(body, *start)
    speed_up(body, [0.5, 0.0])
    drive(body, [0.5, 0.0], 50)
    x, y, heading = body.pose
    assert heading == pytest.approx(0.2, abs=0.01)
    way = 50 * 0.025 + 0.1375  # m; the second part while it speeds up
    assert math.hypot(x + 1.5, y - 0.3) == pytest.approx(way, abs=0.03)
    at_x, at_y, odometry = believed(body, start)
    assert math.hypot(at_x - x, at_y - y) < 0.03
    assert odometry[3] == pytest.approx(0.5, abs=0.01) and abs(odometry[4]) < 0.01


def test_it_turns_on_the_spot_and_in_curves_and_odometry_knows(body):
    for command in ([0.0, 1.5], [0.3, 1.0], [0.3, -1.0], [-0.2, 0.5]):
        start = (0.3, -0.2, 0.2)
        clear_room(body, *start)
        speed_up(body, command)
        drive(body, command, 50)
        x, y, heading = body.pose
        at_x, at_y, odometry = believed(body, start)
        assert body.outcome() == ''
        assert math.hypot(at_x - x, at_y - y) < 0.02
        turned = math.remainder(heading - 0.2 - odometry[2], 2 * math.pi)
        assert abs(turned) < 0.03
        assert odometry[4] == pytest.approx(command[1], abs=0.05)
        if command[0] == 0.0:
            assert math.hypot(x - 0.3, y + 0.2) < 0.02


def test_a_wheel_at_its_limit_keeps_the_curve(body):
    clear_room(body, 0.0, 0.0, 0.0)
    body.apply(np.array([2.0, 4.0]))
    left, right = body.data.ctrl
    assert right == pytest.approx(diff_drive.WHEEL_LIMIT_RAD_S)
    assert left / right == pytest.approx((2.0 - 0.56) / (2.0 + 0.56))


@pytest.mark.parametrize('name', ['wall', 'post', 'box'])
def test_touching_anything_ends_the_episode_with_a_penalty_and_then_all_stands(body, name):
    clear_room(body, 1.5, 0.0, 0.0)
    layout = body.layout
    if name == 'post':
        body._arrange(replace(layout, posts=np.array([[2.2, 2.2], [2.1, 0.1], *layout.posts[2:]])))
    elif name == 'box':
        body._arrange(replace(layout, boxes=np.array([[2.1, -0.1, 0.4], layout.boxes[1]])))
    rewards = []
    for _ in range(60):
        drive(body, [0.5, 0.0], 1)
        rewards.append(body.reward())
        if body.terminal():
            break
    assert body.outcome() == 'touch' and rewards[-1] < diff_drive.TOUCHED + 1.0
    pose = body.pose
    drive(body, [-0.2, 0.0], 5)
    assert body.pose == pose and body.reward() == 0.0 and body.terminal()


def test_a_whole_episode_pays_for_the_way_to_the_right_post(env):
    env.set_reality(None)
    for seed in (10_000, 10_003):
        step = env.reset(seed)
        body = env.robot.body
        assert step.arrays['task'].tolist() == np.eye(4)[body.post].tolist()
        before = body._rate()
        result = run_episode(env, ScriptedActor(env), seed)
        assert result.outcome == 'success' and 10 < result.length < 300
        assert body.to_post_m <= diff_drive.REACHED_M
        way = body._rate() - before
        assert result.episode_return == pytest.approx(way + diff_drive.REACHED, abs=1e-6)


def test_colours_are_drawn_alike_and_the_largest_number_of_a_task_is_the_post(body):
    rng = np.random.default_rng(1)
    drawn = np.sum([body.draw_task(rng) for _ in range(400)], axis=0)
    assert drawn.sum() == 400 and drawn.min() > 70
    before = body.reward()
    body.set_task(np.array([0.1, 0.2, 0.9, 0.3], np.float32))
    assert COLOURS[body.post] == 'blue' and body.reward() == before
    clear_room(body, 0.0, 0.0, 0.0)
    near = replace(body.layout, posts=np.array([[0.6, 0.0], *body.layout.posts[1:]]))
    body._arrange(near)
    drive(body, [0.2, 0.0], 40)
    assert body.outcome() == 'touch', 'a post of another colour is an obstacle'
    body.set_task(np.eye(4, dtype=np.float32)[0])
    body._arrange(near)
    drive(body, [0.2, 0.0], 40)
    assert body.outcome() == 'success'


def test_a_contract_without_the_colours_is_refused():
    text = ROBOT.text.replace('names: [red, green', 'names: [rot, green')
    with pytest.raises(BodyError, match=r'\[red, green, blue, yellow\]'):
        make_body(parse_contract(text))


# ---- sensors ------------------------------------------------------------------------------------


def to_disc(begin, ray, x, y, radius):
    """Distance along a ray [2] to a disc; inf: it passes."""
    to = np.array([x, y]) - begin
    along = to @ ray
    half = radius**2 - (to @ to - along**2)
    return along - math.sqrt(half) if half >= 0.0 and along > 0.0 else math.inf


def to_box(begin, ray, x, y, turn, half):
    """Distance along a ray to a turned rectangle (slabs)."""
    c, s = math.cos(turn), math.sin(turn)
    matrix = np.array([[c, s], [-s, c]])
    origin, way = matrix @ (begin - np.array([x, y])), matrix @ ray
    ends = np.sort(
        [(np.array([-h, h]) - o) / w for o, w, h in zip(origin, way, half, strict=True)]
    )
    near, far = ends[:, 0].max(), ends[:, 1].min()
    return near if 0.0 < near <= far else math.inf


def geometry(layout, pose, beams):
    """What a scan must say, by plane geometry."""
    x, y, heading = pose
    begin, out = np.array([x, y]), []
    count = beams * RAYS_PER_BEAM
    for angle in heading - math.pi + (np.arange(count) + 0.5) * 2 * math.pi / count:
        ray = np.array([math.cos(angle), math.sin(angle)])
        walls = [
            (math.copysign(ROOM_HALF_M, way) - at) / way
            for at, way in zip(begin, ray, strict=True)
        ]
        posts = [to_disc(begin, ray, *post, POST_RADIUS_M) for post in layout.posts]
        boxes = [
            to_box(begin, ray, *box, half)
            for box, half in zip(layout.boxes, BOX_HALF_M.values(), strict=True)
        ]
        out.append(min(*walls, *posts, *boxes))
    return np.reshape(out, (beams, RAYS_PER_BEAM)).min(1)


def test_the_scan_is_within_a_percent_of_geometry(env):
    env.set_reality(None)
    body = env.robot.body
    for seed in range(10_000, 10_012):
        step = env.reset(seed)
        expected = geometry(body.layout, body.pose, 36)
        off = np.abs(step.arrays['scan'] - expected) / expected
        # One reading in a hundred may graze an edge and miss it.
        assert np.sort(off)[-2] < 0.01, seed


def shown(picture):
    """Pixels of each colour: a channel, or two, far above the others."""
    r, g, b = (picture[..., i].astype(int) for i in range(3))
    return {
        'red': int(((r > 2 * g) & (r > 2 * b) & (r > 60)).sum()),
        'green': int(((g > 2 * r) & (g > 2 * b) & (g > 60)).sum()),
        'blue': int(((b > 2 * r) & (b > 2 * g) & (b > 60)).sum()),
        'yellow': int(((r > 2 * b) & (g > 2 * b) & (r > 60)).sum()),
    }


def test_posts_are_told_apart_across_the_room(env, body):
    row = np.column_stack([np.full(4, 1.8), [1.6, 0.6, -0.4, -1.4]])
    far = replace(
        body.layout,
        posts=row,
        boxes=np.array([[0.0, 1.9, 0.3], [0.0, -1.9, 0.5]]),
        start=np.array([-2.2, 0.1, 0.0]),
    )
    body._arrange(far)
    camera = ROBOT.stream('camera')
    assert min(shown(env.robot.image(camera)).values()) >= 12
    body._arrange(replace(far, start=np.array([-2.2, 0.1, math.pi / 2])))
    assert max(shown(env.robot.image(camera)).values()) == 0


def test_depth_is_seen_where_a_contract_asks_for_it():
    robot = parse_contract(ROBOT.text.replace('\n  scan:', DEPTH))
    env = make_env(robot, 0)
    env.reset(10_000)
    body = env.robot.body
    clear_room(body, 0.0, 0.0, 0.0)
    step = env.step(np.zeros(2))
    # The wall is straight ahead: 2.5 m less the camera's place.
    level = int(step.arrays['depth'][24:29, 32, 0].max())
    metres = 0.2 + (level - 1) / 254 * 5.8
    assert metres == pytest.approx(2.47, abs=0.05)
    assert step.arrays['depth'][60, 32, 0] < 40  # the floor before the wheels
    env.close()


def test_a_sensor_that_it_has_not_is_refused():
    text = ROBOT.text.replace(
        '\n  scan:', '\n  imu: {kind: imu, topic: imu, rate: 10.0, max_age: 0.25}\n  scan:'
    )
    with pytest.raises(BodyError, match=r"streams\.imu.*no sensor of kind 'imu'"):
        make_env(parse_contract(text), 0).reset()


# ---- realities ----------------------------------------------------------------------------------


def shifted(env, name):
    env.set_reality(load_reality(f'{name}_diff_drive'))
    env.reset(10_000)
    return env.robot.body


def test_slippery_wheels_deceive_the_odometry(env):
    errors = []
    for name in ('floor', 'slippery'):
        body = shifted(env, name)
        start = (0.0, 0.0, 0.0)
        clear_room(body, *start)
        for _ in range(4):
            drive(body, [0.5, 1.5], 8)
            drive(body, [0.0, -1.5], 8)
        at_x, at_y, _ = believed(body, start)
        x, y, _ = body.pose
        errors.append(math.hypot(at_x - x, at_y - y))
    assert errors[1] > 3 * errors[0]


def test_a_weak_wheel_turns_the_base_to_its_side(env):
    body = shifted(env, 'weak_wheel')
    clear_room(body, -1.5, 0.0, 0.0)
    drive(body, [0.4, 0.0], 40)
    assert body.pose[2] < -0.3


def test_a_payload_has_mass_and_the_base_still_drives(env, body):
    light = body.model.body_subtreemass[body._base]
    clear_room(body, -1.5, 0.0, 0.0)
    drive(body, [0.4, 0.0], 40)
    way = body.pose[0]
    body = shifted(env, 'payload')
    assert body.model.body_subtreemass[body._base] == pytest.approx(light + 8.0, abs=0.01)
    clear_room(body, -1.5, 0.0, 0.0)
    drive(body, [0.4, 0.0], 40)
    assert body.pose[0] == pytest.approx(way, abs=0.15)
    env.set_reality(None)
    assert body.model.body_subtreemass[body._base] == pytest.approx(light)


@pytest.mark.parametrize('name', ['moved_camera', 'floor', 'dirt', 'light', 'payload'])
def test_what_is_seen_changes_and_comes_back(env, body, name):
    camera = ROBOT.stream('camera')
    before = env.robot.image(camera)
    shifted(env, name)
    changed = np.abs(env.robot.image(camera).astype(int) - before).max()
    assert changed == 0 if name == 'payload' else changed > 30
    env.set_reality(None)
    env.reset(10_000)
    assert np.array_equal(env.robot.image(camera), before)


def test_what_only_the_base_has_is_refused_by_others():
    body = make_body(load_contract('reacher'))
    with pytest.raises(BodyError, match='changes ground_friction, which a ReacherBody'):
        body.set_reality(load_reality('slippery_diff_drive'))
    body.set_reality(load_reality('dirt_diff_drive'))  # a lens is in front of any camera
