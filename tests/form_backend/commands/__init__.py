"""The operator's commands: check-mail and breach-notice."""
