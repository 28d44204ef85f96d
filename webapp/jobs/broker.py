"""Messages through Redis or RabbitMQ that there is work, with dramatiq.

A message is a call to look into the table, no more: whoever hears one claims what is oldest there.
So none of the broker's or dramatiq's own promises about messages are relied on.
"""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import dramatiq

from webapp.jobs.queue import due

NAMESPACE, QUEUE = "onward", "jobs"
MOST_MESSAGES = 100
"""More than this many need not wait: who hears one goes on until nothing is due."""


class Post:
    """One side of the queue of messages. Telling of work starts nothing in this process; hearing
    of it (`listen`) starts dramatiq's threads."""

    def __init__(self, url: str, hear: Callable[[str], None] | None = None) -> None:
        """`hear(job_id)` is what a listener does about a message. Nothing connects yet."""
        self._line = Redis(url) if url.startswith("redis") else RabbitMQ(url)
        message = dramatiq.actor(
            actor_name="work", queue_name=self._line.queue, broker=self._line.broker
        )
        self._message = message(hear or _nobody)

    def tell(self) -> None:
        """Send as many messages as jobs are due and messages are missing, wherever those went.

        So a message that was lost with the broker or with a worker is made up for, and however many
        processes do this, however often, the messages do not pile up.
        """
        if jobs := due(MOST_MESSAGES):
            with self._line as waiting:
                for job_id in jobs[waiting:]:
                    self._message.send(job_id)

    def listen(self, threads: int) -> dramatiq.Worker:
        """Start to hear messages, in as many threads; `stop` of what is returned ends it."""
        worker = dramatiq.Worker(self._line.broker, worker_threads=threads)
        worker.queue_prefetch = threads  # what one has taken and cannot do yet others do not see
        worker.start()
        return worker


def _nobody(job_id: str) -> None:
    raise RuntimeError(f"a process that only tells of work was told of {job_id}")


# No middleware: retries, time limits and results are the table's business. Every wait is bounded
# and nothing is tried for long: the next look is a few seconds away.


class Redis:
    """Messages lie in a list of Redis. `with` says how many of them wait."""

    queue = QUEUE

    def __init__(self, url: str) -> None:
        """Nothing connects yet."""
        import redis  # each broker's client is loaded where it is the broker
        from dramatiq.brokers.redis import RedisBroker
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        self.broker: dramatiq.Broker = RedisBroker(
            client=self._client, middleware=[], namespace=NAMESPACE
        )

    def __enter__(self) -> int:
        return int(self._client.llen(f"{NAMESPACE}:{QUEUE}"))

    def __exit__(self, *_: object) -> None: ...


class RabbitMQ:
    """Messages lie in a queue of RabbitMQ. `with` says how many of them wait.

    Who tells of work does so seldom: a connection that says nothing meanwhile would be taken for
    dead, so that it is closed after each time.
    """

    queue = f"{NAMESPACE}.{QUEUE}"

    def __init__(self, url: str) -> None:
        """Nothing connects yet."""
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        logging.getLogger("pika").setLevel(logging.CRITICAL)  # who uses this says what failed
        self._rabbit: Any = RabbitmqBroker(url=_bounded(url), middleware=[], confirm_delivery=True)
        self.broker: dramatiq.Broker = self._rabbit

    def __enter__(self) -> int:
        waiting, _delayed, _dead = self._rabbit.get_queue_message_counts(self.queue)
        return int(waiting)

    def __exit__(self, *_: object) -> None:
        del self._rabbit.connection


def _bounded(url: str) -> str:
    """The address with bounds of pika's for every wait, where it names none itself."""
    parts = urlsplit(url)
    bounds = {
        "connection_attempts": 1, "socket_timeout": 2, "stack_timeout": 4,
        "blocked_connection_timeout": 5,
    }  # fmt: skip
    return parts._replace(query=urlencode(bounds | dict(parse_qsl(parts.query)))).geturl()
