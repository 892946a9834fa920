"""Debian's Dovecot as the SASL server of Postfix, which checks the tokens of OAuth 2.0."""

import hmac
import json
import signal
import subprocess
import tempfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from time import time

from tests.parts.processes import needs_debian_package, until

DOVECOT = "/usr/sbin/dovecot"
KEY = b"a key that only the tests have: 0123456789"
COMMON = """
base_dir = $folder/run
state_dir = $folder/state
log_path = $folder/log
protocols =
ssl = no
auth_mechanisms = $mechanism
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener $folder/sasl {
    mode = 0666
  }
}
"""
# Debian 12
PASSDB_2_3 = """
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $folder/oauth2.conf
}
"""
TOKENS_2_3 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$folder/keys/
username_attribute = sub
"""
# Debian 13; the versions come first in the file
VERSIONS_2_4 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""
PASSDB_2_4 = """
passdb oauth2 {
  mechanisms_filter = xoauth2 oauthbearer
}
oauth2 {
  introspection_mode = local
  username_attribute = sub
  oauth2_local_validation {
    dict fs {
      fs posix {
        prefix = $folder/keys/
      }
    }
  }
}
"""


def configurations(folder: str, mechanism: str) -> dict[str, str]:
    """Return the text of each configuration file, as the Dovecot that is installed reads it."""
    said = subprocess.run([DOVECOT, "--version"], capture_output=True, text=True, check=True).stdout
    if said.startswith("2.3"):
        texts = {"dovecot.conf": COMMON + PASSDB_2_3, "oauth2.conf": TOKENS_2_3}
    else:
        texts = {"dovecot.conf": VERSIONS_2_4 + COMMON + PASSDB_2_4}
    return {
        name: Template(text).substitute(folder=folder, mechanism=mechanism) for name, text in texts.items()
    }


def jwt(user: str, key: bytes = KEY) -> str:
    """Return a token for a user that holds for an hour, signed with this key."""
    now = int(time())
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now, "nbf": now, "exp": now + 3600}]
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


@contextmanager
def dovecot(mechanism: str) -> Iterator[dict[str, str]]:
    """Run its authentication alone, with one mechanism; yield the lines that main.cf needs for it."""
    needs_debian_package("dovecot-core", DOVECOT)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # its processes give up root's rights
        key = folder / "keys/default/HS256/default"
        key.parent.mkdir(parents=True)
        key.write_bytes(b64encode(KEY))
        for file, text in configurations(name, mechanism).items():
            (folder / file).write_text(text)
        process = subprocess.Popen([DOVECOT, "-F", "-c", str(folder / "dovecot.conf")])
        try:
            until(lambda: process.poll() is not None or (folder / "sasl").exists())
            yield {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": str(folder / "sasl")}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
