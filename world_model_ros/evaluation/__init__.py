# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol of docs/explanation/evaluation.md in code, once, for every table, plot and claim.

May import contract, bundle, onboard and robots; never torch, nodes or rclpy.
"""

from world_model_ros.evaluation.actors import Actor, BlankedCamera, RandomActor, ScriptedActor
from world_model_ros.evaluation.rows import (
    COLUMNS,
    GitState,
    Row,
    RowsError,
    append_rows,
    check_rows,
    git_state,
    make_rows,
    read_rows,
)
from world_model_ros.evaluation.run_episodes import (
    ARMS,
    NO_MODEL,
    EpisodeResult,
    Job,
    run_arms,
    run_episode,
)
from world_model_ros.evaluation.seeds import (
    HELD_OUT,
    REPORT,
    RETIRED,
    SELECTION,
    TRAINING,
    report_seeds,
    seed_list,
)
from world_model_ros.evaluation.statistics import (
    Interval,
    iqm,
    iqm_interval,
    mean_interval,
    paired_interval,
    rate_interval,
)
from world_model_ros.evaluation.summary import summarise

__all__ = [
    'ARMS',
    'COLUMNS',
    'HELD_OUT',
    'NO_MODEL',
    'REPORT',
    'RETIRED',
    'SELECTION',
    'TRAINING',
    'Actor',
    'BlankedCamera',
    'EpisodeResult',
    'GitState',
    'Interval',
    'Job',
    'RandomActor',
    'Row',
    'RowsError',
    'ScriptedActor',
    'append_rows',
    'check_rows',
    'git_state',
    'iqm',
    'iqm_interval',
    'make_rows',
    'mean_interval',
    'paired_interval',
    'rate_interval',
    'read_rows',
    'report_seeds',
    'run_arms',
    'run_episode',
    'seed_list',
    'summarise',
]
