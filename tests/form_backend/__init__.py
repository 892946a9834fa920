"""The form backend: settings, messages, and that nothing typed is stored."""
