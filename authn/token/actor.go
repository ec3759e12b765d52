package token

import (
	"errors"
	"strings"

	"github.com/sallyport-auth/sallyport/revoke"
)

// An Actor is who acts for the subject of a token (RFC 8693 §4.1), or may act for them (§4.4).
type Actor struct {
	Subject  string
	ClientID string // that the actor is, or has a token by; "" = not said
	Before   *Actor // who acted before; nil = nobody. It says who it was and permits nothing
}

// MaxActors is how many may have acted one after the other.
const MaxActors = 4

var (
	errActor  = errors.New("an actor without sub, or too many of them")
	errOrigin = errors.New("malformed origin of a token")
)

// actor consumes the claim act or may_act.
func (p *parser) actor(depth int) (*Actor, error) {
	if depth == MaxActors {
		return nil, errActor
	}
	a := new(Actor)
	err := p.object(func(p *parser, name string) (err error) {
		switch name {
		case "sub":
			a.Subject, err = p.str()
		case "client_id":
			a.ClientID, err = p.str()
		case "act":
			a.Before, err = p.actor(depth + 1)
		default:
			if resembles(name, []string{"sub", "client_id", "act"}) {
				return errResembling
			}
			err = p.skip()
		}
		return err
	})
	if err == nil && a.Subject == "" {
		err = errActor
	}
	return a, err
}

// actor writes the claim unless it is nil.
func (w *claimWriter) actor(name string, a *Actor, depth int) {
	switch {
	case a == nil:
		return
	case a.Subject == "" || depth == MaxActors:
		w.err = errActor
		return
	}
	w.name(name)
	w.b = append(w.b, '{')
	w.text("sub", a.Subject)
	w.text("client_id", a.ClientID)
	w.actor("act", a.Before, depth+1)
	w.b[len(w.b)-1] = '}'
	w.b = append(w.b, ',')
}

// MaxOrigins is how many a token may have: each is work at every use.
const MaxOrigins = 32

// originKinds are what an origin may be of.
var originKinds = []revoke.Kind{revoke.Token, revoke.Session, revoke.Grant, revoke.Subject, revoke.Client, revoke.Key}

// originField is where ids keep the one of a kind, nil if an origin cannot be of that.
func originField(ids *revoke.IDs, kind revoke.Kind) *string {
	switch kind {
	case revoke.Token:
		return &ids.Token
	case revoke.Session:
		return &ids.Session
	case revoke.Grant:
		return &ids.Grant
	case revoke.Subject:
		return &ids.Subject
	case revoke.Client:
		return &ids.Client
	case revoke.Key:
		return &ids.Key
	}
	return nil
}

// origin reads what a token hangs on beside its own ids: "token:tok_…", of a kind that a revocation may name.
func origin(s string) (ids revoke.IDs, err error) {
	kind, id, _ := strings.Cut(s, ":")
	field := originField(&ids, revoke.Kind(kind))
	if field == nil || id == "" {
		return ids, errOrigin
	}
	*field = id
	return ids, nil
}

// Origins are what a token hangs on that comes of this one, as its From.
func (c *Claims) Origins() (from []string) {
	ids := c.IDs()
	for _, kind := range originKinds {
		if id := *originField(&ids, kind); id != "" {
			from = append(from, string(kind)+":"+id)
		}
	}
	return append(from, c.From...)
}

func checkOrigins(from []string) error {
	if len(from) > MaxOrigins {
		return errOrigin
	}
	for _, s := range from {
		if _, err := origin(s); err != nil {
			return err
		}
	}
	return nil
}

// Depth is how many have acted one after the other.
func (a *Actor) Depth() (n int) {
	for ; a != nil; a = a.Before {
		n++
	}
	return n
}
