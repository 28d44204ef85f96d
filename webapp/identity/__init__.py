"""Who is calling. It knows nothing of the wizard."""
