"""Others to compare with, as their documentation has it."""
