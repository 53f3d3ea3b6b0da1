"""A stand-in for Webex on loopback.

It imports nothing from the rest of the package, so that the program and its sandbox cannot share a mistake.
"""
