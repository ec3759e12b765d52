package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
)

func TestSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.named("ann").User
		h.must(h.Assign(t.Context(), ann.ID, "moderator", "", origin("")))
		for _, c := range []struct{ name, identifier string }{
			{"by name", "ann"}, {"by name in other case", "ANN"}, {"by name in other width", "ａnn"},
		} {
			t.Run(c.name, func(t *testing.T) {
				out, err := h.SignIn(t.Context(), account.SignIn{Identifier: c.identifier, Password: pass, WithTokens: true}, origin(""))
				n := h.on(t)
				n.must(err)
				if out.User.ID != ann.ID || !slices.Equal(out.Roles, []string{"member", "moderator"}) || out.Cookie != "" {
					t.Errorf("got %+v", out)
				}
				n.checkClaims(out)
				n.alive(out, true, "signed in")
			})
		}
		out := h.again(ann, false)
		if out.Tokens != nil || !h.found(out.Cookie) {
			t.Errorf("with a cookie: %+v", out)
		}
		if s := out.Session; s.UserAgent != "browser" || s.Address != client.String() || s.AAL != 1 || s.AuthTime.IsZero() ||
			s.ExpiresAt.Sub(s.CreatedAt) != 30*24*time.Hour || s.IdleExpiresAt.Sub(s.CreatedAt) != 7*24*time.Hour {
			t.Errorf("session %+v", s)
		}
		es := h.audited("user.sign_in", ann.ID)
		if len(es) != 5 || es[0].Actor != ann.ID || !contains(es, out.Session.ID) || contains(es, out.Cookie) || contains(es, pass) {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestSignInByAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		add := func(name string) account.User {
			t.Helper()
			u, err := h.Add(t.Context(), account.Registration{Username: name, Email: "shared@example.org", Password: pass}, origin(""))
			h.must(err)
			return u
		}
		signIn := func() (*account.SignedIn, error) {
			return h.SignIn(t.Context(), account.SignIn{Identifier: "Shared＠example.org", Password: pass}, origin(""))
		}
		thief := add("thief")
		_, err := signIn()
		h.wants(err, account.ErrInvalidCredentials, "by an address that nobody proved")

		owner := add("owner")
		phc := h.hash(owner)
		h.verified(owner)
		h.setHash(owner, phc)
		out, err := signIn()
		h.must(err)
		if out.User.ID != owner.ID {
			t.Errorf("signed in as %s; the owner is %s, the thief %s", out.User.ID, owner.ID, thief.ID)
		}
	})
}

// Whatever the reason, the answer is the same and somebody who watches cannot
// tell by the work either.
func TestSignInRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.named("ann").User
		closed := h.named("closed").User
		h.must(h.Disable(t.Context(), closed.ID, origin("")))
		gone := h.named("gone").User
		h.must(h.Delete(t.Context(), gone.ID, origin("")))
		_, err := h.Add(t.Context(), account.Registration{Username: "keyless"}, origin(""))
		h.must(err)
		broken := h.named("broken").User
		h.setHash(broken, "$pbkdf2$what-is-this")

		refusals := []struct{ name, identifier, password string }{
			{"wrong password", "ann", pass2},
			{"no password", "ann", ""},
			{"over-long password", "ann", strings.Repeat("a", 10_000)},
			{"password with NUL", "ann", pass + "\x00"},
			{"password that is not UTF-8", "ann", "\xff"},
			{"unknown user", "nobody", pass},
			{"unknown user, no password", "nobody", ""},
			{"unknown address", "nobody@example.org", pass},
			{"unproved address", "ann@example.org", pass},
			{"the id instead of the name", ann.ID, pass},
			{"no name", "", pass},
			{"a name with NUL", "ann\x00", pass},
			{"a name that is not UTF-8", "ann\xff", pass},
			{"an over-long name", strings.Repeat("a", 100_000), pass},
			{"disabled account", "closed", pass},
			{"deleted account", "gone", pass},
			{"account without password", "keyless", pass},
			{"account without password, no password", "keyless", ""},
			{"unreadable hash", "broken", pass},
		}
		for _, c := range refusals {
			t.Run(c.name, func(t *testing.T) {
				out, err := h.SignIn(t.Context(), account.SignIn{Identifier: c.identifier, Password: c.password, WithTokens: true}, fresh())
				if out != nil || err != account.ErrInvalidCredentials {
					t.Errorf("got %v, %v", out, err)
				}
			})
		}
		es := slices.DeleteFunc(h.audited("user.sign_in", ""), func(e audit.Entry) bool { return e.Outcome == audit.Success })
		if len(es) != len(refusals) {
			t.Errorf("%d refusals audited, of %d", len(es), len(refusals))
		}
		if contains(es, "nobody") || contains(es, pass) {
			t.Error("the audit log tells what was typed")
		}

		slot := takeSlot(t, h)
		for _, c := range append(refusals, struct{ name, identifier, password string }{"right password", "ann", pass}) {
			err := slot.during(func() error {
				_, err := slot.SignIn(t.Context(), account.SignIn{Identifier: c.identifier, Password: c.password}, fresh())
				return err
			})
			if _, ok := errors.AsType[*password.BusyError](err); !ok {
				t.Errorf("%s: answered without the work of a hash: %v", c.name, err)
			}
		}
	})
}

var addresses atomic.Uint32

// fresh is a client of an address that nobody has used.
func fresh() account.Origin {
	n := addresses.Add(1)
	return account.Origin{Address: netip.AddrFrom4([4]byte{198, byte(n >> 16), byte(n >> 8), byte(n)})}
}

// A slot is a service whose only slot for hashing is taken: whatever asks for a
// hash is told so.
type slot struct {
	*account.Service
	t    *testing.T
	hash string        // takes a while to compare
	free chan struct{} // closed when it was compared
}

func takeSlot(t *testing.T, h *house) *slot {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	h.must(err)
	s := &slot{Service: h.beside(h.Store), t: t, hash: "$2a$12$" + string(hash[7:])}
	s.Passwords = &password.Hasher{Params: h.Passwords.Params, Slots: 1, Queue: -1}
	s.take()
	t.Cleanup(func() { <-s.free })
	return s
}

// take returns when the slot is taken.
func (s *slot) take() {
	s.free = make(chan struct{})
	go func() {
		defer close(s.free)
		for err := error(password.ErrBusy); errors.Is(err, password.ErrBusy); { // by what follows, for a moment
			_, err = s.Passwords.Verify(context.Background(), s.hash, "x")
		}
	}()
	for err := error(nil); !errors.Is(err, password.ErrBusy); {
		_, err = s.Passwords.Hash(context.Background(), pass)
	}
}

// during runs f while the slot is taken from beginning to end.
func (s *slot) during(f func() error) error {
	for {
		err := f()
		select {
		case <-s.free: // too early; once more
			s.take()
		default:
			return err
		}
	}
}

// A rush of sign-ins, answered with 503, must not lock anybody out.
func TestAPasswordThatNobodyLookedAtIsNoFailure(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.named("ann")
		from := fresh()
		s := takeSlot(t, h)
		left := 5
		for range 8 {
			err := s.during(func() error {
				_, err := s.SignIn(t.Context(), account.SignIn{Identifier: "ann", Password: pass2}, from)
				if err == account.ErrInvalidCredentials { // the slot was free by then
					left--
				}
				return err
			})
			if _, ok := errors.AsType[*password.BusyError](err); !ok {
				t.Fatalf("while the slot is taken: %v", err)
			}
		}
		for i := range left {
			if _, err := h.SignIn(t.Context(), account.SignIn{Identifier: "ann", Password: pass2}, from); err != account.ErrInvalidCredentials {
				t.Fatalf("guess %d: %v", i+1, err)
			}
		}
	})
}

func TestLimitsAreDurableAndAlike(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.named("ann").User
		guess := func(n *node, name, password string, from account.Origin) error {
			_, err := n.SignIn(t.Context(), account.SignIn{Identifier: name, Password: password}, from)
			return err
		}
		home, away := fresh(), fresh()
		var waits []time.Duration
		for _, name := range []string{"ann", "nobody", "nobody@example.org", "not a name"} {
			for i := range 5 {
				if err := guess(h.node, name, pass2, home); err != account.ErrInvalidCredentials {
					t.Errorf("%s, guess %d: %v", name, i+1, err)
				}
			}
			err := guess(h.node, name, pass, home)
			limited, ok := errors.AsType[*account.LimitError](err)
			if !ok {
				t.Fatalf("%s, guess 6: %v", name, err)
			}
			waits = append(waits, limited.Wait.Round(10*time.Second))
		}
		if len(slices.Compact(waits)) != 1 {
			t.Errorf("names that exist wait differently: %v", waits)
		}
		for _, spelled := range []string{"ANN", "ａｎｎ"} {
			if _, ok := errors.AsType[*account.LimitError](guess(h.node, spelled, pass, home)); !ok {
				t.Errorf("%q has a budget of its own", spelled)
			}
		}

		later := h.start(t)
		if _, ok := errors.AsType[*account.LimitError](guess(later, "ann", pass, home)); !ok {
			t.Error("another start forgets the failures")
		}
		h.must(guess(h.node, "ann", pass, away)) // the owner is elsewhere
		if _, ok := errors.AsType[*account.LimitError](guess(h.node, "ann", pass, home)); !ok {
			t.Error("the owner's sign-in elsewhere frees the attacker")
		}
		if es := h.audited("user.sign_in", ann.ID); !slices.ContainsFunc(es, func(e audit.Entry) bool {
			return e.Outcome == audit.Failure && e.Detail["reason"] == "limit"
		}) {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestSuccessForgives(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		from := fresh()
		for range 3 {
			for range 4 {
				_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, from)
				h.wants(err, account.ErrInvalidCredentials, "a wrong password")
			}
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, from)
			h.wants(err, nil, "the right password after four wrong ones")
		}
	})
}

func TestEnableForgives(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u, err := h.Add(t.Context(), account.Registration{Username: newName(), Email: "row@example.org", Password: pass}, origin(""))
		h.must(err)
		phc := h.hash(u)
		u = h.verified(u)
		h.setHash(u, phc)
		s := h.beside(h.Store)
		s.Limits = &limit.SignIn{Key: h.Limits.Key, InARow: 3, PerAddress: 1 << 20}
		for _, name := range []string{u.Username, u.Email} {
			for range 3 {
				s.SignIn(t.Context(), account.SignIn{Identifier: name, Password: pass2}, fresh())
			}
			_, err := s.SignIn(t.Context(), account.SignIn{Identifier: name, Password: pass}, fresh())
			if _, ok := errors.AsType[*account.LimitError](err); !ok {
				t.Errorf("%s after three in a row: %v", name, err)
			}
		}
		h.must(s.Enable(t.Context(), u.ID, origin("")))
		for _, name := range []string{u.Username, u.Email} {
			_, err := s.SignIn(t.Context(), account.SignIn{Identifier: name, Password: pass}, fresh())
			h.wants(err, nil, "signing in as %s after Enable", name)
		}
	})
}

// ends are all ways to end what had begun before.
func (n *node) ends(u account.User) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"password set":      func(ctx context.Context) error { return n.SetPassword(ctx, u.ID, pass2, origin("usr_admin")) },
		"same password set": func(ctx context.Context) error { return n.SetPassword(ctx, u.ID, pass, origin("usr_admin")) },
		"disabled":          func(ctx context.Context) error { return n.Disable(ctx, u.ID, origin("usr_admin")) },
		"disabled and enabled": func(ctx context.Context) error {
			return errors.Join(n.Disable(ctx, u.ID, origin("")), n.Enable(ctx, u.ID, origin("")))
		},
		"deleted": func(ctx context.Context) error { return n.Delete(ctx, u.ID, origin("usr_admin")) },
		"signed out everywhere": func(ctx context.Context) error {
			return n.SignOut(ctx, by(&account.SignedIn{User: u}), true, origin(u.ID))
		},
	}
}

// Security rule 20. The sign-in has read its position and user, and then, before
// each of its transactions, comes what it must not survive.
func TestASignInThatBeganBeforeDoesNotFinishAfter(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for what := range h.ends(account.User{}) {
			for at, when := range map[int]string{1: "before the attempt is paid for", 2: "after the hash was compared"} {
				t.Run(what+" "+when, func(t *testing.T) {
					n := h.on(t)
					first := n.member()
					u := first.User
					end := n.ends(u)[what]
					if what == "signed out everywhere" {
						end = func(ctx context.Context) error { return n.SignOut(ctx, by(first), true, origin(u.ID)) }
					}
					store := &hooked{Store: n.Store, before: func(i int) {
						if i == at {
							n.must(end(t.Context()))
						}
					}}
					out, err := n.beside(store).SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass, WithTokens: true}, fresh())
					if out != nil || err != account.ErrInvalidCredentials {
						t.Errorf("got %+v, %v", out, err)
					}
					if all, err := n.Sessions(t.Context(), u.ID); err != nil || len(all) > 0 {
						t.Errorf("%d sessions are left, %v", len(all), err)
					}
					n.alive(first, false, "what there was before")
					if store.updates != 3 {
						t.Errorf("%d transactions, of which the last should be that of the audit log", store.updates)
					}
				})
			}
		}
	})
}

// Positions say that nothing happened, and yet the hash is another: it is looked
// at again.
func TestASignInChecksTheHashAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		other, err := h.Passwords.Hash(t.Context(), pass2)
		h.must(err)
		store := &hooked{Store: h.Store, before: func(i int) {
			if i == 2 {
				h.setHash(u, other)
			}
		}}
		_, err = h.beside(store).SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, fresh())
		h.wants(err, account.ErrInvalidCredentials, "the password before")
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, fresh())
		h.wants(err, nil, "the password after")
	})
}

func TestSignInsRaceWhatEndsThem(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for what := range h.ends(account.User{}) {
			for range testenv.Count(4, 200) {
				first := h.member()
				end := h.ends(first.User)[what]
				if what == "signed out everywhere" {
					end = func(ctx context.Context) error { return h.SignOut(ctx, by(first), true, origin("")) }
				}
				outs := make([]*account.SignedIn, 3)
				var ended error
				together(
					func() { ended = end(t.Context()) },
					func() {
						many(len(outs), func(i int) {
							var err error
							outs[i], err = h.SignIn(t.Context(), account.SignIn{Identifier: first.User.Username, Password: pass, WithTokens: true}, fresh())
							if err != nil && err != account.ErrInvalidCredentials {
								t.Error(err)
							}
						})
					},
				)
				h.must(ended)
				h.survivorsBeganAfter(what, append(outs, first))
			}
		}
	})
}

// survivorsBeganAfter checks that of what was handed out nothing works that was
// begun before the user was last killed.
func (n *node) survivorsBeganAfter(what string, outs []*account.SignedIn) {
	n.t.Helper()
	u, err := n.User(n.t.Context(), outs[len(outs)-1].User.ID)
	deleted := errors.Is(err, account.ErrNotFound)
	if !deleted {
		n.must(err)
	}
	for _, out := range outs {
		if out == nil {
			continue
		}
		began := out.Session.Position.Seq
		n.alive(out, !deleted && u.Status == account.Active && began >= u.KilledSeq, fmt.Sprintf("%s: a sign-in begun at %d, killed at %d", what, began, u.KilledSeq))
	}
}

// weak hashes of pass, as they come from elsewhere or from years ago.
func weakHashes(t testing.TB) map[string]string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(pass), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	a, err := (&password.Hasher{Params: password.Params{Memory: 8, Time: 1, InsecureBelowMinimum: true}}).Hash(t.Context(), pass)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"bcrypt": string(b), "argon2id with low parameters": a}
}

func TestWeakHashesAreReplacedAtSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for what, weak := range weakHashes(t) {
			u := h.member().User
			h.setHash(u, weak)
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, fresh())
			h.wants(err, account.ErrInvalidCredentials, "%s and a wrong password", what)
			if h.hash(u) != weak {
				t.Errorf("%s: rehashed by a wrong password", what)
			}
			h.again(u, false)
			strong := h.hash(u)
			if strong == weak || !strings.HasPrefix(strong, "$argon2id$v=19$m=64,t=1") {
				t.Errorf("%s became %s", what, strong)
			}
			h.again(u, false)
			if h.hash(u) != strong {
				t.Errorf("%s: rehashed twice", what)
			}
		}
	})
}

// Several devices sign in at once: the first rehashes, and the others are right
// all the same.
func TestARehashRefusesNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		_, weak := first(weakHashes(t))
		for range testenv.Count(5, 100) {
			u := h.member().User
			h.setHash(u, weak)
			many(4, func(int) {
				if _, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, fresh()); err != nil {
					t.Error(err)
				}
			})
		}
		u := h.member()
		h.setHash(u.User, weak)
		store := &hooked{Store: h.Store, before: func(i int) {
			if i == 2 {
				h.again(u.User, false)
			}
		}}
		_, _, err := h.beside(store).ChangePassword(t.Context(), by(u), pass, pass2, fresh())
		h.wants(err, nil, "changing a password that is rehashed beside it")
	})
}

func first[K comparable, V any](m map[K]V) (k K, v V) {
	for k, v = range m {
		break
	}
	return k, v
}

func TestARehashNeverUndoesAPasswordChange(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for what, weak := range weakHashes(t) {
			u := h.member().User
			h.setHash(u, weak)
			store := &hooked{Store: h.Store, before: func(i int) {
				if i == 2 {
					h.must(h.SetPassword(t.Context(), u.ID, pass2, origin("")))
				}
			}}
			_, err := h.beside(store).SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, fresh())
			h.wants(err, account.ErrInvalidCredentials, "%s", what)
			_, err = h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, fresh())
			h.wants(err, nil, "%s: the new password", what)

			for range testenv.Count(5, 100) {
				u := h.member().User
				h.setHash(u, weak)
				together(
					func() {
						_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, fresh())
						if err != nil && err != account.ErrInvalidCredentials {
							t.Error(err)
						}
					},
					func() {
						if err := h.SetPassword(t.Context(), u.ID, pass2, origin("")); err != nil {
							t.Error(err)
						}
					},
				)
				_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, fresh())
				h.wants(err, nil, "%s: the new password after a race", what)
				_, err = h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, fresh())
				h.wants(err, account.ErrInvalidCredentials, "%s: the old password after a race", what)
			}
		}
	})
}

func TestWhatAClientSaysOfItselfIsClipped(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		o := fresh()
		o.UserAgent = "a\x00b\r\nc\xff" + strings.Repeat("ü", 1000)
		out, err := h.Register(t.Context(), account.Registration{Username: newName(), Password: pass}, account.SignIn{}, o)
		h.must(err)
		if want := "abc" + strings.Repeat("ü", 253); out.Session.UserAgent != want {
			t.Errorf("kept %q", out.Session.UserAgent)
		}
	})
}
