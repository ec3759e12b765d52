package oauth

import (
	"slices"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// Types of tokens (RFC 8693 §3). Access tokens of ours are JWTs, by either name.
const (
	AccessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	JWTType         = "urn:ietf:params:oauth:token-type:jwt"
)

// An Exchange is a request to get a token for another (RFC 8693 §2.1).
type Exchange struct {
	Subject string // token of whom the new one is about
	Actor   string // token of who acts for them; "" = the client itself does
	Targets []string
}

// ReadExchange reads the parameters of RFC 8693 §2.1 but for scope.
func ReadExchange(p Params) (x Exchange, err error) {
	if x.Subject, err = p.Need("subject_token"); err != nil {
		return x, err
	}
	if x.Actor, err = p.One("actor_token"); err != nil {
		return x, err
	}
	for _, kind := range []struct {
		name   string
		needed bool
	}{{"subject_token_type", true}, {"actor_token_type", x.Actor != ""}, {"requested_token_type", false}} {
		value, err := p.One(kind.name)
		switch {
		case err != nil:
			return x, err
		case value == "" && !kind.needed:
		case kind.name == "actor_token_type" && !kind.needed:
			return x, Refuse(InvalidRequest, "There is an actor_token_type, and no actor_token.")
		case value != AccessTokenType && value != JWTType:
			return x, Refuse(InvalidRequest, "The %s must be %s.", kind.name, AccessTokenType)
		}
	}
	for _, target := range slices.Concat(p["resource"], p["audience"]) {
		if CheckResource(target) != nil {
			return x, Refuse(InvalidTarget, "A resource or audience is no absolute URI without fragment.")
		}
		if !slices.Contains(x.Targets, target) {
			x.Targets = append(x.Targets, target)
		}
	}
	return x, nil
}

// Concerns reports whether a token is the client's to ask about and to exchange: one that it
// holds, or that was sent to it because it is for a resource that it is.
func (c *Client) Concerns(holder string, audience []string) bool {
	return holder == c.ID || slices.ContainsFunc(audience, func(a string) bool { return a == c.ID || slices.Contains(c.Serves, a) })
}

// Reaches returns what a token of the client may be for that comes of another: what is
// asked for or, if nothing is, what of the other's audiences is the client's to ask for.
func (c *Client) Reaches(issuer string, targets, audience []string) ([]string, error) {
	if len(targets) > 0 {
		return c.Audiences(issuer, targets)
	}
	own := Within(audience, append([]string{issuer}, c.Resources...))
	if len(own) == 0 {
		return nil, Refuse(InvalidTarget, "The client must say what the token is for: resource or audience is missing.")
	}
	return own, nil
}

// Narrowed returns the scope of a token of the client that comes of another: what is asked
// for or, if nothing is, all that both may do. A token without a scope is not limited by
// one, and the client is.
func (c *Client) Narrowed(asked []string, t *token.Claims) ([]string, error) {
	both := slices.Clone(c.Scopes)
	if t.Scopes != nil {
		both = Within(t.Scopes, c.Scopes)
	}
	both = slices.DeleteFunc(both, func(s string) bool { return s == Offline })
	if len(asked) == 0 {
		return both, nil
	}
	return Narrower(InvalidScope, both, asked)
}

// Acting returns who acts by a token that comes of subject: the holder of the actor token
// or, without, the client; nil: nobody but the subject itself, which only a client may that
// impersonates. may_act names the only one who may (RFC 8693 §4.4).
func (c *Client) Acting(subject, actor *token.Claims) (*token.Actor, error) {
	who := &token.Actor{Subject: c.ID, ClientID: c.ID}
	if actor != nil {
		if actor.Act != nil {
			return nil, Refuse(InvalidRequest, "The actor_token is of somebody for whom another one acts.")
		}
		who = &token.Actor{Subject: actor.Subject, ClientID: actor.ClientID}
	}
	if may := subject.MayAct; may != nil && (may.Subject != who.Subject || may.ClientID != "" && may.ClientID != who.ClientID) {
		return nil, Refuse(InvalidRequest, "The subject_token says that somebody else may act.")
	}
	if actor == nil && c.Impersonates {
		return subject.Act, nil
	}
	who.Before = subject.Act
	if who.Depth() > token.MaxActors {
		return nil, Refuse(InvalidRequest, "More than %d have acted one after the other.", token.MaxActors)
	}
	return who, nil
}
