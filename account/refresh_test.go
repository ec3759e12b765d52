package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

func TestRefresh(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
		position := h.head()
		next, err := h.refresh(s.Tokens)
		h.must(err)
		c := h.claims(next.Access)
		if next.Refresh == s.Tokens.Refresh || c.Session != s.Session.ID || c.Subject != s.User.ID || c.ID == h.claims(s.Tokens.Access).ID {
			t.Errorf("the new tokens are %+v, which say %+v", next, c)
		}
		if c.Rev != position.String() {
			t.Errorf("rev is %s, and not the newest position, %s", c.Rev, position)
		}
		if !slices.Equal(c.Roles, []string{"member", "moderator"}) || !c.AuthTime.Equal(s.Session.AuthTime.Truncate(time.Second)) {
			t.Errorf("the new token says %+v", c)
		}
		if !next.ExpiresAt.Equal(s.Tokens.ExpiresAt) {
			t.Errorf("the family ends at %v instead of %v", next.ExpiresAt, s.Tokens.ExpiresAt)
		}
		if err := h.dead(s.Tokens.Access); err != nil {
			t.Errorf("the access token before: %v", err)
		}
	})
}

func TestManyUsesOfOneTokenHaveOneSuccessor(t *testing.T) {
	const uses = 8
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		current := s.Tokens
		for round := range testenv.Count(8, 500) {
			var got [uses]*account.Tokens
			many(uses, func(i int) {
				var err error
				if got[i], err = h.refresh(current); err != nil {
					t.Errorf("round %d, use %d: %v", round, i, err)
				}
			})
			if t.Failed() {
				return
			}
			for _, g := range got {
				if g.Refresh != got[0].Refresh || g.Refresh == current.Refresh {
					t.Fatalf("round %d: successors differ", round)
				}
			}
			current = got[0]
		}
		if es := h.audited("refresh.reuse", ""); len(es) > 0 {
			t.Errorf("audited %+v", es)
		}
	})
}

// steps refreshes n times and returns all tokens, the first included.
func (n *node) steps(s *account.SignedIn, count int) []*account.Tokens {
	n.t.Helper()
	all := []*account.Tokens{s.Tokens}
	for range count {
		next, err := n.refresh(all[len(all)-1])
		n.must(err)
		all = append(all, next)
	}
	return all
}

func TestReuseEndsTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name          string
			steps, reused int
			leeway        time.Duration
		}{
			{"two behind", 2, 0, 0},
			{"far behind", 6, 1, 0},
			{"the parent after the leeway", 1, 0, time.Nanosecond},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := h.on(t)
				n.Service = n.beside(n.Store)
				n.Leeway = c.leeway
				s, other := n.member(), (*account.SignedIn)(nil)
				other = n.again(s.User, true)
				all := n.steps(s, c.steps)
				time.Sleep(3 * time.Millisecond) // longer than the shortest leeway
				tokens, err := n.refresh(all[c.reused])
				if tokens != nil || !errors.Is(err, account.ErrInvalidToken) {
					t.Errorf("got %+v, %v", tokens, err)
				}
				n.obeys("the refusal")
				for i, tokens := range all {
					if err := n.dead(tokens.Access); !errors.Is(err, revoke.ErrRevoked) {
						t.Errorf("access token %d: %v", i, err)
					}
					_, err := n.refresh(tokens)
					n.wants(err, account.ErrInvalidToken, "refresh token %d", i)
				}
				if n.hasSession(s) {
					t.Error("the session goes on")
				}
				n.alive(other, true, "another session of the user")
				es := n.audited("refresh.reuse", s.User.ID)
				if len(es) != 1 || es[0].Outcome != audit.Failure || es[0].Detail["session"] != s.Session.ID || es[0].Address != client.String() {
					t.Errorf("audited %+v", es)
				}
			})
		}
	})
}

func TestARepeatWithinTheLeewayGetsTheSameSuccessor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		all := h.steps(s, 3)
		for range 3 {
			again, err := h.refresh(all[2])
			h.must(err)
			if again.Refresh != all[3].Refresh {
				t.Error("another successor")
			}
			if err := h.dead(again.Access); err != nil {
				t.Error(err)
			}
		}
		s.Tokens = all[3]
		h.alive(s, true, "the newest token")
	})
}

func TestRefreshRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, other := h.member(), h.member()
		rt, err := h.Refreshes.Parse(s.Tokens.Refresh)
		h.must(err)
		format := func(change func(*token.RefreshToken)) string {
			t.Helper()
			changed := rt
			change(&changed)
			text, err := h.Refreshes.Format(changed)
			h.must(err)
			return text
		}
		good := s.Tokens.Refresh
		for _, c := range []struct{ name, token, client string }{
			{"nothing", "", account.FirstParty},
			{"an access token", s.Tokens.Access, account.FirstParty},
			{"a forged token", good[:40] + flip(good[40:41]) + good[41:], account.FirstParty},
			{"a family that is not there", format(func(rt *token.RefreshToken) { rt.Family = token.NewFamilyID() }), account.FirstParty},
			{"another client", good, "another"},
			{"no client", good, ""},
			{"a client with NUL", good, "\x00"},
			{"a token too far ahead", format(func(rt *token.RefreshToken) { rt.Counter += token.MaxAhead + 1 }), account.FirstParty},
		} {
			t.Run(c.name, func(t *testing.T) {
				tokens, err := h.Refresh(t.Context(), c.token, c.client, origin(""))
				if tokens != nil || !errors.Is(err, account.ErrInvalidToken) {
					t.Errorf("got %+v, %v", tokens, err)
				}
			})
		}
		if next, err := h.Refreshes.Parse(h.steps(s, 1)[1].Refresh); err != nil || next.Counter != rt.Counter+1 {
			t.Errorf("a refusal rotated: the counter was %d and is %d, %v", rt.Counter, next.Counter, err)
		}
		h.alive(other, true, "somebody else")
		if es := h.audited("refresh.reuse", ""); len(es) > 0 {
			t.Errorf("audited %+v", es)
		}
	})
}

func flip(s string) string {
	if s == "A" {
		return "B"
	}
	return "A"
}

func TestATokenAheadOfItsRowIsAcceptedAndAudited(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		rt, err := h.Refreshes.Parse(s.Tokens.Refresh)
		h.must(err)
		rt.Counter += token.MaxAhead
		text, err := h.Refreshes.Format(rt)
		h.must(err)
		next, err := h.Refresh(t.Context(), text, account.FirstParty, origin(""))
		h.must(err)
		if got, err := h.Refreshes.Parse(next.Refresh); err != nil || got.Counter != rt.Counter+1 {
			t.Errorf("went on with %+v, %v", got, err)
		}
		if es := h.audited("refresh.ahead", s.User.ID); len(es) != 1 || es[0].Detail["by"] != fmt.Sprint(token.MaxAhead) {
			t.Errorf("audited %+v", es)
		}
	})
}

// Nothing here ends the family: the refresh must look for itself.
func TestRefreshReadsTheUserAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name   string
			change func(ctx context.Context, tx account.Tx, s *account.SignedIn) error
		}{
			{"disabled", func(ctx context.Context, tx account.Tx, s *account.SignedIn) error {
				return tx.Users.SetStatus(ctx, s.User.ID, account.Disabled, time.Now())
			}},
			{"deleted", func(ctx context.Context, tx account.Tx, s *account.SignedIn) error {
				return tx.Users.Delete(ctx, s.User.ID)
			}},
			{"killed since", func(ctx context.Context, tx account.Tx, s *account.SignedIn) error {
				return tx.Users.SetKilledSeq(ctx, s.User.ID, s.Session.Position.Seq+1)
			}},
			{"session gone", func(ctx context.Context, tx account.Tx, s *account.SignedIn) error {
				_, err := tx.Sessions.End(ctx, s.Session.ID)
				return err
			}},
			{"family of another log", func(ctx context.Context, tx account.Tx, s *account.SignedIn) error {
				return tx.Families.Advance(ctx, s.Session.ID, revoke.Position{Log: "restored", Seq: 1 << 40})
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := h.on(t)
				s := n.member()
				n.update(func(tx account.Tx) error { return c.change(t.Context(), tx, s) })
				tokens, err := n.refresh(s.Tokens)
				if tokens != nil || !errors.Is(err, account.ErrInvalidToken) {
					t.Errorf("got %+v, %v", tokens, err)
				}
			})
		}
		s := h.member()
		for _, want := range [][]string{{"member", "moderator"}, {"member"}} {
			if slices.Contains(want, "moderator") {
				h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
			} else {
				h.must(h.Unassign(t.Context(), s.User.ID, "moderator", "", origin("")))
			}
			s.Tokens = h.steps(s, 1)[1]
			if got := h.claims(s.Tokens.Access).Roles; !slices.Equal(got, want) {
				t.Errorf("refreshed with roles %v, want %v", got, want)
			}
		}
		h.must(h.Unassign(t.Context(), s.User.ID, "member", "", origin("")))
		if got := h.claims(h.steps(s, 1)[1].Access).Roles; got == nil || len(got) > 0 {
			t.Errorf("without roles the token says %#v, and not that there are none", got)
		}
	})
}

func TestExpiryEndsRefreshing(t *testing.T) {
	const soon = 300 * time.Millisecond
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name     string
			timeouts session.Timeouts
			family   time.Duration
			capped   bool // the access token ends early too
		}{
			{"the session idles out", session.Timeouts{Idle: soon}, 0, false},
			{"the session reaches its end", session.Timeouts{Absolute: soon}, 0, true},
			{"the family expires", session.Timeouts{}, soon, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				n := h.on(t)
				n.Service = n.beside(n.Store)
				n.Timeouts, n.FamilyLifetime = c.timeouts, c.family
				s := n.member()
				if c.capped != (s.Tokens.ExpiresIn <= soon) || c.capped && s.Tokens.ExpiresAt.After(s.Session.ExpiresAt) {
					t.Errorf("access token for %v, refresh token until %v, session until %v", s.Tokens.ExpiresIn, s.Tokens.ExpiresAt, s.Session.ExpiresAt)
				}
				time.Sleep(soon + 5*time.Millisecond)
				tokens, err := n.refresh(s.Tokens)
				if tokens != nil || !errors.Is(err, account.ErrInvalidToken) {
					t.Errorf("got %+v, %v", tokens, err)
				}
			})
		}
	})
}

// Whatever a refresh mints beside what ends its session is dead on arrival:
// that is decided by positions, not by luck.
func TestRefreshesRaceWhatEndsThem(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ends := map[string]func(ctx context.Context, s, other *account.SignedIn) error{
			"disabled": func(ctx context.Context, s, _ *account.SignedIn) error { return h.Disable(ctx, s.User.ID, origin("")) },
			"deleted":  func(ctx context.Context, s, _ *account.SignedIn) error { return h.Delete(ctx, s.User.ID, origin("")) },
			"password set": func(ctx context.Context, s, _ *account.SignedIn) error {
				return h.SetPassword(ctx, s.User.ID, pass2, origin(""))
			},
			"password changed elsewhere": func(ctx context.Context, _, other *account.SignedIn) error {
				_, _, err := h.ChangePassword(ctx, by(other), pass, pass2, origin(""))
				return err
			},
			"signed out": func(ctx context.Context, s, _ *account.SignedIn) error {
				return h.SignOut(ctx, by(s), false, origin(""))
			},
			"signed out everywhere": func(ctx context.Context, s, _ *account.SignedIn) error {
				return h.SignOut(ctx, by(s), true, origin(""))
			},
			"ended from another session": func(ctx context.Context, s, other *account.SignedIn) error {
				return h.EndOtherSessions(ctx, s.User.ID, other.Session.ID, origin(""))
			},
		}
		for what, end := range ends {
			for range testenv.Count(5, 200) {
				s := h.member()
				other := h.again(s.User, false)
				minted := make([][]*account.Tokens, 3)
				var ended error
				together(
					func() { ended = end(t.Context(), s, other) },
					func() {
						many(len(minted), func(i int) { minted[i] = h.untilRefused(s.Tokens) })
					},
				)
				h.must(ended)
				for _, tokens := range slices.Concat(minted...) {
					if err := h.dead(tokens.Access); !errors.Is(err, revoke.ErrRevoked) {
						t.Errorf("%s: a token minted beside it: %v", what, err)
					}
					_, err := h.refresh(tokens)
					h.wants(err, account.ErrInvalidToken, "%s: refreshing afterwards", what)
				}
				h.alive(s, false, what)
			}
		}
	})
}

// untilRefused refreshes until that is refused, and returns what it got. It gives
// up after so many that whatever it raced must have come.
func (n *node) untilRefused(from *account.Tokens) (all []*account.Tokens) {
	for range 10_000 {
		next, err := n.refresh(from)
		if errors.Is(err, account.ErrInvalidToken) {
			return all
		}
		if err != nil {
			n.t.Error(err)
			return all
		}
		all, from = append(all, next), next
	}
	n.t.Error("refreshing is never refused")
	return all
}

// The roles in a token never outlive their removal: either they were read after
// it, or the overlay is past the token's position.
func TestRefreshesRaceRoles(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		for range testenv.Count(6, 300) {
			h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
			before := h.head()
			var minted [4]*account.Tokens
			together(
				func() {
					if err := h.Unassign(t.Context(), s.User.ID, "moderator", "", origin("")); err != nil {
						t.Error(err)
					}
				},
				func() {
					many(len(minted), func(i int) {
						var err error
						if minted[i], err = h.refresh(s.Tokens); err != nil {
							t.Error(err)
						}
					})
				},
			)
			if t.Failed() {
				return
			}
			es := h.entries(before)
			if len(es) != 1 || es[0].Effect != revoke.Overlay || es[0].ID != s.User.ID || !slices.Equal(es[0].Overlay, []string{"member"}) {
				t.Fatalf("the removal wrote %+v", es)
			}
			for _, tokens := range minted {
				c := h.claims(tokens.Access)
				p, err := revoke.ParsePosition(c.Rev)
				h.must(err)
				if slices.Contains(c.Roles, "moderator") && p.Seq >= es[0].Seq {
					t.Errorf("a token of position %v has a role that was taken away at %d", p, es[0].Seq)
				}
			}
			s.Tokens = minted[0]
		}
	})
}

func TestNothingSecretIsInTheErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.must(h.SignOut(t.Context(), by(s), false, origin("")))
		if _, err := h.refresh(s.Tokens); strings.Contains(err.Error(), s.Tokens.Refresh) {
			t.Error(err)
		}
	})
}
