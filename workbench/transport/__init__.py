"""One way to speak to any outside service: limits, retries, states and redaction in one place."""
