package authz_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/authz"
)

func TestScopeAllows(t *testing.T) {
	for _, c := range []struct {
		it     string
		scopes []string
		action string
		want   bool
	}{
		{"a credential without scopes is not limited", nil, "post:read", true},
		{"an empty list allows nothing", []string{}, "post:read", false},
		{"the action itself", []string{"post:read"}, "post:read", true},
		{"another action", []string{"post:read"}, "post:delete", false},
		{"every action on the kind", []string{"post:*"}, "post:delete", true},
		{"every action on another kind", []string{"post:*"}, "poster:delete", false},
		{"every action on a kind that is a beginning", []string{"po:*"}, "post:delete", false},
		{"everything", []string{"*"}, "post:delete", true},
		{"any of several", []string{"openid", "user:read", "post:delete"}, "post:delete", true},
		{"a scope that is no permission matches nothing", []string{"openid", "profile"}, "post:read", false},
		{"a scope that is no permission does not match itself", []string{"openid"}, "openid", false},
		{"a malformed scope", []string{":*", "post", "post:", "Post:*", "*:*", "post:r*"}, "post:read", false},
		{"a pattern is no action", []string{"post:*", "*"}, "post:*", false},
		{"everything is no action", []string{"*"}, "*", false},
		{"no action", []string{"*"}, "", false},
		{"a malformed action", []string{"*", ":*", ":x"}, ":x", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := authz.ScopeAllows(c.scopes, c.action); got != c.want {
				t.Errorf("ScopeAllows(%q, %q) = %v", c.scopes, c.action, got)
			}
		})
	}
}

func TestScopeCovers(t *testing.T) {
	for _, c := range []struct {
		it           string
		holder, want []string
		covers       bool
	}{
		{"who is not limited hands out anything", nil, []string{"post:*", "openid"}, true},
		{"who is not limited hands out no limit", nil, nil, true},
		{"who is limited does not hand out no limit", []string{"*"}, nil, false},
		{"nothing is covered by nothing", []string{}, []string{}, true},
		{"something is not covered by nothing", []string{}, []string{"post:read"}, false},
		{"one by its pattern", []string{"post:*"}, []string{"post:read", "post:delete"}, true},
		{"a pattern is not covered by one of its actions", []string{"post:read"}, []string{"post:*"}, false},
		{"a pattern by everything", []string{"*"}, []string{"post:*"}, true},
		{"all but one", []string{"post:*"}, []string{"post:read", "user:read"}, false},
		{"what is no permission, by itself", []string{"openid", "post:read"}, []string{"openid"}, true},
		{"what is no permission, not by everything", []string{"*"}, []string{"openid"}, false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := authz.ScopeCovers(c.holder, c.want); got != c.covers {
				t.Errorf("ScopeCovers(%q, %q) = %v", c.holder, c.want, got)
			}
		})
	}
}

func TestScopeAllowsDoesNotAllocate(t *testing.T) {
	scopes := []string{"openid", "user:read", "post:*"}
	if n := testing.AllocsPerRun(100, func() { authz.ScopeAllows(scopes, "post:delete") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScope(b *testing.B) {
	scopes := []string{"openid", "user:read", "post:*"}
	b.ReportAllocs()
	for b.Loop() {
		if !authz.ScopeAllows(scopes, "post:delete") {
			b.Fatal("refused")
		}
	}
}
