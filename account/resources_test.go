package account_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// notes is a resource.
func notes(uri string, change ...func(*oauth.Resource)) oauth.Resource {
	r := oauth.Resource{URI: uri, Name: "Notes", Scopes: []oauth.Scope{{Name: "post:create", Says: "to write posts"}}}
	for _, f := range change {
		f(&r)
	}
	return r
}

func (n *node) define(r oauth.Resource) oauth.Resource {
	n.t.Helper()
	r, err := n.SetResource(n.t.Context(), r, nil, origin("usr_admin"))
	n.must(err)
	_, err = n.ring.Maintain(n.t.Context())
	n.must(err)
	n.must(n.ring.Reload(n.t.Context()))
	return r
}

// refusal is the code of an [oauth.Error].
func refusal(err error) string {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestSetResource(t *testing.T) {
	h := inMemory(t)
	const uri = "https://notes.example/api"
	made := h.define(notes(uri))
	if made.Alg != token.EdDSA || made.CreatedAt.IsZero() || !made.UpdatedAt.Equal(made.CreatedAt) {
		t.Errorf("%+v", made)
	}
	changed := h.define(notes(uri, func(r *oauth.Resource) { r.Name, r.Alg, r.Scopes = "Papers", token.ES256, nil }))
	if changed.Name != "Papers" || changed.Alg != token.ES256 || !changed.CreatedAt.Equal(made.CreatedAt) || !changed.UpdatedAt.After(made.UpdatedAt) {
		t.Errorf("%+v", changed)
	}
	kept, err := h.Resource(t.Context(), uri)
	if err != nil || kept.Name != "Papers" || len(kept.Scopes) != 0 {
		t.Errorf("%+v, %v", kept, err)
	}
	if es := h.audited("resource.set", uri); len(es) != 2 || es[0].Actor != "usr_admin" {
		t.Errorf("audited %+v", es)
	}

	refuse := errors.New("not this version")
	_, err = h.SetResource(t.Context(), notes(uri), func(now *oauth.Resource) error {
		if now == nil || now.Name != "Papers" {
			t.Errorf("asked about %+v", now)
		}
		return refuse
	}, origin(""))
	h.wants(err, refuse, "with a condition")
	for name, bad := range map[string]oauth.Resource{
		"resource": notes("api"), "name": notes(uri, func(r *oauth.Resource) { r.Name = "" }),
		"scopes": notes(uri, func(r *oauth.Resource) { r.Scopes[0].Says = "" }),
	} {
		if _, err := h.SetResource(t.Context(), bad, nil, origin("")); invalidMember(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}

	h.wants(h.RemoveResource(t.Context(), uri, func(*oauth.Resource) error { return refuse }, origin("")), refuse, "removing with a condition")
	h.must(h.RemoveResource(t.Context(), uri, nil, origin("usr_admin")))
	for _, gone := range []string{uri, "", "\x00"} {
		h.wants(h.RemoveResource(t.Context(), gone, nil, origin("")), oauth.ErrNoResource, "removing %q", gone)
	}
	if es := h.audited("resource.remove", uri); len(es) != 1 {
		t.Errorf("audited %+v", es)
	}
}

// What the settings say of an audience counts, whatever anybody defines.
func TestTheSettingsDecideAboutTheirResources(t *testing.T) {
	h := inMemory(t)
	for uri, alg := range map[string]token.Alg{issuer: token.EdDSA, "https://es.example": token.ES256, "https://hs.example": token.HS256} {
		for _, asked := range []token.Alg{"", alg} {
			if r := h.define(notes(uri, func(r *oauth.Resource) { r.Alg = asked })); r.Alg != alg {
				t.Errorf("%s is signed with %s", uri, r.Alg)
			}
		}
		_, err := h.SetResource(t.Context(), notes(uri, func(r *oauth.Resource) { r.Alg = token.RS256 }), nil, origin(""))
		if invalidMember(err) != "signing_alg" {
			t.Errorf("%s with RS256: %v", uri, err)
		}
		h.must(h.RemoveResource(t.Context(), uri, nil, origin("")))
		if rs, err := h.Targets(t.Context(), []string{uri}); err != nil || rs[0].URI != uri {
			t.Errorf("without words %s is gone: %v", uri, err)
		}
	}
}

// Whoever says what a scope means decides what people allow.
func TestNobodySaysWhatAScopeMeansThatTheyDoNotHold(t *testing.T) {
	h := inMemory(t)
	u := h.member() // holds post:create
	o := given(by(u))
	writing := notes("https://a.example")
	deleting := notes("https://b.example", func(r *oauth.Resource) { r.Scopes[0].Name = "post:delete" })
	h.define(deleting)
	for _, tt := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a scope that they hold", func() error { _, err := h.SetResource(t.Context(), writing, nil, o); return err }, nil},
		{"one more, which they do not", func() error {
			r := notes(writing.URI, func(r *oauth.Resource) { r.Scopes = append(r.Scopes, deleting.Scopes...) })
			_, err := h.SetResource(t.Context(), r, nil, o)
			return err
		}, account.ErrExceeds},
		{"everything", func() error {
			_, err := h.SetResource(t.Context(), notes(writing.URI, func(r *oauth.Resource) { r.Scopes[0].Name = "*" }), nil, o)
			return err
		}, account.ErrExceeds},
		{"to take away words that are not theirs", func() error {
			_, err := h.SetResource(t.Context(), notes(deleting.URI, func(r *oauth.Resource) { r.Scopes = nil }), nil, o)
			return err
		}, account.ErrExceeds},
		{"to end that one", func() error { return h.RemoveResource(t.Context(), deleting.URI, nil, o) }, account.ErrExceeds},
		{"to end theirs", func() error { return h.RemoveResource(t.Context(), writing.URI, nil, o) }, nil},
		{"a scope that is no permission", func() error {
			_, err := h.SetResource(t.Context(), notes("https://c.example", func(r *oauth.Resource) { r.Scopes[0].Name = "https://c.example/x" }), nil, o)
			return err
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) { h.on(t).wants(tt.do(), tt.want, "%s", tt.name) })
	}
}

func TestAResourceThatIsChangedByManyAtOnce(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, b)
			const uri = "https://notes.example"
			var wg sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				wg.Go(func() { _, errs[i] = h.SetResource(t.Context(), notes(uri), nil, origin("")) })
			}
			wg.Wait()
			h.must(errors.Join(errs...))
			if es := h.audited("resource.set", uri); len(es) != len(errs) {
				t.Errorf("%d changes are audited", len(es))
			}
			created := 0
			for i := range errs {
				wg.Go(func() {
					_, errs[i] = h.SetResource(t.Context(), notes("https://other.example"), func(now *oauth.Resource) error {
						if now != nil {
							return oauth.ErrTaken
						}
						return nil
					}, origin(""))
				})
			}
			wg.Wait()
			for _, err := range errs {
				if err == nil {
					created++
				} else if !errors.Is(err, oauth.ErrTaken) {
					t.Error(err)
				}
			}
			if created != 1 {
				t.Errorf("%d made the one that was not there", created)
			}
		})
	}
}

func TestAClientAsksForResourcesThatThereAre(t *testing.T) {
	h := inMemory(t)
	h.define(notes("https://notes.example"))
	asking := func(uris ...string) account.ClientRegistration {
		return app(func(in *account.ClientRegistration) { in.Resources = uris })
	}
	_, _, err := h.AddClient(t.Context(), asking("https://note.example"), origin(""))
	if e, ok := errors.AsType[*account.InvalidError](err); !ok || e.Member != "resources" || !strings.Contains(e.Reason, `did you mean "https://notes.example"?`) {
		t.Errorf("one that is misspelt: %v", err)
	}
	c, _ := h.register(asking("https://notes.example", issuer, "https://es.example", "https://hs.example"))

	h.must(h.RemoveResource(t.Context(), "https://notes.example", nil, origin("")))
	h.must(h.set(c.ID, func(in *account.ClientRegistration) { in.Name = "Other" })) // it has the resource already
	err = h.set(c.ID, func(in *account.ClientRegistration) {
		in.Resources = append(slices.Clone(in.Resources), "https://new.example")
	})
	if invalidMember(err) != "resources" {
		t.Errorf("a new one that is not there: %v", err)
	}
}

func TestTokensForAResourceAreSignedAsItSays(t *testing.T) {
	h := inMemory(t)
	const a, b, c = "https://a.example", "https://b.example", "https://c.example"
	rs256 := func(r *oauth.Resource) { r.Alg = token.RS256 }
	h.define(notes(a, rs256))
	h.define(notes(b, rs256))
	h.define(notes(c))
	robot, _ := h.register(app(func(in *account.ClientRegistration) {
		in.Grants, in.Redirects, in.Resources = []oauth.GrantType{oauth.ByCredentials}, nil, []string{a, b, c, "https://es.example"}
	}))
	signed := func(audiences ...string) (token.Alg, error) {
		out, err := h.ClientToken(t.Context(), robot.ID, account.Ask{Scope: []string{"post:create"}, Resources: audiences})
		if err != nil {
			return "", err
		}
		head, err := token.ReadHeader(out.Access)
		h.must(err)
		if _, err := h.ring.Keys().Key(t.Context(), head.KeyID); err != nil {
			t.Errorf("nobody can verify a token for %v: %v", audiences, err)
		}
		return head.Alg, nil
	}
	for _, tt := range []struct {
		audiences []string
		want      token.Alg // "" = refused
	}{
		{[]string{a}, token.RS256}, {[]string{a, b}, token.RS256}, {[]string{c}, token.EdDSA}, {[]string{c, issuer}, token.EdDSA},
		{[]string{"https://es.example"}, token.ES256}, {[]string{a, c}, ""}, {[]string{issuer, b}, ""}, {[]string{c, "https://es.example"}, ""},
		{[]string{"https://gone.example"}, ""}, {[]string{a, "https://gone.example"}, ""},
	} {
		got, err := signed(tt.audiences...)
		if got != tt.want || tt.want == "" && refusal(err) != oauth.InvalidTarget {
			t.Errorf("%v: %q, %v", tt.audiences, got, err)
		}
	}
	h.define(notes(a, func(r *oauth.Resource) { r.Alg = token.ES256 }))
	if got, err := signed(a); got != token.ES256 {
		t.Errorf("changed: %q, %v", got, err)
	}
	h.must(h.RemoveResource(t.Context(), a, nil, origin("")))
	if _, err := signed(a); refusal(err) != oauth.InvalidTarget {
		t.Errorf("gone: %v", err)
	}

	// A token that a program asks for on behalf of a session, too.
	s := h.member()
	for audience, want := range map[string]token.Alg{b: token.RS256, issuer: token.EdDSA, "https://undefined.example": token.EdDSA} {
		access, _, err := h.TokenFor(t.Context(), by(s), audience)
		h.must(err)
		if head, err := token.ReadHeader(access); err != nil || head.Alg != want {
			t.Errorf("for %s: %s, %v", audience, head.Alg, err)
		}
	}
}

// onePixel is the smallest picture.
func onePixel(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLogos(t *testing.T) {
	h := inMemory(t)
	c, _ := h.register(app())
	u := h.member() // holds post:create, and all that the client may
	strong, _ := h.register(robot("moderator"))
	_, err := h.Logo(t.Context(), c.ID)
	h.wants(err, oauth.ErrNoLogo, "none yet")
	h.must(h.SetLogo(t.Context(), c.ID, onePixel(t), given(by(u))))
	kept, err := h.Logo(t.Context(), c.ID)
	h.must(err)
	h.must(h.SetLogo(t.Context(), c.ID, kept, origin("usr_admin"))) // what is kept can be sent back
	if again, err := h.Logo(t.Context(), c.ID); err != nil || !slices.Equal(again, kept) {
		t.Errorf("another one: %v", err)
	}
	if err := h.SetLogo(t.Context(), c.ID, []byte("<svg/>"), origin("")); invalidMember(err) != "logo" {
		t.Errorf("no picture: %v", err)
	}
	h.wants(h.SetLogo(t.Context(), strong.ID, onePixel(t), given(by(u))), account.ErrExceeds, "of a client that may do more than they")
	h.wants(h.RemoveLogo(t.Context(), strong.ID, given(by(u))), account.ErrExceeds, "of a client that may do more than they")
	h.wants(h.SetLogo(t.Context(), "nobody", onePixel(t), origin("")), oauth.ErrNotFound, "of no client")
	h.wants(h.RemoveLogo(t.Context(), strong.ID, origin("")), oauth.ErrNoLogo, "none to take away")
	h.must(h.RemoveLogo(t.Context(), c.ID, origin("")))
	if es := h.audited("client.set_logo", c.ID); len(es) != 2 {
		t.Errorf("audited %+v", es)
	}

	// One who registers the id anew does not look like who had it before.
	h.must(h.SetLogo(t.Context(), c.ID, onePixel(t), origin("")))
	h.must(h.RemoveClient(t.Context(), c.ID, origin("")))
	h.register(app(func(in *account.ClientRegistration) { in.ID = c.ID }))
	for _, id := range []string{c.ID, "", "\x00"} {
		_, err = h.Logo(t.Context(), id)
		h.wants(err, oauth.ErrNoLogo, "of %q", id)
	}
}
