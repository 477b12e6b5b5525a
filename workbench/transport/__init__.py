"""One way to speak to any outside service: limits, retries, states and redaction in one place."""

from workbench.transport.http import HttpClient, Transport, is_loopback
from workbench.transport.rates import Rate
from workbench.transport.states import ServiceState, ServiceStates
from workbench.transport.websocket import Socket, backoff, open_socket

__all__ = [
    "HttpClient",
    "Rate",
    "ServiceState",
    "ServiceStates",
    "Socket",
    "Transport",
    "backoff",
    "is_loopback",
    "open_socket",
]
