"""The sockets of the gateway's port: bound once by `up`, handed to every proxy that it starts.

Failure behaviour: a port that is taken, and an address that is not this machine's, raise ServiceFailedError.
"""

import errno
import socket
from collections.abc import Sequence

from thriftgate.cli.gateway.parts.processes import ServiceFailedError

_PATIENCE = 1.0


def bind_listener(host: str, port: int) -> Sequence[socket.socket]:
    """Bound sockets for every address of `host`. Raises ServiceFailedError.

    They do not listen: the first server that has started does that, and until then whoever connects is refused, as a
    load balancer needs it.
    """
    found: list[socket.socket] = []
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(infos):
            one = socket.socket(family, kind, protocol)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
    except OSError as error:
        for one in found:
            one.close()
        if error.errno == errno.EADDRINUSE:
            raise taken(port) from None
        reason = error.strerror or type(error).__name__
        raise ServiceFailedError(f"cannot listen on {host} port {port}: {reason}") from None
    return found


def refuse_taken(host: str, port: int, *, option: str = "--port") -> None:
    """Whether somebody answers there, also one who listens on another address of it. Raises ServiceFailedError."""
    with socket.socket() as probe:
        probe.settimeout(_PATIENCE)
        if probe.connect_ex((host, port)) == 0:
            raise taken(port, option)


def taken(port: int, option: str = "--port") -> ServiceFailedError:
    """What is said when somebody else has the port that an option names."""
    return ServiceFailedError(f"port {port} is taken; choose another with {option}")
