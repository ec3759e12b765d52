// Package revoke is the revocation log: what was ended, in which order, and how
// every node on the same database learns of it at once. Tokens and cached
// look-ups stay valid without asking anybody, because whatever ends them is in
// the log, and every node follows the log.
//
// A [Log] is written in the transaction of the change it records. A [Follower]
// reads it and answers from memory; a [Cache] holds what is true until the log
// says otherwise. A [Feed] tells other services what a follower has read, and
// [Subscribe] makes a follower of it there.
package revoke

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Position is a place in one log: everything up to Seq had happened. The zero
// Position is no place at all. Order comes from positions, never from clocks.
type Position struct {
	Log string // identifies the log; a restored database gets a new one
	Seq int64
}

// String returns "logid.seq", the form of the claim rev.
func (p Position) String() string { return p.Log + "." + strconv.FormatInt(p.Seq, 10) }

// IsZero reports whether p is no place at all.
func (p Position) IsZero() bool { return p.Log == "" }

// ParsePosition reads what [Position.String] wrote, and nothing else.
func ParsePosition(s string) (Position, error) {
	log, digits, ok := strings.Cut(s, ".")
	seq, err := strconv.ParseInt(digits, 10, 64)
	p := Position{log, seq}
	if !ok || log == "" || err != nil || seq < 0 || p.String() != s {
		return Position{}, fmt.Errorf("malformed position %.64q", s)
	}
	return p, nil
}

// Effect says what an entry does to what it names.
type Effect string

// The effects.
const (
	Kill    Effect = "kill"    // dead, for every credential whose position is before the entry
	Overlay Effect = "overlay" // the subject has these roles now
	Notice  Effect = "notice"  // a new version is there to be read: role definitions, signing keys
)

// Kind says what an entry names.
type Kind string

// The kinds.
const (
	Token   Kind = "token"   // jti
	Session Kind = "session" // sid
	Grant   Kind = "grant"   // gid
	APIKey  Kind = "apikey"
	Subject Kind = "subject"
	Client  Kind = "client"
	Org     Kind = "org"
	Key     Kind = "key" // kid; kills its tokens whatever position they claim
	Global  Kind = "global"
	Policy  Kind = "policy" // role definitions and policies
)

// An Entry is one line of the log. Times have millisecond precision.
type Entry struct {
	Seq       int64 // assigned by Append
	Effect    Effect
	Kind      Kind
	ID        string
	Org       string    // organization that an overlay, or the kill of a subject, is limited to; "" = none
	Nonce     string    // random; assigned by Append; lets a cursor prove which log it is from
	Overlay   []string  // roles in force, for an Overlay
	CreatedAt time.Time // for people; nothing is ordered by it
	ExpiresAt time.Time // when nothing that it ends can be alive any more

	sealed []byte // Overlay of an entry that came over a feed, for who knows the subject
}

// MaxOverlay is how many roles an overlay may carry. A subject with more is
// killed instead, which costs its tokens a refresh.
const MaxOverlay = 32

// A Head is the newest position of a log, and how far it was pruned.
type Head struct {
	Position
	Floor int64 // highest sequence number that was pruned; 0 = none
}

// A Log is the log within one transaction. A transaction appends last: the
// counter row that Append locks until commit makes order of commit and order of
// Seq the same, and nothing else may wait behind it.
type Log interface {
	// Head reads the newest position.
	Head(ctx context.Context) (Head, error)
	// Append assigns each entry its Seq and Nonce and returns the position of the
	// last one. Without entries it returns the head's position. Committed numbers
	// have no holes: to a follower, a missing one was pruned.
	Append(ctx context.Context, entries ...Entry) (Position, error)
	// Read returns up to limit entries with Seq > after, in order.
	Read(ctx context.Context, after int64, limit int) ([]Entry, error)
	// Renew gives the log a new name, if it still has the name old, and returns the
	// head's position under the new one; otherwise it changes nothing and returns
	// ErrRenewed, because somebody was faster. It locks as Append does. Every
	// position of the old name is dead from then on. Numbers go on where they were,
	// and entries stay: a killed key is killed in the new log too.
	Renew(ctx context.Context, old string) (Position, error)
}

// ErrRenewed means that the log does not have the name any more that it was to
// lose.
var ErrRenewed = errors.New("the revocation log has been given another name already")

// ErrStale means that this node has not heard from the log for longer than the
// bound: it cannot tell what is alive, and says neither yes nor no (503).
var ErrStale = errors.New("revocation log not read within the bound")
