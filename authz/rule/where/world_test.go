package where_test

import (
	"math"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A post has an attribute of every kind that can be listed by, there and
// optional, and some that cannot.
type post struct {
	id, title                    string
	note                         *string
	author, editor, team         *string // nil is NULL, "" is absent too
	folder, owner, org, relative *string
	pinned                       bool
	locked                       *bool
	views                        int64
	score                        *int64
	created, due                 *int64
	ttl                          int64
	rest                         *int64
	tags                         []string
}

// attrs declares them. Those with an odd column show that one need not be called
// like the attribute, nor be a mere name.
func attrs() []sallyport.Attr[post] {
	ref := func(get func(*post) *string) func(*post) string {
		return func(p *post) string { return or(get(p)) }
	}
	return []sallyport.Attr[post]{
		sallyport.String("title", func(p *post) string { return p.title }),
		sallyport.String("note", func(p *post) string { return or(p.note) }).If(func(p *post) bool { return p.note != nil }),
		sallyport.Subject("author", ref(func(p *post) *string { return p.author })).Column("author_id"),
		sallyport.Subject("editor", ref(func(p *post) *string { return p.editor })).Column("p.editor"),
		sallyport.Entity("team", "Team", ref(func(p *post) *string { return p.team })),
		sallyport.Entity("folder", "Folder", ref(func(p *post) *string { return p.folder })).Parent(),
		sallyport.Entity("owner", "User", ref(func(p *post) *string { return p.owner })).Parent(),
		sallyport.Entity("relative", "Post", ref(func(p *post) *string { return p.relative })),
		sallyport.Bool("pinned", func(p *post) bool { return p.pinned }),
		sallyport.Bool("locked", func(p *post) bool { return or(p.locked) }).If(func(p *post) bool { return p.locked != nil }),
		sallyport.Int("views", func(p *post) int64 { return p.views }),
		sallyport.Int("score", func(p *post) int64 { return or(p.score) }).If(func(p *post) bool { return p.score != nil }).Column("score + 0"),
		sallyport.Time("created", func(p *post) time.Time { return moment(p.created) }),
		sallyport.Time("due", func(p *post) time.Time { return moment(p.due) }),
		sallyport.Duration("ttl", func(p *post) time.Duration { return time.Duration(p.ttl) * time.Millisecond }),
		sallyport.Duration("rest", func(p *post) time.Duration { return time.Duration(or(p.rest)) * time.Millisecond }).If(func(p *post) bool { return p.rest != nil }),
		sallyport.Strings("tags", func(p *post) []string { return p.tags }),
	}
}

var (
	posts    = sallyport.TypeOf("Post", func(p *post) string { return p.id }, attrs()...).KeyColumn("p.id")
	orgPosts = sallyport.TypeOf("Post", func(p *post) string { return p.id },
		append(attrs(), sallyport.Org(func(p *post) string { return or(p.org) }))...)
)

func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func moment(ms *int64) (t time.Time) {
	if ms != nil {
		t = time.UnixMilli(*ms)
	}
	return t
}

const table = `CREATE TABLE posts (id TEXT PRIMARY KEY, title TEXT, note TEXT, author_id TEXT, editor TEXT, team TEXT, folder TEXT,
	owner TEXT, org TEXT, relative TEXT, pinned BOOLEAN, locked BOOLEAN, views BIGINT, score BIGINT, created BIGINT, due BIGINT, ttl INTEGER, rest BIGINT)`

func (p *post) row() []any {
	return []any{p.id, p.title, null(p.note), null(p.author), null(p.editor), null(p.team), null(p.folder), null(p.owner), null(p.org), null(p.relative),
		p.pinned, null(p.locked), p.views, null(p.score), null(p.created), null(p.due), p.ttl, null(p.rest)}
}

func null[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// The pools are small, so that values meet.
var (
	texts    = []string{"", "a", "A", "ab", "a%b", "a_b", "a*b", "axb", "[a]", "a?b", "a!b", `a\b`, "it's", "é", "É", "日本", "a\nb", "ab ", "İ", "👋"}
	ids      = []string{"u1", "U1", "u2", "é'"}
	integers = []int64{0, 1, -1, 2, 5, 1 << 33, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}
	moments  = []int64{1, 1000, 1_700_000_000_000, -5, 1_700_000_000_001}
	spans    = []int64{0, 1, -1, 1000, 86_400_000}
)

func pick[T any](t *rapid.T, from []T) T { return rapid.SampledFrom(from).Draw(t, "pick") }

func maybe[T any](t *rapid.T, from []T) *T {
	if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	v := pick(t, from)
	return &v
}

func drawPost(t *rapid.T, id string) *post {
	refs := append([]string{""}, ids...)
	return &post{
		id: id, title: pick(t, texts), note: maybe(t, texts),
		author: maybe(t, refs), editor: maybe(t, refs), team: maybe(t, refs), folder: maybe(t, refs), owner: maybe(t, refs), org: maybe(t, refs),
		relative: maybe(t, []string{"", "p0", "p1", "p2"}),
		pinned:   rapid.Bool().Draw(t, "pinned"), locked: maybe(t, []bool{true, false}),
		views: pick(t, integers), score: maybe(t, integers),
		created: maybe(t, moments), due: maybe(t, moments), ttl: pick(t, spans), rest: maybe(t, spans),
		tags: []string{pick(t, texts)},
	}
}

// A person is a principal.
type person struct {
	uid       sallyport.UID
	attrs     map[string]sallyport.Value
	ancestors []sallyport.UID
}

func (p *person) UID() sallyport.UID         { return p.uid }
func (p *person) Ancestors() []sallyport.UID { return p.ancestors }
func (p *person) Tag(string) sallyport.Value { return sallyport.AbsentValue() }
func (p *person) Attr(n string) (v sallyport.Value) {
	if v, ok := p.attrs[n]; ok {
		return v
	}
	return sallyport.AbsentValue()
}

func (p *person) In(u sallyport.UID) rule.Truth {
	if slices.Contains(p.ancestors, u) {
		return rule.True
	}
	return rule.False
}

// An object is a post as rules see it.
type object struct{ sallyport.Resource }

func (o object) Tag(string) sallyport.Value { return sallyport.Value{} }
func (o object) In(u sallyport.UID) rule.Truth {
	found := rule.False
	for _, parent := range o.Parents() {
		switch {
		case parent.Known() && parent.UID() == u:
			return rule.True
		case parent.Known() && parent.EntityType() == "Folder":
			found = rule.Neither
		}
	}
	return found
}

// others are the entities that are loaded beside the principal: one organization.
type others struct{ org *person }

func (o others) Loaded() []sallyport.UID { return []sallyport.UID{o.org.uid} }
func (o others) Entity(u sallyport.UID) rule.Entity {
	if u == o.org.uid {
		return o.org
	}
	return nil
}

func drawEnv(t *rapid.T) *rule.Env {
	who := &person{
		uid:   sallyport.UID{Type: pick(t, []string{"User", "User", "User", "Service", "Anonymous"}), ID: pick(t, append([]string{""}, ids...))},
		attrs: map[string]sallyport.Value{"name": sallyport.StringValue(pick(t, texts)), "aal": sallyport.IntValue(pick(t, integers))},
	}
	if rapid.Bool().Draw(t, "plan") {
		who.attrs["plan"] = sallyport.StringValue(pick(t, texts))
	}
	for _, typ := range []string{"Team", "Role", "Organization"} {
		if rapid.Bool().Draw(t, "member") {
			who.ancestors = append(who.ancestors, sallyport.UID{Type: typ, ID: pick(t, ids)})
		}
	}
	env := &rule.Env{
		Principal: who,
		Action:    sallyport.UID{Type: "Action", ID: "post:read"},
		Context: func(name string) sallyport.Value {
			switch name {
			case "time":
				return sallyport.TimeMillis(1_700_000_000_000)
			case "word":
				return sallyport.StringValue("ab")
			case "nothing":
				return sallyport.AbsentValue()
			}
			return sallyport.Value{}
		},
	}
	if rapid.Bool().Draw(t, "others") {
		org := &person{uid: sallyport.UID{Type: "Organization", ID: pick(t, ids)}, attrs: map[string]sallyport.Value{"plan": sallyport.StringValue("ab")}}
		env.Entities = others{org}
	}
	return env
}
