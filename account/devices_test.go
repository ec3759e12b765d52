package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	devices "github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
)

// from is a browser with that device cookie.
func from(cookie string) account.Origin {
	o := origin("")
	o.Device = cookie
	return o
}

// browser signs u in as a browser with that device cookie does.
func (n *node) browser(u account.User, password, cookie string) (*account.SignedIn, error) {
	return n.SignIn(n.t.Context(), account.SignIn{Identifier: u.Username, Password: password, Browser: true}, from(cookie))
}

func (n *node) devices(u account.User, cookie string) []account.KnownDevice {
	n.t.Helper()
	all, err := n.Devices(n.t.Context(), u.ID, from(cookie))
	n.must(err)
	return all
}

func TestADeviceIsKnownFromItsSecondSignInOn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, bob := n.member().User, n.member().User
		first, err := n.browser(ann, pass, "")
		n.must(err)
		if devices.Hash(first.Device) == nil {
			t.Fatalf("the cookie is %q", first.Device)
		}
		second, err := n.browser(ann, pass, first.Device)
		n.must(err)
		if second.Device != first.Device {
			t.Error("a known device gets another cookie")
		}
		isNew := func(u account.User) (new []bool) {
			for _, e := range n.audited("user.sign_in", u.ID) {
				new = append(new, e.Detail["new_device"] == "true")
			}
			return new
		}
		// The last is the registration, whose program is no news.
		if got := isNew(ann); len(got) != 3 || got[0] || !got[1] || got[2] {
			t.Errorf("new, newest first: %v", got)
		}

		// Who plants a cookie in bob's browser is not known by it afterwards.
		planted := first.Device
		other, err := n.browser(bob, pass, planted)
		n.must(err)
		if other.Device == planted {
			t.Error("a cookie that was planted is bob's device")
		}
		for _, d := range n.devices(bob, planted) {
			if d.Current {
				t.Error("bob's device is found by the planted cookie")
			}
		}
		// The browser has one cookie, for both.
		if ds := n.devices(ann, other.Device); len(ds) != 2 || !ds[0].Current {
			t.Errorf("%+v", ds)
		}

		id := n.devices(bob, other.Device)[0].ID
		n.wants(n.ForgetDevice(t.Context(), ann.ID, id, origin("")), devices.ErrNotFound, "another's device")
		n.must(n.ForgetDevice(t.Context(), bob.ID, id, origin("")))
		n.wants(n.ForgetDevice(t.Context(), bob.ID, id, origin("")), devices.ErrNotFound, "again")
	})
}

// An attacker who uses up all budgets of a name locks out strangers, and nobody whose
// device is known.
func TestNobodyLocksTheOwnerOut(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann := n.member().User
		known, err := n.browser(ann, pass, "")
		n.must(err)
		var limited *account.LimitError
		for range 30 {
			_, err = n.browser(ann, "a wrong guess at it", "")
		}
		if !errors.As(err, &limited) {
			t.Fatalf("after 30 guesses: %v", err)
		}
		for name, cookie := range map[string]string{"no device": "", "a device of nobody": secret.NewToken(), "no cookie of ours": "nonsense"} {
			if _, err := n.browser(ann, pass, cookie); !errors.As(err, &limited) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// The attacker's own device is known, to another account.
		mallory, err := n.browser(n.member().User, pass, "")
		n.must(err)
		if _, err := n.browser(ann, pass, mallory.Device); !errors.As(err, &limited) {
			t.Errorf("an attacker's device: %v", err)
		}
		again, err := n.browser(ann, pass, known.Device)
		n.wants(err, nil, "the owner, on a device that is known")
		// Its own budget is small, too.
		for range 5 {
			_, err = n.browser(ann, "a wrong guess at it", again.Device)
			n.wants(err, account.ErrInvalidCredentials, "a wrong password on it")
		}
		if _, err := n.browser(ann, pass, again.Device); !errors.As(err, &limited) {
			t.Errorf("after five wrong ones: %v", err)
		}
	})
}

// A device that fails and fails is a stranger's.
func TestADeviceThatFailsTooOftenIsAStranger(t *testing.T) {
	n := newHouse(t, backends[0])
	s := n.beside(n.Store)
	s.Limits = &limit.SignIn{Key: n.Limits.Key, InARow: 3, Tries: 10, PerAddress: 1 << 20}
	ann := n.member().User
	known, err := n.browser(ann, pass, "")
	n.must(err)
	try := func(password string) error {
		_, err := s.SignIn(t.Context(), account.SignIn{Identifier: ann.Username, Password: password, Browser: true}, from(known.Device))
		return err
	}
	for range 6 { // three as a device, three as a stranger
		n.wants(try("a wrong guess at it"), account.ErrInvalidCredentials, "a wrong password")
	}
	if _, ok := errors.AsType[*account.LimitError](try(pass)); !ok {
		t.Error("it can go on guessing")
	}
}

func TestDevicesAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann := n.member().User
		known, err := n.browser(ann, pass, "")
		n.must(err)
		many(12, func(i int) {
			cookie := known.Device
			if i%3 == 0 {
				cookie = ""
			}
			if _, err := n.browser(ann, pass, cookie); err != nil && !errors.As(err, new(*account.LimitError)) {
				t.Error(err)
			}
		})
		current := 0
		for _, d := range n.devices(ann, known.Device) {
			if d.Current {
				current++
			}
		}
		if current != 1 {
			t.Errorf("%d of them are this one", current)
		}
	})
}

// A new password forgets the other devices: a thief's may be among them.
func TestANewPasswordForgetsDevices(t *testing.T) {
	n := newHouse(t, backends[0])
	ann := n.member().User
	mine, err := n.browser(ann, pass, "")
	n.must(err)
	_, err = n.browser(ann, pass, "")
	n.must(err)
	_, _, err = n.ChangePassword(t.Context(), by(mine), pass, pass2, from(mine.Device))
	n.must(err)
	if ds := n.devices(ann, mine.Device); len(ds) != 1 || !ds[0].Current {
		t.Errorf("after a change: %+v", ds)
	}
	n.must(n.SetPassword(t.Context(), ann.ID, pass, origin("boss")))
	if ds := n.devices(ann, mine.Device); len(ds) != 0 {
		t.Errorf("after it was set: %+v", ds)
	}
}

// Trust ends with whatever ends credentials, and is no more than the row says.
func TestTrustEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(n *node, u account.User, s *account.SignedIn) error
		want bool
	}{
		{"nothing happens", func(*node, account.User, *account.SignedIn) error { return nil }, true},
		{"signed out everywhere", func(n *node, u account.User, s *account.SignedIn) error {
			return n.SignOut(n.t.Context(), by(s), true, origin(u.ID))
		}, false},
		{"the password changes", func(n *node, u account.User, s *account.SignedIn) error {
			_, _, err := n.ChangePassword(n.t.Context(), by(s), pass, pass2, from(s.Device))
			return err
		}, false},
		{"a credential is added", func(n *node, u account.User, s *account.SignedIn) error {
			_, err := n.AddCertificate(n.t.Context(), u.ID, account.NewCertificate{Name: host("trust.example.org")}, origin("boss"))
			return err
		}, false},
		{"the database was put back", func(n *node, u account.User, s *account.SignedIn) error {
			_, err := account.Restored(n.t.Context(), n.Store, n.head().Log, "test", account.Origin{})
			return err
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newHouse(t, backends[0]).on(t)
			ann := n.member().User
			in, err := n.browser(ann, pass, "")
			n.must(err)
			n.update(func(tx account.Tx) error {
				d, err := tx.Devices.ByHash(t.Context(), ann.ID, secret.Hash(in.Device))
				if err != nil {
					return err
				}
				d.TrustedUntil, d.Trusted = time.Now().Add(time.Hour), n.head()
				return tx.Devices.Update(t.Context(), d)
			})
			n.must(tt.end(n, ann, in))
			trusted := false
			for _, d := range n.devices(ann, in.Device) {
				trusted = trusted || d.Current && !d.TrustedUntil.IsZero()
			}
			if trusted != tt.want {
				t.Errorf("trusted: %v, want %v", trusted, tt.want)
			}
		})
	}
}
