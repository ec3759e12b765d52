package events

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A stream is one open answer. told and ids belong to its [Streams].
type stream struct {
	ctx    context.Context // ends with the stream
	end    context.CancelFunc
	who    string
	server *http.Server
	bell   chan struct{}

	ids  revoke.IDs
	told news
}

// news is what a stream has yet to act on: however much happens while a client is
// slow, there is one of each.
type news uint8

const (
	doubt news = 1 << iota // the credential may have ended, or act elsewhere
	roles
	policy
)

// newsOf says what an entry is to the streams that it names, or to everybody.
func newsOf(e *revoke.Entry) (n news, everybody bool) {
	known := []revoke.Kind{revoke.Token, revoke.Session, revoke.Grant, revoke.APIKey, revoke.Subject, revoke.Client, revoke.Org, revoke.Key}
	switch {
	case e.Kind == revoke.Policy:
		return policy, true
	case !slices.Contains(known, e.Kind): // everything, or what only a newer version understands
		return doubt | roles | policy, true
	case e.Kind == revoke.Key && e.Effect != revoke.Kill: // keys rotate, and nothing changes for anybody
		return 0, false
	case e.Effect == revoke.Kill, e.Kind == revoke.Session: // a session may act elsewhere, or under another cookie
		return doubt | roles, false
	}
	return roles, false
}

// again is how long a stream waits that could not find out what it is worth.
const again = time.Second

// run tells the client until the stream ends.
func (h *Handler) run(s *stream, out *writer, look look, l lease) {
	beat := time.NewTicker(h.heartbeat())
	defer beat.Stop()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	expire(alarm, l)
	for {
		var n news
		select {
		case <-s.ctx.Done():
			return
		case <-beat.C:
			if out.comment() != nil {
				return
			}
			continue
		case <-alarm.C:
			n = doubt
		case <-s.bell:
			n = h.Streams.take(s)
		}
		if n&doubt != 0 {
			var err error
			if l, err = h.lookAgain(s, look); err != nil {
				if errors.Is(err, errEnded) {
					_ = out.events("signed_out")
				}
				return
			}
			expire(alarm, l)
		}
		if out.events(n.names()...) != nil {
			return
		}
	}
}

// expire sets the alarm to when the lease ends.
func expire(alarm *time.Timer, l lease) {
	if l.until.IsZero() {
		alarm.Stop()
		return
	}
	alarm.Reset(time.Until(l.until))
}

// lookAgain looks until somebody can tell, and enters the stream under what it hangs
// on now.
func (h *Handler) lookAgain(s *stream, look look) (lease, error) {
	for {
		l, err := h.Streams.asking(s, look)
		if err == nil {
			h.Streams.hang(s, l.ids)
			return l, nil
		}
		if errors.Is(err, errEnded) || errors.Is(err, errLapsed) {
			return l, err
		}
		select {
		case <-s.ctx.Done():
			return l, s.ctx.Err()
		case <-time.After(again):
		}
	}
}

// names are the events that n is told by.
func (n news) names() (events []string) {
	if n&roles != 0 {
		events = append(events, "roles")
	}
	if n&policy != 0 {
		events = append(events, "policy")
	}
	return events
}
