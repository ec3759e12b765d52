package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// organization makes an organization with these members.
func (n *node) organization(members ...*account.SignedIn) org.Organization {
	n.t.Helper()
	o, err := n.CreateOrganization(n.t.Context(), account.NewOrganization{Slug: newName(), Plan: "gold"}, origin(""))
	n.must(err)
	for _, m := range members {
		n.must(n.AddMember(n.t.Context(), o.ID, m.User.ID, origin("")))
	}
	return o
}

// door is door one of a node, with everything that it remembers.
type door struct {
	sessions *session.Authenticator
	keys     *apikey.Authenticator
	tokens   *token.Authenticator
	n        *node
}

func (n *node) door() *door {
	complete := authz.NewAssignments(n.Standing, n.Follower, 1000).Complete
	cache := func() *revoke.Cache[[32]byte, *sallyport.Principal] {
		return revoke.NewCache[[32]byte, *sallyport.Principal](n.Follower, 1000)
	}
	return &door{
		sessions: &session.Authenticator{Sessions: n.Service, Complete: complete, Cache: cache()},
		keys:     &apikey.Authenticator{Keys: n.Service, Complete: complete, Cache: cache()},
		tokens: &token.Authenticator{
			Verifier: &token.Verifier{Issuer: issuer, Keys: n.ring.Keys()}, Follower: n.Follower, Complete: complete, Cache: token.NewCache(n.Follower, 1000),
		},
		n: n,
	}
}

// cookie, key and token return who a credential is now, nil for a 401.
func (d *door) cookie(value string) *sallyport.Principal {
	d.n.t.Helper()
	return d.found(d.sessions.Authenticate(d.n.t.Context(), sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: value}))
}

func (d *door) key(value string) *sallyport.Principal {
	d.n.t.Helper()
	return d.found(d.keys.Authenticate(d.n.t.Context(), sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: value}))
}

func (d *door) token(value string) *sallyport.Principal {
	d.n.t.Helper()
	return d.found(d.tokens.Authenticate(d.n.t.Context(), sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: value}))
}

func (d *door) found(p *sallyport.Principal, err error) *sallyport.Principal {
	d.n.t.Helper()
	if err != nil && !errors.Is(err, sallyport.ErrInvalidCredential) {
		d.n.t.Errorf("door one: %v", err)
	}
	return p
}

// acts says where and as what somebody acts.
func acts(p *sallyport.Principal) string {
	if p == nil {
		return "401"
	}
	where := "nowhere"
	if p.Org != "" {
		where = "there"
	}
	return fmt.Sprintf("%s, roles %v %v, plan %q", where, p.Roles, p.OrgRoles, p.Plan)
}

func TestOrganizations(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		o, err := h.CreateOrganization(t.Context(), account.NewOrganization{Slug: "Ｃlub-9", Name: " The Club ", Plan: "gold"}, origin("usr_admin"))
		h.must(err)
		if !org.IsID(o.ID) || o.Slug != "club-9" || o.Name != "The Club" || o.Plan != "gold" || o.CreatedAt.IsZero() {
			t.Errorf("made %+v", o)
		}
		for _, name := range []string{o.ID, "club-9", "CLUB-9"} {
			if found, err := h.Organization(t.Context(), name); err != nil || !equalOrganizations(found, o) {
				t.Errorf("Organization(%q) = %+v, %v", name, found, err)
			}
		}
		_, err = h.Organization(t.Context(), "no club")
		h.wants(err, org.ErrNotFound, "a slug that cannot be one")
		_, err = h.CreateOrganization(t.Context(), account.NewOrganization{Slug: "CLUB-9"}, origin(""))
		h.wants(err, org.ErrTaken, "the same slug")
		other, err := h.CreateOrganization(t.Context(), account.NewOrganization{Slug: "pub"}, origin(""))
		h.must(err)
		if other.Name != "pub" || other.Plan != "" {
			t.Errorf("made %+v", other)
		}

		changed, err := h.ChangeOrganization(t.Context(), o.ID, func(o *org.Organization) error {
			o.ID, o.Slug, o.Plan, o.CreatedAt = "org_x", "Club-10", "free", time.Time{}
			return nil
		}, origin("usr_admin"))
		h.must(err)
		h.obeys("ChangeOrganization")
		if found, err := h.Organization(t.Context(), "club-10"); err != nil || !equalOrganizations(found, changed) || found.ID != o.ID || !found.CreatedAt.Equal(o.CreatedAt) || found.Plan != "free" {
			t.Errorf("changed to %+v, %v", found, err)
		}
		stale := errors.New("stale")
		_, err = h.ChangeOrganization(t.Context(), o.ID, func(*org.Organization) error { return stale }, origin(""))
		h.wants(err, stale, "a change that refuses")
		_, err = h.ChangeOrganization(t.Context(), o.ID, func(o *org.Organization) error { o.Slug = "pub"; return nil }, origin(""))
		h.wants(err, org.ErrTaken, "a slug of another")
		_, err = h.ChangeOrganization(t.Context(), org.NewID(), func(*org.Organization) error { return nil }, origin(""))
		h.wants(err, org.ErrNotFound, "an organization that is not there")
		h.wants(h.DeleteOrganization(t.Context(), org.NewID(), origin("")), org.ErrNotFound, "deleting what is not there")
		if es := h.audited("organization.create", o.ID); len(es) != 1 || es[0].Actor != "usr_admin" || es[0].Org != o.ID {
			t.Errorf("audited %+v", es)
		}
	})
}

func equalOrganizations(a, b org.Organization) bool {
	times := a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
	a.CreatedAt, a.UpdatedAt = b.CreatedAt, b.UpdatedAt
	return times && a == b
}

func TestOrganizationsRefuseWhatCannotBe(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, in := range []account.NewOrganization{
			{}, {Slug: "a"}, {Slug: "-ab"}, {Slug: "ab-"}, {Slug: "a--b"}, {Slug: "a b"}, {Slug: "a_b"}, {Slug: "ä-b"}, {Slug: "a\x00b"}, {Slug: "a\xffb"},
			{Slug: strings.Repeat("a", 64)}, {Slug: strings.Repeat("a", 1<<20)}, {Slug: "сlub"}, // a Cyrillic letter
			{Slug: "ok", Name: "a\x00"}, {Slug: "ok", Name: "a\nb"}, {Slug: "ok", Name: strings.Repeat("n", 101)},
			{Slug: "ok", Plan: "Gold"}, {Slug: "ok", Plan: "gold plan"}, {Slug: "ok", Plan: "-gold"}, {Slug: "ok", Plan: strings.Repeat("p", 65)},
		} {
			_, err := h.CreateOrganization(t.Context(), in, origin(""))
			if _, ok := errors.AsType[*account.InvalidError](err); !ok {
				t.Errorf("%+v: %v", in, err)
			}
		}
		if all, err := h.Organizations(t.Context(), org.Filter{}); err != nil || len(all) > 0 {
			t.Errorf("made %+v, %v", all, err)
		}
	})
}

// Where somebody acts, and as what, is what is true now: for cookies, tokens and
// API keys alike.
func TestActingInAnOrganization(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx, d := t.Context(), h.door()
		m := h.member()
		o := h.organization(m)
		h.must(h.SetPlan(ctx, m.User.ID, "free", origin("")))
		h.must(h.Assign(ctx, m.User.ID, "moderator", o.ID, origin("")))
		cookie, err := h.SignIn(ctx, account.SignIn{Identifier: m.User.Username, Password: pass, Org: o.ID}, origin(""))
		h.must(err)
		tokens, err := h.SignIn(ctx, account.SignIn{Identifier: m.User.Username, Password: pass, Org: o.ID, WithTokens: true}, origin(""))
		h.must(err)
		_, key, err := h.CreateKey(ctx, m.User.ID, account.NewKey{Name: "k", Org: o.ID, Scopes: []string{"post:*"}}, origin(""))
		h.must(err)
		_, global, err := h.CreateKey(ctx, m.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:*"}}, origin(""))
		h.must(err)
		if cookie.Session.Org != o.ID || !slices.Equal(cookie.OrgRoles, []string{"moderator"}) || !slices.Equal(cookie.Roles, []string{"member"}) {
			t.Errorf("signed in as %+v", cookie)
		}
		if c := h.claims(tokens.Tokens.Access); c.Org != o.ID || !slices.Equal(c.Roles, []string{"member"}) || !slices.Equal(c.OrgRoles, []string{"moderator"}) || !c.AllRoles {
			t.Errorf("the token says %+v", c)
		}
		check := func(what, want, wantToken string) {
			t.Helper()
			for range 2 { // looked up, and remembered
				for kind, p := range map[string]*sallyport.Principal{"cookie": d.cookie(cookie.Cookie), "key": d.key(key)} {
					if got := acts(p); got != want {
						t.Errorf("%s: the %s acts %s, want %s", what, kind, got, want)
					}
				}
				if got := acts(d.token(tokens.Tokens.Access)); got != wantToken {
					t.Errorf("%s: the token acts %s, want %s", what, got, wantToken)
				}
			}
			if p := d.key(global); p.Org != "" || p.OrgRoles != nil {
				t.Errorf("%s: the key without organization acts %s", what, acts(p))
			}
		}
		refresh := func() {
			t.Helper()
			next, err := h.refresh(tokens.Tokens)
			h.must(err)
			tokens.Tokens = next
		}
		in := func(roles, plan string) string {
			return fmt.Sprintf("there, roles [member] [%s], plan %q", roles, plan)
		}
		check("a member", in("moderator", "gold"), in("moderator", "gold"))

		h.must(h.Assign(ctx, m.User.ID, "member", o.ID, origin("")))
		check("another role", in("member moderator", "gold"), in("member moderator", "gold"))
		h.must(h.Unassign(ctx, m.User.ID, "moderator", o.ID, origin("")))
		check("a role less", in("member", "gold"), in("member", "gold"))
		_, err = h.ChangeOrganization(ctx, o.ID, func(o *org.Organization) error { o.Plan = ""; return nil }, origin(""))
		h.must(err)
		check("an organization without plan", in("member", "free"), in("member", "free"))

		h.must(h.RemoveMember(ctx, o.ID, m.User.ID, origin("")))
		nowhere := `nowhere, roles [member] [], plan "free"`
		check("removed", nowhere, "401")
		if got := h.assignedIn(m.User.ID, o.ID); len(got) != 0 {
			t.Errorf("roles %q outlive the membership", got)
		}
		refresh()
		check("removed, and refreshed", nowhere, nowhere)
		h.must(h.AddMember(ctx, o.ID, m.User.ID, origin("")))
		if got := acts(d.cookie(cookie.Cookie)); got != nowhere {
			t.Errorf("added again: the session acts %s: it was not asked", got)
		}
		if got := acts(d.key(key)); got != in("", "free") {
			t.Errorf("added again: the key acts %s", got)
		}
		for _, s := range []*account.SignedIn{cookie, tokens} {
			h.must(h.SwitchOrganization(ctx, by(s), o.ID, origin("")))
		}
		refresh()
		check("added and switched", in("", "free"), in("", "free"))

		h.must(h.DeleteOrganization(ctx, o.ID, origin("")))
		check("deleted", nowhere, "401")
		refresh()
		check("deleted, and refreshed", nowhere, nowhere)
		h.must(h.Delete(ctx, m.User.ID, origin("")))
		all := []string{acts(d.cookie(cookie.Cookie)), acts(d.key(key)), acts(d.token(tokens.Tokens.Access))}
		if !slices.Equal(all, []string{"401", "401", "401"}) {
			t.Errorf("of a user who was deleted: %q", all)
		}
	})
}

func (n *node) assignedIn(user, organization string) []string {
	n.t.Helper()
	roles, err := n.Assigned(n.t.Context(), user, organization)
	n.must(err)
	return roles
}

func TestSwitchOrganization(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx, d := t.Context(), h.door()
		m := h.member()
		one, two, foreign := h.organization(m), h.organization(m), h.organization()
		sess := h.again(m.User, false)
		acts := func(want string) {
			t.Helper()
			if p := d.cookie(sess.Cookie); p == nil || p.Org != want {
				t.Errorf("acts in %+v, want %q", p, want)
			}
		}
		acts("")
		for _, next := range []string{one.ID, two.ID, two.ID, "", one.ID} {
			h.must(h.SwitchOrganization(ctx, by(sess), next, origin(m.User.ID)))
			h.obeys("SwitchOrganization")
			acts(next)
			h.must(h.SwitchOrganization(ctx, by(m), next, origin(m.User.ID)))
			tokens, err := h.refresh(m.Tokens)
			h.must(err)
			if m.Tokens = tokens; h.claims(tokens.Access).Org != next {
				t.Errorf("the next token acts in %q, want %q", h.claims(tokens.Access).Org, next)
			}
		}
		h.wants(h.SwitchOrganization(ctx, by(sess), foreign.ID, origin("")), org.ErrNotMember, "somebody else's organization")
		h.wants(h.SwitchOrganization(ctx, by(sess), "org_none", origin("")), org.ErrNotMember, "no organization")
		acts(one.ID)
		h.wants(h.SwitchOrganization(ctx, &sallyport.Principal{Subject: m.User.ID}, one.ID, origin("")), account.ErrNoSession, "an API key")
		other := h.member()
		stolen := &sallyport.Principal{Kind: sallyport.User, Subject: other.User.ID, Session: sess.Session.ID}
		h.wants(h.SwitchOrganization(ctx, stolen, "", origin("")), account.ErrNoSession, "somebody else's session")
		h.must(h.SignOut(ctx, by(sess), false, origin("")))
		h.wants(h.SwitchOrganization(ctx, by(sess), "", origin("")), account.ErrNoSession, "a session that has ended")
	})
}

func TestSignInToAnOrganization(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		m := h.member()
		foreign := h.organization()
		for range 20 { // more than anybody may guess
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: m.User.Username, Password: pass, Org: foreign.ID}, origin(""))
			h.wants(err, org.ErrNotMember, "no member")
		}
		_, err := h.SignIn(t.Context(), account.SignIn{Identifier: m.User.Username, Password: pass2, Org: foreign.ID}, origin(""))
		h.wants(err, account.ErrInvalidCredentials, "a wrong password says nothing about the organization")
		if errors.Is(err, org.ErrNotMember) {
			t.Error(err)
		}
		if es := h.audited("user.sign_in", m.User.ID); len(es) != 22 { // and her registration
			t.Errorf("audited %d times", len(es))
		}
		if all, err := h.Sessions(t.Context(), m.User.ID); err != nil || len(all) != 1 {
			t.Errorf("%d sessions, %v", len(all), err)
		}
		_, _, err = h.CreateKey(t.Context(), m.User.ID, account.NewKey{Name: "k", Org: foreign.ID, Scopes: []string{"post:create"}}, origin(""))
		h.wants(err, org.ErrNotMember, "a key to somebody else's organization")
	})
}

// giver is the principal of a credential, as door one makes it.
func (n *node) giver(user, organization string) *sallyport.Principal {
	n.t.Helper()
	st, err := n.Standing(n.t.Context(), user, organization)
	n.must(err)
	return &sallyport.Principal{Kind: sallyport.User, Subject: user, Session: "ses", Org: st.Org, Roles: st.Roles, OrgRoles: st.OrgRoles}
}

func given(p *sallyport.Principal) account.Origin { o := origin(p.Subject); o.Giver = p; return o }

func TestNobodyGivesOrTakesMoreThanTheyHold(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		boss, ann, bob, eve := h.member(), h.member(), h.member(), h.member()
		club, pub := h.organization(boss, ann, bob), h.organization(boss, ann, bob)
		h.must(h.Assign(ctx, boss.User.ID, account.AdminRole, club.ID, origin("")))
		h.must(h.Assign(ctx, ann.User.ID, "moderator", "", origin("")))
		inClub, inPub, nowhere := h.giver(boss.User.ID, club.ID), h.giver(boss.User.ID, pub.ID), h.giver(boss.User.ID, "")
		moderator := h.giver(ann.User.ID, "")
		scoped := *inClub
		scoped.Scopes = []string{"post:create"}
		for _, c := range []struct {
			it    string
			giver *sallyport.Principal
			user  string
			role  string
			org   string
			want  error
		}{
			{"an administrator of the organization gives everything in it", inClub, bob.User.ID, "admin", club.ID, nil},
			{"an administrator of the organization gives nothing everywhere", inClub, bob.User.ID, "moderator", "", account.ErrExceeds},
			{"and not even to themselves", inClub, boss.User.ID, "admin", "", account.ErrExceeds},
			{"nor in another organization", inClub, bob.User.ID, "moderator", pub.ID, account.ErrExceeds},
			{"nor in another one that the credential acts in", inPub, bob.User.ID, "moderator", pub.ID, account.ErrExceeds},
			{"nor by a credential that acts nowhere", nowhere, bob.User.ID, "moderator", club.ID, account.ErrExceeds},
			{"nor beyond the scope of the credential", &scoped, bob.User.ID, "moderator", club.ID, account.ErrExceeds},
			{"what is held everywhere is given in an organization", moderator, bob.User.ID, "moderator", pub.ID, nil},
			{"but no more", moderator, bob.User.ID, "admin", pub.ID, account.ErrExceeds},
			{"what everybody has", inPub, bob.User.ID, "member", pub.ID, nil},
			{"nobody else gets roles there", inClub, eve.User.ID, "member", club.ID, org.ErrNotMember},
			{"a role that is not there", inClub, bob.User.ID, "nobody", club.ID, authz.ErrNotFound},
			{"an organization that is not there", inClub, bob.User.ID, "member", "org_none", org.ErrNotFound},
			{"a user who is not there", inClub, "usr_none", "member", club.ID, account.ErrNotFound},
		} {
			before := h.assignedIn(c.user, c.org)
			h.wants(h.Assign(ctx, c.user, c.role, c.org, given(c.giver)), c.want, "%s", c.it)
			if after := h.assignedIn(c.user, c.org); c.want != nil && !slices.Equal(before, after) {
				t.Errorf("%s: refused, and yet %q became %q", c.it, before, after)
			}
		}

		// bob administers the club by now, ann does not.
		annInClub := h.giver(ann.User.ID, club.ID)
		h.wants(h.Unassign(ctx, bob.User.ID, "admin", club.ID, given(annInClub)), account.ErrExceeds, "taking more than one holds")
		h.wants(h.RemoveMember(ctx, club.ID, bob.User.ID, given(annInClub)), account.ErrExceeds, "removing who holds more")
		h.must(h.Unassign(ctx, boss.User.ID, "admin", club.ID, given(h.giver(bob.User.ID, club.ID))))
		h.wants(h.Assign(ctx, ann.User.ID, "moderator", club.ID, given(inClub)), account.ErrExceeds, "a principal from before the role was taken away")
		h.wants(h.RemoveMember(ctx, club.ID, eve.User.ID, given(inClub)), org.ErrNotMember, "removing who is no member")
		h.must(h.RemoveMember(ctx, club.ID, boss.User.ID, given(h.giver(boss.User.ID, ""))))
		h.wants(h.RemoveMember(ctx, club.ID, boss.User.ID, origin("")), org.ErrNotMember, "removing twice")
		h.wants(h.RemoveMember(ctx, "org_none", boss.User.ID, origin("")), org.ErrNotMember, "an organization that is not there")
		h.wants(h.AddMember(ctx, "org_none", boss.User.ID, origin("")), org.ErrNotFound, "adding to one that is not there")
		h.wants(h.AddMember(ctx, club.ID, "usr_none", origin("")), account.ErrNotFound, "adding nobody")
	})
}

// The role of an administrator in an organization gives nothing outside of it.
func TestAnAdministratorOfAnOrganizationIsNobodyElsewhere(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx, d := t.Context(), h.door()
		m := h.member()
		club, pub := h.organization(m), h.organization(m)
		h.must(h.Assign(ctx, m.User.ID, account.AdminRole, club.ID, origin("")))
		policy := authz.New()
		h.must(policy.Reload(ctx, h.Roles))
		for _, where := range []string{club.ID, pub.ID, ""} {
			in, err := h.SignIn(ctx, account.SignIn{Identifier: m.User.Username, Password: pass, Org: where, WithTokens: true}, origin(""))
			h.must(err)
			p := d.token(in.Tokens.Access)
			if p == nil || !slices.Equal(p.Roles, []string{"member"}) {
				t.Fatalf("acting in %q: %s", where, acts(p))
			}
			if got := slices.Contains(p.OrgRoles, account.AdminRole); got != (where == club.ID) {
				t.Errorf("acting in %q: an administrator there: %t", where, got)
			}
			for _, action := range []string{"user:delete", "role:assign", "policy:publish", "post:delete"} {
				decision, err := policy.Decide(ctx, sallyport.Query{Principal: p, Action: action})
				if err != nil || decision.Allow {
					t.Errorf("acting in %q: may %s everywhere: %+v, %v", where, action, decision, err)
				}
			}
		}
		if has, err := h.HasAdmin(ctx); err != nil || has {
			t.Errorf("the installation has an administrator: %t, %v", has, err)
		}
	})
}

// Readers run while a member is removed and added: as soon as the call returns,
// no check is answered from before.
func TestRemovingAMemberIsInForceOnTheNextCheck(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		nodes := []*node{h.node, h.start(t)}
		doors := []*door{nodes[0].door(), nodes[1].door()}
		m := h.member()
		o := h.organization(m)
		h.must(h.Assign(ctx, m.User.ID, "moderator", "", origin("")))
		_, key, err := h.CreateKey(ctx, m.User.ID, account.NewKey{Name: "k", Org: o.ID, Scopes: []string{"post:*"}}, origin(""))
		h.must(err)
		sess := h.again(m.User, false)

		var stop atomic.Bool
		var reads atomic.Int64
		readers := make(chan struct{})
		go func() {
			defer close(readers)
			many(4, func(i int) {
				for !stop.Load() {
					for _, p := range []*sallyport.Principal{doors[i%2].key(key), doors[i%2].cookie(sess.Cookie)} {
						if p == nil || p.Org == "" && p.OrgRoles != nil {
							t.Errorf("acts %s", acts(p))
						}
						reads.Add(1)
					}
				}
			})
		}()
		for range testenv.Count(5, 200) {
			h.must(h.Assign(ctx, m.User.ID, "moderator", o.ID, origin("")))
			h.must(h.SwitchOrganization(ctx, by(sess), o.ID, origin("")))
			for what, p := range map[string]*sallyport.Principal{"key": doors[0].key(key), "session": doors[0].cookie(sess.Cookie)} {
				if p.Org != o.ID || !slices.Equal(p.OrgRoles, []string{"moderator"}) {
					t.Fatalf("the %s of a member acts %s", what, acts(p))
				}
			}
			h.must(h.RemoveMember(ctx, o.ID, m.User.ID, origin("")))
			for what, p := range map[string]*sallyport.Principal{"key": doors[0].key(key), "session": doors[0].cookie(sess.Cookie)} {
				if p.Org != "" || p.OrgRoles != nil {
					t.Fatalf("the %s of who was removed acts %s", what, acts(p))
				}
			}
			nodes[1].hears(h.head(), true)
			if p := doors[1].key(key); p.Org != "" {
				t.Fatalf("on the other node the key of who was removed acts %s", acts(p))
			}
			h.must(h.AddMember(ctx, o.ID, m.User.ID, origin("")))
		}
		stop.Store(true)
		<-readers
		t.Logf("%d checks beside", reads.Load())
	})
}

// Whatever is done to a membership at the same moment: nobody is left with a role
// in, or acts in, an organization that they are no member of, and no session is
// lost.
func TestMembershipRaces(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		m := h.member()
		sess := h.again(m.User, true)
		rounds := testenv.Count(4, 200)
		for round := range rounds {
			o := h.organization(m)
			h.must(h.SwitchOrganization(ctx, by(sess), o.ID, origin("")))
			gone := func() error { return h.RemoveMember(ctx, o.ID, m.User.ID, origin("")) }
			if round%2 == 0 {
				gone = func() error { return h.DeleteOrganization(ctx, o.ID, origin("")) }
			}
			many(6, func(i int) {
				var err error
				switch i {
				case 0:
					err = gone()
				case 1:
					err = h.Assign(ctx, m.User.ID, "moderator", o.ID, origin(""))
				case 2:
					err = h.SwitchOrganization(ctx, by(sess), o.ID, origin(""))
				case 3:
					_, err = h.refresh(sess.Tokens)
				case 4:
					_, _, err = h.CreateKey(ctx, m.User.ID, account.NewKey{Name: "k", Org: o.ID, Scopes: []string{"post:*"}}, origin(""))
				case 5:
					_, _, err = h.Invite(ctx, account.NewInvitation{Org: o.ID, Email: "x@example.org", Role: "member"}, origin(""))
				}
				if err != nil && !errors.Is(err, org.ErrNotMember) && !errors.Is(err, org.ErrNotFound) {
					t.Errorf("round %d, %d: %v", round, i, err)
				}
			})
			next, err := h.refresh(sess.Tokens)
			h.must(err)
			sess.Tokens = next
			if c := h.claims(next.Access); c.Org != "" || c.OrgRoles != nil {
				t.Errorf("round %d: a token for %q after the end", round, c.Org)
			}
			if left := h.assignedIn(m.User.ID, o.ID); len(left) > 0 {
				t.Errorf("round %d: roles %q in what the user is no member of", round, left)
			}
			if st, err := h.Standing(ctx, m.User.ID, o.ID); err != nil || st.Org != "" {
				t.Errorf("round %d: %+v, %v", round, st, err)
			}
		}
	})
}
