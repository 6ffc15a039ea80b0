"""Condition types and reasons: every word a person reads in a status comes from here."""

from enum import StrEnum


class ConditionType(StrEnum):
    """Types of the conditions in a status. ``Ready``, ``Reconciling`` and ``Stalled`` follow kstatus."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"


class ConditionStatus(StrEnum):
    """Status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a condition is what it is."""

    # On the way
    PENDING = "Pending"
    STARTING = "Starting"
    RUNNING = "Running"
    RESTARTING = "Restarting"
    IMPORTING = "Importing"
    ROLLING_OUT = "RollingOut"
    PREPARING_STORE = "PreparingStore"
    WAITING_FOR_TRAINING_JOB = "WaitingForTrainingJob"
    WAITING_FOR_COMPRESSION_JOB = "WaitingForCompressionJob"
    # Settled well
    PUBLISHED = "Published"
    SERVING = "Serving"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    SCALED_TO_ZERO = "ScaledToZero"
    # Settled badly, or stuck
    INVALID_SPEC = "InvalidSpec"
    CIRCULAR_REFERENCE = "CircularReference"
    CONFIG_ERROR = "ConfigError"
    GATE_REFUSED = "GateRefused"
    CONVERSION_MISMATCH = "ConversionMismatch"
    RESTART_LIMIT_EXCEEDED = "RestartLimitExceeded"
    NO_PROGRESS = "NoProgress"
    OOM_KILLED = "OOMKilled"
    CRASHED = "Crashed"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    PREEMPTED = "Preempted"
    RETRY = "Retry"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    UNSCHEDULABLE = "Unschedulable"
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    STORE_UNAVAILABLE = "StoreUnavailable"
    LOAD_FAILED = "LoadFailed"
    CHILD_REFUSED = "ChildRefused"
    RESULT_LOST = "ResultLost"
    ATTEMPT_LOST = "AttemptLost"
    # The negative of an abnormal-true condition
    AS_EXPECTED = "AsExpected"
