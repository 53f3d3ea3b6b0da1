"""The tests of the programs here run in processes of their own: see ``test_foreign_programs.py``."""

from pathlib import Path

collect_ignore = [each.name for each in Path(__file__).parent.iterdir() if each.is_dir()]
