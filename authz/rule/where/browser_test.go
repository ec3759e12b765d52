package where_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// seen is a post as a browser has it, and whether its numbers can be trusted
// there.
func seen(p *post, t *sallyport.Type[post]) (o *ability.Object, exact bool) {
	o, exact = &ability.Object{Type: t.Name(), ID: p.id, Attrs: map[string]any{}}, true
	for _, a := range t.Attributes() {
		switch v := t.Of(p).Attr(a.Name); v.Kind() {
		case sallyport.Absent:
			o.Attrs[a.Name] = nil
		case sallyport.KindBool:
			o.Attrs[a.Name] = v.Bool()
		case sallyport.KindString, sallyport.KindEntity:
			o.Attrs[a.Name] = v.Text()
		case sallyport.KindSet:
			list := []any{}
			for _, e := range v.Set() {
				list = append(list, e.Text())
			}
			o.Attrs[a.Name] = list
		default:
			o.Attrs[a.Name] = json.Number(fmt.Sprint(v.Int()))
			exact = exact && v.Int() > -1<<53 && v.Int() < 1<<53
		}
	}
	return o, exact
}

// document is the question as a document, gone through JSON and back.
func (q *question) document(t *rapid.T, typ sallyport.AnyType) *ability.Document {
	d := &ability.Document{
		Expires: time.Unix(2_000_000_000, 0), Principal: user("ann"),
		Types: map[string]*ability.Type{typ.Name(): ability.Describe(typ, q.Org)},
	}
	add := func(effect rule.Effect, when *rule.Expr) {
		d.Rules = append(d.Rules, ability.Rule{Effect: effect, Actions: []string{"post:read"}, Type: typ.Name(), When: when})
	}
	for _, r := range q.Permits {
		add(rule.Permit, r.When)
	}
	for _, r := range q.Forbids {
		add(rule.Forbid, r.When)
	}
	if q.Everything {
		d.Rules = append(d.Rules, ability.Rule{Effect: rule.Permit, Actions: []string{"post:*"}, Type: ability.AnyType})
	}
	for _, u := range q.Granted {
		in := expr(rule.In, expr(rule.Resource), value(sallyport.EntityValue(u)))
		add(rule.Permit, in)
	}
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ability.Parse(data)
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	again, err := parsed.Encode()
	if err != nil || string(again) != string(data) {
		t.Fatalf("%s, %v, of %s", again, err, data)
	}
	return parsed
}

// TestBrowserIsCheck holds that the browser's answer is the decision, or to ask,
// and to ask only where something is missing in the browser.
func TestBrowserIsCheck(t *testing.T) {
	var compared, permitted, asked int
	for compared < testenv.Count(5_000, 400_000) {
		rapid.Check(t, func(t *rapid.T) {
			env := drawEnv(t)
			typ := pick(t, []*sallyport.Type[post]{posts, orgPosts})
			q := drawQuestion(t, env, typ)
			d := q.document(t, typ)
			open := slices.ContainsFunc(d.Rules, func(r ability.Rule) bool { return r.Ask })
			for i := range 12 {
				p := drawPost(t, fmt.Sprintf("p%d", i))
				o, exact := seen(p, typ)
				if rapid.IntRange(0, 3).Draw(t, "partial") == 0 {
					exact = false
					maps.DeleteFunc(o.Attrs, func(string, any) bool { return rapid.IntRange(0, 4).Draw(t, "drop") == 0 })
				}
				got := d.Answer("post:read", o, time.Unix(1_700_000_000, 0))
				want := ability.No
				if q.allows(p, typ, env) {
					want = ability.Yes
				}
				if got == ability.Ask && exact && !open || got != ability.Ask && got != want {
					data, _ := d.Encode()
					t.Fatalf("%s, want %s, on %v\nby %s", got, want, o, data)
				}
				compared++
				switch got {
				case ability.Yes:
					permitted++
				case ability.Ask:
					asked++
				}
			}
		})
	}
	t.Logf("%d answers compared: %d yes, %d to ask", compared, permitted, asked)
}

var update = flag.Bool("update", false, "write testdata/abilities/random.json anew")

// A drawn is one file of vectors: see testdata/abilities/README.md.
type drawn struct {
	Description string          `json:"description"`
	Now         int64           `json:"now"`
	Abilities   json.RawMessage `json:"abilities"`
	Cases       []drawnCase     `json:"cases"`
}

type drawnCase struct {
	Name     string         `json:"name"`
	Action   string         `json:"action"`
	Resource map[string]any `json:"resource"`
	Answer   ability.Answer `json:"answer"`
}

// TestRandomVectors, with -update, writes vectors for other clients than ours. They
// are checked in package ability.
func TestRandomVectors(t *testing.T) {
	if !*update {
		return
	}
	draw := rapid.Custom(func(t *rapid.T) drawn {
		env := drawEnv(t)
		typ := pick(t, []*sallyport.Type[post]{posts, orgPosts})
		d := drawQuestion(t, env, typ).document(t, typ)
		data, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		v := drawn{Description: "drawn at random", Now: 1_700_000_000, Abilities: data}
		for i := range 5 {
			o, _ := seen(drawPost(t, fmt.Sprintf("p%d", i)), typ)
			maps.DeleteFunc(o.Attrs, func(name string, _ any) bool {
				_, read := d.Types[o.Type].Attrs[name]
				return !read || rapid.IntRange(0, 15).Draw(t, "drop") == 0
			})
			v.Cases = append(v.Cases, drawnCase{o.ID, "post:read", map[string]any{"type": o.Type, "id": o.ID, "attrs": o.Attrs},
				d.Answer("post:read", o, time.Unix(v.Now, 0))})
		}
		return v
	})
	var lines [][]byte
	for seed := 0; len(lines) < 200; seed++ {
		v := draw.Example(seed)
		if !slices.ContainsFunc(v.Cases, func(c drawnCase) bool { return c.Answer != v.Cases[0].Answer }) {
			continue // it tells little
		}
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	data := "[\n" + string(bytes.Join(lines, []byte(",\n"))) + "\n]\n"
	if err := os.WriteFile("../../../testdata/abilities/random.json", []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}
