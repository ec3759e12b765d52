package account_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

func TestRegister(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		out, err := h.Register(t.Context(), account.Registration{
			Username: "Ｊane", Email: "Jane@Example.org", Password: pass, Roles: []string{account.AdminRole},
		}, account.SignIn{WithTokens: true}, origin(""))
		h.must(err)
		u, err := h.User(t.Context(), out.User.ID)
		h.must(err)
		if u.Username != "Ｊane" || u.UsernameNorm != "jane" || u.Email != "Jane@Example.org" || u.EmailNorm != "jane@example.org" ||
			u.EmailVerified || u.Status != account.Active || !u.CreatedAt.Equal(out.User.CreatedAt) {
			t.Errorf("kept %+v of %+v", u, out.User)
		}
		if roles, err := h.Assigned(t.Context(), u.ID, ""); err != nil || !slices.Equal(roles, []string{"member"}) {
			t.Errorf("roles %v, %v: nobody registers with roles of their own choice", roles, err)
		}
		if out.Cookie != "" || !slices.Equal(out.Roles, []string{"member"}) {
			t.Errorf("cookie %q, roles %v", out.Cookie, out.Roles)
		}
		h.alive(out, true, "registered")
		h.checkClaims(out)
		es := append(h.audited("user.register", u.ID), h.audited("user.sign_in", u.ID)...)
		if len(es) != 2 || es[0].Actor != u.ID || es[0].Address != client.String() || es[0].Trace != "trace" || es[0].Outcome != audit.Success {
			t.Errorf("audited %+v", es)
		}
		if contains(es, pass) || contains(es, "xample") {
			t.Errorf("the audit log tells a secret or an address: %+v", es)
		}
		if h.hash(u) == "" || strings.Contains(h.hash(u), pass) {
			t.Errorf("hash %q", h.hash(u))
		}
	})
}

// checkClaims looks at what the tokens of a first sign-in say.
func (n *node) checkClaims(out *account.SignedIn) {
	n.t.Helper()
	c := n.claims(out.Tokens.Access)
	if c.Subject != out.User.ID || c.Session != out.Session.ID || c.ClientID != account.FirstParty || !slices.Equal(c.Audience, []string{issuer}) ||
		!c.AllRoles || !slices.Equal(c.Roles, out.Roles) || c.Scopes != nil || c.Rev != out.Session.Position.String() ||
		!slices.Equal(c.AMR, []string{"pwd"}) || c.ACR != "aal1" || c.Expiry.Sub(c.IssuedAt) != 15*time.Minute {
		n.t.Errorf("the access token says %+v", c)
	}
	if out.Tokens.ExpiresIn != 15*time.Minute {
		n.t.Errorf("expires in %v", out.Tokens.ExpiresIn)
	}
}

func TestRegisterRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.named("jane")
		for _, c := range []struct {
			name   string
			in     account.Registration
			member string // of an InvalidError
			err    error
			reason password.Reason
		}{
			{"the same name", account.Registration{Username: "jane", Password: pass}, "", account.ErrTaken, ""},
			{"the same name in other case", account.Registration{Username: "JANE", Password: pass}, "", account.ErrTaken, ""},
			{"the same name in other width", account.Registration{Username: "ｊａｎｅ", Password: pass}, "", account.ErrTaken, ""},
			{"a name with a homoglyph of @", account.Registration{Username: "jane＠example.org", Password: pass}, "username", nil, ""},
			{"no name", account.Registration{Password: pass}, "username", nil, ""},
			{"no password", account.Registration{Username: "tom"}, "password", nil, ""},
			{"a malformed address", account.Registration{Username: "tom", Email: "tom", Password: pass}, "email", nil, ""},
			{"a short password", account.Registration{Username: "tom", Password: "short"}, "", nil, password.TooShort},
			{"a common password", account.Registration{Username: "tom", Password: "passwordpassword"}, "", nil, password.Common},
			{"a password of the own name", account.Registration{Username: "montgomery", Password: "Montgomery 2026!"}, "", nil, password.Context},
			{"a password of the service's name", account.Registration{Username: "tom", Password: "Orchard Orchard1"}, "", nil, password.Context},
			{"a password of the address", account.Registration{Username: "tom", Email: "montgomery@example.org", Password: "montgomery-2026!"}, "", nil, password.Context},
			{"a password with NUL", account.Registration{Username: "tom", Password: pass + "\x00"}, "", nil, password.Invalid},
		} {
			t.Run(c.name, func(t *testing.T) {
				out, err := h.Register(t.Context(), c.in, account.SignIn{WithTokens: true}, origin(""))
				if out != nil {
					t.Error("signed in")
				}
				invalid, isInvalid := errors.AsType[*account.InvalidError](err)
				weak, isWeak := errors.AsType[*password.WeakError](err)
				switch {
				case c.err != nil && !errors.Is(err, c.err),
					(c.member != "") != isInvalid || isInvalid && invalid.Member != c.member,
					(c.reason != "") != isWeak || isWeak && weak.Reason != c.reason:
					t.Errorf("error %v", err)
				}
			})
		}
		if all, err := h.Members(t.Context(), account.UserFilter{}); err != nil || len(all) != 1 {
			t.Errorf("%d users, %v", len(all), err)
		}
	})
}

func TestOneNameIsRegisteredOnce(t *testing.T) {
	spelled := []string{"nora", "Nora", "NORA", "ｎora", "noRa", "nOra", "norA", "ＮＯＲＡ"}
	everywhere(t, func(t *testing.T, h *house) {
		for range testenv.Count(5, 50) {
			suffix := newName()
			var won, taken atomic.Int64
			many(len(spelled), func(i int) {
				_, err := h.Register(t.Context(), account.Registration{Username: spelled[i] + suffix, Password: pass}, account.SignIn{}, origin(""))
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, account.ErrTaken):
					taken.Add(1)
				default:
					t.Error(err)
				}
			})
			if won.Load() != 1 || taken.Load() != int64(len(spelled)-1) {
				t.Fatalf("%d won, %d were told that it is taken", won.Load(), taken.Load())
			}
		}
	})
}

func TestAdd(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		plain, err := h.Add(t.Context(), account.Registration{Username: "plain"}, origin("usr_admin"))
		h.must(err)
		several, err := h.Add(t.Context(), account.Registration{Username: "several", Roles: []string{"moderator", "admin", "moderator"}}, origin("usr_admin"))
		h.must(err)
		none, err := h.Add(t.Context(), account.Registration{Username: "none", Roles: []string{}}, origin("usr_admin"))
		h.must(err)
		for _, c := range []struct {
			user account.User
			want []string
		}{{plain, []string{"member"}}, {several, []string{"admin", "moderator"}}, {none, nil}} {
			if got, err := h.Assigned(t.Context(), c.user.ID, ""); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s has roles %v, %v", c.user.Username, got, err)
			}
		}
		if es := h.audited("user.add", plain.ID); len(es) != 1 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: "plain"}, origin(""))
		h.wants(err, account.ErrInvalidCredentials, "signing in to an account without password")
		for _, role := range []string{"nobody", "a\x00b", ""} {
			_, err := h.Add(t.Context(), account.Registration{Username: "unknown", Roles: []string{role}}, origin(""))
			if e, ok := errors.AsType[*account.InvalidError](err); !ok || e.Member != "roles" {
				t.Errorf("with role %q: %v", role, err)
			}
		}
		_, err = h.Find(t.Context(), "unknown")
		h.wants(err, account.ErrNotFound, "an account that was refused")
	})
}

func TestSetUp(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		has := func(want bool) {
			t.Helper()
			if got, err := h.HasAdmin(t.Context()); err != nil || got != want {
				t.Errorf("there is an administrator: %v, %v; want %v", got, err, want)
			}
		}
		has(false)
		h.member()
		has(false)
		_, err := h.SetUp(t.Context(), account.Registration{Username: "first"}, account.SignIn{}, origin(""))
		if e, ok := errors.AsType[*account.InvalidError](err); !ok || e.Member != "password" {
			t.Errorf("without password: %v", err)
		}

		var won, late atomic.Int64
		many(4, func(int) {
			out, err := h.SetUp(t.Context(), account.Registration{Username: newName(), Password: pass, Roles: []string{"member"}}, account.SignIn{}, origin(""))
			switch {
			case err == nil:
				won.Add(1)
				if out.Tokens != nil || !h.found(out.Cookie) || !slices.Equal(out.Roles, []string{account.AdminRole}) {
					t.Errorf("set up %+v", out)
				}
			case errors.Is(err, account.ErrSetUp):
				late.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || late.Load() != 3 {
			t.Errorf("%d won, %d were late", won.Load(), late.Load())
		}
		has(true)
		if es := h.audited("user.set_up", ""); len(es) != 1 || es[0].Actor != es[0].Target {
			t.Errorf("audited %+v", es)
		}
		_, err = h.SetUp(t.Context(), account.Registration{Username: newName(), Password: pass}, account.SignIn{}, origin(""))
		h.wants(err, account.ErrSetUp, "setting up again")
	})
}

func TestFind(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		add := func(name, email string, verified bool) account.User {
			t.Helper()
			u, err := h.Add(t.Context(), account.Registration{Username: name, Email: email}, origin(""))
			h.must(err)
			if verified {
				u = h.verified(u)
			}
			return u
		}
		ann := add("ann", "ann@example.org", false)
		bob := add("bob", "shared@example.org", false)
		eve := add("eve", "shared@example.org", false)
		tom := add("tom", "both@example.org", true)
		add("tim", "both@example.org", false)

		for _, c := range []struct {
			name, who string
			want      string
			err       error
		}{
			{"by id", ann.ID, ann.ID, nil},
			{"by name", "ann", ann.ID, nil},
			{"by name in other case and width", "ＡNN", ann.ID, nil},
			{"by an address that one has", "Ann@example.org", ann.ID, nil},
			{"by an address that one has proved", "both@example.org", tom.ID, nil},
			{"by an address that two claim", "shared@example.org", "", account.ErrAmbiguous},
			{"by a name that nobody has", "nobody", "", account.ErrNotFound},
			{"by an address that nobody has", "nobody@example.org", "", account.ErrNotFound},
			{"by an id that nobody has", "usr_" + strings.Repeat("0", 26), "", account.ErrNotFound},
			{"by half an id", ann.ID[:10], "", account.ErrNotFound},
			{"by nothing", "", "", account.ErrNotFound},
			{"by NUL", "\x00", "", account.ErrNotFound},
			{"by an id with NUL", ann.ID + "\x00", "", account.ErrNotFound},
			{"by invalid UTF-8", "ann\xff", "", account.ErrNotFound},
		} {
			t.Run(c.name, func(t *testing.T) {
				u, err := h.Find(t.Context(), c.who)
				h.on(t).wants(err, c.err, "finding %q", c.who)
				if u.ID != c.want {
					t.Errorf("found %q, want %q", u.ID, c.want)
				}
			})
		}
		h.must(h.Delete(t.Context(), bob.ID, origin("")))
		if u, err := h.Find(t.Context(), "shared@example.org"); err != nil || u.ID != eve.ID {
			t.Errorf("after the other was deleted: %v, %v", u.ID, err)
		}
	})
}

// verified makes the address of a user one that is proved, as messages will.
func (n *node) verified(u account.User) account.User {
	n.t.Helper()
	n.update(func(tx account.Tx) error {
		if err := tx.Users.Delete(n.t.Context(), u.ID); err != nil {
			return err
		}
		u.EmailVerified = true
		return tx.Users.Create(n.t.Context(), u)
	})
	return u
}

func TestFiltersOfNonsenseFindNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.member()
		for _, odd := range []string{"\x00", "\xff", "a\x00b"} {
			if us, err := h.Members(t.Context(), account.UserFilter{Prefix: odd}); err != nil || len(us) > 0 {
				t.Errorf("users: %v, %v", us, err)
			}
			_, err := h.Members(t.Context(), account.UserFilter{After: odd})
			h.wants(err, nil, "users after %q", odd)
			for _, f := range []audit.Filter{{Actor: odd}, {Action: odd}, {Target: odd}} {
				if es, err := h.Audit(t.Context(), f); err != nil || len(es) > 0 {
					t.Errorf("audit log: %v, %v", es, err)
				}
			}
			_, err = h.Audit(t.Context(), audit.Filter{Before: odd})
			h.wants(err, nil, "audit log before %q", odd)
		}
	})
}
