package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Every entry outlives what it ends, and the log holds it no longer than that
// takes.
func TestEntriesLiveAsLongAsTheyAreNeeded(t *testing.T) {
	const access, month, slack = 15 * time.Minute, 30 * 24 * time.Hour, 10 * time.Minute
	brief, long := access+authz.AssignmentLife+slack, month+access+authz.AssignmentLife+slack
	h := newHouse(t, backends[0])
	var many []string
	for i := range revoke.MaxOverlay + 1 {
		many = append(many, fmt.Sprint("role", i))
		h.must(h.PutRole(t.Context(), authz.Role{Name: many[i], Permissions: []string{"post:read"}}, nil, origin("")))
	}
	for _, c := range []struct {
		name string
		do   func(m *account.SignedIn, in org.Organization) error
		want map[string]time.Duration // by effect and kind, and org in an organization
	}{
		{"a session ends", func(m *account.SignedIn, _ org.Organization) error {
			return h.EndSession(t.Context(), m.Session.ID, "", origin(""))
		}, map[string]time.Duration{"kill session": long}},
		{"the others end", func(m *account.SignedIn, _ org.Organization) error {
			return h.EndOtherSessions(t.Context(), m.User.ID, "", origin(""))
		}, map[string]time.Duration{"kill session": long}},
		{"a reuse", func(m *account.SignedIn, _ org.Organization) error {
			h.steps(m, 2)
			h.refresh(m.Tokens)
			return nil
		}, map[string]time.Duration{"kill session": long}},
		{"signed out everywhere", func(m *account.SignedIn, _ org.Organization) error {
			return h.SignOut(t.Context(), by(m), true, origin(""))
		}, map[string]time.Duration{"kill subject": long}},
		{"disabled", func(m *account.SignedIn, _ org.Organization) error {
			return h.Disable(t.Context(), m.User.ID, origin(""))
		}, map[string]time.Duration{"kill subject": long}},
		{"password changed", func(m *account.SignedIn, _ org.Organization) error {
			h.again(m.User, true)
			_, _, err := h.ChangePassword(t.Context(), by(m), pass, pass2, origin(""))
			return err
		}, map[string]time.Duration{"kill session": long, "notice session": brief}},
		{"a role", func(m *account.SignedIn, _ org.Organization) error {
			return h.Assign(t.Context(), m.User.ID, "moderator", "", origin(""))
		}, map[string]time.Duration{"overlay subject": brief}},
		{"a role in an organization", func(m *account.SignedIn, in org.Organization) error {
			return h.Assign(t.Context(), m.User.ID, "moderator", in.ID, origin(""))
		}, map[string]time.Duration{"overlay subject org": brief}},
		{"too many roles in an organization", func(m *account.SignedIn, in org.Organization) error {
			for _, role := range many {
				h.must(h.Assign(t.Context(), m.User.ID, role, in.ID, origin("")))
			}
			return nil
		}, map[string]time.Duration{"overlay subject org": brief, "kill subject org": brief}},
		{"a membership ends", func(m *account.SignedIn, in org.Organization) error {
			return h.RemoveMember(t.Context(), in.ID, m.User.ID, origin(""))
		}, map[string]time.Duration{"kill subject org": brief}},
		{"an organization ends", func(m *account.SignedIn, in org.Organization) error {
			return h.DeleteOrganization(t.Context(), in.ID, origin(""))
		}, map[string]time.Duration{"kill org": brief}},
		{"an API key ends", func(m *account.SignedIn, _ org.Organization) error {
			k, _, err := h.CreateKey(t.Context(), m.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
			h.must(err)
			return h.RevokeKey(t.Context(), k.ID, "", origin(""))
		}, map[string]time.Duration{"kill apikey": brief, "notice apikey": brief}},
		{"a definition", func(m *account.SignedIn, _ org.Organization) error {
			return h.PutRole(t.Context(), authz.Role{Name: "new"}, nil, origin(""))
		}, map[string]time.Duration{"notice policy": brief}},
	} {
		m := h.member()
		in := h.organization(m)
		from := h.head()
		h.must(c.do(m, in))
		got := map[string]time.Duration{}
		for _, e := range h.entries(from) {
			what := string(e.Effect) + " " + string(e.Kind)
			if e.Org != "" {
				what += " org"
			}
			got[what] = e.ExpiresAt.Sub(e.CreatedAt)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Other settings make other lifetimes.
func TestLifetimesOfEntriesFollowTheSettings(t *testing.T) {
	h := newHouse(t, backends[0])
	s := *h.Service
	s.AccessLifetime, s.FamilyLifetime, s.Timeouts = time.Hour, 24*time.Hour, session.Timeouts{Absolute: 90 * 24 * time.Hour}
	m := h.member()
	from := h.head()
	h.must(s.Assign(t.Context(), m.User.ID, "moderator", "", origin("")))
	h.must(s.SignOut(t.Context(), by(m), true, origin("")))
	var got []string
	for _, e := range h.entries(from) {
		got = append(got, e.ExpiresAt.Sub(e.CreatedAt).String())
	}
	if want := "1h15m0s 2161h15m0s"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
