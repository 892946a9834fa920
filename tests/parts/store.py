"""A Redis server that keeps nothing on a disk."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from devtools.loopback import HOST


@dataclass
class StoreServer:
    """A Redis that keeps nothing on a disk."""

    folder: Path
    port: int

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        where = ["--port", str(self.port), "--bind", HOST, "--dir", str(self.folder)]
        keeps_nothing = ["--save", "", "--appendonly", "no"]
        command = ["redis-server", *where, *keeps_nothing]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with Redis(HOST, self.port, retry=Retry(ConstantBackoff(0.02), 500)) as client:
            client.ping()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        """Return its address as FLASK_LIMITS_URL wants it."""
        return f"redis://{HOST}:{self.port}"
