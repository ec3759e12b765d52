package authz

import (
	"fmt"
	"strings"
)

// maxName bounds a role's name and each half of a permission, in bytes.
const maxName = 64

// A Permission is one action, such as "post:delete", or a pattern for many:
// "post:*" is every action on posts, also those that nobody has named yet, and
// "*" is every action. The zero Permission is none.
type Permission struct {
	kind string // "post"; "*" for everything
	verb string // "delete" or "*"; empty for everything
}

// ParsePermission reads "kind:verb", "kind:*" or "*", and nothing else. A kind
// and a verb have 1 to 64 characters: lower-case letters, digits and, after the
// first character, "-", "_" and ".".
func ParsePermission(s string) (Permission, error) {
	if s == "*" {
		return Permission{kind: "*"}, nil
	}
	kind, verb, _ := strings.Cut(s, ":")
	if !isName(kind) || verb != "*" && !isName(verb) {
		return Permission{}, fmt.Errorf(`permission %.140q is not written like "post:delete", "post:*" or "*", in lower case`, s)
	}
	return Permission{kind, verb}, nil
}

// String returns what [ParsePermission] reads; "" for the zero Permission.
func (p Permission) String() string {
	if p.verb == "" {
		return p.kind
	}
	return p.kind + ":" + p.verb
}

// Covers reports whether p permits all that want does. The zero Permission
// covers nothing and nothing covers it.
func (p Permission) Covers(want Permission) bool {
	if want.kind == "" || p.kind == "" {
		return false
	}
	return p.kind == "*" || p.kind == want.kind && (p.verb == "*" || p.verb == want.verb)
}

// IsPattern reports whether p ends in "*" and so is no action that a query can
// ask for.
func (p Permission) IsPattern() bool { return p.verb == "*" || p.kind == "*" }

// CheckRoleName returns an error unless name can be a role's: 1 to 64
// characters, lower-case letters, digits and, after the first character, "-",
// "_" and ".".
func CheckRoleName(name string) error {
	if !isName(name) {
		return fmt.Errorf("role name %.80q is not made of 1 to %d lower-case letters, digits and (not first) dots, dashes and underscores", name, maxName)
	}
	return nil
}

// kindOf returns the kind of a well-formed action that is no pattern.
func kindOf(action string) (kind string, ok bool) {
	kind, verb, _ := strings.Cut(action, ":")
	return kind, isName(kind) && isName(verb)
}

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return false
		}
	}
	return true
}
