"""Sign a person in to a Webex integration and keep the token alive."""

__version__ = "0.1.0"
