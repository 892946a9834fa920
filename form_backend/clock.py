"""The time in South Africa, in which people and the privacy statement count days."""

from datetime import date, datetime, timedelta, timezone

SAST = timezone(timedelta(hours=2), "SAST")  # South Africa has no daylight-saving time


def today() -> date:
    """Return the day in South Africa."""
    return datetime.now(SAST).date()
