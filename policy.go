package sallyport

import (
	"context"
	"net/netip"
	"time"
)

// A Query asks whether a principal may do something.
type Query struct {
	Principal *Principal // never nil
	Action    string     // written like a permission: "post:delete"
	Resource  Resource   // the zero Resource means no object in particular
	Context   Context
}

// Context is what a query knows beside who, what and on which object.
type Context struct {
	Time  time.Time        // zero: a policy that needs the time reads the clock
	Addr  netip.Addr       // of the client; invalid if unknown
	Attrs map[string]Value // whatever else the caller knows; a name of ours in it does not count
}

// A Decision answers a [Query]. The zero Decision denies.
type Decision struct {
	Allow  bool
	ID     string // names this decision in logs and in the 403 problem; the gate fills an empty one when it refuses
	Rule   string // what decided: a rule's id, "role …", "grant …", "scope", "organization"; for logs, never sent
	Source string // where that rule stands, "posts.cedar:12:1"; empty if it is not text
	Reason string // public, sent if the gate says so; empty says nothing
	Need   *Need  // non-nil on a denial: only this is missing
}

// Need is what would turn a refusal into a yes.
type Need struct {
	Scope  string        // a wider credential (RFC 6750 §3.1, insufficient_scope)
	ACR    []string      // a stronger sign-in (RFC 9470 §3, acr_values)
	MaxAge time.Duration // a fresher sign-in (RFC 9470 §3, max_age); 0 = age does not matter
}

// A Policy decides. An error means that it could not tell, which is answered
// with 503: neither yes nor no. Decide must be safe for concurrent use.
type Policy interface {
	Decide(ctx context.Context, q Query) (Decision, error)
}

// A Limiter spends one unit of the named limit for a principal at an address.
// Over quota it returns a 429 [Problem]; any other error is answered with 503.
// Spend must be safe for concurrent use.
type Limiter interface {
	Spend(ctx context.Context, limit string, p *Principal, addr netip.Addr) error
}
