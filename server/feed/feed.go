// Package feed lets other services follow the revocation log and the policy, as a
// stream of events that they obey without asking about a request.
package feed

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// Permission is what a reader of the feed needs. It opens the ids that are revoked
// only to who knows them, and shows everybody who has it the roles and rules in force.
const Permission = "revocation:read"

// A Handler serves the feed. It is safe for concurrent use.
type Handler struct {
	Base string
	Gate *sallyport.Gate
	Feed *revoke.Feed
}

// Mount registers the route.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/revocations", sallyport.May(Permission).NoCookie(), h.stream)
}

const (
	writeTimeout = 10 * time.Second // of one event; who takes longer comes back with its cursor
	recheck      = time.Second      // how often a reader must still be entitled
)

// stream sends events until the reader goes, is no longer entitled, or is too slow.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request) error {
	cursor, err := cursorOf(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	out := &writer{w: w, control: http.NewResponseController(w), packed: acceptsGzip(r), only: r.Method == http.MethodHead}
	checked := time.Now()
	for frame, err := range h.Feed.Frames(ctx, cursor) {
		if err == nil && time.Since(checked) >= recheck {
			checked, err = time.Now(), h.Gate.Recheck(r.Context())
		}
		if err == nil {
			err = out.write(frame)
		}
		if err != nil {
			return out.end(err)
		}
	}
	return nil
}

// cursorOf returns where the reader was: the parameter, or what an EventSource sends
// by itself when it comes back.
func cursorOf(r *http.Request) (string, error) {
	q := r.URL.Query()
	for name := range q {
		if name != "cursor" {
			return "", exchange.Invalid("There is no parameter " + name + "; there is cursor.")
		}
	}
	if q.Has("cursor") {
		return q.Get("cursor"), nil
	}
	return r.Header.Get("Last-Event-ID"), nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, weighted := strings.Cut(strings.ToLower(coding), ";")
			if strings.TrimSpace(name) == "gzip" {
				return !weighted || strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != ""
			}
		}
	}
	return false
}

// A writer writes a stream, compressed or not.
type writer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	packed  bool
	only    bool // the headers are all that is asked for
	begun   bool
}

// gzipHeader begins a gzip file (RFC 1952 §2.3) of unknown name, time and system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

func (o *writer) begin() error {
	// The server's limits are for requests that end.
	if err := o.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	o.begun = true
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Add("Vary", "Accept-Encoding")
	if o.packed {
		h.Set("Content-Encoding", "gzip")
	}
	o.w.WriteHeader(http.StatusOK)
	if o.only {
		return errHeadersOnly
	}
	if !o.packed {
		return nil
	}
	_, err := o.w.Write([]byte(gzipHeader))
	return err
}

// errHeadersOnly ends what a HEAD began: what is written in answer to one is thrown
// away without an error, and so would go on until the client goes.
var errHeadersOnly = errors.New("a HEAD has no events")

func (o *writer) write(f *revoke.Frame) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if !o.begun {
		if err := o.begin(); err != nil {
			return err
		}
	}
	text := f.Text
	if o.packed {
		text = f.Deflated
	}
	if _, err := o.w.Write(text()); err != nil {
		return err
	}
	return o.control.Flush()
}

// end ends the stream. An error before its first event is answered; after it, the
// connection ends, which tells the reader to come back and hear why.
func (o *writer) end(err error) error {
	switch {
	case o.begun:
		return nil
	case errors.Is(err, revoke.ErrCursor):
		return exchange.Invalid("This cursor is none of ours. Begin without one.")
	}
	return err
}
