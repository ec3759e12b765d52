package ability_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func TestParseRefuses(t *testing.T) {
	attrs := `{"n":"int","author":"entity:User"}`
	deep := strings.Repeat(`["!",`, 70) + `true` + strings.Repeat(`]`, 70)
	for _, c := range []struct{ name, doc, says string }{
		{"nothing", ``, "EOF"},
		{"no object", `[]`, "must be an object"},
		{"another version", strings.Replace(on(attrs, `true`), `"v":1`, `"v":2`, 1), "version 2 is not known"},
		{"no version", `{}`, "v must be a number"},
		{"an unknown member", strings.Replace(on(attrs, `true`), `"v"`, `"w":1,"v"`, 1), `no member "w"`},
		{"another case", strings.Replace(on(attrs, `true`), `"v"`, `"V"`, 1), "v must be a number"},
		{"a member twice", strings.Replace(on(attrs, `true`), `"v"`, `"v":1,"v"`, 1), `member "v" is there twice`},
		{"two documents", on(attrs, `true`) + `{}`, "more after the document"},
		{"not UTF-8", strings.Replace(on(attrs, `true`), `ann`, "\xff", 1), "not UTF-8"},
		{"too long", on(attrs, `"`+strings.Repeat("x", 1<<20)+`"`), "the limit is 1048576"},
		{"too deep", on(attrs, deep), "nested more than 64 deep"},
		{"an unknown operator", on(attrs, `["tag",["r"],"x"]`), `operator "tag" is not known`},
		{"too few arguments", on(attrs, `["&&",true]`), "has 1 arguments"},
		{"too many", on(attrs, `["!",true,true]`), "has 2 arguments"},
		{"no pattern", on(attrs, `["like","x"]`), "has 1 arguments"},
		{"a pattern that is no text", on(attrs, `["like","x",5]`), "ends with text"},
		{"an object as an expression", on(attrs, `{}`), "not an expression"},
		{"a fraction", on(attrs, `["<",["r","n"],1.5]`), "not an integer"},
		{"an integer that a browser rounds", on(attrs, `["<",["r","n"],9007199254740992]`), "not an integer that every browser knows"},
		{"a small integer as text", on(attrs, `["<",["r","n"],["i","5"]]`), `as text only if it is beyond`},
		{"a great integer with zeros", on(attrs, `["<",["r","n"],["i","09007199254740992"]]`), `as text only if it is beyond`},
		{"an entity without a type", on(attrs, `["==",["r"],["e","","x"]]`), "an entity is written"},
		{"an attribute that the type lacks", on(attrs, `["r","x"]`), "no attribute"},
		{"has of one", on(attrs, `["has",["r"],"x"]`), "no attribute"},
		{"in of an attribute", on(attrs, `["in",["r","author"],["e","User","x"]]`), `"in" is about the object itself`},
		{"the object of any type", doc(`{}`, `[{"effect":"permit","actions":["*"],"type":"*","when":["==",["r"],1]}]`), "no attribute"},
		{"an unknown type", doc(`{}`, `[{"effect":"permit","actions":["*"],"type":"Post"}]`), "not among the types"},
		{"an unknown effect", doc(`{}`, `[{"effect":"Permit","actions":["*"],"type":""}]`), "effect must be permit or forbid"},
		{"an action that is none", doc(`{}`, `[{"effect":"permit","actions":["post"],"type":""}]`), "not written like"},
		{"a pattern that is none", doc(`{}`, `[{"effect":"permit","actions":["post:d*"],"type":""}]`), "not written like"},
		{"ask and a condition", doc(`{}`, `[{"effect":"permit","actions":["*"],"type":"","when":true,"ask":true}]`), "both a condition and ask"},
		{"ask that is false", doc(`{}`, `[{"effect":"permit","actions":["*"],"type":"","ask":false}]`), "ask can only be true"},
		{"an unknown kind", on(`{"n":"ip"}`, `true`), "unknown kind"},
		{"a parent that is no reference", doc(`{"Post":{"attrs":{"n":"int"},"parents":{"n":true}}}`, `[]`), "must be a reference"},
		{"an organization that is none", doc(`{"Post":{"attrs":{},"parents":{},"org":"o"}}`, `[]`), "names none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d, err := ability.Parse([]byte(c.doc)); err == nil || d != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, error %v, want %q", d, err, c.says)
			}
		})
	}
}

var article = sallyport.NewType("Article",
	sallyport.Attribute{Name: "author", Kind: sallyport.KindEntity, Entity: "User"},
	sallyport.Attribute{Name: "folder", Kind: sallyport.KindEntity, Entity: "Folder", Parent: true},
	sallyport.Attribute{Name: "size", Kind: sallyport.KindInt},
	sallyport.Attribute{Name: "from", Kind: sallyport.KindIP},
	sallyport.Attribute{Name: "tags", Kind: sallyport.KindSet, Element: sallyport.KindString})

// TestEncode shows that a document says what its rules need and no more, and asks
// about what cannot be written.
func TestEncode(t *testing.T) {
	self := &rule.Expr{Op: rule.Resource}
	of := func(name string) *rule.Expr {
		return &rule.Expr{Op: rule.Attr, Name: name, Args: []*rule.Expr{self}}
	}
	val := func(v sallyport.Value) *rule.Expr { return &rule.Expr{Op: rule.Const, Value: v} }
	x := func(op rule.Op, args ...*rule.Expr) *rule.Expr { return &rule.Expr{Op: op, Args: args} }
	deep := val(sallyport.BoolValue(true))
	for range 70 {
		deep = x(rule.Not, deep)
	}
	for _, c := range []struct {
		name string
		when *rule.Expr
		want string // of the rule, from its type on
		typ  string
	}{
		{"always", nil, `"type":"Article"}`, `{"attrs":{},"parents":{}}`},
		{"an owner", x(rule.Equal, of("author"), val(sallyport.EntityValue(sallyport.UID{Type: "User", ID: "ann"}))),
			`"type":"Article","when":["==",["r","author"],["e","User","ann"]]}`, `{"attrs":{"author":"entity:User"},"parents":{}}`},
		{"neither", val(sallyport.Value{}), `"type":"Article","when":null}`, `{"attrs":{},"parents":{}}`},
		{"great integers", x(rule.Less, of("size"), val(sallyport.IntValue(math.MinInt64))), `"type":"Article","when":["<",["r","size"],["i","-9223372036854775808"]]}`, `{"attrs":{"size":"int"},"parents":{}}`},
		{"parents", x(rule.In, self, val(sallyport.SetValue())), `"type":"Article","when":["in",["r"],["set"]]}`, `{"attrs":{"folder":"entity:Folder"},"parents":{"folder":true}}`},
		{"an address is not for browsers", x(rule.Equal, of("from"), of("from")), `"ask":true,"effect":"permit","type":"Article"}`, `{"attrs":{},"parents":{}}`},
		{"who asks is not left open", x(rule.Equal, of("author"), x(rule.Principal)), `"ask":true,"effect":"permit","type":"Article"}`, `{"attrs":{},"parents":{}}`},
		{"what an attribute is in", x(rule.In, of("author"), val(sallyport.SetValue())), `"ask":true,"effect":"permit","type":"Article"}`, `{"attrs":{},"parents":{}}`},
		{"too deep", deep, `"ask":true,"effect":"permit","type":"Article"}`, `{"attrs":{},"parents":{}}`},
		{"not UTF-8", x(rule.Contains, of("tags"), val(sallyport.StringValue("\xff"))), `"ask":true,"effect":"permit","type":"Article"}`, `{"attrs":{},"parents":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &ability.Document{
				Epoch: 3, Expires: time.Unix(5, 0), Principal: sallyport.UID{Type: "User", ID: "ann"}, Types: map[string]*ability.Type{"Article": ability.Describe(article, "")},
				Rules: []ability.Rule{{Effect: rule.Permit, Actions: []string{"article:read"}, Type: "Article", When: c.when}},
			}
			data, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(data), c.want) || !strings.Contains(string(data), `"types":{"Article":`+c.typ+`}`) {
				t.Errorf("%s\nwant %s\nand  %s", data, c.want, c.typ)
			}
			if _, err := ability.Parse(data); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestZeroDocument(t *testing.T) {
	if a := new(ability.Document).Answer("post:read", nil, time.Now()); a != ability.Ask {
		t.Error("expired:", a)
	}
	d := ability.Document{Expires: time.Now().Add(time.Hour)}
	if a := d.Answer("post:read", nil, time.Now()); a != ability.No {
		t.Error("without rules:", a)
	}
}

// FuzzParse holds that whatever can be read can be written and means the same, and
// that no document makes an answer panic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(data, &v); err == nil {
			f.Add([]byte(v.Abilities), []byte(v.Cases[0].Resource), v.Cases[0].Action)
		}
	}
	f.Fuzz(func(t *testing.T, data, object []byte, action string) {
		d, err := ability.Parse(data)
		if err != nil {
			return
		}
		again, err := d.Encode()
		if err != nil {
			return // longer than it was, by escapes
		}
		same, err := ability.Parse(again)
		if err != nil {
			t.Fatalf("%v in %s, from %s", err, again, data)
		}
		var r resource
		if err := json.Unmarshal(object, &r); err != nil {
			return
		}
		on := &ability.Object{Type: r.Type, ID: r.ID, Attrs: r.Attrs}
		at := d.Expires.Add(-time.Second)
		if a, b := d.Answer(action, on, at), same.Answer(action, on, at); a != b {
			t.Errorf("%s, then %s, to %s", a, b, again)
		}
		d.Answer(action, nil, at)
	})
}
