package sallyport_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// member is an authenticator that admits one principal.
type member struct{ who *sallyport.Principal }

func (m member) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return m.who, nil
}

func TestADoorInTheOrganizationAsksAboutIt(t *testing.T) {
	inOrg := func(org string) *sallyport.Principal {
		return &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", Org: org}
	}
	for _, tt := range []struct {
		name   string
		door   sallyport.Door
		who    *sallyport.Principal // nil = anonymous
		object string
		org    string
	}{
		{"one who acts in an organization", sallyport.May("open").InOrg(), inOrg("org_a"), `Organization::"org_a"`, "org_a"},
		{"refined before and after", sallyport.May("open").Hide().InOrg().Limit("plenty"), inOrg("org_a"), `Organization::"org_a"`, "org_a"},
		{"one who acts in none", sallyport.May("open").InOrg(), inOrg(""), `::""`, ""},
		{"anonymous", sallyport.May("open").InOrg(), nil, `::""`, ""},
		{"a door that is not in the organization", sallyport.May("open"), inOrg("org_a"), `::""`, ""},
	} {
		p := new(words)
		g := &sallyport.Gate{Policy: p, Limiter: spender{}}
		r := request("GET /")
		if tt.who != nil {
			g.Authenticators = []sallyport.Authenticator{member{tt.who}}
			r = request("GET /", annBearer)
		}
		if w := serve(g, tt.door, r); w.Code != 200 || len(p.asked) != 1 {
			t.Errorf("%s: %d, asked %+v", tt.name, w.Code, p.asked)
			continue
		}
		got := p.asked[0].Resource
		if org, belongs := got.Organization(); got.UID().String() != tt.object || org != tt.org || belongs != (tt.org != "") {
			t.Errorf("%s: asked about %s in %q, %v", tt.name, got.UID(), org, belongs)
		}
	}
}

func TestOnlyADoorWithAnActionAndNoObjectIsInTheOrganization(t *testing.T) {
	for name, door := range map[string]sallyport.Door{
		"public": sallyport.Public(), "signed in": sallyport.SignedIn(), "on an object": posts.May("read", load), "none": {},
		"refined": sallyport.SignedIn().Fresh(time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			door.InOrg()
		})
	}
}
