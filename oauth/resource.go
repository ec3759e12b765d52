package oauth

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// A Resource is a service that tokens can be for (RFC 8707): their audience. Times have
// millisecond precision.
type Resource struct {
	URI    string    `json:"resource"`
	Name   string    `json:"name"`                  // that people read
	Alg    token.Alg `json:"signing_alg,omitempty"` // of its access tokens; "" = as the settings have it
	Scopes []Scope   `json:"scopes"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// A Scope is what a token may be good for at a resource.
type Scope struct {
	Name string `json:"scope"`
	Says string `json:"description"` // for people who are asked for it: "to read your notes"
}

// Says returns the words for a scope; "" if the resource has none.
func (r *Resource) Says(scope string) string {
	for _, s := range r.Scopes {
		if s.Name == scope {
			return s.Says
		}
	}
	return ""
}

// Named returns the names of its scopes.
func (r *Resource) Named() (names []string) {
	for _, s := range r.Scopes {
		names = append(names, s.Name)
	}
	return names
}

// maxSays bounds the words for a scope, in characters.
const maxSays = 200

// Check reports the first mistake: a *FieldError.
func (r *Resource) Check() error {
	if err := CheckResource(r.URI); err != nil {
		return wrong("resource", "%v", err)
	}
	if strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > maxName || !plain(r.Name) {
		return wrong("name", "must be plain text of 1 to %d characters: it is what people read", maxName)
	}
	switch r.Alg {
	case "", token.EdDSA, token.ES256, token.RS256, token.PS256:
	default:
		return wrong("signing_alg", "must be EdDSA, ES256, RS256 or PS256")
	}
	if len(r.Scopes) > maxList {
		return wrong("scopes", "holds more than %d", maxList)
	}
	seen := map[string]bool{}
	for _, s := range r.Scopes {
		switch {
		case !validToken(s.Name):
			return wrong("scopes", "holds %q, which is no scope", s.Name)
		case Standard(s.Name):
			return wrong("scopes", "holds %s, which is one of OpenID Connect: the words for it are there", s.Name)
		case seen[s.Name]:
			return wrong("scopes", "holds %q twice", s.Name)
		case strings.TrimSpace(s.Says) == "" || utf8.RuneCountInString(s.Says) > maxSays || !plain(s.Says):
			return wrong("scopes", "says nothing plain of %s: describe it in 1 to %d characters", s.Name, maxSays)
		}
		seen[s.Name] = true
	}
	return nil
}

// Text returns every text of the resource, for a store that must refuse some.
func (r *Resource) Text() []string {
	all := []string{r.URI, r.Name, string(r.Alg)}
	for _, s := range r.Scopes {
		all = append(all, s.Name, s.Says)
	}
	return all
}

// Resources keeps definitions of resources within one transaction.
type Resources interface {
	ByURI(ctx context.Context, uri string) (Resource, error) // ErrNoResource
	// Put writes the resource of that URI in place of the one that was updated at that
	// time last, whose CreatedAt stays; zero = there is none yet. ErrChanged if it is not
	// so. UpdatedAt moves on by a millisecond at least.
	Put(ctx context.Context, r Resource, was time.Time) error
	Delete(ctx context.Context, uri string) (bool, error)
	// List returns resources in order of URI, those after a given one; limit 0 = all.
	List(ctx context.Context, after string, limit int) ([]Resource, error)
	// Algs returns what their access tokens are signed with, each once.
	Algs(ctx context.Context) ([]token.Alg, error)
}

// ErrNoResource means that there is no such resource, or no longer.
var ErrNoResource = errors.New("there is no such resource")
