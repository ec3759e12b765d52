package oauth

import (
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// JWTBearer is the client_assertion_type of private_key_jwt (RFC 7523 §2.2).
const JWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	maxAssertion = time.Hour        // that an assertion may be good for
	leeway       = 30 * time.Second // between the clocks
)

// An Assertion is what a client has signed to prove which one it is (RFC 7523 §3). Used
// once: who takes it remembers Replay until Until.
type Assertion struct {
	Replay string // what makes it unique
	Until  time.Time
}

// AssertedClient returns which client an assertion says it is of, and nothing is verified
// of that.
func AssertedClient(jwt string) string {
	payload, err := token.UnverifiedPayload(jwt)
	if err != nil {
		return ""
	}
	r, err := token.ParseRegistered(payload)
	if err != nil {
		return ""
	}
	return r.Subject
}

// Prove verifies an assertion of the client with the key that find finds for its header.
// It must be meant for one of the audiences. Every error but those of find is an Error with invalid_client, which does not say more
// than the client must know.
func (c *Client) Prove(jwt string, find func(token.Header) ([]*token.Key, error), audiences []string, now time.Time) (a Assertion, err error) {
	bad := func(says string) error { return Refuse(InvalidClient, "The client_assertion %s.", says) }
	payload, err := c.verified(jwt, find, func(typ string) bool {
		return typ != token.TypAccessToken && typ != token.TypProof && typ != TypRequestObject
	}, bad)
	if err != nil {
		return a, err
	}
	r, err := token.ParseRegistered(payload)
	switch {
	case err != nil:
		return a, bad("has malformed claims")
	case r.Issuer != c.ID || r.Subject != c.ID:
		return a, bad("has another iss or sub than the client")
	case !r.For(audiences...) || c.Profile == FAPI2 && len(r.Audience) > 1:
		return a, bad("is for another audience")
	case r.Expiry.IsZero() || !now.Before(r.Expiry.Add(leeway)):
		return a, bad("has expired, or never does")
	case r.Expiry.After(now.Add(maxAssertion + leeway)):
		return a, bad("is good for more than an hour")
	case r.NotBefore.After(now.Add(leeway)) || r.IssuedAt.After(now.Add(leeway)):
		return a, bad("is from the future")
	case r.ID == "" || len(r.ID) > 256:
		return a, bad("has no jti, or a long one")
	}
	return Assertion{Replay: c.ID + "\n" + r.ID, Until: r.Expiry.Add(2 * leeway)}, nil
}
