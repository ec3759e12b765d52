package sallyport

import (
	"context"
	"errors"
	"fmt"
)

// Admit is the door for requests that are not HTTP, such as calls of gRPC: a
// function that puts one request through both doors, in the order and with the
// errors of [Gate.Through]. It is safe for concurrent use. In the context that it
// returns [From] finds the principal, [Gate.Check], [Gate.Filter] and
// [Gate.Decide] work as in a handler, with c.Addr as the address of the client,
// and [Gate.Recheck] asks about c again. With an error the context holds as much as
// is known, for [Gate.Refusal]; the request is refused nevertheless.
//
// The zero Credential is none; [ReadCredential] makes one of what HTTP has in
// headers. What cannot be a credential is taken for an invalid one: no printable
// ASCII, more than 8 KiB, a certificate without [Credential.Peer], and a cookie,
// whose origin only HTTP can check. A certificate counts only when nothing else is
// offered, which the caller sees to. Nothing of ctx counts, also inside another
// passage of this gate: one connection may carry the requests of several.
//
// There is an error for the zero Door, and for a door that loads its object from a
// request of HTTP: name [SignedIn] instead, load the object in the handler and ask
// about it with [Gate.Check].
func (g *Gate) Admit(d Door) (func(ctx context.Context, c Credential) (context.Context, error), error) {
	switch {
	case g == nil:
		return nil, errors.New("sallyport: door without a gate")
	case d.kind == noDoor:
		return nil, errors.New("sallyport: the zero Door lets nobody through")
	case d.load != nil:
		return nil, fmt.Errorf("sallyport: the door %q loads a %s from a request of HTTP: use SignedIn, and Gate.Check in the handler", d.action, d.typ.Name())
	}
	return func(ctx context.Context, c Credential) (context.Context, error) { return g.admit(ctx, &d, c) }, nil
}

// admit is [Gate.pass] for what is not HTTP.
func (g *Gate) admit(ctx context.Context, d *Door, c Credential) (context.Context, error) {
	ps := &passage{Context: ctx, gate: g, door: d, offered: &c, addr: c.Addr, outer: passageFrom(ctx)}
	if ps.refused = c.countable(); ps.refused == nil {
		ps.principal, ps.refused = g.who(ctx, c)
	}
	if err := ps.decideWho(d); err != nil {
		return ps, err
	}
	if d.limit != "" {
		if err := g.spend(ps, d.limit, ps); err != nil {
			return ps, err
		}
	}
	if d.kind == may {
		if err := g.mayPass(ps, ps, g.RecordAll); err != nil {
			return ps, err
		}
	}
	return ps, ps.freshEnough(ps.principal)
}

// countable returns nil if c is a credential, [ErrNoCredential] if it is none, and
// otherwise that it cannot be one.
func (c *Credential) countable() error {
	switch {
	case c.Scheme == "" && c.Value == "":
		return ErrNoCredential
	case c.Scheme == SchemeCertificate && c.Peer != nil && c.Value == "":
		return nil
	case c.Scheme == SchemeCertificate, c.Scheme == SchemeCookie:
		return errMalformed
	case !plausible(c.Scheme) || !plausible(c.Value) || c.Proof != "" && !plausible(c.Proof):
		return errMalformed
	}
	return nil
}

// ReadCredential makes a credential of what HTTP has in the headers Authorization,
// X-API-Key and DPoP, by the same rules: the values of each, of which most are
// absent. The zero Credential means that there is none. More than one is a problem
// with status 400, behind a public door too. Values that are malformed yield a
// Credential that every door takes for an invalid one.
func ReadCredential(authorization, key, proof []string) (Credential, error) {
	if len(authorization)+len(key) > 1 || len(proof) > 1 {
		return Credential{}, badRequest("The request offers more than one credential. Send exactly one.")
	}
	var c Credential
	if len(proof) == 1 {
		c.Proof = proof[0]
	}
	switch {
	case len(authorization) == 1:
		read, err := c.authorization(authorization[0])
		if err != nil {
			return Credential{Scheme: "malformed"}, nil // without a value
		}
		return read, nil
	case len(key) == 1:
		c.Scheme, c.Value = SchemeAPIKey, key[0]
	}
	return c, nil
}
