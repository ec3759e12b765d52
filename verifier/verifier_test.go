package verifier_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/verifier"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name string
		in   verifier.Config
		want string
	}{
		{"nothing", verifier.Config{}, "Config.Issuer is missing"},
		{"no key", verifier.Config{Issuer: "https://id.example.com"}, "Config.Key is missing"},
		{"no host", verifier.Config{Issuer: "id.example.com", Key: "k"}, "must be a URL with a host"},
		{"a query", verifier.Config{Issuer: "https://id.example.com/?a=b", Key: "k"}, "must be a URL with a host"},
		{"another scheme", verifier.Config{Issuer: "ftp://id.example.com", Key: "k"}, "must be https"},
		{"plain http over the network", verifier.Config{Issuer: "http://id.example.com", Key: "k"}, "for loopback only"},
		{"a negative bound", verifier.Config{Issuer: "https://id.example.com", Key: "k", Bound: -1}, "Config.Bound"},
		{"a bound in which nothing need be said", verifier.Config{Issuer: "https://id.example.com", Key: "k", Bound: time.Second}, "2 s or more"},
		{"two ways to be stale", verifier.Config{Issuer: "https://id.example.com", Key: "k", Introspect: true, InsecureServeStale: true}, "exclude each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := verifier.Open(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v, want %q", err, c.want)
			}
		})
	}
}

func TestAServiceObeysTheIssuer(t *testing.T) {
	in := install(t)
	ann := in.user("ann")
	s := in.service()
	token := in.signIn("ann", "").Tokens.Access

	for _, c := range []struct {
		name, path, token string
		want              int
	}{
		{"no token", "/whoami", "", 401},
		{"garbage", "/whoami", "garbage", 401},
		{"one letter changed", "/whoami", strings.Replace(token, ".", ".e", 1), 401},
		{"a good token", "/whoami", token, 200},
		{"a good token, and the role permits it", "/notes", token, 200},
		{"a good token without the permission", "/reports", token, 403},
		{"an API key, which this service does not take", "/whoami", in.key, 401},
	} {
		if got := s.get(c.path, c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}

	assign := func(role string) {
		t.Helper()
		in.must(in.Accounts.Assign(t.Context(), ann, role, "", account.Origin{}))
	}
	assign("analyst")
	s.want(in, "/reports", token, 200) // on the token that was issued before
	in.must(in.Accounts.Unassign(t.Context(), ann, "analyst", "", account.Origin{}))
	s.want(in, "/reports", token, 403)
	s.want(in, "/notes", token, 200)

	in.must(in.Accounts.PutRole(t.Context(), authz.Role{Name: "member", Permissions: []string{"report:read"}}, nil, account.Origin{}))
	s.want(in, "/reports", token, 200) // the definition of a role that the token has
	s.want(in, "/notes", token, 403)

	in.must(in.Accounts.Disable(t.Context(), ann, account.Origin{}))
	s.want(in, "/whoami", token, 401)
	in.must(in.Accounts.Enable(t.Context(), ann, account.Origin{}))
	s.want(in, "/whoami", token, 401)
	token = in.signIn("ann", "").Tokens.Access
	s.want(in, "/whoami", token, 200)

	out := in.signIn("ann", "")
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, ann, account.Origin{}))
	s.want(in, "/whoami", out.Tokens.Access, 401)
	s.want(in, "/whoami", token, 200)

	for _, key := range in.Keyring.Keys().Load().Rows() {
		_, err := in.Keyring.Revoke(t.Context(), key.KID, account.Origin{}.Entry("key.revoke", key.KID, time.Now()))
		in.must(err)
	}
	s.want(in, "/whoami", token, 401)
}

func TestRulesOfTheIssuerDecideHere(t *testing.T) {
	in := install(t)
	in.user("ann")
	s := in.service()
	token := in.signIn("ann", "").Tokens.Access
	publish := func(text string, current int64) {
		t.Helper()
		v := authz.Version{Schema: `entity Report; action "report:read" appliesTo { principal: [User], resource: [Report] };`}
		v.Files = append(v.Files, ruleFile("reports.cedar", text))
		_, err := in.Accounts.PublishPolicy(t.Context(), v, current, func(authz.Version) error { return nil }, account.Origin{})
		in.must(err)
	}
	s.want(in, "/reports", token, 403)
	publish(`permit (principal is User, action == Action::"report:read", resource);`, 0)
	s.want(in, "/reports", token, 200)
	publish(`forbid (principal, action == Action::"report:read", resource);`, 1)
	s.want(in, "/reports", token, 403)
	if v := s.Health().PolicyVersion; v != 2 {
		t.Errorf("version %d is in force", v)
	}
}

func TestWhoMayNotReadTheFeedIsToldSo(t *testing.T) {
	in := install(t)
	for _, c := range []struct {
		name, key, want string
	}{
		{"no key of ours", "sp_live_nonsense", "401"},
		{"a key of somebody without the permission", in.apiKey(in.user("eve"), "revocation:read"), "403"},
		{"a key without the scope", in.apiKey(in.user("bob", "service"), "note:read"), "insufficient_scope"},
	} {
		_, err := verifier.Open(t.Context(), verifier.Config{Issuer: in.URL, Key: c.key, Log: quiet})
		if !errors.Is(err, revoke.ErrNotEntitled) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

const shortest = 2 * time.Second // that a bound may be

func TestAServiceFailsClosedAtTheBound(t *testing.T) {
	in := install(t)
	in.user("ann")
	s := in.service(func(c *verifier.Config) { c.Bound = shortest })
	stale := in.service(func(c *verifier.Config) { c.Bound, c.InsecureServeStale = shortest, true })
	token := in.signIn("ann", "").Tokens.Access
	s.want(in, "/whoami", token, 200)
	stale.want(in, "/whoami", token, 200)

	in.down.Store(true)
	in.http.CloseClientConnections()
	await(t, func() bool { return s.get("/whoami", token) == 503 })
	if err := s.Ready(); !errors.Is(err, revoke.ErrStale) || !strings.Contains(err.Error(), "502") {
		t.Errorf("Ready = %v", err)
	}
	if h := s.Health(); h.Fresh || h.Age < shortest || h.Err == nil {
		t.Errorf("Health = %+v", h)
	}
	await(t, func() bool { return stale.Health().Age >= shortest }) // it may have heard a beat more
	if got := stale.get("/whoami", token); got != 200 {
		t.Errorf("a service that was told to go on says %d", got)
	}
	if h := stale.Health(); h.Age < shortest || h.Err == nil {
		t.Errorf("Health = %+v", h)
	}
	if !s.log.holds("revocation feed was lost") {
		t.Errorf("the log says\n%s", s.log)
	}
	in.down.Store(false)
	await(t, func() bool { return s.get("/whoami", token) == 200 })
}

// await waits for what happens by itself.
func await(t testing.TB, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Fatal("it does not happen")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestMetrics(t *testing.T) {
	in := install(t)
	s := in.service()
	w := recorder()
	s.Metrics(w, nil)
	for _, line := range []string{"sallyport_verifier_fresh 1", "sallyport_verifier_feed_up 1", "# TYPE sallyport_verifier_cursor gauge", "policies_refused_total 0"} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("no %q in\n%s", line, w.Body)
		}
	}
}
