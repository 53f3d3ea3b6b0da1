"""config.ini and what the settings come to."""
