"""Keeping tokens fresh for good: the schedule, the loop around it, what it tells, and what it hands on."""
