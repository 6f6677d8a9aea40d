"""What a student's process has replied, before anybody counts with it."""

from __future__ import annotations

from autograder import Wrong, typed


def listed(value, length, what="the reply"):
    """A reply that is a list of so many, as the probe makes it."""
    if len(typed(value, list, what)) != length:
        raise Wrong(f"{what}: expected {length} parts, got {len(value)}")
    return value


def sane(numbers, what):
    """Numbers that can be counted with: neither nan nor of a thousand digits."""
    if not all(abs(number) < 1e12 for number in numbers):
        raise Wrong(f"{what}: expected numbers below 1e12, neither nan nor infinite")
    return numbers
