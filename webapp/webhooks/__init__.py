"""The host product is told when somebody has finished, after the Standard Webhooks specification.

An event is a row of an outbox, written in the transaction of what it tells, and the order of a
session's rows is the order in which they are delivered. One job for each session sees to that: it
sends the oldest event that waits, and goes on to the next when that one is delivered or given up.
"""

from webapp.webhooks.outbox import (
    SEND,
    Event,
    Webhook,
    WebhookTask,
    prune,
    read,
    repeat,
    repeat_failed,
    send_test,
    tell,
)

__all__ = [
    "SEND", "Event", "Webhook", "WebhookTask", "prune", "read", "repeat", "repeat_failed",
    "send_test", "tell",
]  # fmt: skip
