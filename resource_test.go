package sallyport_test

import (
	"slices"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// described is what the type of invoices is without the Go type.
var described = sallyport.NewType("Invoice", invoices.Attributes()...)

func TestResource(t *testing.T) {
	none, one := posts.Of(nil), posts.Of(&post{ID: "1"})
	if !none.IsZero() || none.Type() != "" || none.ID() != "" {
		t.Errorf("no object: %+v", none)
	}
	if one.IsZero() || one.Type() != "Post" || one.ID() != "1" || posts.Name() != "Post" {
		t.Errorf("an object: %+v", one)
	}
	if p, ok := posts.Object(one); !ok || p.ID != "1" {
		t.Errorf("the object back: %v, %v", p, ok)
	}
	if p, ok := sallyport.TypeOf("Draft", func(p *post) string { return p.ID }).Object(one); ok {
		t.Errorf("the object as another type: %v", p)
	}
	if _, ok := posts.Object(none); ok {
		t.Error("an object from none")
	}
}

func TestWhatAResourceSaysOfItself(t *testing.T) {
	type uid = sallyport.UID
	for _, tt := range []struct {
		name    string
		r       sallyport.Resource
		uid     uid
		parents []string
		org     string
		belongs bool
		of      sallyport.AnyType
	}{
		{"no object", sallyport.Resource{}, uid{}, nil, "", false, nil},
		{"an object outside organizations", posts.Of(&post{ID: "1"}), uid{"Post", "1"}, nil, "", false, posts},
		{"an object in an organization and a folder", invoices.Of(full), uid{"Invoice", "1"},
			[]string{`Organization::"org_a"`, `Folder::"f"`}, "org_a", true, invoices},
		{"an object in neither", invoices.Of(blank), uid{"Invoice", "2"}, []string{"absent", "absent"}, "", true, invoices},
		{"no described object", described.Of(nil), uid{}, nil, "", false, nil},
		{"a described object of which nothing is known", described.Of(&sallyport.Described{ID: "3"}), uid{"Invoice", "3"},
			[]string{"not loaded", "not loaded"}, "", true, described},
		{"a described object in an organization, and in what no attribute names", described.Of(&sallyport.Described{
			ID: "4", Attrs: record{"org": ref("Organization", "org_a"), "folder": sallyport.AbsentValue()}, Parents: []uid{{"Shelf", "s"}},
		}), uid{"Invoice", "4"}, []string{`Organization::"org_a"`, "absent", `Shelf::"s"`}, "org_a", true, described},
		{"a described object whose organization is a text", described.Of(&sallyport.Described{ID: "5", Attrs: record{"org": text("org_a")}}),
			uid{"Invoice", "5"}, []string{`"org_a"`, "not loaded"}, "", true, described},
		{"a described object whose organization is a user", described.Of(&sallyport.Described{ID: "6", Attrs: record{"org": ref("User", "org_a")}}),
			uid{"Invoice", "6"}, []string{`User::"org_a"`, "not loaded"}, "", true, described},
		{"an organization", sallyport.OrganizationResource("org_a"), uid{"Organization", "org_a"},
			[]string{`Organization::"org_a"`}, "org_a", true, sallyport.OrganizationResource("org_b").Describe()},
		{"no organization", sallyport.OrganizationResource(""), uid{}, nil, "", false, nil},
	} {
		var parents []string
		for _, p := range tt.r.Parents() {
			parents = append(parents, p.String())
		}
		org, belongs := tt.r.Organization()
		if tt.r.UID() != tt.uid || !slices.Equal(parents, tt.parents) || org != tt.org || belongs != tt.belongs || tt.r.Describe() != tt.of {
			t.Errorf("%s: %v in %v, of %q, %v, a %v", tt.name, tt.r.UID(), parents, org, belongs, tt.r.Describe())
		}
	}
}

func TestDescribedTypes(t *testing.T) {
	if described.Name() != "Invoice" || described.Key() != "id" || !described.InOrganizations() || !slices.Equal(described.Attributes(), invoices.Attributes()) {
		t.Errorf("described as %q, %q, %v, %v", described.Name(), described.Key(), described.InOrganizations(), described.Attributes())
	}
	org := sallyport.Attribute{Name: "org", Kind: sallyport.KindEntity, Entity: "Organization"}
	if sallyport.NewType("Invoice", org).InOrganizations() {
		t.Error("a reference to an organization that the object is not in counts")
	}
	d := &sallyport.Described{ID: "1", Attrs: record{"title": text("Paper"), "secret": num(1), "paid": sallyport.AbsentValue()}}
	for name, want := range map[string]sallyport.ValueKind{
		"title": sallyport.KindString, "paid": sallyport.Absent, "sent": sallyport.NotLoaded, "secret": sallyport.NotLoaded,
	} {
		if got := described.Of(d).Attr(name).Kind(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestIn(t *testing.T) {
	type file struct{ org, folder, shelf string }
	files := sallyport.TypeOf("File", func(*file) string { return "1" },
		sallyport.Org(func(f *file) string { return f.org }),
		sallyport.Entity("folder", "Folder", func(f *file) string { return f.folder }).Parent(),
		sallyport.Entity("shelf", "Shelf", func(f *file) string { return f.shelf }).Top())
	described := sallyport.NewType("File", files.Attributes()...)
	loose := func(parents ...sallyport.UID) sallyport.Resource {
		return described.Of(&sallyport.Described{Parents: parents, Attrs: map[string]sallyport.Value{
			"org": sallyport.AbsentValue(), "folder": sallyport.AbsentValue(), "shelf": sallyport.AbsentValue(),
		}})
	}
	for _, c := range []struct {
		it        string
		on        sallyport.Resource
		typ, id   string
		yes, sure bool
	}{
		{"its folder", files.Of(&file{"o", "f", "s"}), "Folder", "f", true, true},
		{"another folder, in which its own may be", files.Of(&file{"o", "f", "s"}), "Folder", "g", false, false},
		{"another shelf, where there is no folder", files.Of(&file{"o", "", "s"}), "Shelf", "t", false, true},
		{"its organization", files.Of(&file{"o", "", ""}), "Organization", "o", true, true},
		{"in nothing", files.Of(&file{}), "Folder", "f", false, true},
		{"no object", sallyport.Resource{}, "Folder", "f", false, false},
		{"nobody has said", described.Of(&sallyport.Described{}), "Shelf", "s", false, false},
		{"a parent that was named", loose(sallyport.UID{Type: "Box", ID: "b"}), "Box", "b", true, true},
		{"beside one that was named", loose(sallyport.UID{Type: "Box", ID: "b"}), "Box", "c", false, false},
		{"beside one that is in nothing else", loose(sallyport.UID{Type: "Shelf", ID: "s"}), "Shelf", "t", false, true},
	} {
		if yes, sure := c.on.In(sallyport.UID{Type: c.typ, ID: c.id}); yes != c.yes || sure != c.sure {
			t.Errorf("%s: %v, %v; want %v, %v", c.it, yes, sure, c.yes, c.sure)
		}
	}
}
