package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/audit"
)

// An elder is an old system: whom it knows, by name, and what it was asked. The password
// of all is pass.
type elder struct {
	mu    sync.Mutex
	knows map[string]*importer.Record
	asked []string
	down  error
}

func (e *elder) ask(_ context.Context, name, password string) (*importer.Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, name+" "+password)
	if e.down != nil || password != pass {
		return nil, e.down
	}
	return e.knows[name], nil
}

func (n *node) elder(name string, rec *importer.Record) *elder {
	e := &elder{knows: map[string]*importer.Record{name: rec}}
	n.OldSystem = e.ask
	return e
}

func (n *node) enters(name, password string) error {
	_, err := n.SignIn(n.t.Context(), account.SignIn{Identifier: name, Password: password, WithTokens: true}, origin(""))
	return err
}

func TestSomebodyComesOverFromTheOldSystem(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		e := h.elder(strings.ToUpper(name), &importer.Record{
			ID: "old|7", Username: name, Email: name + "@example.org", EmailVerified: true, DisplayName: "Ann", PasswordHash: bcryptHash,
		})
		h.wants(h.enters(name, pass), account.ErrInvalidCredentials, "a name that it knows otherwise")
		out, err := h.SignIn(t.Context(), account.SignIn{Identifier: strings.ToUpper(name), Password: pass, WithTokens: true}, origin(""))
		h.must(err)
		if u := out.User; u.Username != name || !u.EmailVerified || u.DisplayName != "Ann" || strings.Join(out.Roles, " ") != "member" || out.Tokens == nil {
			t.Errorf("%+v %v", u, out.Roles)
		}
		if got := e.asked[len(e.asked)-1]; got != strings.ToUpper(name)+" "+pass {
			t.Errorf("asked %q", got)
		}
		asked := len(e.asked)
		h.must(h.enters(name, pass))
		h.must(h.enters(name+"@example.org", pass))
		if len(e.asked) != asked {
			t.Errorf("asked again: %q", e.asked[asked:])
		}
		h.wants(h.enters(name, "hashcat"), account.ErrInvalidCredentials, "the password of the hash that came along")
		entries := h.audited("user.import", out.User.ID)
		if len(entries) != 1 || entries[0].Detail["import"] != "sign_in" || entries[0].Detail["old_id"] != "old|7" || entries[0].Actor != "system" {
			t.Errorf("audited %+v", entries)
		}
	})
}

// An app comes along, and is asked for at once.
func TestASecondFactorComesOverToo(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		h.elder(name, &importer.Record{Username: name, TOTP: &importer.TOTP{Secret: "JBSWY3DPEHPK3PXP"}})
		need, ok := errors.AsType[*account.NeedsFactorError](h.enters(name, pass))
		if !ok || len(need.Methods) != 1 || need.Methods[0] != account.ByTOTP {
			t.Errorf("%+v", need)
		}
	})
}

// Whoever is here is not asked about elsewhere, and the old system is asked something
// all the same, so that the time does not tell who is here.
func TestTheOldSystemIsNotAskedAboutWhoIsHere(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann, gone := h.member().User, h.member().User
		none := newName()
		_, err := h.Add(t.Context(), account.Registration{Username: none}, origin(""))
		h.must(err)
		h.must(h.Disable(t.Context(), gone.ID, origin("")))
		for _, c := range []struct{ what, name, password string }{
			{"a wrong password", ann.Username, "wrong"}, {"a disabled account", gone.Username, pass}, {"no password here", none, pass},
			{"a name that cannot be one, which nobody has", "a\x00b", pass}, {"an empty password", newName(), ""}, {"a huge one", newName(), strings.Repeat("x", 5000)},
		} {
			e := h.elder(c.name, &importer.Record{Username: c.name})
			h.wants(h.enters(c.name, c.password), account.ErrInvalidCredentials, "%s", c.what)
			if len(e.asked) != 1 || strings.Contains(e.asked[0], c.name) || c.password != "" && strings.Contains(e.asked[0], c.password) {
				t.Errorf("%s: asked %q", c.what, e.asked)
			}
		}
		e := h.elder("", nil)
		h.must(h.enters(ann.Username, pass))
		if len(e.asked) != 0 {
			t.Errorf("a good sign-in asked %q", e.asked)
		}
	})
}

func TestLimitsApplyBeforeTheOldSystemIsAsked(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		e := h.elder(name, &importer.Record{Username: name})
		for range 5 {
			h.wants(h.enters(name, "wrong"), account.ErrInvalidCredentials, "a guess")
		}
		if _, ok := errors.AsType[*account.LimitError](h.enters(name, pass)); !ok || len(e.asked) != 5 {
			t.Errorf("asked %d times", len(e.asked))
		}
	})
}

func TestWhatTheOldSystemSaysIsHeldToAnImport(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		taken := h.member().User
		type record = importer.Record
		for _, c := range []struct {
			what   string
			domain string // asked about with the name; "" = the name alone
			says   func(name string) record
			silent bool
		}{
			{"another name than was asked about", "", func(string) record { return record{Username: taken.Username} }, false},
			{"an address that it does not vouch for", "@example.org", func(n string) record { return record{Username: n, Email: n + "@example.org"} }, false},
			{"the address of another", "@example.org", func(n string) record { return record{Username: n, Email: "eve@example.org", EmailVerified: true} }, false},
			{"an administrator", "", func(n string) record { return record{Username: n, Roles: []string{account.AdminRole}} }, false},
			{"a role that there is not", "", func(n string) record { return record{Username: n, Roles: []string{"nobody"}} }, false},
			{"an address that is none", "", func(n string) record { return record{Username: n, Email: "a@b@c"} }, false},
			{"the id of somebody here", "", func(n string) record { return record{Username: n, ID: taken.ID} }, false},
			{"nobody", "", func(string) record { return record{} }, false},
			{"somebody who is locked there", "", func(n string) record { return record{Username: n, Status: "disabled"} }, true},
		} {
			name := newName()
			rec := c.says(name)
			h.elder(name+c.domain, &rec)
			before := len(h.audited("user.import", ""))
			h.wants(h.enters(name+c.domain, pass), account.ErrInvalidCredentials, "%s", c.what)
			entries := h.audited("user.import", "")
			if c.silent != (len(entries) == before) || len(entries) > before && entries[0].Outcome != audit.Failure {
				t.Errorf("%s: audited %+v", c.what, entries)
			}
			h.elder(name, &record{Username: name}) // nothing is half done
			h.must(h.enters(name, pass))
		}
	})
}

// While it does not answer, nobody learns from that who is here; and who is here signs
// in.
func TestAnOldSystemThatDoesNotAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.member().User
		h.elder("", nil).down = errors.New("connection refused")
		h.wants(h.enters(ann.Username, "wrong"), account.ErrOldSystem, "a wrong password")
		h.wants(h.enters(newName(), pass), account.ErrOldSystem, "a name that is not here")
		h.must(h.enters(ann.Username, pass))
		entries := h.audited("user.sign_in", ann.ID)
		if len(entries) < 2 || entries[1].Detail["reason"] != "old system" {
			t.Errorf("audited %+v", entries)
		}
	})
}

func TestOfThoseWhoComeOverAtOnceThereIsOneAccount(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		h.elder(name, &importer.Record{Username: name})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := h.enters(name, pass); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}
