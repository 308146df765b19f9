// SPDX-License-Identifier: Apache-2.0
// client.js -- what the Node client sees of a server; run.py says how results are told.
"use strict";
const path = require("node:path");
const readline = require("node:readline");
const assert = require("node:assert");
const nats = require(path.join(process.env.NATS_MODULES, "@nats-io/transport-node"));

const CHECK_LIMIT_MS = 15000;
const WAIT_MS = 5000;
const [OPEN, TOKEN, USERS, LAME] = process.argv.slice(2);
const input = readline.createInterface({ input: process.stdin });
const checks = [];

function check(name, made) {
    checks.push({ name, made });
}

// Asks the runner for something; resolves to its answer when it is done.
function order(what) {
    const done = new Promise((resolve) => input.once("line", resolve));
    console.log(`do ${what}`);
    return done;
}

function connect(servers = OPEN, options = {}) {
    return nats.connect({ servers, reconnect: false, timeout: WAIT_MS, ...options });
}

function within(promise, limit, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what} took too long`)), limit);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The next COUNT messages of a subscription that has no callback.
async function take(sub, count) {
    const messages = [];
    const all = (async () => {
        for await (const message of sub) {
            messages.push(message);
            if (messages.length === count) {
                break;
            }
        }
    })();
    await within(all, WAIT_MS, `${count} messages of ${sub.getSubject()}`);
    assert.equal(messages.length, count);
    return messages;
}

async function refused(servers, options) {
    await assert.rejects(connect(servers, options), (error) => {
        const authorization = error instanceof nats.AuthorizationError ||
            error.cause instanceof nats.AuthorizationError;
        assert.ok(authorization, `got ${error}`);
        return true;
    });
}

async function noResponders(nc, subject) {
    await assert.rejects(nc.request(subject, "", { timeout: WAIT_MS }), (error) => {
        assert.ok(error instanceof nats.RequestError && error.isNoResponders(), `got ${error}`);
        return true;
    });
}

check("connects with a name and is told of the server", async () => {
    const nc = await connect(OPEN, { name: "node suite" });
    assert.equal(nc.info.server_name, "clients-open");
    assert.equal(nc.info.max_payload, 1024 * 1024);
    assert.equal(nc.info.headers, true);
    assert.equal(nc.info.client_ip, "127.0.0.1");
    assert.ok(nc.info.client_id > 0);
    assert.ok((await nc.rtt()) >= 0);
    assert.match(await order("whois node suite"), /^nats\.\S+ 3\./);
    await nc.close();
});

check("delivers what is published, empty and binary payloads too", async () => {
    const nc = await connect();
    const sub = nc.subscribe("plain.subject");
    const payloads = ["hello", "", Uint8Array.from(Array(256).keys()), "\r\nMSG x 1 0\r\n"];
    for (const payload of payloads) {
        nc.publish("plain.subject", payload, { reply: "back.here" });
    }
    const got = await take(sub, payloads.length);
    got.forEach((message, index) => {
        assert.equal(message.reply, "back.here");
        assert.ok(Buffer.from(payloads[index]).equals(Buffer.from(message.data)));
    });
    await nc.close();
});

check("matches wildcards", async () => {
    const nc = await connect();
    const one = [], rest = [];
    nc.subscribe("wild.*.c", { callback: (_, message) => one.push(message.subject) });
    nc.subscribe("wild.>", { callback: (_, message) => rest.push(message.subject) });
    for (const subject of ["wild.a.c", "wild.c", "wild.a.b.c", "wild", "wild.b.c"]) {
        nc.publish(subject);
    }
    await nc.flush();
    assert.deepEqual(one, ["wild.a.c", "wild.b.c"]);
    assert.deepEqual(rest, ["wild.a.c", "wild.c", "wild.a.b.c", "wild.b.c"]);
    await nc.close();
});

check("gives each message to one member of a queue group", async () => {
    const count = 600;
    const members = await Promise.all([1, 2, 3].map(() => connect()));
    const publisher = await connect();
    const every = publisher.subscribe("queue.work");
    const seen = [];
    for (const nc of members) {
        const callback = (_, message) => seen.push(Number(message.string()));
        nc.subscribe("queue.work", { queue: "workers", callback });
        await nc.flush();
    }
    for (let number = 0; number < count; number++) {
        publisher.publish("queue.work", String(number));
    }
    const all = await take(every, count);
    await Promise.all(members.map((nc) => nc.flush()));
    const wanted = Array.from(Array(count).keys());
    assert.deepEqual(all.map((message) => Number(message.string())), wanted);
    assert.deepEqual(seen.sort((a, b) => a - b), wanted);
    await Promise.all([publisher, ...members].map((nc) => nc.close()));
});

check("answers requests, a hundred at a time", async () => {
    const server = await connect(), client = await connect();
    server.subscribe("service", { callback: (_, m) => m.respond(`re ${m.string()}`) });
    await server.flush();
    const numbers = Array.from(Array(100).keys());
    const answers = await Promise.all(
        numbers.map((n) => client.request("service", String(n), { timeout: WAIT_MS })));
    assert.deepEqual(answers.map((m) => m.string()), numbers.map((n) => `re ${n}`));
    const own = await client.request("service", "own", { noMux: true, timeout: WAIT_MS });
    assert.equal(own.string(), "re own");
    await server.close();
    await client.close();
});

check("gathers many answers to one request", async () => {
    const nc = await connect();
    for (const number of [1, 2, 3]) {
        nc.subscribe("many", { callback: (_, message) => message.respond(String(number)) });
    }
    const answers = await nc.requestMany("many", "",
        { maxMessages: 3, maxWait: WAIT_MS, strategy: "count" });
    const got = [];
    for await (const message of answers) {
        got.push(message.string());
    }
    assert.deepEqual(got.sort(), ["1", "2", "3"]);
    await nc.close();
});

check("tells that nobody responds", async () => {
    const nc = await connect();
    await noResponders(nc, "nobody.here");
    await nc.close();
});

check("carries headers", async () => {
    const nc = await connect();
    const sub = nc.subscribe("headed");
    const headers = nats.headers();
    headers.append("Many", "one");
    headers.append("Many", "two");
    headers.set("Long", "x".repeat(5000));
    headers.set("colons", "a:b:c");
    nc.publish("headed", "body", { headers });
    nc.publish("headed", "", { headers });
    nc.publish("headed", "bare");
    const [first, second, third] = await take(sub, 3);
    for (const message of [first, second]) {
        assert.deepEqual(message.headers.values("Many"), ["one", "two"]);
        assert.equal(message.headers.get("Long").length, 5000);
        assert.equal(message.headers.get("colons"), "a:b:c");
    }
    assert.deepEqual([first, second, third].map((m) => m.string()), ["body", "", "bare"]);
    assert.equal(third.headers, undefined);
    await nc.close();
});

check("ends a subscription after its number of messages", async () => {
    const nc = await connect(), publisher = await connect();
    const sub = nc.subscribe("limited", { max: 5 });
    await nc.flush();
    for (let number = 0; number < 10; number++) {
        publisher.publish("limited", String(number));
    }
    await publisher.flush();
    const got = [];
    for await (const message of sub) {
        got.push(message.string());
    }
    assert.deepEqual(got, ["0", "1", "2", "3", "4"]);
    await nc.flush();
    assert.equal(nc.stats().inMsgs, 5);
    await noResponders(publisher, "limited");
    await nc.close();
    await publisher.close();
});

check("does not send back to one who wants no echo", async () => {
    const nc = await connect(OPEN, { noEcho: true }), other = await connect();
    const sub = nc.subscribe("echo");
    nc.publish("echo", "mine");
    await nc.flush();
    other.publish("echo", "theirs");
    const [message] = await take(sub, 1);
    assert.equal(message.string(), "theirs");
    await nc.close();
    await other.close();
});

check("drains: what was sent before is handled, then the connection closes", async () => {
    const nc = await connect(), publisher = await connect();
    let count = 0;
    nc.subscribe("drained", { callback: () => count++ });
    await nc.flush();
    for (let number = 0; number < 200; number++) {
        publisher.publish("drained", String(number));
    }
    await publisher.flush();
    await nc.drain();
    assert.equal(count, 200);
    assert.ok(nc.isClosed());
    await publisher.close();
});

check("refuses a payload above the maximum", async () => {
    const nc = await connect();
    assert.throws(() => nc.publish("big", new Uint8Array(nc.info.max_payload + 1)), /max_payload/);
    await nc.close();
});

check("carries a payload of 1 MiB", async () => {
    const nc = await connect();
    const sub = nc.subscribe("large");
    const payload = Buffer.from(Uint8Array.from({ length: 1024 * 1024 }, (_, i) => i * 7 % 251));
    nc.publish("large", payload);
    const [message] = await take(sub, 1);
    assert.ok(payload.equals(Buffer.from(message.data)));
    await nc.close();
});

check("delivers 10,000 messages in order", async () => {
    const nc = await connect(), publisher = await connect();
    const sub = nc.subscribe("ordered");
    await nc.flush();
    for (let number = 0; number < 10000; number++) {
        publisher.publish("ordered", String(number));
    }
    const got = await take(sub, 10000);
    got.forEach((message, index) => assert.equal(message.string(), String(index)));
    await nc.close();
    await publisher.close();
});

check("reconnects after a restart, with its subscriptions", async () => {
    const nc = await connect(OPEN, {
        reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0,
    });
    const sub = nc.subscribe("survivor");
    await nc.flush();
    const types = [];
    const back = (async () => {
        for await (const status of nc.status()) {
            types.push(status.type);
            if (status.type === "reconnect") {
                break;
            }
        }
    })();
    await order("restart");
    await within(back, WAIT_MS, "reconnecting");
    assert.equal(types[0], "disconnect");
    await nc.flush();
    const other = await connect();
    other.publish("survivor", "after");
    const [message] = await take(sub, 1);
    assert.equal(message.string(), "after");
    await nc.close();
    await other.close();
});

check("is let in with the token, and refused without", async () => {
    const nc = await connect(TOKEN, { token: "s3cr3t" });
    await nc.flush();
    await nc.close();
    await refused(TOKEN, { token: "wrong" });
    await refused(TOKEN, {});
});

check("is let in as a user, and refused with another password", async () => {
    for (const [user, pass] of [["alice", "wonder"], ["bob", "builder"]]) {
        const nc = await connect(USERS, { user, pass });
        await nc.flush();
        await nc.close();
    }
    await refused(USERS, { user: "alice", pass: "builder" });
    await refused(USERS, {});
});

check("is told when the server retires", async () => {
    const nc = await connect(LAME);
    const told = (async () => {
        for await (const status of nc.status()) {
            if (status.type === "ldm") {
                return true;
            }
        }
        return false;
    })();
    await nc.flush();
    await order("lame-duck");
    assert.ok(await within(told, WAIT_MS, "the notice"));
    await nc.close();
});

async function main() {
    for (const { name, made } of checks) {
        try {
            await within(made(), CHECK_LIMIT_MS, "the check");
            console.log(`ok ${name}`);
        } catch (error) {
            console.log(`fail ${name}: ${String(error.message).replaceAll("\n", " ")}`);
        }
    }
    console.log("end");
    process.exit(0);
}

main();
