package oauth

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// TypRequestObject is the typ of an authorization request that a client has signed
// (RFC 9101 §10.8): nothing else that it signs can pass for one.
const TypRequestObject = "oauth-authz-req+jwt"

// maxObject is how long a request object may be good for, and how old (FAPI 2.0 Message
// Signing §5.3.1).
const maxObject = time.Hour

// notParams are the claims of a request object that are no parameters (RFC 7519 §4.1).
var notParams = map[string]bool{"iss": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true}

// OpenRequest verifies a request object (RFC 9101 §6) with the key that find finds for its
// header, and returns the parameters that it holds: they alone count (§6.3). It must be
// made for the issuer. The algorithm is that of a registered key, and so neither none nor
// one with a secret. Every error but those of find is an Error with invalid_request_object.
func (c *Client) OpenRequest(jwt string, find func(token.Header) ([]*token.Key, error), issuer string, now time.Time) (Params, error) {
	bad := func(says string) error { return Refuse(InvalidRequestObject, "The request object %s.", says) }
	payload, err := c.verified(jwt, find, func(typ string) bool { return typ == TypRequestObject }, bad)
	if err != nil {
		return nil, err
	}
	r, err := token.ParseRegistered(payload) // which refuses a member that is there twice
	switch {
	case err != nil:
		return nil, bad("has malformed claims")
	case r.Issuer != c.ID:
		return nil, bad("has another iss than the client")
	case !r.For(issuer):
		return nil, bad("is for another audience")
	case r.Subject != "": // it would be an assertion of the client, too (RFC 9101 §10.8)
		return nil, bad("has a sub")
	case r.Expiry.IsZero() || !now.Before(r.Expiry.Add(leeway)):
		return nil, bad("has expired, or never does")
	case r.Expiry.After(now.Add(maxObject + leeway)):
		return nil, bad("is good for more than an hour")
	case r.NotBefore.After(now.Add(leeway)) || r.IssuedAt.After(now.Add(leeway)):
		return nil, bad("is from the future")
	case !r.NotBefore.IsZero() && r.NotBefore.Before(now.Add(-maxObject-leeway)):
		return nil, bad("is older than an hour")
	}
	p, err := objectParams(payload)
	switch id := p["client_id"]; {
	case err != nil:
		return nil, bad(err.Error())
	case len(id) != 1 || id[0] != c.ID: // RFC 9101 §6.3
		return nil, bad("has another client_id than the request")
	case len(p["request"])+len(p["request_uri"]) > 0: // RFC 9101 §4
		return nil, bad("holds another one")
	}
	return p, nil
}

// objectParams makes parameters of the claims: texts as they are, and everything else as
// the JSON that it would be in a query.
func objectParams(payload []byte) (Params, error) {
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return nil, errors.New("is no JSON object")
	}
	p := Params{}
	for name, raw := range all {
		if notParams[name] {
			continue
		}
		var one string
		var many []string
		switch {
		case raw[0] == 'n': // null
		case json.Unmarshal(raw, &one) == nil:
			p[name] = []string{one}
		case name == "resource" && json.Unmarshal(raw, &many) == nil: // RFC 8707 §2: several
			p[name] = many
		default:
			p[name] = []string{string(raw)}
		}
	}
	if len(p.Encode()) > maxParams {
		return nil, errors.New("is too long")
	}
	return p, nil
}

// verified returns the payload of what the client has signed, of a fitting typ.
func (c *Client) verified(jwt string, find func(token.Header) ([]*token.Key, error), fits func(typ string) bool, bad func(string) error) ([]byte, error) {
	h, err := token.ReadHeader(jwt)
	if err != nil {
		return nil, bad("is malformed")
	}
	if !fits(h.Type) {
		return nil, bad("is something else")
	}
	if !c.mayUse(h.Alg) {
		return nil, bad("is signed with an algorithm that this client may not use")
	}
	keys, err := find(h)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if payload, err := token.VerifyJWS(jwt, k); err == nil && k.Alg() != token.HS256 {
			return payload, nil
		}
	}
	return nil, bad("is not signed by a key of the client")
}
