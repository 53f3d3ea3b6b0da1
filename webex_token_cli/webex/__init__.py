"""Webex over HTTP."""
