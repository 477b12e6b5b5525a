"""The log of our servers: what failed, without the token that an address may carry."""

import logging
from http import HTTPStatus

from tornado.web import RequestHandler

from workbench.redaction import redact

LOG = logging.getLogger("workbench.server")


def log_request(handler: RequestHandler) -> None:
    """Log what failed, without the token that an address may carry."""
    status = handler.get_status()
    if status >= HTTPStatus.BAD_REQUEST:
        request = handler.request
        address, spent = redact(request.uri or ""), 1000 * request.request_time()
        LOG.warning("%d %s %s %.0f ms", status, request.method, address, spent)


class _WithoutSecrets(logging.Filter):
    """Takes tokens out of what Tornado and Jupyter log, addresses of failed requests above all."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def redact_logs(*loggers: logging.Logger) -> None:
    """Keep secrets out of Tornado's logs, and of the loggers given."""
    named = (logging.getLogger(f"tornado.{part}") for part in ("access", "application", "general"))
    for logger in (*named, *loggers):
        logger.addFilter(_WithoutSecrets())
