"""How content is read: its text and labels, its facts, and what editors are told about their mistakes."""
