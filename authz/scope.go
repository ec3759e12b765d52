package authz

import (
	"slices"
	"strings"
)

// ScopeAllows reports whether a credential limited to scopes may be used for
// action. It never permits anything by itself. nil means not limited, an empty
// list means nothing. A scope is written like a permission; one that is not,
// such as "openid", matches no action, and neither does any scope match an
// action that is a pattern or malformed.
func ScopeAllows(scopes []string, action string) bool {
	if scopes == nil {
		return true
	}
	if _, ok := kindOf(action); !ok {
		return false
	}
	for _, s := range scopes {
		if s == "*" || s == action {
			return true
		}
		if prefix, ok := strings.CutSuffix(s, ":*"); ok && len(prefix) < len(action) && action[len(prefix)] == ':' && action[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// ScopeCovers reports whether somebody limited to the scopes in holder may hand
// out the scopes in want: each must be covered by one of the holder's, or, if it
// is not written like a permission, be among them. nil means not limited, which
// only a holder who is not limited covers.
func ScopeCovers(holder, want []string) bool {
	if holder == nil {
		return true
	}
	if want == nil {
		return false
	}
	for _, s := range want {
		if !slices.Contains(holder, s) && !coveredByAny(holder, s) {
			return false
		}
	}
	return true
}

func coveredByAny(holder []string, s string) bool {
	want, err := ParsePermission(s)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(holder, func(h string) bool {
		p, err := ParsePermission(h)
		return err == nil && p.Covers(want)
	})
}
