package authz_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// fullEntry has no field that is zero.
func fullEntry() authz.DecisionEntry {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return authz.DecisionEntry{
		Decision: sallyport.Decision{
			Allow: true, ID: "dec_1", Rule: "rule", Source: "posts.cedar:1:2", Reason: "reason",
			Need: &sallyport.Need{Scope: "post:read", ACR: []string{"a", "b"}, MaxAge: time.Minute + 1},
		},
		At: at,
		Principal: &sallyport.Principal{
			Kind: sallyport.Service, Subject: "usr_1", Actor: "shop", Org: "org_1", Roles: []string{"a"}, OrgRoles: []string{"b"}, Scopes: []string{"c"}, Plan: "pro",
			Session: "ses", Grant: "gid", Client: "shop", Credential: "token", AuthTime: at.Add(7), AMR: []string{"pwd"}, AAL: 2, Rev: "log.7",
		},
		Action: "post:delete", Resource: sallyport.UID{Type: "Post", ID: "1"},
		Attrs:   map[string]sallyport.Value{"n": sallyport.IntValue(1)},
		Parents: []sallyport.UID{{Type: "Folder", ID: "news"}},
		Context: sallyport.Context{Time: at.Add(9), Addr: netip.MustParseAddr("192.0.2.1"), Attrs: map[string]sallyport.Value{"k": sallyport.BoolValue(true)}},

		PolicyVersion: 7,
	}
}

// mustBeFull fails if a struct has a field that the test does not fill: one that
// was added since, and is perhaps not stored.
func mustBeFull(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%v.%s is not in the test", v.Type(), v.Type().Field(i).Name)
		}
	}
}

func TestDecisionsComeBackWhole(t *testing.T) {
	full := fullEntry()
	for _, s := range []any{full, full.Decision, *full.Need, *full.Principal, full.Context} {
		mustBeFull(t, reflect.ValueOf(s))
	}
	nobody := full
	nobody.Principal, nobody.Need, nobody.Attrs, nobody.Parents = nil, nil, nil, nil
	nobody.Resource, nobody.Context = sallyport.UID{}, sallyport.Context{}
	bare, emptied := *full.Principal, *full.Principal
	bare.AuthTime, bare.Scopes, bare.Roles = time.Time{}, nil, nil
	emptied.Scopes, emptied.Roles = []string{}, []string{}
	unlimited, limited := full, full
	unlimited.Principal, limited.Principal = &bare, &emptied

	for name, want := range map[string]authz.DecisionEntry{
		"everything": full, "nothing but what must be": nobody,
		"scopes that do not limit": unlimited, "scopes that allow nothing": limited,
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got authz.DecisionEntry
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		same := cmp.Comparer(func(a, b sallyport.Value) bool { return a.Kind() == b.Kind() && a.String() == b.String() })
		addr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
		if diff := cmp.Diff(want, got, same, addr); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The form is stored: what is in it must be readable for ever.
func TestDecisionForm(t *testing.T) {
	text, err := json.Marshal(fullEntry())
	want := `{"id":"dec_1","at":"2026-01-02T03:04:05.000000006Z","allow":true,"rule":"rule","source":"posts.cedar:1:2","reason":"reason",` +
		`"need":{"scope":"post:read","acr":["a","b"],"max_age_ns":60000000001},"action":"post:delete",` +
		`"principal":{"kind":"service","subject":"usr_1","actor":"shop","org":"org_1","roles":["a"],"org_roles":["b"],"scopes":["c"],"plan":"pro","session":"ses",` +
		`"grant":"gid","client":"shop","credential":"token","auth_time":"2026-01-02T03:04:05.000000013Z","amr":["pwd"],"aal":2,"rev":"log.7"},` +
		`"resource":{"type":"Post","id":"1"},"attrs":{"n":1},"parents":[{"type":"Folder","id":"news"}],` +
		`"context":{"time":"2026-01-02T03:04:05.000000015Z","addr":"192.0.2.1","attrs":{"k":true}},"policy_version":7}`
	if err != nil || string(text) != want {
		t.Errorf("written as\n%s (%v), want\n%s", text, err, want)
	}
}

func TestDecisionsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{
		`{"attrs":{"a":{}}}`, `{"context":{"attrs":{"a":1.5}}}`, `{"principal":{"kind":"robot"}}`, `{"at":"yesterday"}`, `[]`,
	} {
		var e authz.DecisionEntry
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s is read as %+v", text, e)
		}
	}
	bad := map[string]sallyport.Value{"a": sallyport.RecordValue(map[string]sallyport.Value{"\xff": {}})}
	for _, e := range []authz.DecisionEntry{{Attrs: bad}, {Context: sallyport.Context{Attrs: bad}}} {
		if text, err := json.Marshal(e); err == nil {
			t.Errorf("written as %s", text)
		}
	}
}

type page struct{ id, author, folder, text string }

var pages = sallyport.TypeOf("Page", func(p *page) string { return p.id },
	sallyport.Subject("author", func(p *page) string { return p.author }),
	sallyport.Entity("folder", "Folder", func(p *page) string { return p.folder }).Parent(),
	sallyport.String("text", func(p *page) string { return p.text }))

func TestNewDecisionEntry(t *testing.T) {
	who := &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann"}
	at := time.UnixMilli(5)
	q := sallyport.Query{Principal: who, Action: "page:edit", Resource: pages.Of(&page{"1", "", "news", "x"}), Context: sallyport.Context{Time: at}}
	e := authz.NewDecisionEntry(q, sallyport.Decision{ID: "dec_1", Rule: "r"}, 3)
	if e.ID != "dec_1" || e.Rule != "r" || e.Principal != who || e.Subject() != "usr_ann" || e.Action != "page:edit" || e.PolicyVersion != 3 ||
		e.Resource != (sallyport.UID{Type: "Page", ID: "1"}) || !e.Context.Time.Equal(at) || time.Since(e.At) > time.Minute {
		t.Errorf("entry %+v", e)
	}
	if len(e.Attrs) != 3 || e.Attrs["text"].Text() != "x" || e.Attrs["author"].Kind() != sallyport.Absent {
		t.Errorf("attributes %v", e.Attrs)
	}
	if len(e.Parents) != 1 || e.Parents[0] != (sallyport.UID{Type: "Folder", ID: "news"}) {
		t.Errorf("parents %v", e.Parents)
	}

	e = authz.NewDecisionEntry(sallyport.Query{Principal: who, Action: "page:list"}, sallyport.Decision{}, 0)
	if e.ID == "" || !e.Context.Time.Equal(e.At) || e.Attrs != nil || e.Resource != (sallyport.UID{}) {
		t.Errorf("of no object: %+v", e)
	}

	kind := sallyport.NewType("Kind", sallyport.Attribute{Name: "a", Kind: sallyport.KindString}, sallyport.Attribute{Name: "b", Kind: sallyport.KindString})
	q.Resource = kind.Of(&sallyport.Described{ID: "1", Attrs: map[string]sallyport.Value{"a": sallyport.StringValue("x")}, Parents: []sallyport.UID{{Type: "Folder", ID: "f"}}})
	e = authz.NewDecisionEntry(q, sallyport.Decision{}, 0)
	if _, there := e.Attrs["b"]; there || len(e.Attrs) != 1 || len(e.Parents) != 1 {
		t.Errorf("of a described object: %+v", e)
	}
}

func TestJoinGrants(t *testing.T) {
	now := time.Now()
	ann := authz.Grantee{Kind: authz.SubjectGrantee, ID: "usr_ann"}
	post := sallyport.UID{Type: "Post", ID: "1"}
	g := func(p string, expires time.Time) authz.Grant {
		return authz.Grant{Grantee: ann, Resource: post, Permissions: []string{p}, ExpiresAt: expires, CreatedAt: now}
	}
	other := g("post:d", time.Time{})
	other.Resource.ID = "2"
	in := []authz.Grant{g("post:a", time.Time{}), g("post:b", time.Time{}), g("post:c", now), other}
	want := []authz.Grant{g("post:a", time.Time{}), g("post:c", now), other}
	want[0].Permissions = []string{"post:a", "post:b"}
	if diff := cmp.Diff(want, authz.JoinGrants(in)); diff != "" {
		t.Error(diff)
	}
	if len(in[0].Permissions) != 1 {
		t.Errorf("changed what it was given: %+v", in[0])
	}
}
