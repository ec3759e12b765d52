// Package audit is who did what. Every security event is written in the
// transaction that causes it: if it cannot be written, nothing happened.
package audit

import (
	"context"
	"time"
)

// Outcome says how an event ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// An Entry is one event. It names ids, never secrets or addresses of mail.
// Times have millisecond precision.
type Entry struct {
	ID      string // time-ordered; assigned by Append if empty
	At      time.Time
	Actor   string // subject who did it; "anonymous", "system" or "cli" if nobody signed in did
	Action  string // "user.sign_in", "session.end", "role.assign", …
	Target  string // id of what it was done to
	Org     string
	Address string // of the client, without port
	Trace   string // trace id of the request
	Outcome Outcome
	Detail  map[string]string // small facts: method, reason, role
}

// A Filter selects entries. Empty fields select all.
type Filter struct {
	Actor  string
	Action string
	Target string
	Before string // entries with a smaller id: the cursor; "" = from the newest
	Limit  int
}

// A Log is the audit log within one transaction.
type Log interface {
	Append(ctx context.Context, e Entry) error
	// List returns entries, newest first.
	List(ctx context.Context, f Filter) ([]Entry, error)
}
