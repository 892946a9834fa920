"""The tests, in the same folders as the code; parts/ holds what several of them use."""
