package oauth

import (
	"strings"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// A SecurityProfile is a set of rules that a client follows all of. The zero SecurityProfile adds none.
type SecurityProfile string

// FAPI2 is the FAPI 2.0 Security Profile: requests are pushed, clients prove themselves by
// a key or a certificate, codes by PKCE, and tokens are bound to a key or a certificate.
const FAPI2 SecurityProfile = "fapi2"

// Profiles are all of them.
var Profiles = []SecurityProfile{FAPI2}

// completeProfile fills in what the profile of the client says and was left open.
func (c *Client) completeProfile() {
	if c.Profile != FAPI2 {
		return
	}
	c.PushOnly = true
	if c.IDTokenAlg == "" {
		c.IDTokenAlg = token.ES256
	}
	if !c.DPoP && !c.MTLS {
		byTLS := c.Auth == TLSAuth || c.Auth == SelfSignedTLS
		c.DPoP, c.MTLS = !byTLS, byTLS
	}
}

// checkProfile holds the client to its profile (FAPI 2.0 Security Profile §5.3.2, §5.4).
func (c *Client) checkProfile() error {
	switch {
	case c.Profile == "":
		return nil
	case c.Profile != FAPI2:
		return wrong("profile", "must be one of %v", Profiles)
	case c.Auth != PrivateKeyJWT && c.Auth != TLSAuth && c.Auth != SelfSignedTLS:
		return wrong("token_endpoint_auth_method", "must be one of %v with the profile %s", []AuthMethod{PrivateKeyJWT, TLSAuth, SelfSignedTLS}, FAPI2)
	case c.NoPKCE:
		return wrong("allow_no_pkce", "is not for the profile %s", FAPI2)
	case !c.mayUse(c.IDTokenAlg):
		return wrong("id_token_signed_response_alg", "must be PS256, ES256 or EdDSA with the profile %s", FAPI2)
	case c.May(ByDevice):
		return wrong("grant_types", "cannot hold %s with the profile %s", ByDevice, FAPI2)
	}
	for _, uri := range c.Redirects {
		if !strings.HasPrefix(uri, "https://") {
			return wrong("redirect_uris", "%q: must be https with the profile %s", uri, FAPI2)
		}
	}
	set, err := token.ParseJWKS(c.JWKS)
	if err != nil { // there is none, or checkKeys has said so
		return nil
	}
	for _, k := range set.Keys() {
		if !c.mayUse(k.Alg()) {
			return wrong("jwks", "holds a key for %s: the profile %s knows PS256, ES256 and EdDSA, and an RSA key must name its alg", k.Alg(), FAPI2)
		}
	}
	return nil
}

// mayUse reports whether the client may sign, and be signed for, with the algorithm
// (FAPI 2.0 Security Profile §5.4.1).
func (c *Client) mayUse(alg token.Alg) bool { return c.Profile != FAPI2 || alg != token.RS256 }

// CheckProof says why a DPoP proof, which was verified, is none for the client; nil = it is.
func (c *Client) CheckProof(p *token.Proof) error {
	if !c.mayUse(p.Alg) {
		return Refuse(InvalidDPoPProof, "This client must not sign with %s.", p.Alg)
	}
	return nil
}

// Rotates reports whether each refresh gives the client another refresh token. One that is
// of no use to anybody but the client need not be replaced, and a client that loses the
// answer loses nothing (FAPI 2.0 Security Profile §5.3.2.1).
func (c *Client) Rotates() bool { return c.Profile != FAPI2 }
