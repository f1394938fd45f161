# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The exported model on disk, formats 1 and 2: manifest, checking, loading, golden vectors.

Owns the bundle directory. May import contract only; ONNX Runtime is imported when a session is
made, never at import, because a robot chooses its flavour. Must not import torch, onnx or rclpy.
"""

from world_model_ros.bundle.bundle_loading import Bundle, check_bundle, load_bundle
from world_model_ros.bundle.bundle_lookup import find_bundle, shipped_bundles
from world_model_ros.bundle.format_names import (
    BUNDLE_FORMAT,
    CAPABILITIES,
    BundleError,
    GraphSignature,
    Tensor,
)
from world_model_ros.bundle.golden_check import run_golden, write_golden
from world_model_ros.bundle.manifest import write_manifest
from world_model_ros.bundle.signatures import capability_signatures

__all__ = [
    'BUNDLE_FORMAT',
    'CAPABILITIES',
    'Bundle',
    'BundleError',
    'GraphSignature',
    'Tensor',
    'capability_signatures',
    'check_bundle',
    'find_bundle',
    'load_bundle',
    'run_golden',
    'shipped_bundles',
    'write_golden',
    'write_manifest',
]
