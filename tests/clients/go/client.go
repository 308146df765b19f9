// SPDX-License-Identifier: Apache-2.0
// client.go -- what the Go client sees of a server; run.py says how results are told.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	checkLimit = 15 * time.Second
	wait       = 5 * time.Second
)

var (
	openURL, tokenURL, usersURL, lameURL string
	input                                = bufio.NewReader(os.Stdin)
)

// failed is what a check panics with; any other panic is a bug of this programme.
type failed string

func fail(format string, args ...any) {
	panic(failed(fmt.Sprintf(format, args...)))
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func equal(got, wanted any) {
	if got != wanted {
		fail("got %.200v, wanted %.200v", got, wanted)
	}
}

// order asks the runner for something, and returns its answer when it is done.
func order(what string) string {
	fmt.Println("do " + what)
	line, err := input.ReadString('\n')
	must(err)
	return strings.TrimSpace(line)
}

func connect(url string, options ...nats.Option) *nats.Conn {
	options = append([]nats.Option{nats.NoReconnect(), nats.Timeout(wait)}, options...)
	nc, err := nats.Connect(url, options...)
	must(err)
	return nc
}

func subscribe(nc *nats.Conn, subject string) *nats.Subscription {
	sub, err := nc.SubscribeSync(subject)
	must(err)
	return sub
}

func publish(nc *nats.Conn, subject, payload string) {
	must(nc.Publish(subject, []byte(payload)))
}

func next(sub *nats.Subscription) *nats.Msg {
	msg, err := sub.NextMsg(wait)
	must(err)
	return msg
}

func flush(connections ...*nats.Conn) {
	for _, nc := range connections {
		must(nc.FlushTimeout(wait))
	}
}

func closeAll(connections ...*nats.Conn) {
	for _, nc := range connections {
		nc.Close()
	}
}

func happens(event <-chan struct{}, what string) {
	select {
	case <-event:
	case <-time.After(wait):
		fail("%s took too long", what)
	}
}

func nobodyResponds(nc *nats.Conn, subject string) {
	_, err := nc.Request(subject, nil, wait)
	if !errors.Is(err, nats.ErrNoResponders) {
		fail("got %v", err)
	}
}

func refused(url string, options ...nats.Option) {
	nc, err := nats.Connect(url, append(options, nats.NoReconnect(), nats.Timeout(wait))...)
	if err == nil {
		nc.Close()
		fail("the connection was accepted")
	}
	if !errors.Is(err, nats.ErrAuthorization) {
		fail("got %v", err)
	}
}

func checkConnect() {
	nc := connect(openURL, nats.Name("go suite"))
	equal(nc.ConnectedServerName(), "clients-open")
	equal(nc.MaxPayload(), int64(1024*1024))
	equal(nc.HeadersSupported(), true)
	id, err := nc.GetClientID()
	must(err)
	equal(id > 0, true)
	ip, err := nc.GetClientIP()
	must(err)
	equal(ip.String(), "127.0.0.1")
	_, err = nc.RTT()
	must(err)
	equal(order("whois go suite"), nats.LangString+" "+nats.Version)
	nc.Close()
	equal(nc.IsClosed(), true)
}

func checkPublish() {
	nc := connect(openURL)
	sub := subscribe(nc, "plain.subject")
	every := make([]byte, 256)
	for index := range every {
		every[index] = byte(index)
	}
	payloads := []string{"hello", "", string(every), "\r\nMSG x 1 0\r\n"}
	for _, payload := range payloads {
		must(nc.PublishRequest("plain.subject", "back.here", []byte(payload)))
	}
	for _, payload := range payloads {
		msg := next(sub)
		equal(msg.Reply, "back.here")
		equal(string(msg.Data), payload)
	}
	nc.Close()
}

func checkWildcards() {
	nc := connect(openURL)
	one, rest := subscribe(nc, "wild.*.c"), subscribe(nc, "wild.>")
	for _, subject := range []string{"wild.a.c", "wild.c", "wild.a.b.c", "wild", "wild.b.c"} {
		publish(nc, subject, "")
	}
	flush(nc)
	wanted := map[*nats.Subscription][]string{
		one:  {"wild.a.c", "wild.b.c"},
		rest: {"wild.a.c", "wild.c", "wild.a.b.c", "wild.b.c"},
	}
	for sub, subjects := range wanted {
		for _, subject := range subjects {
			equal(next(sub).Subject, subject)
		}
		left, _, err := sub.Pending()
		must(err)
		equal(left, 0)
	}
	nc.Close()
}

func checkQueue() {
	const count = 600
	var lock sync.Mutex
	seen, total, done := make(map[string]int), 0, make(chan struct{})
	publisher := connect(openURL)
	every := subscribe(publisher, "queue.work")
	var members []*nats.Conn
	for range 3 {
		nc := connect(openURL)
		members = append(members, nc)
		_, err := nc.QueueSubscribe("queue.work", "workers", func(msg *nats.Msg) {
			lock.Lock()
			defer lock.Unlock()
			seen[string(msg.Data)]++
			if total++; total == count {
				close(done)
			}
		})
		must(err)
	}
	flush(members...)
	for number := range count {
		publish(publisher, "queue.work", strconv.Itoa(number))
	}
	happens(done, "the group's share")
	flush(members...)
	for number := range count {
		equal(string(next(every).Data), strconv.Itoa(number))
	}
	lock.Lock()
	defer lock.Unlock()
	equal(total, count)
	equal(len(seen), count)
	closeAll(append(members, publisher)...)
}

func checkRequest() {
	server, client := connect(openURL), connect(openURL)
	_, err := server.Subscribe("service", func(msg *nats.Msg) {
		must(msg.Respond(append([]byte("re "), msg.Data...)))
	})
	must(err)
	flush(server)
	answers := make(chan error, 100)
	for number := range 100 {
		go func() {
			text := strconv.Itoa(number)
			msg, err := client.Request("service", []byte(text), wait)
			if err == nil && string(msg.Data) != "re "+text {
				err = fmt.Errorf("got %q", msg.Data)
			}
			answers <- err
		}()
	}
	for range 100 {
		must(<-answers)
	}
	old := connect(openURL, nats.UseOldRequestStyle())
	msg, err := old.Request("service", []byte("old"), wait)
	must(err)
	equal(string(msg.Data), "re old")
	closeAll(server, client, old)
}

func checkNoResponders() {
	nc := connect(openURL)
	nobodyResponds(nc, "nobody.here")
	old := connect(openURL, nats.UseOldRequestStyle())
	nobodyResponds(old, "nobody.here")
	closeAll(nc, old)
}

func checkHeaders() {
	nc := connect(openURL)
	sub := subscribe(nc, "headed")
	msg := nats.NewMsg("headed")
	msg.Data = []byte("body")
	msg.Header.Add("Many", "one")
	msg.Header.Add("Many", "two")
	msg.Header.Set("lower-case", "kept")
	msg.Header.Set("Long", string(bytes.Repeat([]byte("x"), 5000)))
	must(nc.PublishMsg(msg))
	publish(nc, "headed", "bare")
	got := next(sub)
	equal(string(got.Data), "body")
	equal(fmt.Sprint(got.Header.Values("Many")), "[one two]")
	equal(got.Header.Get("lower-case"), "kept")
	equal(len(got.Header.Get("Long")), 5000)
	equal(len(next(sub).Header), 0)
	nc.Close()
}

func checkAutoUnsubscribe() {
	nc, publisher := connect(openURL), connect(openURL)
	sub := subscribe(nc, "limited")
	must(sub.AutoUnsubscribe(5))
	flush(nc)
	for number := range 10 {
		publish(publisher, "limited", strconv.Itoa(number))
	}
	flush(publisher, nc)
	equal(nc.Stats().InMsgs, uint64(5))
	for number := range 5 {
		equal(string(next(sub).Data), strconv.Itoa(number))
	}
	_, err := sub.NextMsg(wait)
	equal(errors.Is(err, nats.ErrMaxMessages), true)
	nobodyResponds(publisher, "limited")
	closeAll(nc, publisher)
}

func checkNoEcho() {
	nc, other := connect(openURL, nats.NoEcho()), connect(openURL)
	sub := subscribe(nc, "echo")
	publish(nc, "echo", "mine")
	flush(nc)
	publish(other, "echo", "theirs")
	equal(string(next(sub).Data), "theirs")
	closeAll(nc, other)
}

func checkDrain() {
	var got atomic.Int32
	closed := make(chan struct{})
	nc := connect(openURL, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	publisher := connect(openURL)
	_, err := nc.Subscribe("drained", func(*nats.Msg) { got.Add(1) })
	must(err)
	flush(nc)
	for range 200 {
		publish(publisher, "drained", "")
	}
	flush(publisher)
	must(nc.Drain())
	happens(closed, "the end of draining")
	equal(got.Load(), int32(200))
	nobodyResponds(publisher, "drained")
	publisher.Close()
}

func checkMaxPayload() {
	nc := connect(openURL)
	err := nc.Publish("big", make([]byte, nc.MaxPayload()+1))
	equal(errors.Is(err, nats.ErrMaxPayload), true)
	nc.Close()
}

func checkLarge() {
	nc := connect(openURL)
	sub := subscribe(nc, "large")
	payload := make([]byte, 1024*1024)
	for index := range payload {
		payload[index] = byte(index * 7 % 251)
	}
	must(nc.Publish("large", payload))
	equal(bytes.Equal(next(sub).Data, payload), true)
	nc.Close()
}

func checkOrder() {
	nc, publisher := connect(openURL), connect(openURL)
	sub := subscribe(nc, "ordered")
	flush(nc)
	for number := range 10000 {
		publish(publisher, "ordered", strconv.Itoa(number))
	}
	for number := range 10000 {
		equal(string(next(sub).Data), strconv.Itoa(number))
	}
	closeAll(nc, publisher)
}

func checkReconnect() {
	lost, back := make(chan struct{}), make(chan struct{})
	nc := connect(openURL, nats.ReconnectWait(50*time.Millisecond), nats.MaxReconnects(-1),
		nats.ReconnectJitter(0, 0), func(o *nats.Options) error {
			o.AllowReconnect = true
			return nil
		},
		nats.DisconnectErrHandler(func(*nats.Conn, error) { close(lost) }),
		nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	sub := subscribe(nc, "survivor")
	flush(nc)
	order("restart")
	happens(lost, "losing the connection")
	happens(back, "reconnecting")
	flush(nc)
	other := connect(openURL)
	publish(other, "survivor", "after")
	equal(string(next(sub).Data), "after")
	nc.SetDisconnectErrHandler(nil)
	closeAll(nc, other)
}

func checkToken() {
	nc := connect(tokenURL, nats.Token("s3cr3t"))
	flush(nc)
	nc.Close()
	refused(tokenURL, nats.Token("wrong"))
	refused(tokenURL)
}

func checkUser() {
	for user, password := range map[string]string{"alice": "wonder", "bob": "builder"} {
		nc := connect(usersURL, nats.UserInfo(user, password))
		flush(nc)
		nc.Close()
	}
	refused(usersURL, nats.UserInfo("alice", "builder"))
	refused(usersURL)
}

func checkLameDuck() {
	told := make(chan struct{})
	nc := connect(lameURL, nats.LameDuckModeHandler(func(*nats.Conn) { close(told) }))
	flush(nc)
	order("lame-duck")
	happens(told, "the notice")
	nc.Close()
}

// attempt makes one check and says why it failed, or nothing.
func attempt(check func()) (why string) {
	done := make(chan string, 1)
	go func() {
		defer func() {
			switch problem := recover().(type) {
			case nil:
				done <- ""
			case failed:
				done <- string(problem)
			default:
				panic(problem)
			}
		}()
		check()
	}()
	select {
	case why = <-done:
		return why
	case <-time.After(checkLimit):
		return "it took too long"
	}
}

func main() {
	openURL, tokenURL, usersURL, lameURL = os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	checks := []struct {
		name  string
		check func()
	}{
		{"connects with a name and is told of the server", checkConnect},
		{"delivers what is published, empty and binary payloads too", checkPublish},
		{"matches wildcards", checkWildcards},
		{"gives each message to one member of a queue group", checkQueue},
		{"answers requests, a hundred at a time", checkRequest},
		{"tells that nobody responds", checkNoResponders},
		{"carries headers", checkHeaders},
		{"ends a subscription after its number of messages", checkAutoUnsubscribe},
		{"does not send back to one who wants no echo", checkNoEcho},
		{"drains: what was sent before is handled, then the connection closes", checkDrain},
		{"refuses a payload above the maximum", checkMaxPayload},
		{"carries a payload of 1 MiB", checkLarge},
		{"delivers 10,000 messages in order", checkOrder},
		{"reconnects after a restart, with its subscriptions", checkReconnect},
		{"is let in with the token, and refused without", checkToken},
		{"is let in as a user, and refused with another password", checkUser},
		{"is told when the server retires", checkLameDuck},
	}
	for _, c := range checks {
		if why := attempt(c.check); why != "" {
			fmt.Printf("fail %s: %s\n", c.name, why)
		} else {
			fmt.Printf("ok %s\n", c.name)
		}
	}
	fmt.Println("end")
}
