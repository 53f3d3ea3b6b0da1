"""The checks of this machine, one file a check. ``run.py`` explains how to add one."""
