"""Settings of the operator's process, from the environment (prefix ``SLIPWAY_OPERATOR_``)."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from slipway_operator.cluster.store_accounts import StoreConfig, StoreMode
from slipway_operator.cluster.verbs import LEASE_NAME, ROOT_SECRET
from slipway_operator.domain.planning import Settings


class SweepSettings(BaseSettings):
    """What the sweep needs to know of an install. Lists are JSON."""

    model_config = SettingsConfigDict(env_prefix="SLIPWAY_OPERATOR_", frozen=True, extra="ignore")

    namespace: str = "slipway-system"
    watch_namespaces: tuple[str, ...] = Field((), description="Only these namespaces; every one when empty.")
    store_mode: StoreMode = StoreMode.EMBEDDED
    store_endpoint: str = "http://slipway-store.slipway-system.svc:7070"
    store_region: str = "us-east-1"
    store_uri: str = ""
    store_root_secret: str = ROOT_SECRET
    retention_grace: str = "24h"
    log_level: str = "INFO"

    def store(self) -> StoreConfig:
        """The part about the model store."""
        return StoreConfig(
            mode=self.store_mode,
            namespace=self.namespace,
            root_secret=self.store_root_secret,
            endpoint=self.store_endpoint,
            region=self.store_region,
            uri=self.store_uri,
        )


class OperatorSettings(SweepSettings):
    """What an install fixes for the operator."""

    train_image: str = Field(description="Image of training and compression pods.")
    serve_image: str = Field(description="Image of serving and import pods.")
    convert_image: str = Field("slipway-convert", description="Image of imports that convert a model file.")
    image_pull_policy: str = "IfNotPresent"
    pod_name: str = "local"
    network_policies: bool = True

    store_network_cidrs: tuple[str, ...] = ()

    lease_name: str = LEASE_NAME
    leader_elect: bool = True
    workers: Annotated[int, Field(ge=1, le=256)] = 32
    qps: Annotated[float, Field(gt=0)] = 400.0
    burst: Annotated[int, Field(ge=1)] = 800
    resync_seconds: Annotated[float, Field(ge=5)] = 450.0
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080

    def decisions(self) -> Settings:
        """The part that decisions read."""
        return Settings(
            train_image=self.train_image,
            serve_image=self.serve_image,
            convert_image=self.convert_image,
            image_pull_policy=self.image_pull_policy,
            operator_namespace=self.namespace,
            store_network_cidrs=self.store_network_cidrs,
            network_policies=self.network_policies,
        )
