package authz_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

type post struct{ id, author, state string }

var posts = sallyport.TypeOf("Post", func(p *post) string { return p.id })

var errDown = errors.New("database is down")

// authorMay permits the author everything but pinning, and cannot tell about
// posts that are stuck.
func authorMay(_ context.Context, p *sallyport.Principal, action string, o *post) (bool, error) {
	if o.state == "stuck" {
		return true, errDown
	}
	return p.Subject != "" && o.author == p.Subject && action != "post:pin", nil
}

func publicMay(_ context.Context, _ *sallyport.Principal, action string, o *post) (bool, error) {
	return action == "post:read" && o.state == "public", nil
}

func policy(t testing.TB) *authz.Policy {
	p := authz.New(authz.Permit(posts, authorMay), authz.Permit(posts, publicMay).Named("public posts"))
	p.Swap(compile(t, board))
	return p
}

func user(roles string, scopes []string) *sallyport.Principal {
	return &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Roles: split(roles), Scopes: scopes}
}

func TestDecide(t *testing.T) {
	other := sallyport.TypeOf("Post", func(p *post) string { return p.id })
	mine, theirs := posts.Of(&post{author: "ann"}), posts.Of(&post{author: "bob"})
	public, stuck := posts.Of(&post{state: "public"}), posts.Of(&post{state: "stuck"})
	anonymous := &sallyport.Principal{}
	for _, c := range []struct {
		it     string
		who    *sallyport.Principal
		action string
		on     sallyport.Resource
		rule   string // that permits; "" = denied
		scope  string // that is missing
	}{
		{"a role permits", user("member", nil), "post:read", theirs, "role member", ""},
		{"the first role that permits is named", user("guest,chief,member", nil), "post:read", theirs, "role chief", ""},
		{"no role permits", user("member", nil), "post:delete", theirs, "", ""},
		{"a permit permits", user("", nil), "post:delete", mine, "permit Post", ""},
		{"a permit may be the second", user("", nil), "post:read", public, "public posts", ""},
		{"roles are asked before permits", user("moderator", nil), "post:delete", stuck, "role moderator", ""},
		{"a permit looks at the action", user("", nil), "post:pin", mine, "", ""},
		{"a permit is not asked without an object", user("", nil), "post:delete", sallyport.Resource{}, "", ""},
		{"nor about an object of another type of the same name", user("", nil), "post:delete", other.Of(&post{author: "ann"}), "", ""},
		{"a scope permits nothing by itself", user("", []string{"*"}), "post:delete", theirs, "", ""},
		{"a scope that is wide enough", user("member", []string{"post:*"}), "post:read", theirs, "role member", ""},
		{"a scope that is too narrow", user("member", []string{"post:create"}), "post:read", theirs, "", "post:read"},
		{"an empty scope", user("member", []string{}), "post:read", theirs, "", "post:read"},
		{"a scope binds permits too", user("", []string{"openid"}), "post:delete", mine, "", "post:delete"},
		{"more than the scope is missing", user("member", []string{"post:read"}), "post:delete", theirs, "", ""},
		{"anonymous has no roles, whatever it claims", &sallyport.Principal{Roles: []string{"admin"}}, "post:read", theirs, "", ""},
		{"anonymous passes by a permit", anonymous, "post:read", public, "public posts", ""},
		{"anonymous does not pass without", anonymous, "post:delete", public, "", ""},
		{"an unknown role", user("nobody", nil), "post:read", theirs, "", ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			d, err := policy(t).Decide(t.Context(), sallyport.Query{Principal: c.who, Action: c.action, Resource: c.on})
			if err != nil {
				t.Fatal(err)
			}
			if d.Allow != (c.rule != "") || d.Allow && d.Rule != c.rule {
				t.Errorf("Allow = %v by %q, want %q", d.Allow, d.Rule, c.rule)
			}
			if scope := missing(d); scope != c.scope {
				t.Errorf("missing scope %q, want %q", scope, c.scope)
			}
		})
	}
}

func missing(d sallyport.Decision) string {
	if d.Need == nil {
		return ""
	}
	return d.Need.Scope
}

func TestDecideCannotTell(t *testing.T) {
	for _, c := range []struct {
		it     string
		who    *sallyport.Principal
		action string
		on     sallyport.Resource
		want   string
	}{
		{"when a permit cannot", user("", nil), "post:delete", posts.Of(&post{state: "stuck"}), "permit Post: database is down"},
		{"when a permit cannot and the scope is missing", user("", []string{}), "post:delete", posts.Of(&post{state: "stuck"}), "database is down"},
		{"when the action is malformed", user("admin", nil), "delete", sallyport.Resource{}, `action "delete"`},
		{"when the action is a pattern", user("admin", nil), "post:*", sallyport.Resource{}, `action "post:*"`},
	} {
		t.Run(c.it, func(t *testing.T) {
			d, err := policy(t).Decide(t.Context(), sallyport.Query{Principal: c.who, Action: c.action, Resource: c.on})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %s", err, c.want)
			}
			if d != (sallyport.Decision{}) {
				t.Errorf("decision %+v beside an error", d)
			}
		})
	}
	_, err := policy(t).Decide(t.Context(), sallyport.Query{Principal: user("", nil), Action: "post:delete", Resource: posts.Of(&post{state: "stuck"})})
	if !errors.Is(err, errDown) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestThePanicOfAPermitIsNotSwallowed(t *testing.T) {
	p := authz.New(authz.Permit(posts, func(context.Context, *sallyport.Principal, string, *post) (bool, error) { panic("bug") }))
	defer func() {
		if v := recover(); v != "bug" {
			t.Errorf("recovered %v", v)
		}
	}()
	p.Decide(t.Context(), sallyport.Query{Principal: user("", nil), Action: "post:delete", Resource: posts.Of(&post{})})
}

func TestTheZeroPolicyDenies(t *testing.T) {
	var p authz.Policy
	d, err := p.Decide(t.Context(), sallyport.Query{Principal: user("admin", nil), Action: "post:read", Resource: posts.Of(&post{author: "ann"})})
	if d != (sallyport.Decision{}) || err != nil {
		t.Errorf("Decide = %+v, %v", d, err)
	}
}

func TestMistakesOfTheProgrammerPanic(t *testing.T) {
	for it, f := range map[string]func(){
		"a permit without a function": func() { authz.Permit[post](posts, nil) },
		"a permit without a type":     func() { authz.Permit[post](nil, authorMay) },
		"a zero rule":                 func() { authz.New(authz.Rule{}) },
	} {
		t.Run(it, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestReload(t *testing.T) {
	p := policy(t)
	query := sallyport.Query{Principal: user("member", nil), Action: "post:read"}
	reading := func(roles []authz.Role, err error) func(context.Context) ([]authz.Role, error) {
		return func(context.Context) ([]authz.Role, error) { return roles, err }
	}
	for _, c := range []struct {
		it    string
		roles []authz.Role
		err   error
		ok    bool
		allow bool
	}{
		{"definitions that cannot be read change nothing", nil, errDown, false, true},
		{"definitions that do not compile change nothing", []authz.Role{{Name: "member"}, {Name: "member"}}, nil, false, true},
		{"a permission that is taken away is gone", []authz.Role{{Name: "member"}}, nil, true, false},
		{"a permission that is given back is there", board, nil, true, true},
		{"without roles nobody may", nil, nil, true, false},
	} {
		if err := p.Reload(t.Context(), reading(c.roles, c.err)); (err == nil) != c.ok || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.it, err)
		}
		if d, err := p.Decide(t.Context(), query); err != nil || d.Allow != c.allow {
			t.Errorf("%s: Allow = %v, %v", c.it, d.Allow, err)
		}
	}
}

func TestAnOlderReadingNeverReplacesANewerOne(t *testing.T) {
	var p authz.Policy
	var version atomic.Int64 // what is committed: role v<n> is there
	role := func(n int64) string { return fmt.Sprint("v", n) }
	read := func(context.Context) ([]authz.Role, error) {
		n := version.Load()
		runtime.Gosched() // a slow reader
		return []authz.Role{{Name: role(n)}}, nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				version.Add(1)
				if err := p.Reload(t.Context(), read); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if last := version.Load(); !p.Load().Has(role(last)) {
		t.Errorf("version %d is not in force", last)
	}
}

func TestReadersSeeWholeSnapshots(t *testing.T) {
	// In each of the two snapshots exactly one of the roles may.
	both := [2]*authz.Definitions{
		compile(t, []authz.Role{{Name: "a", Permissions: []string{"post:read"}}, {Name: "b"}}),
		compile(t, []authz.Role{{Name: "b", Permissions: []string{"post:*"}}, {Name: "a"}}),
	}
	var p authz.Policy
	p.Swap(both[0])
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			ab := sallyport.Query{Principal: user("a,b", nil), Action: "post:read"}
			for {
				select {
				case <-done:
					return
				default:
				}
				if d, err := p.Decide(t.Context(), ab); !d.Allow || err != nil {
					t.Errorf("neither role may: %+v, %v", d, err)
					return
				}
				if s := p.Load(); s.Allows([]string{"a"}, "post:read") == s.Allows([]string{"b"}, "post:read") {
					t.Error("a mixture of two snapshots")
					return
				}
			}
		})
	}
	for i := range 2000 {
		p.Swap(both[i&1])
	}
	close(done)
	readers.Wait()
}

func TestDecideDoesNotAllocate(t *testing.T) {
	most := 0.0
	if testenv.Race {
		most = 8 // what is pooled is made anew now and then
	}
	p := policy(t)
	for _, q := range []sallyport.Query{
		{Principal: user("chief", []string{"post:*"}), Action: "post:pin", Resource: posts.Of(&post{})},
		{Principal: user("", nil), Action: "post:delete", Resource: posts.Of(&post{author: "ann"})},
		{Principal: user("member", nil), Action: "post:delete", Resource: posts.Of(&post{author: "bob"})},
	} {
		if n := testing.AllocsPerRun(100, func() { p.Decide(t.Context(), q) }); n > most {
			t.Errorf("%s: %v allocations", q.Action, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p := policy(b)
	p.Swap(compile(b, append(rules(10000)[:10000], board...)))
	for _, c := range []struct {
		it string
		q  sallyport.Query
	}{
		{"role", sallyport.Query{Principal: user("member", nil), Action: "post:read", Resource: posts.Of(&post{})}},
		{"role-and-scope", sallyport.Query{Principal: user("member", []string{"post:*"}), Action: "post:read", Resource: posts.Of(&post{})}},
		{"owner", sallyport.Query{Principal: user("member", nil), Action: "post:delete", Resource: posts.Of(&post{author: "ann"})}},
		{"denied", sallyport.Query{Principal: user("member", nil), Action: "post:delete", Resource: posts.Of(&post{author: "bob"})}},
	} {
		b.Run(c.it, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Decide(b.Context(), c.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
