package sallyport

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// MarshalJSON writes the problem document, its members in alphabetical order.
func (p *Problem) MarshalJSON() ([]byte, error) { return p.appendDocument(nil, "") }

// document is what is sent. It is written by hand, since a refusal should cost no
// more than what it refuses.
func (p *Problem) document(trace string) []byte {
	b := make([]byte, 0, 320)
	doc, err := p.appendDocument(b, trace)
	if err != nil { // an Extra that JSON cannot hold
		bare := *p
		bare.Extra = nil
		doc, _ = bare.appendDocument(b, trace)
	}
	return append(doc, '\n')
}

// appendDocument leaves out what is empty.
func (p *Problem) appendDocument(b []byte, trace string) ([]byte, error) {
	d := document{b: append(b, '{'), extra: p.Extra}
	if len(p.Extra) > 0 {
		d.names = slices.Sorted(maps.Keys(p.Extra))
	}
	d.text("code", p.Code)
	if p.decision != "" {
		d.text("decision_id", p.decision)
	}
	if p.Detail != "" {
		d.text("detail", p.Detail)
	}
	d.name("status")
	d.b = append(strconv.AppendInt(d.b, int64(p.Status), 10), ',')
	d.text("title", cmp.Or(p.Title, http.StatusText(p.Status)))
	if trace != "" {
		d.text("trace_id", trace)
	}
	d.text("type", cmp.Or(p.Type, "about:blank"))
	for len(d.names) > 0 {
		d.more()
	}
	d.b[len(d.b)-1] = '}' // in place of the last comma
	return d.b, d.err
}

// A document is a problem document that is being written, a comma behind each
// member.
type document struct {
	b     []byte
	names []string // of the further members that are not written yet, sorted
	extra map[string]any
	err   error
}

func (d *document) text(name, value string) {
	d.name(name)
	d.b = append(appendText(d.b, value), ',')
}

// name begins a member of ours, after the further members that come before it. One
// of the same name is left out.
func (d *document) name(name string) {
	for len(d.names) > 0 && d.names[0] < name {
		d.more()
	}
	if len(d.names) > 0 && d.names[0] == name {
		d.names = d.names[1:]
	}
	d.b = append(d.b, '"')
	d.b = append(d.b, name...)
	d.b = append(d.b, '"', ':')
}

// more writes the next of the further members.
func (d *document) more() {
	name := d.names[0]
	d.names = d.names[1:]
	d.b = append(appendText(d.b, name), ':')
	if text, ok := d.extra[name].(string); ok {
		d.b = append(appendText(d.b, text), ',')
		return
	}
	value, err := json.Marshal(d.extra[name])
	if err != nil {
		d.err = err
	}
	d.b = append(append(d.b, value...), ',')
}

// asIs are the characters that JSON has as they are, in a page of HTML too.
var asIs = func() (asIs [256]bool) {
	for c := 0x20; c <= 0x7e; c++ {
		asIs[c] = true
	}
	for _, c := range `"\<>&` {
		asIs[c] = false
	}
	return asIs
}()

// appendText writes plain text as it is, and leaves all other to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if !asIs[s[i]] {
			text, _ := json.Marshal(s) // text never fails
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
