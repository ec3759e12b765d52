package sallyport_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// An invoice has an attribute of every kind.
type invoice struct {
	ID, Org, Folder, Author, Title string
	Paid                           bool
	Cents                          int64
	Sent                           time.Time
	Term                           time.Duration
	From                           netip.Prefix
	Tags, Readers                  []string
}

var invoices = sallyport.TypeOf("Invoice", func(i *invoice) string { return i.ID },
	sallyport.Org(func(i *invoice) string { return i.Org }).Column("i.org_id"),
	sallyport.Entity("folder", "Folder", func(i *invoice) string { return i.Folder }).Parent(),
	sallyport.Subject("author", func(i *invoice) string { return i.Author }).Column("author_id"),
	sallyport.String("title", func(i *invoice) string { return i.Title }).Column(""),
	sallyport.Bool("paid", func(i *invoice) bool { return i.Paid }),
	sallyport.Int("cents", func(i *invoice) int64 { return i.Cents }).If(func(i *invoice) bool { return i.Cents >= 0 }),
	sallyport.Time("sent", func(i *invoice) time.Time { return i.Sent }),
	sallyport.Duration("term", func(i *invoice) time.Duration { return i.Term }),
	sallyport.IP("from", func(i *invoice) netip.Prefix { return i.From }),
	sallyport.Strings("tags", func(i *invoice) []string { return i.Tags }),
	sallyport.Entities("readers", "Team", func(i *invoice) []string { return i.Readers }),
).KeyColumn("i.id")

var (
	full = &invoice{
		ID: "1", Org: "org_a", Folder: "f", Author: "usr_ann", Title: "Paper", Paid: true, Cents: 250,
		Sent: time.UnixMilli(1000), Term: time.Minute, From: netip.MustParsePrefix("10.0.0.0/8"),
		Tags: []string{"a", "b", "a"}, Readers: []string{"blue"},
	}
	blank = &invoice{ID: "2", Cents: -1}
)

func TestAttributesRead(t *testing.T) {
	absent := sallyport.AbsentValue()
	for _, tt := range []struct {
		name        string
		full, blank sallyport.Value
	}{
		{"org", ref("Organization", "org_a"), absent},
		{"folder", ref("Folder", "f"), absent},
		{"author", ref("User", "usr_ann"), absent},
		{"title", text("Paper"), text("")},
		{"paid", sallyport.BoolValue(true), sallyport.BoolValue(false)},
		{"cents", num(250), absent},
		{"sent", sallyport.TimeMillis(1000), absent},
		{"term", sallyport.DurationMillis(60_000), sallyport.DurationMillis(0)},
		{"from", network("10.0.0.0/8"), absent},
		{"tags", set(text("b"), text("a")), set()},
		{"readers", set(ref("Team", "blue")), set()},
		{"nothing of that name", sallyport.Value{}, sallyport.Value{}},
	} {
		for _, of := range []struct {
			object *invoice
			want   sallyport.Value
		}{{full, tt.full}, {blank, tt.blank}, {nil, sallyport.Value{}}} {
			got := invoices.Of(of.object).Attr(tt.name)
			if got.Kind() != of.want.Kind() || got.Known() && !got.Equal(of.want) {
				t.Errorf("%s of %+v: %v, want %v", tt.name, of.object, got, of.want)
			}
		}
	}
}

func TestAttributesAreDescribed(t *testing.T) {
	want := []sallyport.Attribute{
		{Name: "org", Kind: sallyport.KindEntity, Entity: "Organization", Column: "i.org_id", Nullable: true, Parent: true, Top: true},
		{Name: "folder", Kind: sallyport.KindEntity, Entity: "Folder", Column: "folder", Nullable: true, Parent: true},
		{Name: "author", Kind: sallyport.KindEntity, Entity: "User", Column: "author_id", Nullable: true},
		{Name: "title", Kind: sallyport.KindString},
		{Name: "paid", Kind: sallyport.KindBool, Column: "paid"},
		{Name: "cents", Kind: sallyport.KindInt, Column: "cents", Optional: true, Nullable: true},
		{Name: "sent", Kind: sallyport.KindTime, Column: "sent", Nullable: true},
		{Name: "term", Kind: sallyport.KindDuration, Column: "term"},
		{Name: "from", Kind: sallyport.KindIP, Nullable: true},
		{Name: "tags", Kind: sallyport.KindSet, Element: sallyport.KindString},
		{Name: "readers", Kind: sallyport.KindSet, Element: sallyport.KindEntity, Entity: "Team"},
	}
	if got := invoices.Attributes(); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if invoices.Key() != "i.id" || posts.Key() != "id" || !invoices.InOrganizations() || posts.InOrganizations() {
		t.Errorf("keys %q and %q, in organizations %v and %v", invoices.Key(), posts.Key(), invoices.InOrganizations(), posts.InOrganizations())
	}
}

// Refining an attribute or a type leaves the one that it was refined from.
func TestRefiningMakesAnother(t *testing.T) {
	plain := sallyport.Entity("folder", "Folder", func(i *invoice) string { return i.Folder })
	plain.Column("f.id")
	plain.Parent()
	plain.If(func(*invoice) bool { return false })
	id := func(i *invoice) string { return i.ID }
	typ := sallyport.TypeOf("Invoice", id, plain)
	if other := typ.KeyColumn("key"); typ.Key() != "id" || other.Key() != "key" || other.Name() != "Invoice" {
		t.Errorf("keys %q and %q", typ.Key(), other.Key())
	}
	if a := typ.Attributes()[0]; a.Column != "folder" || a.Parent || !typ.Of(full).Attr("folder").Known() {
		t.Errorf("the attribute became %+v", a)
	}
}

func TestMisdeclaredTypesAreFoundAtOnce(t *testing.T) {
	id := func(i *invoice) string { return i.ID }
	title := sallyport.String("title", id)
	none := sallyport.Attribute{Name: "a", Kind: sallyport.KindString}
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"two attributes of one name", func() {
			sallyport.TypeOf("Invoice", id, title, sallyport.Int("title", func(i *invoice) int64 { return 0 }))
		}},
		{"two organizations", func() { sallyport.TypeOf("Invoice", id, sallyport.Org(id), sallyport.Org(id)) }},
		{"an attribute without a name", func() { sallyport.TypeOf("Invoice", id, sallyport.String("", id)) }},
		{"an attribute that is none", func() { sallyport.TypeOf("Invoice", id, sallyport.Attr[invoice]{}) }},
		{"an attribute without an accessor", func() { sallyport.TypeOf("Invoice", id, sallyport.String[invoice]("title", nil)) }},
		{"a condition on no accessor", func() { sallyport.String[invoice]("title", nil).If(func(*invoice) bool { return true }) }},
		{"no condition", func() { title.If(nil) }},
		{"a parent that is no entity", func() { title.Parent() }},
		{"a parent that is a set", func() { sallyport.Entities("readers", "Team", func(i *invoice) []string { return i.Readers }).Parent() }},
		{"a described type without a name", func() { sallyport.NewType("") }},
		{"a described type with two attributes of one name", func() { sallyport.NewType("Invoice", none, none) }},
		{"a described attribute without a name", func() { sallyport.NewType("Invoice", sallyport.Attribute{Kind: sallyport.KindString}) }},
		{"a described parent that is no entity", func() {
			sallyport.NewType("Invoice", sallyport.Attribute{Name: "a", Kind: sallyport.KindString, Parent: true})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			tt.do()
		})
	}
}

func TestReadingAttributesDoesNotAllocate(t *testing.T) {
	r, author := invoices.Of(full), ref("User", "usr_ann")
	for _, name := range []string{"org", "folder", "author", "title", "paid", "cents", "sent", "term", "nothing of that name"} {
		if n := testing.AllocsPerRun(100, func() {
			if got := r.Attr(name).Equal(author); got != (name == "author") {
				t.Errorf("%s equals the author: %v", name, got)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
