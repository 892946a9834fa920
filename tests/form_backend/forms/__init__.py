"""The two forms: fields, limits, tokens, consent."""
