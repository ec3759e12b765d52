package account_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/revoke"
)

func TestAPIKeys(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann, bob := h.member().User, h.member().User
		expires := time.Now().Add(time.Hour)
		first, plain, err := h.CreateKey(t.Context(), ann.ID, account.NewKey{Name: "CI 🦔", Scopes: []string{"post:create", "post:*"}, ExpiresAt: expires}, origin(ann.ID))
		h.must(err)
		time.Sleep(2 * time.Millisecond) // newest first, to the millisecond
		second, _, err := h.CreateKey(t.Context(), ann.ID, account.NewKey{Name: "never expires", Scopes: []string{"*"}}, origin(ann.ID))
		h.must(err)
		if id, ok := apikey.Parse(plain); !ok || id != first.ID {
			t.Errorf("the key %q is not that of %s", plain, first.ID)
		}
		keys, err := h.Keys(t.Context(), ann.ID)
		h.must(err)
		if len(keys) != 2 || keys[0].ID != second.ID || !keys[0].ExpiresAt.IsZero() {
			t.Fatalf("listed %+v", keys)
		}
		k := keys[1]
		if k.Name != "CI 🦔" || !slices.Equal(k.Scopes, first.Scopes) || !k.CreatedAt.Equal(first.CreatedAt) || !k.ExpiresAt.Equal(first.ExpiresAt) ||
			!k.LastUsedAt.IsZero() || k.Last4 != plain[len(plain)-4:] || !strings.HasPrefix(expires.UTC().String(), k.ExpiresAt.UTC().Format("2006-01-02 15:04:05")) {
			t.Errorf("kept %+v of %+v", k, first)
		}
		es := h.audited("apikey.create", ann.ID)
		if len(es) != 2 || contains(es, plain) || !contains(es, first.ID) {
			t.Errorf("audited %+v", es)
		}

		for _, c := range []struct{ name, id, owner string }{
			{"somebody else's", first.ID, bob.ID}, {"one that is not there", strings.Repeat("0", 16), ann.ID}, {"NUL", "\x00", ann.ID}, {"nothing", "", ""},
		} {
			h.wants(h.RevokeKey(t.Context(), c.id, c.owner, origin("")), apikey.ErrNotFound, "revoking %s", c.name)
		}
		before := h.head()
		h.must(h.RevokeKey(t.Context(), first.ID, ann.ID, origin(ann.ID)))
		h.obeys("RevokeKey")
		if es := h.entries(before); len(es) != 1 || es[0].Effect != revoke.Kill || es[0].Kind != revoke.APIKey || es[0].ID != first.ID {
			t.Errorf("wrote %+v", es)
		}
		_, err = h.Key(t.Context(), first.ID)
		h.wants(err, apikey.ErrNotFound, "the key that was revoked")
		h.wants(h.RevokeKey(t.Context(), first.ID, ann.ID, origin("")), apikey.ErrNotFound, "revoking again")
		h.must(h.RevokeKey(t.Context(), second.ID, "", origin("usr_admin")))
		if len(h.audited("apikey.revoke", ann.ID)) != 1 || len(h.audited("apikey.revoke", second.ID)) != 1 {
			t.Errorf("audited %+v", h.audited("apikey.revoke", ""))
		}
	})
}

func TestCreateKeyRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		for _, c := range []struct {
			name   string
			key    account.NewKey
			member string
		}{
			{"no name", account.NewKey{Scopes: []string{"post:create"}}, "name"},
			{"a long name", account.NewKey{Name: strings.Repeat("é", 101), Scopes: []string{"post:create"}}, "name"},
			{"a name with a line break", account.NewKey{Name: "a\nb", Scopes: []string{"post:create"}}, "name"},
			{"a name with NUL", account.NewKey{Name: "a\x00", Scopes: []string{"post:create"}}, "name"},
			{"a name that is not UTF-8", account.NewKey{Name: "a\xff", Scopes: []string{"post:create"}}, "name"},
			{"no scopes", account.NewKey{Name: "k"}, "scopes"},
			{"a malformed scope", account.NewKey{Name: "k", Scopes: []string{"post"}}, "scopes"},
			{"an empty scope", account.NewKey{Name: "k", Scopes: []string{""}}, "scopes"},
			{"too many scopes", account.NewKey{Name: "k", Scopes: slices.Repeat([]string{"post:create"}, 65)}, "scopes"},
			{"an expiry in the past", account.NewKey{Name: "k", Scopes: []string{"post:create"}, ExpiresAt: time.Now().Add(-time.Second)}, "expires_at"},
		} {
			t.Run(c.name, func(t *testing.T) {
				k, plain, err := h.CreateKey(t.Context(), u.ID, c.key, origin(""))
				if e, ok := errors.AsType[*account.InvalidError](err); !ok || e.Member != c.member || plain != "" || k.ID != "" {
					t.Errorf("got %+v, %q, %v", k, plain, err)
				}
			})
		}
		_, _, err := h.CreateKey(t.Context(), "usr_nobody", account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.wants(err, account.ErrNotFound, "for nobody")
		if keys, err := h.Keys(t.Context(), u.ID); err != nil || len(keys) > 0 {
			t.Errorf("keys %v, %v", keys, err)
		}
	})
}

func TestAUseOfAKeyIsWrittenOnceAMinute(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		k, _, err := h.CreateKey(t.Context(), u.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		for _, c := range []struct{ after, want time.Duration }{{time.Minute, time.Minute}, {90 * time.Second, time.Minute}, {2 * time.Minute, 2 * time.Minute}} {
			now, err := h.Key(t.Context(), k.ID)
			h.must(err)
			h.must(h.Used(t.Context(), now, k.CreatedAt.Add(c.after)))
			now, err = h.Key(t.Context(), k.ID)
			h.must(err)
			if got := now.LastUsedAt.Sub(k.CreatedAt); got != c.want {
				t.Errorf("used after %v: last use after %v, want %v", c.after, got, c.want)
			}
		}
	})
}

// Through door one: what ends a key ends what is remembered of it.
func TestARevokedKeyIsRefusedAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for what, end := range map[string]func(u account.User, k apikey.Key) error{
			"revoked":  func(u account.User, k apikey.Key) error { return h.RevokeKey(t.Context(), k.ID, u.ID, origin("")) },
			"disabled": func(u account.User, _ apikey.Key) error { return h.Disable(t.Context(), u.ID, origin("")) },
			"deleted":  func(u account.User, _ apikey.Key) error { return h.Delete(t.Context(), u.ID, origin("")) },
		} {
			a := &apikey.Authenticator{Keys: h.Service, Cache: revoke.NewCache[[32]byte, *sallyport.Principal](h.Follower, 8)}
			u := h.member().User
			k, plain, err := h.CreateKey(t.Context(), u.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
			h.must(err)
			offer := func() error {
				_, err := a.Authenticate(t.Context(), sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: plain})
				return err
			}
			h.must(offer())
			h.must(end(u, k))
			h.wants(offer(), sallyport.ErrInvalidCredential, "%s", what)
		}
	})
}
