package forward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/revoke"
)

// What the program behind the proxy is told, in the form in which Go keeps names of
// headers. All but the token are in every answer, empty if there is nothing to say: so
// that a proxy which copies them puts them in the place of any that its client sent.
const (
	subjectHeader  = "X-Auth-Subject"
	usernameHeader = "X-Auth-Username"
	emailHeader    = "X-Auth-Email" // if it is verified
	rolesHeader    = "X-Auth-Roles" // of a credential that is not limited by scope
	scopesHeader   = "X-Auth-Scopes"
	orgHeader      = "X-Auth-Org"
	orgRolesHeader = "X-Auth-Org-Roles"
	sessionHeader  = "X-Auth-Session"
	tokenHeader    = "X-Auth-Token" // where a rule says so
)

// ours are the headers that nobody outside may send.
var ours = []string{
	subjectHeader, usernameHeader, emailHeader, rolesHeader, scopesHeader, orgHeader, orgRolesHeader, sessionHeader,
}

// unforged refuses a request that says of itself what only we may say, also in a
// spelling that some programs take for the same. The proxy overwrites what it was told to
// overwrite; this holds where it was told too little.
func unforged(r *http.Request, l *lane) error {
	for name := range r.Header {
		if len(name) < len("X-Auth-Org") || name[0] != 'X' || !strings.EqualFold(name[2:6], "auth") {
			continue
		}
		plain := http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
		for _, own := range ours {
			if plain == own {
				return unreadable("The request has a header " + own + ", which only the proxy may write.")
			}
		}
		if plain == tokenHeader && l.Token {
			return unreadable("The request has a header " + tokenHeader + ", which only the proxy may write.")
		}
	}
	return nil
}

// identify answers 200 with who it is.
func (h *Handler) identify(w http.ResponseWriter, r *http.Request, g *guard, l *lane) error {
	ctx := r.Context()
	p := sallyport.From(ctx)
	who, err := h.person(ctx, p)
	if err != nil {
		return err
	}
	token := ""
	if l.Token {
		if token, err = h.token(ctx, g, p); err != nil {
			return err
		}
	}
	roles, orgRoles := p.Roles, p.OrgRoles
	if limited(p) { // the program would take them for permission
		roles, orgRoles = nil, nil
	}
	values := [...]string{ // one allocation for all headers
		safe(p.Subject), safe(who.username), safe(who.email), list(roles, ","), list(p.Scopes, " "), safe(p.Org), list(orgRoles, ","), safe(p.Session),
		"no-store", token,
	}
	header := w.Header()
	for i, name := range ours {
		header[name] = values[i : i+1 : i+1]
	}
	header["Cache-Control"] = values[8:9:9]
	if l.Token {
		header[tokenHeader] = values[9:10:10]
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// limited reports whether a scope keeps p from doing all that its roles permit.
func limited(p *sallyport.Principal) bool { return p.Scopes != nil && !slices.Contains(p.Scopes, "*") }

// safe makes a text one that every proxy and program reads in the same way: visible
// ASCII, everything else percent-encoded.
func safe(s string) string {
	for i := range len(s) {
		if !visible(s[i]) {
			return encode(s)
		}
	}
	return s
}

func visible(c byte) bool { return c > ' ' && c <= '~' && c != '%' && c != ',' }

func encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; visible(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func list(items []string, separator string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return safe(items[0])
	}
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(safe(item))
	}
	return b.String()
}

// A person is what is told of a user beside their id.
type person struct {
	username, email string
}

// person reads what is told of p. An address that nobody has proved is nobody's name.
func (h *Handler) person(ctx context.Context, p *sallyport.Principal) (person, error) {
	if p.Kind != sallyport.User {
		return person{}, nil
	}
	return h.people.Find(p.Subject, func() (who person, ids revoke.IDs, until time.Time, err error) {
		ids, until = revoke.IDs{Subject: p.Subject}, time.Now().Add(remember)
		u, err := h.Accounts.User(ctx, p.Subject)
		if errors.Is(err, account.ErrNotFound) { // the subject of a certificate, or of another issuer
			return who, ids, until, nil
		}
		if err != nil {
			return who, ids, until, fmt.Errorf("reading user: %w", err)
		}
		who.username = u.Username
		if u.EmailVerified {
			who.email = u.Email
		}
		return who, ids, until, nil
	})
}

// tokenUse is how long a token is handed out again: it is never nearly over.
const tokenUse = 4

// token returns an access token of p's session for the origin of the host, "" if there
// is no session behind p or if p is limited.
func (h *Handler) token(ctx context.Context, g *guard, p *sallyport.Principal) (string, error) {
	if p.Session == "" || p.Scopes != nil { // who has no session, or less than that
		return "", nil
	}
	return h.tokens.Find([2]string{g.host, p.Session}, func() (token string, ids revoke.IDs, until time.Time, err error) {
		now := time.Now()
		token, life, err := h.Accounts.TokenFor(ctx, p, g.origin)
		if errors.Is(err, account.ErrNoSession) { // it has ended since the door was passed
			err = fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
		}
		if err != nil {
			return "", ids, until, err
		}
		return token, revoke.IDs{Subject: p.Subject, Session: p.Session, Org: p.Org}, now.Add(life / tokenUse), nil
	})
}
