"""What a watch tells about itself to a monitoring system: the numbers, their text for Prometheus, server and file."""
