package oauth

import (
	"slices"
	"strings"
)

// MayIntrospect is the permission to ask what a token means.
const MayIntrospect = "token:introspect"

// Scopes of OpenID Connect Core 1.0 §5.4 and §11. Every other one is a permission, or a
// pattern of permissions, that bounds what the token may do.
const (
	OpenID  = "openid"
	Profile = "profile"
	Email   = "email"
	Phone   = "phone"
	Address = "address"
	Offline = "offline_access"
)

// Standard reports whether it is a scope of OpenID Connect: it lets a client know
// something, and do nothing.
func Standard(scope string) bool {
	switch scope {
	case OpenID, Profile, Email, Phone, Address, Offline:
		return true
	}
	return false
}

// ParseScope reads a list of scopes (RFC 6749 §3.3), each kept once and in order. It is
// never nil.
func ParseScope(s string) ([]string, error) {
	out := []string{}
	if s == "" {
		return out, nil
	}
	if len(s) > 4096 {
		return nil, Refuse(InvalidScope, "The scope is longer than 4096 bytes.")
	}
	for part := range strings.SplitSeq(s, " ") {
		if !validToken(part) {
			return nil, Refuse(InvalidScope, "The scope is malformed.")
		}
		if !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out, nil
}

// validToken is scope-token of RFC 6749 §3.3: printable ASCII without space, quote and
// backslash.
func validToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// Allowed returns the scopes that a client asks for, or an Error if one is not its to
// ask for.
func (c *Client) Allowed(scopes []string) ([]string, error) {
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) {
			return nil, Refuse(InvalidScope, "The client may not ask for the scope %s.", s)
		}
	}
	return scopes, nil
}

// Audiences returns the resources asked for, or an Error if one is not the client's to
// ask for (RFC 8707 §2). None asked for is the issuer.
func (c *Client) Audiences(issuer string, resources []string) ([]string, error) {
	if len(resources) == 0 {
		return []string{issuer}, nil
	}
	out := []string{}
	for _, r := range resources {
		if CheckResource(r) != nil || r != issuer && !slices.Contains(c.Resources, r) {
			return nil, Refuse(InvalidTarget, "The client may not ask for tokens for the resource %s.", r)
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Narrower returns what of a grant is asked for, all of it if nothing is, or an Error
// with that code if it asks for more (RFC 6749 §6).
func Narrower(code string, granted, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return granted, nil
	}
	for _, a := range asked {
		if !slices.Contains(granted, a) {
			return nil, Refuse(code, "%s was not granted.", a)
		}
	}
	return asked, nil
}

// Beyond returns what of asked is not in granted.
func Beyond(asked, granted []string) (more []string) {
	for _, a := range asked {
		if !slices.Contains(granted, a) {
			more = append(more, a)
		}
	}
	return more
}

// Within returns what of asked is in granted. It is never nil.
func Within(asked, granted []string) []string {
	both := []string{}
	for _, a := range asked {
		if slices.Contains(granted, a) {
			both = append(both, a)
		}
	}
	return both
}
