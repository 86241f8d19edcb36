"""What is measured, in Prometheus' form: how long engines waited for Kuryr, and Kuryr for the cloud."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

REGISTRY = CollectorRegistry()

ENGINE_REQUESTS = Histogram(
    "kuryr_engine_request_seconds",
    "Time to answer a request of the container engine.",
    ["method", "status"],
    registry=REGISTRY,
)

CLOUD_CALLS = Histogram(
    "kuryr_neutron_call_seconds",
    "Time of one request to Neutron, authentication included. Status 0: no answer.",
    ["method", "resource", "status"],
    registry=REGISTRY,
)


def observe_engine_request(method: str, status: int, seconds: float) -> None:
    """Measure a request of the engine."""
    ENGINE_REQUESTS.labels(method, status).observe(seconds)


def exposition() -> bytes:
    """All metrics in the text format that Prometheus scrapes."""
    return generate_latest(REGISTRY)
