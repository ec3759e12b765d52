package token

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Claims are what an access token says (RFC 9068 §2.2 and the claims of Sallyport). Times have whole seconds.
//
// Signing demands, and verifying too: Issuer, Subject, Audience, ClientID, Expiry, IssuedAt and ID, and no OrgRoles without Org.
type Claims struct {
	Issuer   string    // iss
	Subject  string    // sub
	Audience []string  // aud; one is written as a string, several as an array
	ClientID string    // client_id
	Expiry   time.Time // exp
	IssuedAt time.Time // iat
	ID       string    // jti

	NotBefore time.Time // nbf; zero = absent
	Rev       string    // rev: "logid.seq", the position in the revocation log that was read before anything was verified
	Session   string    // sid
	Grant     string    // gid
	Org       string    // org

	Scopes   []string // scope; nil = absent: not limited by scope. Empty = no scope at all
	Roles    []string // roles, everywhere; nil = absent
	OrgRoles []string // org_roles, for what belongs to Org; nil = absent
	AllRoles bool     // all_roles: Roles and OrgRoles are all roles of the subject, not a selection

	AuthTime time.Time // auth_time; zero = absent
	AMR      []string  // amr (RFC 8176)
	ACR      string    // acr

	JKT string // cnf.jkt: thumbprint of the key that the holder must prove (RFC 9449 §6.1); "" = none
	X5T string // cnf.x5t#S256: of the certificate that the holder must show (RFC 8705 §3.1); "" = none

	Act    *Actor   // act: who acts for the subject (RFC 8693 §4.1); nil = they themselves
	MayAct *Actor   // may_act: the only one who may exchange the token to act for the subject (§4.4); nil = not said
	From   []string // from: what the token hangs on beside its own ids, because it was exchanged for others; see Origins

	// KeyID is the id of the key that signed the token, from its header. A revoked key is found by it. Signing ignores it.
	KeyID string

	// SignWith is the algorithm that Keys signs with, for audiences without keys of their own; "" = the schedule's. Verifying leaves it empty.
	SignWith Alg

	// Opaque asks for a token that only the issuer can read: see OpaqueTokens. Signing ignores it, and verifying leaves it false.
	Opaque bool
}

var claimNames = []string{"iss", "sub", "aud", "client_id", "exp", "iat", "jti", "nbf", "rev", "sid", "gid", "org", "scope", "roles",
	"org_roles", "all_roles", "auth_time", "amr", "acr", "cnf", "act", "may_act", "from"}

// maxTime is the end of the year 9999. Later times are nonsense, and overflow somewhere downstream.
const maxTime = 253402300799

var (
	errIncomplete = errors.New("iss, sub, aud, client_id, exp, iat or jti is missing")
	errTimes      = errors.New("exp is not after iat, or a time is out of range")
	errScope      = errors.New("malformed scope")
	errNoOrg      = errors.New("org_roles without org")
	errEmptyAud   = errors.New("empty audience")
	errBound      = errors.New("token is bound to a key (cnf) in a way that nobody here can check")
)

// parse reads the payload of a token into c, which must be zero. It checks each claim alone, and that the required ones are there.
func (c *Claims) parse(payload string) error {
	if err := parseObject(payload, c.member); err != nil {
		return err
	}
	return c.complete()
}

func (c *Claims) complete() error {
	if c.Issuer == "" || c.Subject == "" || len(c.Audience) == 0 || c.ClientID == "" || c.ID == "" || c.Expiry.IsZero() || c.IssuedAt.IsZero() {
		return errIncomplete
	}
	if slices.Contains(c.Audience, "") {
		return errEmptyAud
	}
	if !c.Expiry.After(c.IssuedAt) {
		return errTimes
	}
	if c.OrgRoles != nil && c.Org == "" {
		return errNoOrg
	}
	return checkOrigins(c.From)
}

func (c *Claims) member(p *parser, name string) (err error) {
	switch name {
	case "iss":
		c.Issuer, err = p.str()
	case "sub":
		c.Subject, err = p.str()
	case "aud":
		c.Audience, err = p.audience()
	case "client_id":
		c.ClientID, err = p.str()
	case "exp":
		c.Expiry, err = p.time()
	case "iat":
		c.IssuedAt, err = p.time()
	case "jti":
		c.ID, err = p.str()
	case "nbf":
		c.NotBefore, err = p.time()
	case "rev":
		c.Rev, err = p.str()
	case "sid":
		c.Session, err = p.str()
	case "gid":
		c.Grant, err = p.str()
	case "org":
		c.Org, err = p.str()
	case "scope":
		c.Scopes, err = p.scope()
	case "roles":
		c.Roles, err = p.strings()
	case "org_roles":
		c.OrgRoles, err = p.strings()
	case "all_roles":
		c.AllRoles, err = p.boolean()
	case "auth_time":
		c.AuthTime, err = p.time()
	case "amr":
		c.AMR, err = p.strings()
	case "acr":
		c.ACR, err = p.str()
	case "cnf":
		err = p.object(c.confirmation)
	case "act":
		c.Act, err = p.actor(0)
	case "may_act":
		c.MayAct, err = p.actor(0)
	case "from":
		c.From, err = p.strings()
	default:
		if resembles(name, claimNames) {
			return errResembling
		}
		err = p.skip()
	}
	return err
}

// confirmation consumes a member of cnf. A key that is bound to in a way that nobody here can check must not pass for a bearer token
// (RFC 7800 §3).
func (c *Claims) confirmation(p *parser, name string) (err error) {
	field := map[string]*string{"jkt": &c.JKT, "x5t#S256": &c.X5T}[name]
	if field == nil {
		return errBound
	}
	if *field, err = p.str(); err == nil && *field == "" {
		err = errBound
	}
	return err
}

// audience consumes a string or an array of strings (RFC 7519 §4.1.3).
func (p *parser) audience() ([]string, error) {
	if p.peek() != '"' {
		list, err := p.strings()
		if err == nil && len(list) == 0 {
			err = errEmptyAud
		}
		return list, err
	}
	s, err := p.str()
	return []string{s}, err
}

// time consumes a NumericDate. RFC 7519 §2 allows fractions; issuers of access tokens have no use for them and two verifiers may
// round them differently, so they are refused.
func (p *parser) time() (time.Time, error) {
	n, err := p.integer(maxTime)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(n, 0).UTC(), nil
}

// scope consumes a space-separated list (RFC 6749 §3.3). The result is never nil.
func (p *parser) scope() ([]string, error) {
	s, err := p.str()
	if err != nil || s == "" {
		return []string{}, err
	}
	list := make([]string, 0, strings.Count(s, " ")+1)
	for t := range strings.SplitSeq(s, " ") {
		if !validScope(t) {
			return nil, errScope
		}
		list = append(list, t)
	}
	return list, nil
}

// validScope reports whether s is a scope-token: printable ASCII without space, quote and backslash.
func validScope(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// MarshalJSON returns the payload of a token. It fails unless the claims are complete, their times in range and their text valid:
// what it writes, the verifier reads.
func (c *Claims) MarshalJSON() ([]byte, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	w := claimWriter{b: append(make([]byte, 0, 512), '{')}
	w.text("iss", c.Issuer)
	w.text("sub", c.Subject)
	w.audience(c.Audience)
	w.text("client_id", c.ClientID)
	w.time("exp", c.Expiry)
	w.time("iat", c.IssuedAt)
	w.time("nbf", c.NotBefore)
	w.text("rev", c.Rev)
	w.text("sid", c.Session)
	w.text("gid", c.Grant)
	w.text("org", c.Org)
	w.scope(c.Scopes)
	w.list("roles", c.Roles)
	w.list("org_roles", c.OrgRoles)
	if c.AllRoles {
		w.b = append(w.b, `"all_roles":true,`...)
	}
	w.time("auth_time", c.AuthTime)
	w.list("amr", c.AMR)
	w.text("acr", c.ACR)
	if c.JKT != "" || c.X5T != "" {
		w.b = append(w.b, `"cnf":{`...)
		w.text("jkt", c.JKT)
		w.text("x5t#S256", c.X5T)
		w.b = append(w.b[:len(w.b)-1], '}', ',')
	}
	w.actor("act", c.Act, 0)
	w.actor("may_act", c.MayAct, 0)
	w.list("from", c.From)
	w.text("jti", c.ID) // last: what tells tokens apart at their ends is how a Cache finds them
	if w.err != nil {
		return nil, w.err
	}
	w.b[len(w.b)-1] = '}'
	return w.b, nil
}

// A claimWriter appends `"name":value,` and remembers the first error. The last comma becomes
// the closing brace.
type claimWriter struct {
	b   []byte
	err error
}

func (w *claimWriter) name(n string) {
	w.b = append(append(append(w.b, '"'), n...), '"', ':')
}

func (w *claimWriter) value(b []byte, err error) {
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	w.b = append(b, ',')
}

// text writes a claim unless it is empty.
func (w *claimWriter) text(name, s string) {
	if s != "" {
		w.name(name)
		w.value(appendString(w.b, s))
	}
}

// time writes a claim unless it is zero.
func (w *claimWriter) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	n := t.Unix()
	if n < 0 || n > maxTime {
		w.err = errTimes
		return
	}
	w.name(name)
	w.b = append(strconv.AppendInt(w.b, n, 10), ',')
}

// list writes a claim unless it is nil.
func (w *claimWriter) list(name string, l []string) {
	if l != nil {
		w.name(name)
		w.value(appendStrings(w.b, l))
	}
}

func (w *claimWriter) audience(aud []string) {
	if len(aud) == 1 {
		w.text("aud", aud[0])
		return
	}
	w.list("aud", aud)
}

// scope writes the claim unless it is nil; an empty list limits the token to nothing.
func (w *claimWriter) scope(scopes []string) {
	if scopes == nil {
		return
	}
	for _, s := range scopes {
		if !validScope(s) {
			w.err = errScope
			return
		}
	}
	w.name("scope")
	w.value(appendString(w.b, strings.Join(scopes, " ")))
}
