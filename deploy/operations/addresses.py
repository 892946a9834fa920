"""The addresses that the form backend may talk to: its relays' and the resolvers', and nobody else's."""

import ipaddress
import re
import socket
from pathlib import Path

from deploy.operations.config import Config
from deploy.operations.files import SYSTEMD, addresses_drop_in
from deploy.operations.machine import File, Machine, StepError

RESOLV_CONF = Path("/etc/resolv.conf")
DROP_IN = f"{SYSTEMD}/form-backend.service.d/addresses.conf"
DROP_INS = (DROP_IN, f"{SYSTEMD}/check-mail.service.d/addresses.conf")


def resolve(host: str) -> set[str]:
    """Return the addresses that a name leads to now."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise StepError(f"{host} cannot be found: check the name, and this server's resolver.") from None
    return {str(address[0]) for *_, address in found}


def resolvers() -> set[str]:
    """Return the addresses of this server's resolvers."""
    lines = RESOLV_CONF.read_text("utf-8") if RESOLV_CONF.exists() else ""
    named = re.findall(r"^nameserver\s+([^\s%]+)", lines, re.MULTILINE)
    return {address for address in named if not ipaddress.ip_address(address).is_loopback}


def needed(config: Config) -> set[str]:
    """Return what has to be allowed now: the operator's networks, and addresses that lie in none of them."""
    networks = set(config.items("mail.networks"))
    found = {address for host in config.hosts for address in resolve(host)} | resolvers()
    return networks | set(
        outside({one for one in found if not ipaddress.ip_address(one).is_loopback}, networks)
    )


def allowed(machine: Machine) -> set[str]:
    """Return what is allowed now."""
    path = machine.path(DROP_IN)
    return (
        set(re.findall(r"^IPAddressAllow=(\S+)", path.read_text("utf-8"), re.MULTILINE))
        if path.exists()
        else set()
    )


def outside(addresses: set[str], networks: set[str]) -> list[str]:
    """Return the addresses, or networks, that lie in none of these networks."""
    allowed_networks = [ipaddress.ip_network(network) for network in networks]

    def inside(address: str) -> bool:
        one = ipaddress.ip_network(address)
        return any(
            one.version == network.version and one.subnet_of(network)  # type: ignore[arg-type]
            for network in allowed_networks
        )

    return sorted(address for address in addresses if not inside(address))


def follow(config: Config, machine: Machine) -> list[str]:
    """Allow the addresses that a name has moved to, beside those of before; return them."""
    before = allowed(machine)
    moved = outside(needed(config), before)
    if moved:
        for name in DROP_INS:
            machine.write(name, File(addresses_drop_in(before | set(moved))))
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "try-restart", "form-backend.service")
    return moved
