"""What can go wrong with a request, each with its status of HTTP.

A fault of the request is 4xx and says what was expected; one of the model or the server is 5xx and
says no more than that. Whoever raises one of these need not know which protocol will say it.
"""

from __future__ import annotations

MOST_SAID = 1000  # characters: what was sent is quoted, and must not come back a megabyte long


class ProtocolError(Exception):
    """A request that cannot be answered. The message is for whoever sent it."""

    def __init__(self, message: str, status: int = 400) -> None:
        if len(message) > MOST_SAID:
            half = MOST_SAID // 2  # what was expected may stand at either end
            message = f"{message[:half]} … {message[-half:]} ({len(message):,} characters)"
        super().__init__(message.encode(errors="replace").decode())  # a lone surrogate is no text
        self.status = status


class NotFound(ProtocolError):
    """No such model, version or page."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 404)


class Overloaded(ProtocolError):
    """Turned away; ``retry_after``: seconds after which it may be better."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests wait: try again in {retry_after:.3g} s", 429)
        self.retry_after = retry_after


class ModelFault(ProtocolError):
    """The model raised, or answered what it has not announced."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 500)


class Unavailable(ProtocolError):
    """Not now: the server starts, stops, or has no worker left."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 503)


class TimedOut(ProtocolError):
    """Not answered by its deadline."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 504)
