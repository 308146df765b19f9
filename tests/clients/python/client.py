# SPDX-License-Identifier: Apache-2.0
"""client.py -- what the Python client sees of a server; run.py says how results are told."""
import asyncio
import sys

import nats
from nats.aio.client import __lang__ as LANG, __version__ as VERSION
from nats.aio.msg import Msg
from nats.errors import (AuthorizationError, Error, MaxPayloadError, NoRespondersError,
                         NoServersError, TimeoutError as NatsTimeout)

CHECK_LIMIT_S = 15
WAIT_S = 5
OPEN, TOKEN, USERS, LAME = sys.argv[1:5]
CHECKS = []


def check(name):
    def keep(function):
        CHECKS.append((name, function))
        return function
    return keep


def say(line):
    print(line, flush=True)


async def order(what):
    """Asks the runner for something, and returns its answer when it is done."""
    say(f"do {what}")
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return line.strip()


async def connect(url=OPEN, **options):
    options.setdefault("allow_reconnect", False)
    return await nats.connect(url, connect_timeout=WAIT_S, **options)


async def settle(nc):
    """Returns when the server has dealt with all that was sent. This client's flush writes its PING
    in front of what waits to be written, so that it takes a second one, behind all of it."""
    await nc.flush(WAIT_S)
    await nc.flush(WAIT_S)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r:.200}, wanted {wanted!r:.200}")


async def refused(url, **options):
    """The errors that a refused connection is told of."""
    errors = []

    async def on_error(error):
        errors.append(str(error).lower())

    try:
        nc = await connect(url, error_cb=on_error, max_reconnect_attempts=0, **options)
    except (AuthorizationError, NoServersError, Error) as error:
        errors.append(str(error).lower())
    else:
        await nc.close()
        raise AssertionError("the connection was accepted")
    if not any("authorization violation" in error for error in errors):
        raise AssertionError(f"got {errors}")


@check("connects with a name and is told of the server")
async def check_connect():
    nc = await connect(name="python suite")
    equal(nc.is_connected, True)
    equal(nc._server_info["server_name"], "clients-open")
    equal(nc.max_payload, 1024 * 1024)
    assert nc.client_id > 0
    equal(await order("whois python suite"), f"{LANG} {VERSION}")
    await nc.close()
    equal(nc.is_closed, True)


@check("delivers what is published, empty and binary payloads too")
async def check_publish():
    nc = await connect()
    sub = await nc.subscribe("plain.subject")
    payloads = [b"hello", b"", bytes(range(256)), b"\r\nMSG x 1 0\r\n"]
    for payload in payloads:
        await nc.publish("plain.subject", payload, reply="back.here")
    for payload in payloads:
        msg = await sub.next_msg(WAIT_S)
        equal((msg.subject, msg.reply, msg.data), ("plain.subject", "back.here", payload))
    await nc.close()


@check("matches wildcards")
async def check_wildcards():
    nc = await connect()
    one, rest = await nc.subscribe("wild.*.c"), await nc.subscribe("wild.>")
    for subject in ("wild.a.c", "wild.c", "wild.a.b.c", "wild", "wild.b.c"):
        await nc.publish(subject, b"")
    await settle(nc)
    for sub, wanted in ((one, ["wild.a.c", "wild.b.c"]),
                        (rest, ["wild.a.c", "wild.c", "wild.a.b.c", "wild.b.c"])):
        equal([(await sub.next_msg(WAIT_S)).subject for _ in wanted], wanted)
        equal(sub.pending_msgs, 0)
    await nc.close()


@check("gives each message to one member of a queue group")
async def check_queue():
    members = [await connect() for _ in range(3)]
    publisher, count, seen, done = await connect(), 600, [], asyncio.Event()
    every = await publisher.subscribe("queue.work")

    async def take(msg: Msg):
        seen.append(int(msg.data))
        if len(seen) == count:
            done.set()

    for nc in members:
        await nc.subscribe("queue.work", "workers", cb=take)
        await settle(nc)
    for number in range(count):
        await publisher.publish("queue.work", b"%d" % number)
    await asyncio.wait_for(done.wait(), WAIT_S)
    for nc in members + [publisher]:
        await settle(nc)
    equal(sorted(seen), list(range(count)))
    equal([int((await every.next_msg(WAIT_S)).data) for _ in range(count)], list(range(count)))
    for nc in members + [publisher]:
        await nc.close()


@check("answers requests, a hundred at a time")
async def check_request():
    server, client = await connect(), await connect()

    async def answer(msg: Msg):
        await msg.respond(b"re " + msg.data)

    await server.subscribe("service", cb=answer)
    await settle(server)
    answers = await asyncio.gather(
        *(client.request("service", b"%d" % number, timeout=WAIT_S) for number in range(100)))
    equal([msg.data for msg in answers], [b"re %d" % number for number in range(100)])
    old = await client.request("service", b"old", timeout=WAIT_S, old_style=True)
    equal(old.data, b"re old")
    await server.close()
    await client.close()


@check("tells that nobody responds")
async def check_no_responders():
    nc = await connect()
    try:
        await nc.request("nobody.here", b"", timeout=WAIT_S)
        raise AssertionError("an answer came")
    except NoRespondersError:
        pass
    await nc.close()


@check("carries headers")
async def check_headers():
    nc = await connect()
    sub = await nc.subscribe("headed")
    headers = {"One": "1", "Long": "x" * 5000, "Spaced": "a b  c", "colons": "a:b:c"}
    await nc.publish("headed", b"body", headers=headers)
    await nc.publish("headed", b"", headers={"Only": "head"})
    await nc.publish("headed", b"bare")
    first, second, third = [await sub.next_msg(WAIT_S) for _ in range(3)]
    equal((dict(first.headers), first.data), (headers, b"body"))
    equal((dict(second.headers), second.data), ({"Only": "head"}, b""))
    equal((third.headers, third.data), (None, b"bare"))
    await nc.close()


@check("ends a subscription after its number of messages")
async def check_auto_unsubscribe():
    nc, publisher = await connect(), await connect()
    got = []

    async def take(msg):
        got.append(msg.data)

    limited = await nc.subscribe("limited", cb=take)
    await limited.unsubscribe(limit=5)
    other = await nc.subscribe("limited.end")
    await settle(nc)
    for number in range(10):
        await publisher.publish("limited", b"%d" % number)
    await publisher.publish("limited.end", b"")
    await other.next_msg(WAIT_S)
    await settle(nc)
    equal(got, [b"%d" % number for number in range(5)])
    equal(nc.stats["in_msgs"], 6)
    try:
        await nc.request("limited", b"", timeout=WAIT_S)
        raise AssertionError("the subscription is still there")
    except NoRespondersError:
        pass
    await nc.close()
    await publisher.close()


@check("does not send back to one who wants no echo")
async def check_no_echo():
    nc, other = await connect(no_echo=True), await connect()
    sub = await nc.subscribe("echo")
    await settle(nc)
    await nc.publish("echo", b"mine")
    await settle(nc)
    await other.publish("echo", b"theirs")
    equal((await sub.next_msg(WAIT_S)).data, b"theirs")
    await nc.close()
    await other.close()


@check("drains: what was sent before is handled, then the connection closes")
async def check_drain():
    closed, got = asyncio.Event(), []

    async def on_closed():
        closed.set()

    async def take(msg):
        got.append(msg.data)

    nc, publisher = await connect(closed_cb=on_closed), await connect()
    await nc.subscribe("drained", cb=take)
    await settle(nc)
    for number in range(200):
        await publisher.publish("drained", b"%d" % number)
    await settle(publisher)
    await nc.drain()
    await asyncio.wait_for(closed.wait(), WAIT_S)
    equal(len(got), 200)
    await publisher.close()


@check("refuses a payload above the maximum")
async def check_max_payload():
    nc = await connect()
    try:
        await nc.publish("big", b"x" * (nc.max_payload + 1))
        raise AssertionError("it was taken")
    except MaxPayloadError:
        pass
    await nc.close()


@check("carries a payload of 1 MiB")
async def check_large():
    nc = await connect()
    sub = await nc.subscribe("large")
    payload = bytes(number * 7 % 251 for number in range(1024 * 1024))
    await nc.publish("large", payload)
    equal((await sub.next_msg(WAIT_S)).data == payload, True)
    await nc.close()


@check("delivers 10,000 messages in order")
async def check_order():
    nc, publisher = await connect(), await connect()
    sub = await nc.subscribe("ordered")
    await settle(nc)
    for number in range(10000):
        await publisher.publish("ordered", b"%d" % number)
    for number in range(10000):
        equal((await sub.next_msg(WAIT_S)).data, b"%d" % number)
    await nc.close()
    await publisher.close()


@check("reconnects after a restart, with its subscriptions")
async def check_reconnect():
    lost, back = asyncio.Event(), asyncio.Event()

    async def on_lost():
        lost.set()

    async def on_back():
        back.set()

    nc = await connect(allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=0.05,
                       disconnected_cb=on_lost, reconnected_cb=on_back)
    sub = await nc.subscribe("survivor")
    await settle(nc)
    await order("restart")
    await asyncio.wait_for(lost.wait(), WAIT_S)
    await asyncio.wait_for(back.wait(), WAIT_S)
    await settle(nc)
    other = await connect()
    await other.publish("survivor", b"after")
    equal((await sub.next_msg(WAIT_S)).data, b"after")
    await nc.close()
    await other.close()


@check("is let in with the token, and refused without")
async def check_token():
    nc = await connect(TOKEN, token="s3cr3t")
    await settle(nc)
    await nc.close()
    await refused(TOKEN, token="wrong")
    await refused(TOKEN)


@check("is let in as a user, and refused with another password")
async def check_user():
    for user, password in (("alice", "wonder"), ("bob", "builder")):
        nc = await connect(USERS, user=user, password=password)
        await settle(nc)
        await nc.close()
    await refused(USERS, user="alice", password="builder")
    await refused(USERS)


@check("is told when the server retires")
async def check_lame_duck():
    told = asyncio.Event()

    async def on_lame_duck():
        told.set()

    try:
        nc = await connect(LAME, lame_duck_mode_cb=on_lame_duck)
    except TypeError:
        return "this client does not show it"
    await settle(nc)
    await order("lame-duck")
    await asyncio.wait_for(told.wait(), WAIT_S)
    await nc.close()
    return None


async def main():
    for name, function in CHECKS:
        try:
            skipped = await asyncio.wait_for(function(), CHECK_LIMIT_S)
            say(f"skip {name}: {skipped}" if skipped else f"ok {name}")
        except (NatsTimeout, asyncio.TimeoutError):
            say(f"fail {name}: it took too long")
        except Exception as error:  # every kind is a failed check, and the next one is made
            say(f"fail {name}: {type(error).__name__} {error}")
    say("end")


asyncio.run(main())
