package sallyport

import (
	"context"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Kind says what sort of principal sends a request.
type Kind uint8

// The kinds of principal. The zero Kind is Anonymous.
const (
	Anonymous Kind = iota // nobody in particular
	User                  // a person
	Service               // a program acting for itself
)

// String returns "anonymous", "user" or "service".
func (k Kind) String() string {
	switch k {
	case User:
		return "user"
	case Service:
		return "service"
	default:
		return "anonymous"
	}
}

// A Principal is who sends a request, as door one found out. It is immutable
// once an [Authenticator] has returned it: caches share it between requests,
// so nobody may change it or what its slices hold. The zero Principal is the
// anonymous one.
type Principal struct {
	Kind    Kind
	Subject string // stable identifier, never reused; empty if anonymous
	Actor   string // who acts for Subject, if not they themselves; empty for nobody else. It permits nothing
	Org     string // organization the credential acts in; empty for none

	Roles    []string // in force now, everywhere; only door one fills them
	OrgRoles []string // in force now for what belongs to Org, and for nothing else; only door one fills them
	Scopes   []string // upper bound by the credential; nil = not limited, empty = nothing
	Plan     string   // plan of Org, or else of the subject; empty for none

	Session    string // id of the session behind the credential, if any
	Grant      string // id of the OAuth grant behind the credential, if any
	Client     string // client_id that a token was issued to; empty for other credentials. It permits nothing
	Credential string // "session", "token", "apikey", "certificate"; empty if anonymous

	AuthTime time.Time // when the person last proved who they are; zero if they did not
	AMR      []string  // how (RFC 8176), such as "pwd", "otp"
	AAL      int       // authenticator assurance level 1–3 (NIST SP 800-63B); 0 unknown
	Rev      string    // position in the revocation log, "logid.seq"; empty if the credential has none
}

// anonymous is the one principal that From hands out when there is none.
var anonymous = new(Principal)

// passage is what a request has become by passing a gate. It is itself the
// context in which it is found, so that a guarded request pays for one and no
// more.
type passage struct {
	context.Context
	principal *Principal
	refused   error         // why door one gave no principal; nil if it gave one
	gate      *Gate         // nil outside a gate, and so are the next three
	door      *Door         // that it passes
	request   *http.Request // as it came to the door; nil if it is not HTTP
	offered   *Credential   // what was offered if it is not HTTP, else nil
	addr      netip.Addr
	object    any // *T that the door loaded; T is that of the door's type
	outer     *passage
	trace     atomic.Pointer[string] // set when first asked for; the outermost passage's counts
}

type passageKey struct{}

// Value implements [context.Context].
func (ps *passage) Value(key any) any {
	if _, ok := key.(passageKey); ok {
		return ps
	}
	return ps.Context.Value(key)
}

func passageFrom(ctx context.Context) *passage {
	ps, _ := ctx.Value(passageKey{}).(*passage)
	return ps
}

// From returns the principal that passed door one. It never returns nil:
// outside a gate, and for a request without a valid credential on a public
// route, it is the anonymous principal.
func From(ctx context.Context) *Principal {
	if ps := passageFrom(ctx); ps != nil {
		return ps.principal
	}
	return anonymous
}

// NewContext returns a context in which [From] finds p: for work done on
// somebody's behalf outside a request. A nil p is the anonymous principal.
func NewContext(ctx context.Context, p *Principal) context.Context {
	if p == nil {
		p = anonymous
	}
	return &passage{Context: ctx, principal: p, outer: passageFrom(ctx)}
}
