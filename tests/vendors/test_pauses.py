"""When a service is asked again that does not say until when it wants fewer calls."""

from datetime import UTC, datetime

import httpx
import pytest

from workbench.vendors.pauses import GrowingPause


def refusal(status=429, **headers):
    answer = httpx.Response(status, headers=headers, json={"error": "too many"})
    answer.request = httpx.Request("GET", "http://127.0.0.1/x")
    return answer


def seconds(error):
    return (error.retry_at - datetime.now(UTC)).total_seconds()


def test_each_refusal_in_a_row_waits_twice_as_long_up_to_half_a_minute():
    pause = GrowingPause("polygon", "Polygon")
    waits = [seconds(pause.error_of(refusal())) for _ in range(7)]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30], abs=0.2)
    pause.over()
    assert seconds(pause.error_of(refusal())) == pytest.approx(1, abs=0.2)


def test_a_service_that_says_when_is_believed_and_other_answers_are_not_meant():
    pause = GrowingPause("polygon", "Polygon")
    assert pause.error_of(refusal(**{"Retry-After": "7"})) is None
    assert pause.error_of(refusal(503)) is None
    assert "too many" in str(pause.error_of(refusal()))
