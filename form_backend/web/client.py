"""Who sends a request, as far as limits need to know: a keyed hash of the network, never its address."""

import hmac
from ipaddress import ip_address


def client_hash(secret_key: str, remote_address: str | None) -> str:
    """Return the keyed hash of a client's network; one household or office holds a whole /64 of IPv6."""
    try:
        address = ip_address(remote_address or "::")
    except ValueError:  # a proxy that forwards something else
        address = ip_address("::")
    address = getattr(address, "ipv4_mapped", None) or address
    network = address.packed[:8]  # all of an IPv4 address, the first half of an IPv6 address
    return hmac.digest(f"client {secret_key}".encode(), network, "sha256").hex()
