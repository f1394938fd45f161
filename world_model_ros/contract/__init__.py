# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What a robot is: topics to named arrays, actions to commands, time, limits, safe actions.

Owns the robot file (YAML), its frozen types, its checks and its two hashes. Imports numpy and
pyyaml only; must not import any other folder of this package, nor rclpy, nor torch.
"""

from world_model_ros.contract.action_vector import ActionVector
from world_model_ros.contract.cautions import contract_warnings, unlearnable
from world_model_ros.contract.contract_loading import load_contract, parse_contract
from world_model_ros.contract.contract_lookup import config_directories, find_config, find_robot
from world_model_ros.contract.hashes import (
    PREPROCESSING_VERSION,
    contract_hash,
    interface_dict,
    interface_diff,
    interface_hash,
)
from world_model_ros.contract.problems import ContractError, Problem
from world_model_ros.contract.schema import (
    CONTRACT_FORMAT,
    Action,
    Contract,
    Episode,
    Recording,
    Reward,
    Stream,
)

__all__ = [
    'CONTRACT_FORMAT',
    'PREPROCESSING_VERSION',
    'Action',
    'ActionVector',
    'Contract',
    'ContractError',
    'Episode',
    'Problem',
    'Recording',
    'Reward',
    'Stream',
    'config_directories',
    'contract_hash',
    'contract_warnings',
    'find_config',
    'find_robot',
    'interface_dict',
    'interface_diff',
    'interface_hash',
    'load_contract',
    'parse_contract',
    'unlearnable',
]
