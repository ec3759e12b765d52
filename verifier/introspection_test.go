package verifier_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/verifier"
)

func TestAPIKeysAreAskedAboutOnce(t *testing.T) {
	in := install(t)
	ann := in.user("ann", "analyst")
	s := in.service(func(c *verifier.Config) { c.APIKeys = true })
	key := in.apiKey(ann, "report:read")
	narrow := in.apiKey(ann, "note:read")

	for _, c := range []struct {
		name, path, key string
		want            int
	}{
		{"a key whose scope reaches", "/reports", key, 200},
		{"a key whose scope does not", "/reports", narrow, 403},
		{"no key of anybody", "/whoami", "sp_live_nonsense", 401},
		{"one letter changed", "/whoami", key[:len(key)-1] + other(key[len(key)-1]), 401},
	} {
		if got := s.do(c.path, "X-API-Key", c.key).Code; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := s.get(c.path, c.key); got != c.want {
			t.Errorf("%s, as a bearer token: %d, want %d", c.name, got, c.want)
		}
	}

	// It is remembered, and dropped when the feed says so.
	in.asked.Store(0)
	for range 10 {
		s.want(in, "/reports", key, 200)
	}
	if n := in.asked.Load(); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
	in.must(in.Accounts.Unassign(t.Context(), ann, "analyst", "", account.Origin{}))
	s.want(in, "/reports", key, 403)
	in.must(in.Accounts.Assign(t.Context(), ann, "analyst", "", account.Origin{}))
	s.want(in, "/reports", key, 200)
	keys, err := in.Accounts.Keys(t.Context(), ann)
	in.must(err)
	for _, k := range keys {
		in.must(in.Accounts.RevokeKey(t.Context(), k.ID, ann, account.Origin{}))
	}
	s.want(in, "/reports", key, 401)

	in.down.Store(true)
	if got := s.get("/whoami", in.apiKey(ann, "note:read")); got != 503 {
		t.Errorf("a key that nobody can tell of: %d", got)
	}
}

// other is another letter.
func other(c byte) string {
	if c == 'x' {
		return "y"
	}
	return "x"
}

func TestWhileTheFeedIsCutOffTheIssuerIsAsked(t *testing.T) {
	in := install(t)
	ann := in.user("ann")
	s := in.service(func(c *verifier.Config) { c.Bound, c.Introspect = shortest, true })
	out := in.signIn("ann", "")
	s.want(in, "/whoami", out.Tokens.Access, 200)

	in.silent.Store(true) // the feed alone
	in.http.CloseClientConnections()
	await(t, func() bool { return s.Ready() != nil })
	for _, c := range []struct {
		name, token string
		want        int
	}{
		{"a good token", out.Tokens.Access, 200},
		{"garbage", "garbage", 401},
		{"a token of another issuer's key", out.Tokens.Access[:len(out.Tokens.Access)-4] + "AAAA", 401},
	} {
		if got := s.get("/whoami", c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	in.must(in.Accounts.EndSession(t.Context(), out.Session.ID, ann, account.Origin{}))
	if got := s.get("/whoami", out.Tokens.Access); got != 401 {
		t.Errorf("signed out: %d", got)
	}
	in.down.Store(true)
	if got := s.get("/whoami", out.Tokens.Access); got != 503 {
		t.Errorf("neither feed nor issuer: %d", got)
	}
}
