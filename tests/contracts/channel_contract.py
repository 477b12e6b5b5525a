"""What every channel keeps to; a test class inherits it and says how to make one and read it back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.channels import Channel
from workbench.errors import ChannelError

MESSAGE = {
    "fact_key": "AAPL over 180:price:2013-03-01:ae2fafb1",
    "title": "<b>AAPL</b> over 180: 180.01 €",
    "body": "first line\nsecond line",
    "severity": "warn",
    "facts": [{"label": "AAPL price", "value": 180.01, "threshold": 180, "holds": True}],
}


class ChannelContract:
    """Inherit, and define two fixtures: `channel`, and `delivered`, a function that lists what arrived."""

    def test_it_is_a_channel_with_a_name(self, channel):
        assert isinstance(channel, Channel)
        assert channel.name

    def test_a_message_arrives_unchanged(self, channel, delivered):
        channel.deliver(MESSAGE)
        assert delivered() == [MESSAGE]

    def test_the_same_message_again_arrives_once(self, channel, delivered):
        for _ in range(3):
            channel.deliver(MESSAGE)
        assert delivered() == [MESSAGE]

    def test_messages_with_other_keys_all_arrive(self, channel, delivered):
        keys = ["a/b", "a-b", "a b", "../a", "A-B", "é", "x" * 500, "x" * 501]
        for key in keys:
            channel.deliver(MESSAGE | {"fact_key": key})
        assert sorted(message["fact_key"] for message in delivered()) == sorted(keys)

    def test_a_key_of_its_own_tells_messages_about_one_fact_apart(self, channel, delivered):
        channel.deliver(MESSAGE | {"key": "1"})
        channel.deliver(MESSAGE | {"key": "2"})
        assert len(delivered()) == 2

    @pytest.mark.parametrize("message", [{}, {"title": "x"}, {"key": ""}, {"fact_key": 3}])
    def test_a_message_without_a_key_is_refused(self, channel, delivered, message):
        with pytest.raises(ChannelError, match="neither `key` nor `fact_key`"):
            channel.deliver(message)
        assert delivered() == []

    def test_the_message_handed_in_is_left_alone(self, channel):
        message = dict(MESSAGE)
        channel.deliver(message)
        assert message == MESSAGE

    def test_deliveries_at_the_same_time_leave_one_copy(self, channel, delivered):
        start = threading.Barrier(8)

        def deliver(_):
            start.wait()
            channel.deliver(MESSAGE)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(deliver, range(8)))
        assert delivered() == [MESSAGE]
