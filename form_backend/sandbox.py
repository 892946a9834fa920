"""The kernel takes away the right to write files and to open TCP to any port but the ones we need.

Landlock rules hold for the thread that takes them and for all it starts later: enter before any thread.
Reading stays free, since frames come and go and name look-up reads files of its own.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from form_backend import log
from form_backend.settings import Settings, SettingsError

NEEDED_ABI = 4  # Landlock's version in Linux 6.7: the first with rules for TCP
REDIS_PORT = 6379


def is_enforceable() -> bool:
    """Tell whether this kernel can enforce the sandbox."""
    try:
        from landlockpy import abi_version  # noqa: PLC0415 - which a developer's machine may lack
    except ImportError:
        return False
    return abi_version() >= NEEDED_ABI


def check(settings: Settings) -> None:
    """End with a SettingsError where the sandbox is required and this kernel cannot enforce it."""
    if settings.require_sandbox and not is_enforceable():
        raise SettingsError(
            "FLASK_REQUIRE_SANDBOX",
            "is on, but this kernel cannot enforce the sandbox: use Linux 6.7 or newer with Landlock, "
            "or set it to 0 and accept that nothing below the code forbids storing.",
        )


def enter(settings: Settings) -> None:
    """Give the rights up for good; without the sandbox, where it is not required, say so in the log."""
    check(settings)
    if is_enforceable():
        _restrict(_ports(settings))
    else:
        log.event("unsandboxed", level="warning")


def _ports(settings: Settings) -> set[int]:
    limits = urlsplit(settings.limits_url)
    shared = {limits.port or REDIS_PORT} if limits.hostname else set()
    oauth = {settings.mail_oauth.port} if settings.mail_oauth else set()
    return {relay.port for relay in settings.mail_relays} | shared | oauth


def _restrict(ports: Iterable[int]) -> None:
    from landlockpy import AccessFS, AccessNet, Ruleset, Scope  # noqa: PLC0415 - only where there is Landlock

    writing = (
        AccessFS.WRITE_FILE
        | AccessFS.TRUNCATE
        | AccessFS.REMOVE_DIR
        | AccessFS.REMOVE_FILE
        | AccessFS.MAKE_CHAR
        | AccessFS.MAKE_DIR
        | AccessFS.MAKE_REG
        | AccessFS.MAKE_SOCK
        | AccessFS.MAKE_FIFO
        | AccessFS.MAKE_BLOCK
        | AccessFS.MAKE_SYM
        | AccessFS.REFER
    )
    with Ruleset(handled_fs=writing, handled_net=AccessNet.CONNECT_TCP, best_effort=False) as relied_on:
        for port in ports:
            relied_on.allow_port(port, AccessNet.CONNECT_TCP)
        relied_on.restrict()
    # Welcome where the kernel (6.12) has it, though nothing rests on it: no signal to another process, and no
    # abstract socket. Older kernels refuse an empty ruleset, so it repeats one right.
    with Ruleset(
        handled_fs=AccessFS.MAKE_SOCK,
        handled_net=AccessNet.NONE,
        scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET,
    ) as welcome:
        welcome.restrict()
