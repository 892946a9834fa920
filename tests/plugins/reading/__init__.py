"""What editors are told about their mistakes."""
