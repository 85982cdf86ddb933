"""Waiting on conditions, never on the clock; and children that do not outlive us."""
import ctypes
import time

import psycopg


def until(condition, seconds, what):
    """The condition's first true value; an assertion when there is none in time. A database that is
    away cannot be asked, which is no answer. `what` may be a function that is asked at the end, to say
    how far it got."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, \
            f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.01)


def end_with_us(number):
    """In a child before exec: the kernel sends it this signal when we die, however that comes."""
    ctypes.CDLL(None).prctl(1, number)
