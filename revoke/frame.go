package revoke

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// The events of a feed (https://html.spec.whatwg.org/multipage/server-sent-events.html).
// docs/revocation.md describes them for who writes a verifier in another language.
const (
	helloEvent   = "hello"   // the log, its salt, and the time on the node's clock
	policyEvent  = "policy"  // roles and rules in force
	resetEvent   = "reset"   // forget everything: what follows is the whole log
	entriesEvent = "entries" // what was appended after the entries before
	beatEvent    = "beat"    // everything up to here was said, as of a moment on the node's clock
)

// feedVersion is what hello names. Events and fields that a reader does not know
// change nothing for it; what would, gets another version.
const feedVersion = 1

type hello struct {
	Version int    `json:"v"`
	Log     string `json:"log"`
	Salt    []byte `json:"salt"`
	At      int64  `json:"at"` // microseconds on the node's clock
}

type entries struct {
	After   int64       `json:"after"` // the number that these follow
	Floor   int64       `json:"floor"`
	Entries []wireEntry `json:"entries"`
}

type beat struct {
	At    int64 `json:"at"` // when the reading began that reached Seq, in microseconds on the node's clock
	Seq   int64 `json:"seq"`
	Floor int64 `json:"floor"`
}

// A wireEntry is an [Entry] as others may see it: its ids are blinded, and its roles
// sealed.
type wireEntry struct {
	Seq     int64  `json:"seq"`
	Effect  Effect `json:"effect"`
	Kind    Kind   `json:"kind"`
	ID      string `json:"id,omitempty"`
	Org     string `json:"org,omitempty"`
	Roles   []byte `json:"roles,omitempty"`
	Expires int64  `json:"exp"` // Unix seconds; 0 = never
}

func (b *blinder) wire(e *Entry) (w wireEntry, err error) {
	w = wireEntry{Seq: e.Seq, Effect: e.Effect, Kind: e.Kind}
	if e.Kind != Global && e.Kind != Policy {
		w.ID = b.id(e.Kind, e.ID).String()
	}
	if e.Org != "" {
		w.Org = b.id(Org, e.Org).String()
	}
	if !e.ExpiresAt.IsZero() {
		w.Expires = e.ExpiresAt.Unix() + 1 // not a moment sooner
	}
	if e.Effect == Overlay {
		w.Roles, err = b.seal(e)
	}
	return w, err
}

// entry checks what came from outside. A kind that is not known may name its ids as
// it likes.
func (w *wireEntry) entry() (Entry, error) {
	e := Entry{Seq: w.Seq, Effect: w.Effect, Kind: w.Kind, ID: w.ID, Org: w.Org, sealed: w.Roles}
	if w.Expires > 0 && w.Expires < never { // later is never, too
		e.ExpiresAt = time.Unix(w.Expires, 0)
	}
	if w.Effect == "" || w.Kind == "" {
		return e, fmt.Errorf("entry %d names no effect or no kind", w.Seq)
	}
	if w.Org != "" {
		if _, err := parseBlinded(w.Org); err != nil {
			return e, fmt.Errorf("entry %d: organization: %w", w.Seq, err)
		}
	}
	if w.ID != "" && slices.Contains(kinds[:], w.Kind) {
		if _, err := parseBlinded(w.ID); err != nil {
			return e, fmt.Errorf("entry %d: %w", w.Seq, err)
		}
	}
	return e, nil
}

// A cursor is a place in a feed that its reader comes back to. The nonce of its
// entry proves that the log still is the one it was: in a restored database another
// entry may have that number.
type cursor struct {
	Position
	nonce string
}

func (c cursor) String() string { return c.Position.String() + "." + c.nonce }

func parseCursor(s string) (c cursor, err error) {
	at, nonce, ok := strings.Cut(s, ".")
	if seq, rest, more := strings.Cut(nonce, "."); ok && more {
		at, nonce = at+"."+seq, rest
	}
	if c.Position, err = ParsePosition(at); err != nil || len(s) > 256 {
		return cursor{}, fmt.Errorf("malformed cursor %.64q", s)
	}
	c.nonce = nonce
	return c, nil
}

// A Frame is one event of a feed. Streams share frames: it is written once, and
// compressed once. It is safe for concurrent use.
type Frame struct {
	text   []byte // nil if only packed is kept
	once   sync.Once
	packed []byte
}

// newFrame writes an event. data is JSON, and so has no line break.
func newFrame(event, id string, data any) (*Frame, error) {
	text, ok := data.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(data); err != nil {
			return nil, fmt.Errorf("writing event %s: %w", event, err)
		}
	}
	var b bytes.Buffer
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + event + "\ndata: ")
	b.Write(text)
	b.WriteString("\n\n")
	return &Frame{text: b.Bytes()}, nil
}

// Text returns the event as it is sent.
func (f *Frame) Text() []byte {
	if f.text != nil {
		return f.text
	}
	text, _ := io.ReadAll(flate.NewReader(bytes.NewReader(f.packed))) // ends early: the stream goes on in another frame
	return text
}

// Deflated returns the event as whole blocks of DEFLATE (RFC 1951), which refer to
// nothing before them: one after the other, frames are one compressed stream.
func (f *Frame) Deflated() []byte {
	f.once.Do(func() {
		if f.packed == nil {
			f.packed = deflate(f.text)
		}
	})
	return f.packed
}

// pack keeps the compressed form alone.
func (f *Frame) pack() *Frame {
	return &Frame{packed: f.Deflated()}
}

// stored is how long an event may be that is not worth compressing: one or two entries or
// a beat shrink by 40 bytes, and the tables that are cleared for them, of half a megabyte,
// are a good part of what telling a revocation takes.
const stored = 320

var deflaters, storers = pool(flate.DefaultCompression), pool(flate.NoCompression)

func pool(level int) *sync.Pool {
	return &sync.Pool{New: func() any {
		w, _ := flate.NewWriter(nil, level) // which is valid
		return w
	}}
}

func deflate(text []byte) []byte {
	writers := deflaters
	if len(text) <= stored {
		writers = storers
	}
	w := writers.Get().(*flate.Writer)
	defer writers.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	w.Write(text)
	w.Flush() // ends with an empty block, on a whole byte; a buffer takes everything
	return b.Bytes()
}
