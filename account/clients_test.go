package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

const appURL = "https://app.example/cb"

// inMemory is a house of its own on the quickest back end.
func inMemory(t *testing.T) *house {
	t.Parallel()
	return newHouse(t, backends[0])
}

// app is a confidential client that people let in.
func app(change ...func(*account.ClientRegistration)) account.ClientRegistration {
	in := account.ClientRegistration{Client: oauth.Client{
		ID: "app-" + newName(), Name: "App", Redirects: []string{appURL},
		Scopes: []string{"openid", "offline_access", "post:create"}, Resources: []string{"https://es.example"},
	}}
	for _, f := range change {
		f(&in)
	}
	return in
}

// robot is a client that acts for itself.
func robot(roles ...string) account.ClientRegistration {
	return app(func(in *account.ClientRegistration) {
		in.Grants, in.Redirects, in.Roles = []oauth.GrantType{oauth.ByCredentials}, nil, roles
	})
}

// register adds a client.
func (n *node) register(in account.ClientRegistration) (oauth.Client, string) {
	n.t.Helper()
	c, plain, err := n.AddClient(n.t.Context(), in, origin("usr_admin"))
	n.must(err)
	return c, plain
}

// set changes a client as f says.
func (n *node) set(id string, f func(*account.ClientRegistration)) error {
	n.t.Helper()
	c, err := n.Client(n.t.Context(), id)
	n.must(err)
	in := account.ClientRegistration{Client: c}
	f(&in)
	_, err = n.SetClient(n.t.Context(), in, nil, origin("usr_admin"))
	return err
}

// acting is an access token of a client that acts for itself.
func (n *node) acting(id string, scope ...string) string {
	n.t.Helper()
	out, err := n.ClientToken(n.t.Context(), id, account.Ask{Scope: scope, Resources: []string{issuer}})
	n.must(err)
	return out.Access
}

// allow lets the client in, and returns the code.
func (n *node) allow(s *account.SignedIn, c oauth.Client, scope ...string) string {
	n.t.Helper()
	r := &oauth.Request{Client: c.ID, Redirect: appURL, RedirectGiven: true, Scope: scope, Resources: []string{issuer}, MaxAge: -1}
	code, err := n.Authorize(n.t.Context(), by(s), account.Approval{Client: c, Request: r, Consented: true}, origin(s.User.ID))
	n.must(err)
	return code
}

// redeem exchanges a code.
func (n *node) redeem(c oauth.Client, code string) (*account.Granted, error) {
	return n.RedeemCode(n.t.Context(), account.Redemption{Client: c, Code: code, Redirect: appURL}, origin(""))
}

func (n *node) letIn(s *account.SignedIn, c oauth.Client, scope ...string) *account.Granted {
	n.t.Helper()
	out, err := n.redeem(c, n.allow(s, c, scope...))
	n.must(err)
	return out
}

// ended checks that the access tokens have ended, or that they have not.
func (n *node) ended(want bool, what string, access ...string) {
	n.t.Helper()
	for _, a := range access {
		if err := n.dead(a); errors.Is(err, revoke.ErrRevoked) != want || err != nil && !want {
			n.t.Errorf("%s: %v, want it ended: %v", what, err, want)
		}
	}
}

func invalidMember(err error) string {
	if e, ok := errors.AsType[*account.InvalidError](err); ok {
		return e.Member
	}
	return ""
}

func TestAddClient(t *testing.T) {
	h := inMemory(t)
	before := h.head()
	in := app()
	c, plain := h.register(in)
	h.obeys("AddClient")
	if len(plain) < 43 || !c.Knows(plain, time.Now()) || c.Knows(plain+"x", time.Now()) || c.Knows("", time.Now()) {
		t.Errorf("secret %q of %+v", plain, c)
	}
	if len(c.Secrets) != 1 || !slices.Equal(c.Secrets[0].Hash, secret.Hash(plain)) || !c.Secrets[0].ExpiresAt.IsZero() {
		t.Errorf("kept %+v", c.Secrets)
	}
	kept, err := h.Client(t.Context(), in.ID)
	h.must(err)
	if kept.Name != "App" || !kept.CreatedAt.Equal(c.CreatedAt) || kept.CreatedAt.IsZero() || !kept.Knows(plain, time.Now()) {
		t.Errorf("kept %+v", kept)
	}
	es := h.audited("client.add", in.ID)
	if len(es) != 1 || es[0].Actor != "usr_admin" || contains(es, plain) {
		t.Errorf("audited %+v", es)
	}
	if es := h.entries(before); len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Client || es[0].ID != in.ID {
		t.Errorf("wrote %+v", es)
	}

	t.Run("an id is made up", func(t *testing.T) {
		c, _ := h.on(t).register(app(func(in *account.ClientRegistration) { in.ID = "" }))
		if !secret.IsID("cli", c.ID) {
			t.Errorf("id %q", c.ID)
		}
	})
	t.Run("its own secret is kept", func(t *testing.T) {
		own := strings.Repeat("s", 32)
		c, plain := h.on(t).register(app(func(in *account.ClientRegistration) { in.Secret = own }))
		if plain != own || !c.Knows(own, time.Now()) {
			t.Errorf("secret %q", plain)
		}
	})
	t.Run("without a secret", func(t *testing.T) {
		for _, change := range []func(*account.ClientRegistration){
			func(in *account.ClientRegistration) { in.Auth = oauth.NoAuth },
			func(in *account.ClientRegistration) {
				in.Auth, in.JWKSURI = oauth.PrivateKeyJWT, "https://app.example/keys"
			},
		} {
			if c, plain := h.on(t).register(app(change)); plain != "" || len(c.Secrets) > 0 {
				t.Errorf("%s has a secret", c.Auth)
			}
		}
	})
	t.Run("hashes cannot be brought along", func(t *testing.T) {
		c, _ := h.on(t).register(app(func(in *account.ClientRegistration) {
			in.Secrets = []oauth.Secret{{Hash: secret.Hash("known")}}
		}))
		if c.Knows("known", time.Now()) {
			t.Error("knows it")
		}
	})
}

func TestAddClientRefuses(t *testing.T) {
	h := inMemory(t)
	there, _ := h.register(app())
	before := h.head()
	id := func(id string) func(*account.ClientRegistration) {
		return func(in *account.ClientRegistration) { in.ID = id }
	}
	plain := func(s string) func(*account.ClientRegistration) {
		return func(in *account.ClientRegistration) { in.Secret = s }
	}
	for _, c := range []struct {
		name   string
		change func(*account.ClientRegistration)
		member string
		err    error
	}{
		{"the id of sign-in itself", id(account.FirstParty), "client_id", nil},
		{"an id like a user's", id(h.member().User.ID), "client_id", nil},
		{"an id that the audit log has for nobody", id("system"), "client_id", nil},
		{"another", id("anonymous"), "client_id", nil},
		{"and another", id("cli"), "client_id", nil},
		{"an id with a space", id("a b"), "client_id", nil},
		{"an id with a colon, which Basic could not carry", id("a:b"), "client_id", nil},
		{"an id with NUL", id("a\x00b"), "client_id", nil},
		{"an id that is too long", id(strings.Repeat("x", 129)), "client_id", nil},
		{"an id that is taken", id(there.ID), "", oauth.ErrTaken},
		{"a short secret", plain(strings.Repeat("s", 31)), "client_secret", nil},
		{"a long secret", plain(strings.Repeat("s", 257)), "client_secret", nil},
		{"a secret with NUL", plain(strings.Repeat("s", 32) + "\x00"), "client_secret", nil},
		{"a secret of a public client", func(in *account.ClientRegistration) {
			in.Auth, in.Secret = oauth.NoAuth, strings.Repeat("s", 32)
		}, "client_secret", nil},
		{"no name", func(in *account.ClientRegistration) { in.Name = " " }, "name", nil},
		{"a wildcard", func(in *account.ClientRegistration) { in.Redirects = []string{"https://*.example/cb"} }, "redirect_uris", nil},
		{"a role that is not there", func(in *account.ClientRegistration) { in.Roles = []string{"nobody"} }, "", authz.ErrNotFound},
		{"a grant type that is not there", func(in *account.ClientRegistration) { in.Grants = []oauth.GrantType{"password"} }, "grant_types", nil},
	} {
		_, secret, err := h.AddClient(t.Context(), app(c.change), origin(""))
		if c.member != invalidMember(err) || c.member == "" && !errors.Is(err, c.err) || secret != "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	all, err := h.Clients(t.Context(), "", 0)
	h.must(err)
	if len(all) != 1 || h.head() != before {
		t.Errorf("something was changed: %+v", all)
	}
}

func TestRotateClientSecret(t *testing.T) {
	h := inMemory(t)
	c, first := h.register(app())
	rotate := func(keep time.Duration) string {
		t.Helper()
		plain, err := h.RotateClientSecret(t.Context(), c.ID, keep, origin("usr_admin"))
		h.must(err)
		if c, err = h.Client(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		return plain
	}
	knows := func(what string, at time.Time, want ...string) {
		t.Helper()
		for _, plain := range want {
			if !c.Knows(plain, at) {
				t.Errorf("%s: not known", what)
			}
		}
		good := 0
		for _, s := range c.Secrets {
			if s.ExpiresAt.IsZero() || at.Before(s.ExpiresAt) {
				good++
			}
		}
		if good != len(want) || len(c.Secrets) > oauth.MaxSecrets {
			t.Errorf("%s: %d of %d secrets are good, want %d", what, good, len(c.Secrets), len(want))
		}
	}
	now := time.Now()
	second := rotate(time.Hour)
	knows("both work", now, first, second)
	knows("the old one ends in time", now.Add(time.Hour+time.Second), second)
	third := rotate(2 * time.Hour)
	knows("two at a time", now, second, third)
	if c.Knows(first, now) {
		t.Error("the one before the last works")
	}
	if fourth := rotate(0); true {
		knows("the old one ends now", time.Now(), fourth)
	}

	rotate(time.Minute)
	end := c.Secrets[1].ExpiresAt
	h.must(h.set(c.ID, func(in *account.ClientRegistration) { in.Name = "Other" }))
	if c, _ = h.Client(t.Context(), c.ID); len(c.Secrets) != 2 || !c.Secrets[1].ExpiresAt.Equal(end) {
		t.Errorf("a change of the client changed its secrets: %+v", c.Secrets)
	}
	if es := h.audited("client.rotate_secret", c.ID); len(es) != 4 || es[0].Actor != "usr_admin" || contains(es, first) || contains(es, third) {
		t.Errorf("audited %+v", es)
	}

	public, _ := h.register(app(func(in *account.ClientRegistration) { in.Auth = oauth.NoAuth }))
	if _, err := h.RotateClientSecret(t.Context(), public.ID, time.Hour, origin("")); invalidMember(err) != "client_id" {
		t.Errorf("of a public client: %v", err)
	}
	for _, id := range []string{"nobody", "", "\x00"} {
		_, err := h.RotateClientSecret(t.Context(), id, time.Hour, origin(""))
		h.wants(err, oauth.ErrNotFound, "of %q", id)
	}
}

func TestSetClient(t *testing.T) {
	h := inMemory(t)
	was, plain := h.register(app())
	t.Run("all but the secret is replaced", func(t *testing.T) {
		n := h.on(t)
		before := n.head()
		in := account.ClientRegistration{Client: oauth.Client{ID: was.ID, Name: "Other", Redirects: []string{"https://other.example/"}, Scopes: []string{"openid", "offline_access", "post:create"}, Resources: was.Resources}}
		c, err := n.SetClient(t.Context(), in, nil, origin("usr_admin"))
		n.must(err)
		n.obeys("SetClient")
		kept, err := n.Client(t.Context(), was.ID)
		n.must(err)
		if kept.Name != "Other" || !slices.Equal(kept.Redirects, in.Redirects) || !kept.Knows(plain, time.Now()) ||
			!kept.CreatedAt.Equal(was.CreatedAt) || !kept.UpdatedAt.After(was.UpdatedAt) || !kept.UpdatedAt.Equal(c.UpdatedAt) {
			t.Errorf("kept %+v, returned %+v", kept, c)
		}
		if es := n.audited("client.set", was.ID); len(es) != 1 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}
		if es := n.entries(before); len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Client {
			t.Errorf("wrote %+v", es)
		}
	})
	t.Run("unless", func(t *testing.T) {
		n, errStale := h.on(t), errors.New("stale")
		_, err := n.SetClient(t.Context(), account.ClientRegistration{Client: was}, func(c oauth.Client) error {
			if c.Name != "Other" {
				t.Errorf("asked about %+v", c)
			}
			return errStale
		}, origin(""))
		n.wants(err, errStale, "refused")
		if c, err := n.Client(t.Context(), was.ID); err != nil || c.Name != "Other" {
			t.Errorf("%+v, %v", c, err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		n := h.on(t)
		for _, c := range []struct {
			name   string
			change func(*account.ClientRegistration)
			member string
		}{
			{"another secret", func(in *account.ClientRegistration) { in.Secret = strings.Repeat("s", 40) }, "client_secret"},
			{"no name", func(in *account.ClientRegistration) { in.Name = "" }, "name"},
			{"a redirect that is none", func(in *account.ClientRegistration) { in.Redirects = []string{"javascript:alert(1)"} }, "redirect_uris"},
		} {
			if err := n.set(was.ID, c.change); invalidMember(err) != c.member {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		_, err := n.SetClient(t.Context(), app(), nil, origin(""))
		n.wants(err, oauth.ErrNotFound, "a client that is not there")
	})
	t.Run("a secret that it does not need is gone, and does not come back", func(t *testing.T) {
		n := h.on(t)
		n.must(n.set(was.ID, func(in *account.ClientRegistration) { in.Auth = oauth.NoAuth }))
		if c, err := n.Client(t.Context(), was.ID); err != nil || len(c.Secrets) > 0 {
			t.Errorf("%+v, %v", c.Secrets, err)
		}
		err := n.set(was.ID, func(in *account.ClientRegistration) { in.Auth = oauth.SecretBasic })
		if invalidMember(err) != "token_endpoint_auth_method" {
			t.Errorf("%v", err)
		}
	})
}

// What a client may no longer do it can do with no token, of its own or of somebody who
// has let it in.
func TestWhatAClientMayNoLongerDoNoTokenDoes(t *testing.T) {
	h := inMemory(t)
	for _, c := range []struct {
		name   string
		change func(*account.ClientRegistration)
		end    bool
	}{
		{"another name", func(in *account.ClientRegistration) { in.Name = "Other" }, false},
		{"a scope more", func(in *account.ClientRegistration) { in.Scopes = append(in.Scopes, "post:edit") }, false},
		{"a scope less", func(in *account.ClientRegistration) { in.Scopes = in.Scopes[:2] }, true},
		{"a resource less", func(in *account.ClientRegistration) { in.Resources = nil }, true},
		{"tokens that are bound to a key only", func(in *account.ClientRegistration) { in.DPoP = true }, true},
		{"disabled", func(in *account.ClientRegistration) { in.Disabled = true }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := h.on(t)
			client, _ := n.register(app(func(in *account.ClientRegistration) {
				in.Grants = []oauth.GrantType{oauth.ByCode, oauth.ByRefresh, oauth.ByCredentials}
			}))
			own, theirs := n.acting(client.ID), n.letIn(n.member(), client, "openid", "post:create").Access
			n.ended(false, "before", own, theirs)
			n.must(n.set(client.ID, c.change))
			n.ended(c.end, "after", own, theirs)
		})
	}
}

func TestADisabledClientDoesNothing(t *testing.T) {
	h := inMemory(t)
	c, _ := h.register(robot("member"))
	old := h.acting(c.ID)
	disable := func(yes bool) {
		h.must(h.set(c.ID, func(in *account.ClientRegistration) { in.Disabled = yes }))
	}
	disable(true)
	h.ended(true, "disabled", old)
	_, err := h.ClientToken(t.Context(), c.ID, account.Ask{Resources: []string{issuer}})
	h.wants(err, oauth.ErrNotFound, "a token of a disabled client")
	disable(false)
	h.ended(true, "enabled again, the token that has ended", old)
	h.ended(false, "enabled again, a new one", h.acting(c.ID))
}

func TestRolesOfAClientAreInForceAtOnce(t *testing.T) {
	h := inMemory(t)
	c, _ := h.register(robot("member"))
	roles := func(what string, want ...string) {
		t.Helper()
		if got := h.claims(h.acting(c.ID)).Roles; !slices.Equal(got, want) {
			t.Errorf("%s: a token says %q, want %q", what, got, want)
		}
	}
	roles("registered", "member")
	old := h.acting(c.ID)
	set := func(what string, roles []string, overlay ...string) {
		t.Helper()
		before := h.head()
		h.must(h.set(c.ID, func(in *account.ClientRegistration) { in.Roles = roles }))
		h.obeys(what)
		var got []revoke.Entry
		for _, e := range h.entries(before) {
			if e.Effect != revoke.Notice {
				got = append(got, e)
			}
		}
		if overlay == nil && len(got) > 0 || overlay != nil && (len(got) != 1 || got[0].Effect != revoke.Overlay ||
			got[0].Kind != revoke.Subject || got[0].ID != c.ID || !slices.Equal(got[0].Overlay, overlay)) {
			t.Errorf("%s wrote %+v", what, got)
		}
		h.ended(false, what, old)
	}
	set("another role", []string{"moderator"}, "moderator")
	roles("another role", "moderator")
	set("a role more", []string{"member", "moderator"}, "member", "moderator")
	set("the same", []string{"moderator", "member"})
	set("none said", nil)
	roles("none said", "member", "moderator")
	set("none", []string{}, []string{}...)
	if got := h.claims(h.acting(c.ID)).Roles; len(got) > 0 {
		t.Errorf("none: a token says %q", got)
	}
}

func TestRemoveClient(t *testing.T) {
	h := inMemory(t)
	in := app(func(in *account.ClientRegistration) {
		in.Grants, in.Roles = []oauth.GrantType{oauth.ByCode, oauth.ByRefresh, oauth.ByCredentials}, []string{"member"}
	})
	c, _ := h.register(in)
	ann := h.member()
	own, theirs := h.acting(c.ID), h.letIn(ann, c, "openid", "offline_access")
	waiting := h.allow(ann, c, "openid")
	given := time.Now()
	h.must(h.RemoveClient(t.Context(), c.ID, origin("usr_admin")))
	h.obeys("RemoveClient")
	h.ended(true, "removed", own, theirs.Access)
	h.ended(false, "of the person", ann.Tokens.Access)
	if es := h.audited("client.remove", c.ID); len(es) != 1 || es[0].Actor != "usr_admin" {
		t.Errorf("audited %+v", es)
	}
	for _, id := range []string{c.ID, "nobody", "", "\x00"} {
		h.wants(h.RemoveClient(t.Context(), id, origin("")), oauth.ErrNotFound, "removing %q", id)
	}
	_, err := h.Client(t.Context(), c.ID)
	h.wants(err, oauth.ErrNotFound, "reading it")
	_, err = h.ClientToken(t.Context(), c.ID, account.Ask{Resources: []string{issuer}})
	h.wants(err, oauth.ErrNotFound, "acting for itself")
	if all, err := h.Connections(t.Context(), ann.User.ID); err != nil || len(all) != 1 || all[0].Client.Name != "" {
		t.Errorf("a person does not see what was there: %+v, %v", all, err)
	}

	t.Run("one of the same id is another client", func(t *testing.T) {
		n := h.on(t)
		for time.Since(given) < 2*time.Millisecond { // what the stores can tell apart
		}
		in.Roles = nil
		again, _ := n.register(in)
		if got := n.claims(n.acting(again.ID)).Roles; len(got) > 0 {
			t.Errorf("it has the roles %q", got)
		}
		n.ended(true, "of the first one", own, theirs.Access)
		if _, err := n.redeem(again, waiting); !refusedAs(err, oauth.InvalidGrant) {
			t.Errorf("redeeming the first one's code: %v", err)
		}
		if _, err := n.RefreshGrant(t.Context(), again, theirs.Refresh, account.Ask{}, origin("")); !refusedAs(err, oauth.InvalidGrant) {
			t.Errorf("refreshing the first one's token: %v", err)
		}
		consent, err := n.Consented(t.Context(), ann.User.ID, again.ID)
		n.must(err)
		if consent.Covers([]string{"openid"}, nil, &again) {
			t.Error("a consent to the first one covers something")
		}
		n.letIn(ann, again, "openid")
		consent, err = n.Consented(t.Context(), ann.User.ID, again.ID)
		n.must(err)
		if !consent.Covers([]string{"openid"}, nil, &again) || consent.Covers([]string{"offline_access"}, nil, &again) {
			t.Errorf("consented to %+v", consent)
		}
	})
}

func refusedAs(err error, code string) bool {
	e, ok := errors.AsType[*oauth.Error](err)
	return ok && e.Code == code
}

// Nobody registers, changes, removes or gets the secret of a client that may do more than
// they: it would be theirs.
func TestNobodyHasAClientThatMayDoMoreThanThey(t *testing.T) {
	h := inMemory(t)
	giver := func(scopes []string, roles ...string) account.Origin {
		u := h.member().User
		for _, r := range roles {
			h.must(h.Assign(t.Context(), u.ID, r, "", origin("")))
		}
		o := origin(u.ID)
		o.Giver = &sallyport.Principal{Kind: sallyport.User, Subject: u.ID, Roles: append(roles, "member"), Scopes: scopes}
		return o
	}
	for _, c := range []struct {
		name   string
		roles  []string
		scopes []string // of the credential
		client func(*account.ClientRegistration)
		may    bool
	}{
		{"a role that they have", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Roles = []string{"moderator"} }, true},
		{"a role whose permissions they have", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Roles = []string{"member"} }, true},
		{"a role that they do not cover", nil, nil, func(in *account.ClientRegistration) { in.Roles = []string{"moderator"} }, false},
		{"administration", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Roles = []string{account.AdminRole} }, false},
		{"a role beyond the credential", []string{"moderator"}, []string{"client:write"}, func(in *account.ClientRegistration) { in.Roles = []string{"moderator"} }, false},
		{"a scope that they hold", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"post:delete"} }, true},
		{"a scope that they do not hold", nil, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"post:delete"} }, false},
		{"a pattern of which they hold a part", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"post:*"} }, false},
		{"every scope", []string{"moderator"}, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"*"} }, false},
		{"every scope, of an administrator", []string{account.AdminRole}, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"*"} }, true},
		{"scopes that are no permissions", nil, nil, func(in *account.ClientRegistration) { in.Scopes = []string{"openid", "email", "their.own"} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := h.on(t)
			o := giver(c.scopes, c.roles...)
			var want error
			if !c.may {
				want = account.ErrExceeds
			}
			in := app(func(in *account.ClientRegistration) { in.Scopes, in.Resources = []string{"openid"}, nil })
			plain, _ := n.register(in)
			c.client(&in)
			there := in
			there.ID += "-2"
			strong, secret := n.register(there)
			_, err := n.SetClient(t.Context(), in, nil, o)
			n.wants(err, want, "making a client that")
			in.ID += "-3"
			_, _, err = n.AddClient(t.Context(), in, o)
			n.wants(err, want, "registering it")
			_, err = n.RotateClientSecret(t.Context(), strong.ID, 0, o)
			n.wants(err, want, "getting its secret")
			back := there
			back.Scopes, back.Roles, back.Redirects = []string{"openid"}, []string{}, []string{"https://elsewhere.example/"}
			_, err = n.SetClient(t.Context(), back, nil, o)
			n.wants(err, want, "leading it elsewhere")
			n.wants(n.RemoveClient(t.Context(), strong.ID, o), want, "removing it")
			if c.may {
				return
			}
			now, err := n.Client(t.Context(), strong.ID)
			n.must(err)
			if !now.Knows(secret, time.Now()) || !now.UpdatedAt.Equal(strong.UpdatedAt) {
				t.Error("it was changed")
			}
			if roles, err := n.Assigned(t.Context(), plain.ID, ""); err != nil || len(roles) > 0 {
				t.Errorf("the plain one has %q, %v", roles, err)
			}
		})
	}
}

func TestClientsAreListedInPages(t *testing.T) {
	h := inMemory(t)
	for _, id := range []string{"b", "a", "c"} {
		h.register(app(func(in *account.ClientRegistration) { in.ID = id }))
	}
	ids := func(after string, limit int) (out []string) {
		all, err := h.Clients(t.Context(), after, limit)
		h.must(err)
		for _, c := range all {
			out = append(out, c.ID)
		}
		return out
	}
	if all, first, rest := ids("", 0), ids("", 2), ids("b", 2); !slices.Equal(all, []string{"a", "b", "c"}) || !slices.Equal(first, all[:2]) || !slices.Equal(rest, all[2:]) {
		t.Errorf("%v, %v, %v", all, first, rest)
	}
}

// Changes at once follow one another: none is lost, and nobody has to begin anew.
func TestChangesOfAClientAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		c, _ := h.register(app())
		const n = 4
		var failed atomic.Int64
		many(n, func(int) {
			if _, err := h.RotateClientSecret(t.Context(), c.ID, time.Hour, origin("")); err != nil {
				t.Error(err)
				failed.Add(1)
			}
		})
		if got := len(h.audited("client.rotate_secret", c.ID)); got != n-int(failed.Load()) {
			t.Errorf("%d entries", got)
		}
		now, err := h.Client(t.Context(), c.ID)
		h.must(err)
		if len(now.Secrets) != oauth.MaxSecrets || now.UpdatedAt.Sub(c.UpdatedAt) < n*time.Millisecond {
			t.Errorf("%d secrets, updated at %v and then %v", len(now.Secrets), c.UpdatedAt, now.UpdatedAt)
		}
	})
}

func TestTheAlgorithmsThatClientsWantHaveKeys(t *testing.T) {
	h := inMemory(t)
	h.register(app(func(in *account.ClientRegistration) { in.IDTokenAlg = token.ES256 }))
	if _, err := h.ring.Keys().Sign(token.ES256, "", []byte("{}")); err == nil {
		t.Fatal("there is one before anybody asked for it")
	}
	p, err := h.ring.Maintain(t.Context())
	h.must(err)
	h.must(h.CatchUp(t.Context(), p))
	if _, err := h.ring.Keys().Sign(token.ES256, "", []byte("{}")); err != nil {
		t.Error(err)
	}
}

// withClient is an operation on a client with roles, which a new member has let in.
func withClient(f func(ctx context.Context, s *account.Service, m *account.SignedIn, c oauth.Client, granted *account.Granted) error) func(*node) func(context.Context, *account.Service) error {
	return func(n *node) func(context.Context, *account.Service) error {
		c, _ := n.register(app(func(in *account.ClientRegistration) { in.Roles = []string{"member"} }))
		m := n.member()
		granted := n.letIn(m, c, "openid", "offline_access", "post:create")
		return func(ctx context.Context, s *account.Service) error { return f(ctx, s, m, c, granted) }
	}
}

func clientOperations() []operation {
	return []operation{
		{name: "AddClient", prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, _, err := s.AddClient(ctx, robot("member", "moderator"), origin(""))
			return err
		})},
		{name: "SetClient", prepare: withClient(func(ctx context.Context, s *account.Service, _ *account.SignedIn, c oauth.Client, _ *account.Granted) error {
			c.Scopes = []string{"openid"}
			_, err := s.SetClient(ctx, account.ClientRegistration{Client: c, Roles: []string{"moderator"}}, nil, origin(""))
			return err
		})},
		{name: "RotateClientSecret", prepare: withClient(func(ctx context.Context, s *account.Service, _ *account.SignedIn, c oauth.Client, _ *account.Granted) error {
			_, err := s.RotateClientSecret(ctx, c.ID, time.Hour, origin(""))
			return err
		})},
		{name: "RemoveClient", prepare: withClient(func(ctx context.Context, s *account.Service, _ *account.SignedIn, c oauth.Client, _ *account.Granted) error {
			return s.RemoveClient(ctx, c.ID, origin(""))
		})},
		{name: "Authorize", unlogged: true, prepare: withClient(func(ctx context.Context, s *account.Service, m *account.SignedIn, c oauth.Client, _ *account.Granted) error {
			r := &oauth.Request{Client: c.ID, Redirect: appURL, Scope: []string{"profile"}, Resources: []string{issuer}, MaxAge: -1}
			_, err := s.Authorize(ctx, by(m), account.Approval{Client: c, Request: r, Consented: true}, origin(""))
			return err
		})},
		{name: "Withdraw", prepare: withClient(func(ctx context.Context, s *account.Service, m *account.SignedIn, c oauth.Client, _ *account.Granted) error {
			return s.Withdraw(ctx, m.User.ID, c.ID, origin(""))
		})},
		{name: "RevokeForClient", prepare: withClient(func(ctx context.Context, s *account.Service, _ *account.SignedIn, c oauth.Client, g *account.Granted) error {
			return s.RevokeForClient(ctx, c.ID, g.Refresh, nil, origin(""))
		})},
		{name: "RedeemCode", unlogged: true, prepare: func(n *node) func(context.Context, *account.Service) error {
			c, _ := n.register(app())
			code := n.allow(n.member(), c, "openid")
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.RedeemCode(ctx, account.Redemption{Client: c, Code: code, Redirect: appURL}, origin(""))
				return err
			}
		}},
	}
}

// A person takes back what they have let in; others keep theirs.
func TestWithdraw(t *testing.T) {
	h := inMemory(t)
	c, _ := h.register(app())
	ann, bob := h.member(), h.member()
	hers, his := h.letIn(ann, c, "openid", "offline_access"), h.letIn(bob, c, "openid")
	h.must(h.Withdraw(t.Context(), ann.User.ID, c.ID, origin(ann.User.ID)))
	h.obeys("Withdraw")
	h.ended(true, "hers", hers.Access)
	h.ended(false, "his, and her own", his.Access, ann.Tokens.Access)
	if _, err := h.RefreshGrant(t.Context(), c, hers.Refresh, account.Ask{}, origin("")); !refusedAs(err, oauth.InvalidGrant) {
		t.Errorf("refreshing: %v", err)
	}
	if consent, err := h.Consented(t.Context(), ann.User.ID, c.ID); err != nil || consent.Covers([]string{"openid"}, nil, &c) {
		t.Errorf("consented to %+v, %v", consent, err)
	}
	if all, err := h.Connections(t.Context(), ann.User.ID); err != nil || len(all) > 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
	if es := h.audited("grant.withdraw", ann.User.ID); len(es) != 1 || es[0].Detail["client"] != c.ID {
		t.Errorf("audited %+v", es)
	}
	for _, id := range []string{c.ID, "nobody", "", "\x00"} {
		h.wants(h.Withdraw(t.Context(), ann.User.ID, id, origin("")), oauth.ErrNoGrant, "withdrawing %q", id)
	}
	h.wants(h.Withdraw(t.Context(), "usr_nobody", c.ID, origin("")), account.ErrNotFound, "of nobody")
}
