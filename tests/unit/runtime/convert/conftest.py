from tests.store_gateway import store_gateway

__all__ = ["store_gateway"]
