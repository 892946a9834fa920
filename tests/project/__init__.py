"""The project itself: locked dependencies and documents."""
