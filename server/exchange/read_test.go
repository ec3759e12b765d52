package exchange_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type request struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	List  []string `json:"list"`
}

func read(contentType, body string) (request, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	var in request
	err := exchange.Read(httptest.NewRecorder(), r, &in)
	return in, err
}

const form = "application/x-www-form-urlencoded"

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		status                  int // 0 = read
	}{
		{"an object", "application/json", `{"name":"ann","count":1}`, 0},
		{"an object with a charset", "application/json; charset=utf-8", `{"name":"ann"}`, 0},
		{"an object without a type", "", `{"name":"ann"}`, 0},
		{"an object that a careless program calls a form", form, `{"name":"ann"}`, 0},
		{"a form", form, `name=ann`, 0},
		{"a form with an empty field", form, `name=ann&count=`, 0},
		{"nothing", "application/json", "", 0},
		{"another type", "text/plain", `{"name":"ann"}`, 415},
		{"xml", "application/xml", `<name/>`, 415},
		{"an unknown member", "application/json", `{"nome":"ann"}`, 400},
		{"an unknown field", form, `nome=ann`, 400},
		{"a field twice", form, `name=ann&name=bob`, 400},
		{"a member twice", "application/json", `{"name":"ann","name":"ann"}`, 400},
		{"a member twice inside", "application/json", `{"list":[{"a":1,"A":2}]}`, 400},
		{"a string where a number belongs", "application/json", `{"count":"1"}`, 400},
		{"a field where a number belongs", form, `count=1`, 400},
		{"a number too large", "application/json", `{"count":1e99}`, 400},
		{"null", "application/json", `null`, 0},
		{"a string", "application/json", `"ann"`, 400},
		{"two objects", "application/json", `{"name":"a"}{"name":"b"}`, 400},
		{"rubbish behind the object", "application/json", `{"name":"a"}]`, 400},
		{"an open object", "application/json", `{"name":"a"`, 400},
		{"a comment", "application/json", `{/**/}`, 400},
		{"NUL in a form", form, `name=a%00`, 400},
		{"bad escape in a form", form, `name=%zz`, 400},
		{"invalid UTF-8 in a form", form, `name=%ff`, 400},
		{"a deep nest", "application/json", strings.Repeat(`[`, 20000), 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := read(tt.contentType, tt.body)
			if tt.status == 0 {
				if err != nil || strings.Contains(tt.body, "ann") && in.Name != "ann" {
					t.Fatalf("%+v, %v", in, err)
				}
				return
			}
			p, ok := errors.AsType[*sallyport.Problem](err)
			if !ok || p.Status != tt.status || p.Detail == "" {
				t.Fatalf("%v, want %d", err, tt.status)
			}
		})
	}
}

// FuzzRead: whatever comes, it is read as what it says or refused as a problem,
// and what is read is text.
func FuzzRead(f *testing.F) {
	f.Add("application/json", `{"name":"ann","count":1,"list":["a"]}`)
	f.Add(form, `name=ann`)
	f.Add("application/json", `{"name":"\ud800"}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		in, err := read(contentType, body)
		if err != nil {
			if _, ok := errors.AsType[*sallyport.Problem](err); !ok && len(body) <= exchange.MaxBody {
				t.Fatalf("not a problem: %v", err)
			}
			return
		}
		for _, s := range append(in.List, in.Name) {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("read %q", s)
			}
		}
		if _, err := json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/a?b=c#d", "//evil", `/\evil`, "/%2f/evil", "/%5cevil", "https://evil", "javascript:x", "/a//b", "", "/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := exchange.ReturnTo(s, "/home")
		// What a browser does with it: backslashes are slashes, tabs and line breaks vanish.
		seen := strings.NewReplacer(`\`, "/", "\t", "", "\n", "", "\r", "").Replace(got)
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Fatalf("%q leads to %q", s, got)
		}
	})
}
