package sallyport

import (
	"net/http"
	"time"
)

type doorKind uint8

const (
	noDoor doorKind = iota
	public
	signedIn
	may
)

func (k doorKind) String() string {
	return [...]string{"none", "public", "signed-in", "may"}[k]
}

// A Door says who may pass a route. It is a value: make one with [Public],
// [SignedIn], [May] or [Type.May], and refine it with its methods, each of which
// returns a new Door. The zero Door cannot be registered.
type Door struct {
	kind     doorKind
	action   string
	typ      AnyType
	load     func(*http.Request) (Resource, error)
	inOrg    bool
	hide     bool
	noCookie bool
	limit    string
	fresh    time.Duration
}

// Public lets everybody through. A valid credential still counts: [From] tells
// who it is. An absent or invalid one means anonymous.
func Public() Door { return Door{kind: public} }

// SignedIn lets every authenticated principal through.
func SignedIn() Door { return Door{kind: signedIn} }

// May lets those through whom the policy permits the action, on no object in
// particular. For an object use [Type.May]; for one that is known only inside
// the handler, [SignedIn] and [Gate.Check].
func May(action string) Door {
	if action == "" {
		panic("sallyport: a door needs an action")
	}
	return Door{kind: may, action: action}
}

// InOrg asks about the action on the organization that the principal acts in, so
// that roles held there count: for what concerns the organization as a whole, such
// as creating a project in it. Who acts in none is asked about no object. It panics
// on a door that is not [May], or that loads an object.
func (d Door) InOrg() Door {
	if d.kind != may || d.load != nil {
		panic("sallyport: only a door with an action and no object can be in an organization")
	}
	d.inOrg = true
	return d
}

// Hide answers 404 instead of 403, for objects whose existence is secret. It
// panics on a door that asks the policy nothing: there is no 403 to hide.
func (d Door) Hide() Door {
	if d.kind != may {
		panic("sallyport: only a door with an action can hide")
	}
	d.hide = true
	return d
}

// Limit spends one unit of the named limit per request: see [Limiter].
func (d Door) Limit(name string) Door {
	if name == "" {
		panic("sallyport: a limit needs a name")
	}
	d.limit = name
	return d
}

// Fresh asks for a sign-in no older than age, which must be positive; an older
// one is challenged to sign in again (RFC 9470). Credentials without a sign-in,
// such as API keys, never are fresh.
func (d Door) Fresh(age time.Duration) Door {
	if age <= 0 {
		panic("sallyport: the age of a fresh sign-in must be positive")
	}
	d.fresh = age
	return d
}

// NoCookie does not read our cookies on this route. Such a route takes requests
// from every origin, because a browser cannot be made to lend it a session. What
// else a browser lends by itself, such as a client certificate, is still checked.
func (d Door) NoCookie() Door { d.noCookie = true; return d }
