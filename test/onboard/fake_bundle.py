# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle of numpy functions with the graphs' names and shapes: x' = x + a, reward -|x - goal|.

Belief [1, 2]: x of two axes. The policy asks for `policy` whatever the belief. One planner
iteration is cross-entropy over the candidates in the order of docs/reference/bundle.md.
"""

import numpy as np

GOAL = np.array([0.02, -0.02], np.float32)


class Graph:
    """A session that calls a function with the feeds and returns what was asked for."""

    def __init__(self, function):
        self.function = function
        self.calls = []

    def run(self, output_names, feeds):
        self.calls.append({name: np.array(value) for name, value in feeds.items()})
        outputs = self.function(**feeds)
        return [outputs[name] for name in output_names]


class FakeBundle:
    """Everything that onboard needs of a bundle."""

    def __init__(self, horizon=5, batch_size=32, policy=(0.0, 0.0), iterations=3):
        self.manifest = {
            'planner': {
                'horizon': horizon,
                'batch_size': batch_size,
                'num_elites': 4,
                'temperature': 0.1,
                'min_std': 0.05,
                'max_std': 1.0,
                'iteration_count': iterations,
                'gamma': 0.99,
            }
        }
        self.initial_belief = np.zeros((1, 2), np.float32)
        self.policy_action = np.asarray(policy, np.float32)
        self.capabilities = {
            name: Graph(getattr(self, f'_{name}'))
            for name in ('observe', 'imagine', 'policy', 'value', 'outcomes', 'plan')
        }

    def calls(self, name):
        return self.capabilities[name].calls

    def forget(self):
        for graph in self.capabilities.values():
            graph.calls.clear()

    def _observe(self, belief, action_sent, is_first, ages, obs_joints, **_):
        assert action_sent.shape == (1, 2) and ages.dtype == np.float32
        return {'belief_out': obs_joints[:, :2].copy(), 'surprise': np.full(1, 0.5, np.float32)}

    def _value(self, belief):
        return {'value': np.full(1, 2, np.float32)}

    def _outcomes(self, belief, action, next_belief):
        return {'reward': np.full(1, 0.25, np.float32), 'continuation': np.ones(1, np.float32)}

    def _imagine(self, belief, action):
        return {'belief_out': belief + action}

    def _policy(self, belief):
        return {
            'action_mean': self.policy_action[None],
            'action_std': np.full((1, 2), 0.01, np.float32),
        }

    def _plan(self, belief, mean, std, noise, previous, previous_mask, low, high, safe):
        horizon = len(mean)
        policy = np.tile(self.policy_action, (horizon, 1))
        keep = previous_mask[:, None]
        fixed = np.stack(
            [policy, previous * keep + policy * (1 - keep), np.tile(safe, (horizon, 1)), mean]
        )
        plans = np.clip(np.concatenate([fixed, mean + std * noise]), low, high)
        x = belief + np.cumsum(plans, axis=1)
        values = -np.abs(x - GOAL).sum(axis=(1, 2))
        elite = plans[np.argsort(-values)[:4]]
        best = int(values.argmax())
        return {
            'mean_out': elite.mean(0),
            'std_out': elite.std(0) + np.float32(1e-3),
            'best': plans[best],
            'best_value': values[best : best + 1],
            'best_index': np.array([best]),
            'policy_value': values[:1],
        }
