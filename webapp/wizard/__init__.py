"""The engine: how a wizard works. It knows nothing about what is asked."""
