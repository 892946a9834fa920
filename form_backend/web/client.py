"""Who sends a request, as far as limits need to know: a keyed hash of the network, never its address."""

import hmac
from ipaddress import ip_address, ip_network


def client_hash(secret_key: str, remote_address: str | None) -> str:
    """Return the keyed hash of a client's network; one household or office holds a whole /64 of IPv6."""
    try:
        address = ip_address(remote_address or "::")
    except ValueError:  # a proxy that forwards something else
        address = ip_address("::")
    address = getattr(address, "ipv4_mapped", None) or address
    network = ip_network((address, 64 if address.version == 6 else 32), strict=False)
    return hmac.digest(f"client {secret_key}".encode(), network.compressed.encode(), "sha256").hex()
