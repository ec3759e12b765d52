package events

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A writer writes events as the HTML Standard has them (§9.2, server-sent events).
type writer struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // until a write is given up
}

// begin writes the header of a stream.
func begin(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
}

// hello begins the stream, and says how soon to come back after it was lost.
func (o *writer) hello() error {
	// The server's limit is for requests that end.
	if err := o.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := o.deadline(); err != nil {
		return err
	}
	begin(o.w)
	return o.write("retry: " + strconv.Itoa(retry()) + "\n" + event("hello"))
}

// retry is from 2 to 6 seconds, so that not everybody comes back at once to a node
// that was started anew.
func retry() int {
	var b [2]byte
	rand.Read(b[:])
	return 2000 + int(binary.BigEndian.Uint16(b[:]))%4000
}

// event is one without a word about what happened: a client drops events whose data
// is empty, so there is an empty object.
func event(name string) string { return "event: " + name + "\ndata: {}\n\n" }

// events writes events of those names, all at once.
func (o *writer) events(names ...string) error {
	if len(names) == 0 {
		return nil
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString(event(name))
	}
	return o.write(b.String())
}

// comment keeps proxies from taking the connection for dead, and finds out whether
// it is.
func (o *writer) comment() error { return o.write(":\n\n") }

func (o *writer) write(text string) error {
	if err := o.deadline(); err != nil {
		return err
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		return err
	}
	if err := o.control.Flush(); err != nil {
		return err
	}
	return o.limit(time.Time{}) // HTTP/2 ends a stream whose time is up, also if nobody writes
}

// deadline limits what is written next: also the end of the stream.
func (o *writer) deadline() error { return o.limit(time.Now().Add(o.patience)) }

func (o *writer) limit(until time.Time) error {
	err := o.control.SetWriteDeadline(until)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
