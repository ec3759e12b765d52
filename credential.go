package sallyport

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
)

// The schemes of a [Credential]. An Authorization header with any other scheme
// yields that scheme's name in lower case.
const (
	SchemeBearer      = "bearer"
	SchemeDPoP        = "dpop"
	SchemeCookie      = "cookie"
	SchemeAPIKey      = "apikey"
	SchemeCertificate = "certificate"
)

// A Credential is one proof of identity that a request offers, with what it is
// bound to. It is a plain value, so that transports other than HTTP can make one.
type Credential struct {
	Scheme string            // one of the Scheme constants, or an Authorization scheme in lower case
	Value  string            // what follows the scheme, the cookie's value, the key; empty for a certificate
	Peer   *x509.Certificate // leaf of the verified TLS client chain; nil if none
	Shown  *x509.Certificate // whose key the client has proved to have, whoever signed it: says whose a token is, and not who anybody is; nil = Peer
	Proof  string            // DPoP proof (RFC 9449 §4); empty if none
	Method string            // request method, the proof's htm
	URL    string            // request URL under the gate's Origin, the proof's htu; never taken from the Host header
	Addr   netip.Addr        // address of the client; invalid if unknown
}

// An Authenticator checks one kind of credential. It returns [ErrNotMine] for a
// credential of another kind, so that the next one is asked;
// [ErrInvalidCredential], wrapped around the cause, for one that is malformed,
// expired, revoked or unknown (401); any other error means that it could not
// tell (503). The principal that it returns is immutable. Authenticate must be
// safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credential) (*Principal, error)
}

// A Challenger is an [Authenticator] that names its scheme in the
// WWW-Authenticate header of a 401 (RFC 9110 §11.6.1): the scheme and its
// parameters, such as `Bearer realm="example"`, without an error.
type Challenger interface {
	Challenge() string
}

// What a caller does next depends on these; wrap them to add a cause.
var (
	ErrNotMine           = errors.New("credential is for another authenticator")
	ErrInvalidCredential = errors.New("invalid credential")
	ErrNoCredential      = errors.New("no credential")
	ErrNotFound          = errors.New("not found") // also a loader's "no such object": 404
)

// maxCredential bounds what a header or cookie may hold: tokens end at 8 KiB.
const maxCredential = 8 << 10

// credential reads the one credential that r offers, or ErrNoCredential. A
// cookie beside an Authorization header is ignored; a client certificate counts
// only when nothing else is offered and otherwise is what a token may be bound
// to. Any other two at once, and tokens in the query (RFC 6750 §5.3), are
// refused with a 400 problem.
func (g *Gate) credential(d *Door, r *http.Request, addr netip.Addr) (Credential, error) {
	if queryOffersToken(r.URL) {
		return Credential{}, badRequest("A token in the query string is refused: it ends up in logs. Send it in the Authorization header.")
	}
	authorization, key, proof := r.Header["Authorization"], r.Header["X-Api-Key"], r.Header["Dpop"]
	if len(authorization)+len(key) > 1 || len(proof) > 1 {
		return Credential{}, badRequest("The request offers more than one credential. Send exactly one.")
	}
	c := Credential{Method: r.Method, Addr: addr}
	var bad error // about a certificate: it matters where nothing else is offered
	c.Peer, bad = g.peer(r)
	c.Shown = g.shown(r, c.Peer)
	if g.Origin != "" {
		c.URL = g.Origin + requestPath(r)
	}
	if len(proof) == 1 {
		c.Proof = proof[0]
	}
	if len(authorization) == 1 {
		return c.authorization(authorization[0])
	}
	value, offered, err := g.cookie(d, r)
	switch {
	case err != nil:
		return c, err
	case offered && len(key) == 1:
		return c, badRequest("The request offers both a session cookie and an API key. Send exactly one credential.")
	case offered:
		c.Scheme, c.Value = SchemeCookie, value
	case len(key) == 1:
		c.Scheme, c.Value = SchemeAPIKey, key[0]
	case c.Peer != nil || bad != nil:
		c.Scheme = SchemeCertificate
		return c, bad
	default:
		return c, ErrNoCredential
	}
	if !plausible(c.Value) {
		return c, errMalformed
	}
	return c, nil
}

// peer returns the certificate that the client of r offered, nil if it offered none.
func (g *Gate) peer(r *http.Request) (*x509.Certificate, error) {
	if g.Peer == nil {
		return VerifiedPeer(r), nil
	}
	c, err := g.Peer(r)
	if err != nil && !errors.Is(err, ErrInvalidCredential) {
		err = unavailable(fmt.Errorf("reading client certificate: %w", err))
	}
	return c, err
}

// VerifiedPeer returns the leaf of the client chain that TLS has verified, nil if
// there is none: one that was not asked for a verified chain does not count.
func VerifiedPeer(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// shown returns the certificate whose key the client of r has proved to have. Whoever
// reads peer from elsewhere does not take the connection's for the client's.
func (g *Gate) shown(r *http.Request, peer *x509.Certificate) *x509.Certificate {
	switch {
	case g.Shown != nil:
		return g.Shown(r)
	case g.Peer != nil:
		return peer
	}
	return ShownPeer(r)
}

// ShownPeer returns the certificate that the client of the connection has the key of,
// nil if it has shown none. Nobody may have signed it.
func ShownPeer(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return VerifiedPeer(r)
	}
	return r.TLS.PeerCertificates[0]
}

// Thumbprint returns what a token is bound to that only the holder of the client
// certificate may use (RFC 8705 §3.1, x5t#S256), "" without a certificate.
func (c *Credential) Thumbprint() string { return Thumbprint(cmp.Or(c.Shown, c.Peer)) }

// Thumbprint returns the x5t#S256 of a certificate (RFC 8705 §3.1), "" of none.
func Thumbprint(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// errMalformed is a 401: the client meant to authenticate and failed to.
var errMalformed = invalidCredential("malformed")

// authorization fills in what the Authorization header offers. The schemes that
// stand for other places of a request are not taken from it: a "certificate"
// there would be one that nobody has verified.
func (c Credential) authorization(header string) (Credential, error) {
	scheme, value, _ := strings.Cut(header, " ")
	switch scheme = lower(scheme); scheme {
	case "", SchemeCookie, SchemeAPIKey, SchemeCertificate:
		return c, errMalformed
	}
	c.Scheme, c.Value = scheme, strings.TrimLeft(value, " ")
	if !plausible(c.Scheme) || !plausible(c.Value) || c.Proof != "" && !plausible(c.Proof) {
		return c, errMalformed
	}
	return c, nil
}

// lower spares the usual spelling an allocation.
func lower(scheme string) string {
	if scheme == "Bearer" {
		return SchemeBearer
	}
	return strings.ToLower(scheme)
}

// plausible reports whether v can be a credential at all: printable ASCII of a
// bounded length. Garbage ends here, before anybody parses it.
func plausible(v string) bool {
	if v == "" || len(v) > maxCredential {
		return false
	}
	for len(v) >= 8 {
		if !printable(word(v)) {
			return false
		}
		v = v[8:]
	}
	for i := range len(v) {
		if v[i] < 0x20 || v[i] > 0x7e {
			return false
		}
	}
	return true
}

// word is the first 8 bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// printable reports whether all 8 bytes of w are in 0x20 to 0x7e, all at once:
// tokens are long. With the top bit of a byte clear, adding 1 sets it only for
// 0x7f; with it set, taking 0x20 away clears it only for less than 0x20.
func printable(w uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return (w|(w+ones)|^((w|tops)-0x20*ones))&tops == 0
}

// cookie returns the session cookie, unless the door reads none. Two cookies of
// that name mean that somebody planted one: neither counts.
func (g *Gate) cookie(d *Door, r *http.Request) (value string, offered bool, err error) {
	if d.noCookie {
		return "", false, nil
	}
	name := g.CookieName()
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			v, ok := cookieValue(pair, name)
			switch {
			case ok && offered:
				return "", true, invalidCredential("two session cookies")
			case ok:
				value, offered = v, true
			}
		}
	}
	return value, offered, nil
}

// cookieValue returns the value of a cookie-pair (RFC 6265 §4.2.1) of that name,
// and false if it is another's or cannot be one. It reads what
// [http.Request.CookiesNamed] reads, without the memory.
func cookieValue(pair, name string) (value string, ok bool) {
	key, value, _ := strings.Cut(textproto.TrimString(pair), "=")
	if textproto.TrimString(key) != name {
		return "", false
	}
	if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	for _, c := range []byte(value) {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return "", false
		}
	}
	return value, true
}

// queryOffersToken parses the query only where it may hold the parameter.
func queryOffersToken(u *url.URL) bool {
	if !strings.Contains(u.RawQuery, "token") && !strings.Contains(u.RawQuery, "%") {
		return false
	}
	return u.Query().Has("access_token")
}

// requestPath is the path that the client asked for, before any StripPrefix,
// and as it was escaped.
func requestPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath()
}
