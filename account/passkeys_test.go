package account_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

func device() *passkeytest.Device { return &passkeytest.Device{Origin: issuer} }

func (n *node) json(v any) []byte {
	n.t.Helper()
	b, err := json.Marshal(v)
	n.must(err)
	return b
}

// made has the device make a passkey for the session's subject, and returns the answer.
func (n *node) made(e account.Enroller, d *passkeytest.Device) []byte {
	n.t.Helper()
	o, err := n.BeginPasskey(n.t.Context(), e)
	n.must(err)
	answer, err := d.Create(n.json(o))
	n.must(err)
	return answer
}

// withPasskey gives a signed-in person a passkey on a device.
func (n *node) withPasskey(s *account.SignedIn, d *passkeytest.Device) passkey.Passkey {
	n.t.Helper()
	k, _, err := n.AddPasskey(n.t.Context(), enroller(s), "", n.made(enroller(s), d), origin(s.User.ID))
	n.must(err)
	return k
}

// chosen has the device answer the sign-in page.
func (n *node) chosen(d *passkeytest.Device) account.PasskeySignIn {
	n.t.Helper()
	o, ticket, err := n.BeginPasskeySignIn()
	n.must(err)
	answer, err := d.Get(n.json(o))
	n.must(err)
	return account.PasskeySignIn{Ticket: ticket, Credential: answer, SignIn: account.SignIn{WithTokens: true}}
}

func (n *node) byPasskey(in account.PasskeySignIn) (*account.SignedIn, error) {
	return n.SignInByPasskey(n.t.Context(), in, origin(""))
}

func TestAPasskeySignsIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, tt := range []struct {
			name  string
			flags byte
			amr   string
			aal   int
		}{
			{"a device that has made sure of its user", passkeytest.Present | passkeytest.Verified, "hwk user mfa", 2},
			{"a synced one", passkeytest.Present | passkeytest.Verified | passkeytest.Eligible | passkeytest.BackedUp, "swk user mfa", 2},
			{"one that has not", passkeytest.Present, "hwk", 1},
		} {
			t.Run(tt.name, func(t *testing.T) {
				n := h.on(t)
				ann, d := n.member(), device()
				d.Flags = tt.flags
				k := n.withPasskey(ann, d)
				out, err := n.byPasskey(n.chosen(d))
				n.must(err)
				if got := strings.Join(out.Session.AMR, " "); got != tt.amr || out.Session.AAL != tt.aal || out.User.ID != ann.User.ID {
					t.Errorf("%s by %q at level %d, want %q at %d", out.User.ID, got, out.Session.AAL, tt.amr, tt.aal)
				}
				n.alive(out, true, "after the sign-in")
				if e := n.audited("user.sign_in", ann.User.ID)[0]; e.Outcome != audit.Success || e.Detail["method"] != "passkey" {
					t.Errorf("audited %+v", e)
				}
				own, err := n.PasskeysOf(t.Context(), ann.User.ID)
				n.must(err)
				if len(own) != 1 || own[0].LastUsedAt.IsZero() || own[0].ID != k.ID || own[0].BackedUp != (tt.flags&passkeytest.BackedUp != 0) {
					t.Errorf("kept %+v", own)
				}
			})
		}
	})
}

// What does not sign in changes nothing, and tells nobody why.
func TestAPasskeyIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		wrong := func(do func(*passkeytest.Answer)) func(*node, *account.SignedIn, *passkeytest.Device) account.PasskeySignIn {
			return func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				d.Wrong = do
				return n.chosen(d)
			}
		}
		for _, tt := range []struct {
			name    string
			present func(*node, *account.SignedIn, *passkeytest.Device) account.PasskeySignIn
			want    error
		}{
			{"of another origin", wrong(func(a *passkeytest.Answer) { a.Origin = "https://evil.example" }), account.ErrPasskeyRefused},
			{"of another party", wrong(func(a *passkeytest.Answer) { a.RP = "evil.example" }), account.ErrPasskeyRefused},
			{"for a challenge that was never made", wrong(func(a *passkeytest.Answer) { a.Challenge = secret.NewToken() }), account.ErrPasskeyRefused},
			{"for a challenge that says when it expires, and no more", wrong(func(a *passkeytest.Answer) { a.Challenge = "__________8" }), account.ErrPasskeyRefused},
			{"for one that was put off", wrong(func(a *passkeytest.Answer) { a.Challenge = "B" + a.Challenge[1:] }), account.ErrPasskeyRefused},
			{"for no challenge", wrong(func(a *passkeytest.Answer) { a.Challenge = "" }), account.ErrPasskeyRefused},
			{"of a device that knows somebody else", wrong(func(a *passkeytest.Answer) { a.Handle = []byte("usr_bob") }), account.ErrPasskeyRefused},
			{"of a device without its user", wrong(func(a *passkeytest.Answer) { a.Flags = 0 }), account.ErrPasskeyRefused},
			{"tampered with", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				d.WrongAfter = func(a *passkeytest.Answer) { a.Flags |= passkeytest.Verified | passkeytest.BackedUp }
				return n.chosen(d)
			}, account.ErrPasskeyRefused},
			{"without its ticket", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				in.Ticket = ""
				return in
			}, account.ErrPasskeyRefused},
			{"with the ticket of another browser", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				in.Ticket = n.chosen(d).Ticket
				return in
			}, account.ErrPasskeyRefused},
			{"a second time", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				_, err := n.byPasskey(in)
				n.must(err)
				return in
			}, account.ErrPasskeyRefused},
			{"after the time is up", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				return n.late(d)
			}, account.ErrPasskeyRefused},
			{"for the challenge of a new passkey", func(n *node, s *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				o, err := n.BeginPasskey(n.t.Context(), enroller(s))
				n.must(err)
				in := n.chosen(d)
				in.Credential, err = d.Get([]byte(`{"challenge":"` + o.Challenge + `","rpId":"id.example"}`))
				n.must(err)
				return in
			}, account.ErrPasskeyRefused},
			{"of an account that is disabled", func(n *node, s *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				n.must(n.Disable(n.t.Context(), s.User.ID, account.Origin{}))
				return in
			}, account.ErrPasskeyRefused},
			{"of an account that is gone", func(n *node, s *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				n.must(n.Delete(n.t.Context(), s.User.ID, account.Origin{}))
				return in
			}, account.ErrPasskeyUnknown},
			{"that was removed", func(n *node, s *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				own, err := n.PasskeysOf(n.t.Context(), s.User.ID)
				n.must(err)
				_, err = n.RemovePasskey(n.t.Context(), by(s), own[0].ID, origin(s.User.ID))
				n.must(err)
				return n.chosen(d)
			}, account.ErrPasskeyUnknown},
			{"that is cut in half", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				in.Credential = in.Credential[:len(in.Credential)/2]
				return in
			}, passkey.ErrMalformed},
			{"that is nothing", func(n *node, _ *account.SignedIn, d *passkeytest.Device) account.PasskeySignIn {
				in := n.chosen(d)
				in.Credential = nil
				return in
			}, passkey.ErrMalformed},
		} {
			t.Run(tt.name, func(t *testing.T) {
				n := h.on(t)
				ann, d := n.member(), device()
				n.withPasskey(ann, d)
				in := tt.present(n, ann, d)
				before, err := n.Sessions(t.Context(), ann.User.ID)
				n.must(err)
				out, err := n.byPasskey(in)
				n.wants(err, tt.want, "sign-in")
				after, err := n.Sessions(t.Context(), ann.User.ID)
				n.must(err)
				if out != nil || len(after) != len(before) {
					t.Errorf("there is a session: %+v", out)
				}
				_, err = n.byPasskey(in)
				n.wants(err, tt.want, "again")
			})
		}
	})
}

// late is an answer to a challenge that has expired.
func (n *node) late(d *passkeytest.Device) account.PasskeySignIn {
	n.t.Helper()
	in := n.chosen(d)
	challenge := n.SignInChallenge(in.Ticket, time.Now().Add(-time.Second))
	var err error
	in.Credential, err = d.Get([]byte(`{"challenge":"` + challenge + `","rpId":"id.example"}`))
	n.must(err)
	return in
}

func TestOfTheSameAnswerAtOnceOneSignsIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, d := n.member(), device()
		n.withPasskey(ann, d)
		in := n.chosen(d)
		var signedIn, refused atomic.Int64
		many(16, func(int) {
			switch _, err := n.byPasskey(in); {
			case err == nil:
				signedIn.Add(1)
			case errors.Is(err, account.ErrPasskeyRefused):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
		if signedIn.Load() != 1 || refused.Load() != 15 {
			t.Errorf("%d signed in, %d were refused", signedIn.Load(), refused.Load())
		}
	})
}

func TestADeviceWhoseCounterGoesBackIsRefusedAndAudited(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, d := n.member(), device()
		d.Counts = true
		k := n.withPasskey(ann, d)
		for range 3 {
			_, err := n.byPasskey(n.chosen(d))
			n.must(err)
		}
		d.Wrong = func(a *passkeytest.Answer) { a.Count = 2 }
		_, err := n.byPasskey(n.chosen(d))
		n.wants(err, account.ErrPasskeyRefused, "a copy")
		e := n.audited("user.sign_in", ann.User.ID)[0]
		if e.Outcome != audit.Failure || e.Detail["reason"] != "copied" || e.Detail["passkey"] != k.ID {
			t.Errorf("audited %+v", e)
		}
		d.Wrong = nil
		_, err = n.byPasskey(n.chosen(d))
		n.must(err)
	})
}

// A sign-in that began before its passkey was removed does not finish after it.
func TestAPasskeyThatIsRemovedMeanwhileDoesNotSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, d := n.member(), device()
		k := n.withPasskey(ann, d)
		in := n.chosen(d)
		slow := n.beside(&hooked{Store: n.Store, before: func(update int) {
			if update == 1 { // the signature was verified
				_, err := n.RemovePasskey(t.Context(), by(ann), k.ID, origin(ann.User.ID))
				n.must(err)
			}
		}})
		_, err := slow.SignInByPasskey(t.Context(), in, origin(""))
		n.wants(err, account.ErrPasskeyUnknown, "sign-in")
	})
}

func TestANewPasskeyIsForWhoAskedForIt(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, bob, d := n.member(), n.member(), device()
		other := n.again(ann.User, true)
		add := func(s *account.SignedIn, answer []byte) error {
			_, _, err := n.AddPasskey(t.Context(), enroller(s), "", answer, origin(s.User.ID))
			return err
		}
		n.wants(add(bob, n.made(enroller(ann), d)), passkey.ErrRefused, "somebody else")
		n.wants(add(other, n.made(enroller(ann), device())), passkey.ErrRefused, "another session of theirs")
		answer := n.made(enroller(ann), device())
		n.must(add(ann, answer))
		n.wants(add(ann, answer), passkey.ErrRefused, "the same answer again")

		stray := device()
		stray.Wrong = func(a *passkeytest.Answer) { a.Origin = "https://evil.example" }
		wrong := n.made(enroller(ann), stray)
		n.wants(add(ann, wrong), passkey.ErrRefused, "a page of another origin")
		unknown := device()
		unknown.Alg = passkeytest.ES384
		n.wants(add(ann, n.made(enroller(ann), unknown)), passkey.ErrRefused, "an algorithm that was not asked for")
		n.wants(add(ann, answer[:100]), passkey.ErrMalformed, "half an answer")

		in := n.chosen(d)
		n.wants(add(ann, in.Credential), passkey.ErrMalformed, "the use of a passkey")
		n.must(n.EndSession(t.Context(), other.Session.ID, ann.User.ID, origin(ann.User.ID)))
		_, err := n.BeginPasskey(t.Context(), enroller(other))
		n.wants(err, account.ErrNoSession, "a session that has ended")
		own, err := n.PasskeysOf(t.Context(), ann.User.ID)
		n.must(err)
		others, err := n.PasskeysOf(t.Context(), bob.User.ID)
		n.must(err)
		if len(own) != 1 || len(others) != 0 {
			t.Errorf("ann has %d passkeys, bob %d", len(own), len(others))
		}
	})
}

func TestAPasskeyIsKeptOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, bob := n.member(), n.member()
		k := n.withPasskey(ann, device())
		again := func(s *account.SignedIn) error {
			d := device()
			d.Wrong = func(a *passkeytest.Answer) { a.ID = k.CredentialID }
			_, _, err := n.AddPasskey(t.Context(), enroller(s), "", n.made(enroller(s), d), origin(s.User.ID))
			return err
		}
		n.wants(again(ann), passkey.ErrTaken, "its owner")
		err := again(bob)
		n.wants(err, passkey.ErrRefused, "somebody else")
		if errors.Is(err, passkey.ErrTaken) {
			t.Error("bob is told that somebody has it")
		}
		o, err := n.BeginPasskey(t.Context(), enroller(ann))
		n.must(err)
		if len(o.Exclude) != 1 {
			t.Errorf("excluded: %+v", o.Exclude)
		}
	})
}

func TestAddingAndRemovingAPasskeyIsAuditedToldAndRenewsTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann := n.member()
		cookie := n.again(ann.User, false)
		d := device()
		before := n.head()
		k, done, err := n.AddPasskey(t.Context(), enroller(cookie), "", n.made(enroller(cookie), d), origin(ann.User.ID))
		n.must(err)
		r := done.Renewed
		if n.found(cookie.Cookie) || !n.found(r.Cookie) {
			t.Error("the session has its old cookie")
		}
		if k.Name != "Passkey" || k.User != ann.User.ID {
			t.Errorf("%+v", k)
		}
		n.obeys("AddPasskey")
		es := n.entries(before)
		if len(es) != 1 || es[0].Kind != revoke.Session || es[0].ID != cookie.Session.ID {
			t.Errorf("log: %+v", es)
		}
		if e := n.audited("passkey.add", ann.User.ID); len(e) != 1 || e[0].Detail["passkey"] != k.ID {
			t.Errorf("audited %+v", e)
		}

		renamed, err := n.RenamePasskey(t.Context(), by(cookie), k.ID, "Phone", origin(ann.User.ID))
		n.must(err)
		if renamed.Name != "Phone" {
			t.Errorf("renamed: %+v", renamed)
		}
		for _, name := range []string{"", strings.Repeat("x", 65), "a\nb", "\xff"} {
			_, err := n.RenamePasskey(t.Context(), by(cookie), k.ID, name, origin(ann.User.ID))
			if _, ok := errors.AsType[*account.InvalidError](err); !ok {
				t.Errorf("name %q: %v", name, err)
			}
		}
		bob := n.member()
		_, err = n.RenamePasskey(t.Context(), by(bob), k.ID, "Mine", origin(bob.User.ID))
		n.wants(err, passkey.ErrNotFound, "somebody else renames")
		_, err = n.RemovePasskey(t.Context(), by(bob), k.ID, origin(bob.User.ID))
		n.wants(err, passkey.ErrNotFound, "somebody else removes")

		again, err := n.RemovePasskey(t.Context(), by(cookie), k.ID, origin(ann.User.ID))
		n.must(err)
		if n.found(r.Cookie) || !n.found(again.Cookie) {
			t.Error("the session has its old cookie")
		}
		_, err = n.RemovePasskey(t.Context(), by(cookie), k.ID, origin(ann.User.ID))
		n.wants(err, passkey.ErrNotFound, "again")
	})
}

func TestTheLastWayInStays(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann := n.member()
		var keys []passkey.Passkey
		for range 2 {
			keys = append(keys, n.withPasskey(ann, device()))
		}
		n.setHash(ann.User, "")
		// At once, so that each of the two looks at the other.
		errs := make([]error, len(keys))
		many(len(keys), func(i int) {
			_, errs[i] = n.RemovePasskey(t.Context(), by(ann), keys[i].ID, origin(ann.User.ID))
		})
		refused := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if len(refused) != 1 || !errors.Is(refused[0], account.ErrLastWayIn) {
			t.Errorf("refused: %v", refused)
		}
		own, err := n.PasskeysOf(t.Context(), ann.User.ID)
		n.must(err)
		if len(own) != 1 {
			t.Fatalf("%d passkeys are left", len(own))
		}
		n.setHash(ann.User, "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
		_, err = n.RemovePasskey(t.Context(), by(ann), own[0].ID, origin(ann.User.ID))
		n.must(err)
	})
}

func TestAnAccountHasSoManyPasskeys(t *testing.T) {
	n := newHouse(t, backends[0]).node
	ann := n.member()
	for range 32 {
		n.withPasskey(ann, device())
	}
	_, err := n.BeginPasskey(t.Context(), enroller(ann))
	n.wants(err, account.ErrTooManyPasskeys, "one more")
	own, err := n.PasskeysOf(t.Context(), ann.User.ID)
	n.must(err)
	names := map[string]bool{}
	for _, k := range own {
		names[k.Name] = true
	}
	if len(names) != 32 || !names["Passkey"] || !names["Passkey 32"] {
		t.Errorf("names: %v", names)
	}
}

// Anybody may ask, as often as they like: it must cost next to nothing.
func TestToAskForAPasskeyWritesNothing(t *testing.T) {
	n := newHouse(t, backends[0]).node
	ann, d := n.member(), device()
	n.withPasskey(ann, d)
	store := &hooked{Store: n.Store, before: func(int) {}}
	asked := n.beside(store)
	var last account.PasskeySignIn
	for range 5 {
		o, ticket, err := asked.BeginPasskeySignIn()
		n.must(err)
		answer, err := d.Get(n.json(o))
		n.must(err)
		last = account.PasskeySignIn{Ticket: ticket, Credential: answer}
	}
	if store.updates != 0 {
		t.Errorf("%d writes", store.updates)
	}
	_, err := n.byPasskey(last)
	n.must(err)
}

func TestAPasskeySignInOutlivesARotationOfTheSealingKey(t *testing.T) {
	n := newHouse(t, backends[0]).node
	ann, d := n.member(), device()
	n.withPasskey(ann, d)
	key, next := secret.NewKey(), secret.NewKey()
	for i, keys := range [][][]byte{{key}, {next, key}, {next}} {
		sealer, err := secret.New(keys...)
		n.must(err)
		before, err := secret.New(key)
		n.must(err)
		n.Sealer = before
		in := n.chosen(d)
		n.Sealer = sealer
		_, err = n.byPasskey(in)
		if want := i < 2; (err == nil) != want {
			t.Errorf("sealed with %d keys: %v", len(keys), err)
		}
	}
}

// A passkey is a factor like any other: the first comes with recovery codes, which go
// with the last, and the last one stays with who needs a factor.
func TestAPasskeyComesAndGoesLikeAnyFactor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		add := func() (passkey.Passkey, *account.Enrolled) {
			t.Helper()
			k, done, err := h.AddPasskey(t.Context(), enroller(s), "", h.made(enroller(s), device()), origin(s.User.ID))
			h.must(err)
			return k, done
		}
		first, done := add()
		if len(done.RecoveryCodes) != otp.RecoverySet || done.Renewed.Session.AAL != 2 || !h.found(done.Renewed.Cookie) {
			t.Errorf("the first: %+v", done)
		}
		codes := done.RecoveryCodes
		second, done := add()
		if done.RecoveryCodes != nil || h.own(s).CodesLeft != otp.RecoverySet {
			t.Errorf("the second: %+v, %d codes are left", done, h.own(s).CodesLeft)
		}
		in, err := h.answers(h.ticket(s.User), account.ByRecovery, codes[0])
		h.must(err)
		h.alive(in, true, "by a recovery code")

		remove := func(k passkey.Passkey) error {
			_, err := h.RemovePasskey(t.Context(), by(s), k.ID, origin(s.User.ID))
			return err
		}
		h.RequireFactor = true
		h.must(remove(first))
		h.wants(remove(second), account.ErrFactorNeeded, "the last, while one is needed")
		if left, err := h.PasskeysOf(t.Context(), s.User.ID); err != nil || len(left) != 1 || h.own(s).CodesLeft == 0 {
			t.Errorf("left %+v: %v", left, err)
		}
		h.enrol(s)
		h.must(remove(second))
		if h.own(s).CodesLeft == 0 {
			t.Error("the codes of who has an app are gone")
		}
		h.RequireFactor = false
		third, _ := add()
		_, err = h.RemoveFactor(t.Context(), by(s), otp.TOTP, origin(s.User.ID))
		h.must(err)
		h.must(remove(third))
		if own := h.own(s); own.CodesLeft != 0 || own.Any() {
			t.Errorf("with no factor: %+v", own)
		}
		h.again(s.User, false)
	})
}

func TestWhoNeedsAFactorMakesAPasskeyWithTheirTicket(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.RequireFactor = true
		need := h.ticket(s.User)
		if !need.Enrol || need.Methods[0] != account.ByPasskey {
			t.Fatalf("asked for %+v", need)
		}
		who, d := account.Enroller{Ticket: need.Ticket}, device()
		other := account.Enroller{Ticket: h.ticket(s.User).Ticket}
		answer := h.made(who, d)
		_, _, err := h.AddPasskey(t.Context(), other, "", answer, origin(""))
		h.wants(err, passkey.ErrRefused, "with another ticket")
		_, _, err = h.AddPasskey(t.Context(), enroller(s), "", h.made(who, device()), origin(""))
		h.wants(err, passkey.ErrRefused, "in a session")
		k, done, err := h.AddPasskey(t.Context(), who, "Key ring", h.made(who, d), origin(""))
		h.must(err)
		if in := done.SignedIn; in == nil || in.Session.AAL != 2 || strings.Join(in.Session.AMR, " ") != "pwd hwk user mfa" || len(done.RecoveryCodes) != otp.RecoverySet {
			t.Fatalf("got %+v", done)
		}
		h.alive(done.SignedIn, true, "signed in")
		if es := h.audited("passkey.add", s.User.ID); len(es) != 1 || es[0].Actor != s.User.ID || k.Name != "Key ring" {
			t.Errorf("audited %+v", es)
		}
		for what, e := range map[string]account.Enroller{"again": who, "by a ticket from before": other} {
			_, err = h.BeginPasskey(t.Context(), e)
			h.wants(err, account.ErrTicket, "another %s", what)
		}
		_, err = h.byPasskey(h.chosen(d))
		h.wants(err, nil, "the next sign-in")
	})
}

// A passkey that did not verify its user is one factor. It is not asked for twice, and
// the recovery codes that stand in for it are not either.
func TestWhoSignsInByAnUnverifiedPasskeyHasShownThatFactor(t *testing.T) {
	h := newHouse(t, backends[0])
	s, d := h.member(), device()
	d.Flags = passkeytest.Present
	k := h.withPasskey(s, d)
	in, err := h.byPasskey(h.chosen(d))
	h.must(err)
	_, err = h.RenamePasskey(t.Context(), by(in), k.ID, "Key ring", origin(s.User.ID))
	h.wants(err, nil, "a change in a session that has seen all that there is")

	h.RequireFactor = true
	_, err = h.byPasskey(h.chosen(d))
	need, ok := errors.AsType[*account.NeedsFactorError](err)
	if !ok || !need.Enrol || slices.Contains(need.Methods, account.ByPasskey) || !slices.Contains(need.Methods, account.ByTOTP) {
		t.Fatalf("where a second factor is needed: %v", err)
	}
	who := account.Enroller{Ticket: need.Ticket}
	again := device()
	again.Flags = passkeytest.Present
	_, _, err = h.AddPasskey(t.Context(), who, "", h.made(who, again), origin(""))
	h.wants(err, account.ErrFactorNeeded, "another passkey of that kind")
	made, err := h.EnrolTOTP(t.Context(), who, origin(""))
	h.must(err)
	done, err := h.ConfirmTOTP(t.Context(), who, nowCode(made.Key), origin(""))
	h.must(err)
	if done.SignedIn == nil || done.SignedIn.Session.AAL != 2 {
		t.Errorf("got %+v", done)
	}
}
