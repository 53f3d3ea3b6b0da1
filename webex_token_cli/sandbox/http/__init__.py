"""The sandbox's HTTP interface: requests, answers, Webex's paths, pages for a browser, and the control by tests."""
