package authz

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// DecisionRetention is how long a decision is kept before it is swept.
const DecisionRetention = 30 * 24 * time.Hour

// A DecisionEntry is a decision, and everything about the query that it depended
// on: enough to decide it again, by the same version of the policy or by another.
type DecisionEntry struct {
	sallyport.Decision // its ID names the entry
	At                 time.Time

	Principal *sallyport.Principal // as door one found it; must not change
	Action    string
	Resource  sallyport.UID              // zero = no object in particular
	Attrs     map[string]sallyport.Value // of the resource; what is not in it is not loaded
	Parents   []sallyport.UID            // that the resource is directly in
	Context   sallyport.Context

	PolicyVersion int64 // [Version.Number] in force; 0 = none
}

// NewDecisionEntry returns the entry of a decision that was made now. It reads all
// attributes of the resource, and keeps everything else of the query as it is. A
// decision without ID is given one.
func NewDecisionEntry(q sallyport.Query, d sallyport.Decision, version int64) DecisionEntry {
	e := DecisionEntry{
		Decision: d, At: time.Now(), Principal: q.Principal, Action: q.Action,
		Resource: q.Resource.UID(), Context: q.Context, PolicyVersion: version,
	}
	if e.ID == "" {
		e.ID = sallyport.NewDecisionID()
	}
	if e.Context.Time.IsZero() {
		e.Context.Time = e.At // which is about what the policy read
	}
	if t := q.Resource.Describe(); t != nil {
		e.Attrs = make(map[string]sallyport.Value)
		for _, a := range t.Attributes() {
			if v := q.Resource.Attr(a.Name); v.Kind() != sallyport.NotLoaded {
				e.Attrs[a.Name] = v
			}
		}
	}
	for _, v := range q.Resource.Parents() {
		if v.Kind() == sallyport.KindEntity {
			e.Parents = append(e.Parents, v.UID())
		}
	}
	return e
}

// Subject returns the subject whose query it was, "" for an anonymous one.
func (e *DecisionEntry) Subject() string {
	if e.Principal == nil {
		return ""
	}
	return e.Principal.Subject
}

// A DecisionFilter selects entries. Empty fields select all.
type DecisionFilter struct {
	Subject string
	Action  string
	Allow   *bool // nil = both
	// Before and BeforeID are the cursor: At and ID of the last entry of the page
	// before; zero = from the newest.
	Before   time.Time
	BeforeID string
	Limit    int // zero = no limit
}

// ErrNoDecision means that there is no such entry, or not any more.
var ErrNoDecision = errors.New("no such decision in the log")

// A DecisionStore keeps the log of decisions within one transaction. Times have
// millisecond precision.
type DecisionStore interface {
	// Append writes entries. One whose ID is there already changes nothing.
	Append(ctx context.Context, entries ...DecisionEntry) error
	// ByID returns one entry. [ErrNoDecision] if there is none.
	ByID(ctx context.Context, id string) (DecisionEntry, error)
	// Recent returns entries, newest first, those of one millisecond by descending ID.
	Recent(ctx context.Context, f DecisionFilter) ([]DecisionEntry, error)
}
