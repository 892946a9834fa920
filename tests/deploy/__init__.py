"""Production as it is shipped: nginx, systemd, publishing, the whole stack."""
