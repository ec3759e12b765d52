package ability_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authz/ability"
)

var update = flag.Bool("update", false, "write the vectors in testdata/abilities anew")

// folder holds the vectors that every client is held to.
const folder = "../../testdata/abilities"

// A vectors is a file of them.
type vectors struct {
	Description string          `json:"description"`
	Now         int64           `json:"now"`
	Abilities   json.RawMessage `json:"abilities"`
	Cases       []vector        `json:"cases"`
}

type vector struct {
	Name     string          `json:"name"`
	Action   string          `json:"action"`
	Resource json.RawMessage `json:"resource"` // null = no object
	Answer   ability.Answer  `json:"answer"`
}

// A resource is an object as vectors have it.
type resource struct {
	Type  string         `json:"type"`
	ID    string         `json:"id"`
	Attrs map[string]any `json:"attrs"`
}

const now = 1_700_000_000

// doc is a document with types and rules.
func doc(types, rules string) string {
	return `{"v":1,"epoch":1,"exp":2000000000,"principal":{"type":"User","id":"ann"},"types":` + types + `,"rules":` + rules + `}`
}

// on is a document in which one condition permits post:read.
func on(attrs, when string) string {
	return doc(`{"Post":{"attrs":`+attrs+`,"parents":{}}}`, `[{"effect":"permit","actions":["post:read"],"type":"Post","when":`+when+`}]`)
}

// post is an object with these attributes.
func post(attrs string) string { return `{"type":"Post","id":"1","attrs":{` + attrs + `}}` }

func read(name, resource string, answer ability.Answer) vector {
	return vector{Name: name, Action: "post:read", Resource: json.RawMessage(resource), Answer: answer}
}

// condition is a file about one condition.
func condition(description, attrs, when string, cases ...vector) vectors {
	return vectors{Description: description, Now: now, Abilities: json.RawMessage(on(attrs, when)), Cases: cases}
}

const yes, no, ask = ability.Yes, ability.No, ability.Ask

func made() map[string]vectors {
	any := doc(`{"Post":{"attrs":{"author":"entity:User","locked":"bool"},"parents":{}}}`, `[
		{"effect":"forbid","actions":["post:delete"],"type":"Post","when":["r","locked"]},
		{"effect":"permit","actions":["post:*"],"type":"Post","when":["==",["r","author"],["e","User","ann"]]},
		{"effect":"permit","actions":["post:create"],"type":""},
		{"effect":"permit","actions":["comment:*"],"type":"*"},
		{"effect":"permit","actions":["post:share"],"type":"Post","ask":true},
		{"effect":"forbid","actions":["post:print"],"type":"Post","ask":true}]`)
	mine, hers := post(`"author":"ann","locked":false`), post(`"author":"bob","locked":false`)
	return map[string]vectors{
		"rules": {Description: "effects, actions and types of rules", Now: now, Abilities: json.RawMessage(any), Cases: []vector{
			read("an owner may", mine, yes),
			read("others may not", hers, no),
			read("whose it is, is not known here", post(`"locked":false`), ask),
			read("it is nobody's", post(`"author":null`), no),
			read("the empty reference is nobody", post(`"author":""`), no),
			read("not a reference", post(`"author":5`), ask),
			{"a pattern covers the action", "post:edit", json.RawMessage(mine), yes},
			{"a pattern covers its kind only", "page:edit", json.RawMessage(mine), no},
			{"a forbid does not fire", "post:delete", json.RawMessage(mine), yes},
			{"a forbid fires", "post:delete", json.RawMessage(post(`"author":"ann","locked":true`)), no},
			{"a forbid that is neither true nor false fires", "post:delete", json.RawMessage(post(`"author":"ann","locked":null`)), no},
			{"a forbid may fire", "post:delete", json.RawMessage(post(`"author":"ann"`)), ask},
			{"a forbid may fire, but nothing permits", "post:delete", json.RawMessage(post(`"author":"bob"`)), no},
			{"no object", "post:create", json.RawMessage(`null`), yes},
			{"no object, where one is needed", "post:read", json.RawMessage(`null`), no},
			{"an object, where none is asked for", "post:create", json.RawMessage(hers), no},
			{"any type", "comment:write", json.RawMessage(hers), yes},
			{"any type, also one that is not described", "comment:write", json.RawMessage(`{"type":"Page","id":"1","attrs":{}}`), yes},
			{"any type, also no object", "comment:write", json.RawMessage(`null`), yes},
			{"only the server knows whether it is permitted", "post:share", json.RawMessage(hers), ask},
			{"only the server knows, but it is permitted anyway", "post:share", json.RawMessage(mine), yes},
			{"only the server knows whether it is forbidden", "post:print", json.RawMessage(mine), ask},
			{"only the server knows, but nothing permits", "post:print", json.RawMessage(hers), no},
		}},
		"expired": {Description: "a document is good until the second exp, not in it", Now: 2_000_000_000, Abilities: json.RawMessage(any), Cases: []vector{
			read("what was permitted", mine, ask), read("what was not", hers, ask),
		}},
		"scopes": {Description: "the scopes of the credential are an upper bound", Now: now,
			Abilities: json.RawMessage(strings.Replace(any, `"types"`, `"scopes":["post:read","comment:*"],"types"`, 1)), Cases: []vector{
				read("within", mine, yes),
				{"not within", "post:edit", json.RawMessage(mine), no},
				{"not within, whatever the server would say", "post:share", json.RawMessage(hers), no},
			}},
		"organizations": {Description: "objects of a type that belongs to organizations must belong to the principal's", Now: now,
			Abilities: json.RawMessage(doc(`{"Post":{"attrs":{"org":"entity:Organization"},"parents":{},"org":"o1"},"Page":{"attrs":{"org":"entity:Organization"},"parents":{},"org":""}}`,
				`[{"effect":"permit","actions":["*"],"type":"*"}]`)), Cases: []vector{
				read("its own", post(`"org":"o1"`), yes),
				read("another's", post(`"org":"o2"`), no),
				read("none", post(`"org":null`), no),
				read("not known here", post(``), ask),
				read("the principal has none", `{"type":"Page","id":"1","attrs":{"org":"o1"}}`, no),
				read("nor does the object", `{"type":"Page","id":"1","attrs":{"org":""}}`, no),
				read("without an object", `null`, yes),
			}},
		"in": {Description: "what the object is in", Now: now,
			Abilities: json.RawMessage(doc(`{"Post":{"attrs":{"folder":"entity:Folder","owner":"entity:User"},"parents":{"folder":true,"owner":false}}}`, `[
				{"effect":"permit","actions":["post:read"],"type":"Post","when":["in",["r"],["set",["e","Folder","f1"],["e","Post","7"],["e","User","ann"]]]},
				{"effect":"permit","actions":["post:hide"],"type":"Post","when":["!",["in",["r"],["e","Folder","f1"]]]},
				{"effect":"permit","actions":["post:move"],"type":"Post","when":["!",["in",["r"],["set"]]]},
				{"effect":"permit","actions":["post:lose"],"type":"Post","when":["!",["in",["r"],["set",1]]]}]`)), Cases: []vector{
				read("in the folder", post(`"folder":"f1","owner":null`), yes),
				read("in the folder, and maybe more", post(`"folder":"f1"`), yes),
				read("the object itself", `{"type":"Post","id":"7","attrs":{}}`, yes),
				read("an object of the same name", post(`"folder":"7","owner":"7"`), no),
				read("its owner is one of them", post(`"folder":"f2","owner":"ann"`), yes),
				read("the folder is not known here", post(`"owner":null`), ask),
				read("nor the object", `{"type":"Post","attrs":{"folder":null,"owner":null}}`, ask),
				{"surely not in it", "post:hide", json.RawMessage(post(`"folder":null,"owner":null`)), yes},
				{"an owner is in nothing", "post:hide", json.RawMessage(post(`"folder":null,"owner":"bob"`)), yes},
				{"what the folder is in, nobody knows", "post:hide", json.RawMessage(post(`"folder":"f2","owner":null`)), no},
				{"in the folder, so not outside", "post:hide", json.RawMessage(post(`"folder":"f1","owner":null`)), no},
				{"nothing is in nothing", "post:move", json.RawMessage(post(`"folder":"f2","owner":null`)), yes},
				{"a number is no entity", "post:lose", json.RawMessage(post(`"folder":null,"owner":null`)), no},
			}},
		"order": condition("|| looks to the right only where the left is false", `{"a":"bool","b":"bool"}`, `["||",["r","a"],["r","b"]]`,
			read("left", post(`"a":true`), yes), read("right", post(`"a":false,"b":true`), yes), read("none", post(`"a":false,"b":false`), no),
			read("left is missing", post(`"a":null,"b":true`), no), read("right is missing", post(`"a":false,"b":null`), no),
			read("left is not known here", post(`"b":true`), ask), read("right is not known here", post(`"a":false`), ask)),
		"not-and": condition("&& looks to the right only where the left is true", `{"a":"bool","b":"bool"}`, `["!",["&&",["r","a"],["r","b"]]]`,
			read("left is false", post(`"a":false,"b":null`), yes), read("right is false", post(`"a":true,"b":false`), yes), read("both are true", post(`"a":true,"b":true`), no),
			read("left is missing", post(`"a":null,"b":false`), no), read("right is missing", post(`"a":true,"b":null`), no)),
		"if": condition("only the branch that is taken counts", `{"a":"bool","b":"bool","s":"string"}`, `["if",["r","a"],["r","b"],["r","s"]]`,
			read("then", post(`"a":true,"b":true,"s":null`), yes), read("else is no truth value", post(`"a":false,"b":true,"s":"x"`), no), read("condition is missing", post(`"a":null,"b":true,"s":"x"`), no)),
		"has": condition("has tells absent from there", `{"note":"string"}`, `["!",["has",["r"],"note"]]`,
			read("there", post(`"note":""`), no), read("absent", post(`"note":null`), yes), read("not known here", post(``), ask)),
		"equal": condition("values of different kinds differ, and are no error", `{"note":"string"}`, `["!",["==",["r","note"],5]]`,
			read("another kind", post(`"note":"5"`), yes), read("absent", post(`"note":null`), no)),
		"null": condition("null is neither true nor false", `{"a":"bool"}`, `["||",["r","a"],null]`,
			read("not looked at", post(`"a":true`), yes), read("looked at", post(`"a":false`), no)),
		"like": condition("a pattern has a wildcard between its pieces, and tells upper from lower case", `{"note":"string"}`, `["like",["r","note"],"a","%","","é"]`,
			read("fits", post(`"note":"ax%é"`), yes), read("fits tightly", post(`"note":"a%é"`), yes), read("line breaks fit", post(`"note":"a\n%\né"`), yes),
			read("another case", post(`"note":"A%é"`), no), read("a piece is missing", post(`"note":"aé"`), no), read("does not end so", post(`"note":"a%é "`), no), read("no text", post(`"note":5`), ask)),
		"like-exact": condition("a pattern without a wildcard is the text itself", `{"note":"string"}`, `["like",["r","note"],"a*"]`,
			read("the same", post(`"note":"a*"`), yes), read("not the same", post(`"note":"ab"`), no)),
		"numbers": condition("integers have 64 bits, and more is an error", `{"n":"int"}`, `["<",["i","9223372036854775805"],["+",["r","n"],["i","9223372036854775800"]]]`,
			read("less", post(`"n":5`), no), read("greater", post(`"n":6`), yes), read("the greatest", post(`"n":7`), yes), read("too great", post(`"n":8`), no),
			read("not whole", post(`"n":1.5`), ask), read("beyond what a browser knows", post(`"n":9007199254740993`), ask), read("written as text", post(`"n":"6"`), ask), read("written with an exponent", post(`"n":6e0`), yes)),
		"negate": condition("the least integer has no opposite", `{"n":"int"}`, `["<=",["neg",["-",["r","n"],["i","-9223372036854775808"]]],0]`,
			read("minus nothing", post(`"n":-1`), yes), read("too great", post(`"n":0`), no)),
		"multiply":       condition("a product", `{"n":"int"}`, `["==",["*",["r","n"],-3],12]`, read("equal", post(`"n":-4`), yes), read("not equal", post(`"n":4`), no)),
		"order-of-kinds": condition("a number is not compared with a time", `{"n":"int"}`, `["!",["<",["r","n"],["t",5]]]`, read("an error", post(`"n":9`), no)),
		"time": condition("a day is not over", `{"at":"time"}`, `["<",["durationSince",["t",1700000000000],["r","at"]],["d",86400000]]`,
			read("milliseconds", post(`"at":1699999999999`), yes), read("long ago", post(`"at":1600000000000`), no), read("text", post(`"at":"2023-11-14T22:13:19Z"`), yes),
			read("text with an offset and a fraction", post(`"at":"2023-11-13T23:13:20.0009+01:00"`), no), read("text, a millisecond later", post(`"at":"2023-11-13T23:13:20.001999+01:00"`), yes),
			read("the zero time is absent", post(`"at":"0001-01-01T00:00:00Z"`), no), read("no time", post(`"at":"yesterday"`), ask), read("a day alone", post(`"at":"2023-11-14"`), ask)),
		"offset": condition("a time plus a span", `{"at":"time","wait":"duration"}`, `["<=",["offset",["r","at"],["r","wait"]],["t",1000]]`,
			read("by then", post(`"at":500,"wait":500`), yes), read("later", post(`"at":500,"wait":501`), no)),
		"span": condition("spans are told in units, cut towards 0", `{"wait":"duration"}`, `["==",["toMinutes",["r","wait"]],-1]`,
			read("a minute ago", post(`"wait":-60000`), yes), read("nearly two", post(`"wait":-119999`), yes), read("two", post(`"wait":-120000`), no), read("less than one", post(`"wait":-59999`), no)),
		"contains": condition("a set holds", `{"tags":"set:string"}`, `["&&",["contains",["r","tags"],"a"],["!",["containsAny",["r","tags"],["set","x","y"]]]]`,
			read("holds", post(`"tags":["b","a","a"]`), yes), read("holds the other too", post(`"tags":["a","x"]`), no), read("is empty", post(`"tags":[]`), no), read("holds something else", post(`"tags":["a",5]`), ask), read("absent", post(`"tags":null`), no)),
		"contains-all": condition("a set holds all", `{"tags":"set:entity:Team"}`, `["||",["isEmpty",["r","tags"]],["containsAll",["r","tags"],["set",["e","Team","t1"],["e","Team","t2"]]]]`,
			read("all", post(`"tags":["t2","t3","t1"]`), yes), read("not all", post(`"tags":["t1"]`), no), read("empty", post(`"tags":[]`), yes), read("an empty reference", post(`"tags":["t1","t2",""]`), ask)),
		"sets-equal": condition("sets are equal that hold the same", `{"tags":"set:int"}`, `["==",["r","tags"],["set",1,2,2]]`,
			read("same", post(`"tags":[2,1,1]`), yes), read("fewer", post(`"tags":[2]`), no)),
		"set-fails": condition("an error within a set is one of the set", `{"a":"string"}`, `["!",["contains",["set",["r","a"],"x"],"y"]]`,
			read("there", post(`"a":"b"`), yes), read("absent", post(`"a":null`), no)),
		"is": condition("the type of a reference", `{"author":"entity:User","note":"string"}`, `["||",["!",["is",["r","author"],"User"]],["is",["r","note"],"Post"]]`,
			read("a text has none", post(`"author":"ann","note":"x"`), no)),
	}
}

// TestVectors holds the evaluator to the vectors, and the vectors to what is
// written above.
func TestVectors(t *testing.T) {
	for name, v := range made() {
		file := filepath.Join(folder, name+".json")
		want, err := json.MarshalIndent(v, "", "\t")
		if err != nil {
			t.Fatal(name, err)
		}
		want = append(want, '\n')
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is written here (%v): run this test with -update", file, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) < len(made()) {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { hold(t, file) })
	}
}

func hold(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []vectors
	if data[0] == '[' {
		err = json.Unmarshal(data, &all)
	} else {
		all = make([]vectors, 1)
		err = json.Unmarshal(data, &all[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		d, err := ability.Parse(v.Abilities)
		if err != nil {
			t.Fatal(v.Description, err)
		}
		for _, c := range v.Cases {
			if got := d.Answer(c.Action, object(t, c.Resource), time.Unix(v.Now, 0)); got != c.Answer {
				t.Errorf("%s: %s: %s, want %s", v.Description, c.Name, got, c.Answer)
			}
		}
	}
}

func object(t *testing.T, raw json.RawMessage) *ability.Object {
	if string(raw) == "null" {
		return nil
	}
	var r resource
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return &ability.Object{Type: r.Type, ID: r.ID, Attrs: r.Attrs}
}
