package sallyport

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// member is one member of a problem document, whose value is text unless number
// or other is set.
type member struct {
	name, text string
	other      any
	number     int // if not 0
}

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

func (p *Problem) appendDocument(b []byte, trace string) ([]byte, error) {
	var room [10]member
	var err error
	for i, m := range p.members(room[:0], trace) {
		b = append(b, "{,"[min(i, 1)])
		if b, err = m.append(b); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// members returns the members by name, without the empty ones. No Extra hides
// one of ours.
func (p *Problem) members(all []member, trace string) []member {
	all = append(all, member{name: "code", text: p.Code})
	if p.decision != "" {
		all = append(all, member{name: "decision_id", text: p.decision})
	}
	if p.Detail != "" {
		all = append(all, member{name: "detail", text: p.Detail})
	}
	all = append(all,
		member{name: "status", number: p.Status},
		member{name: "title", text: cmp.Or(p.Title, http.StatusText(p.Status))},
	)
	if trace != "" {
		all = append(all, member{name: "trace_id", text: trace})
	}
	all = append(all, member{name: "type", text: cmp.Or(p.Type, "about:blank")})
	if len(p.Extra) == 0 {
		return all // they are in order
	}
	ours := len(all)
	for name, value := range p.Extra {
		if !slices.ContainsFunc(all[:ours], func(m member) bool { return m.name == name }) {
			all = append(all, memberOf(name, value))
		}
	}
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return all
}

func memberOf(name string, value any) member {
	switch v := value.(type) {
	case nil:
		return member{name: name, other: json.RawMessage("null")}
	case string:
		return member{name: name, text: v}
	default:
		return member{name: name, other: v}
	}
}

func (m *member) append(b []byte) ([]byte, error) {
	b = append(appendText(b, m.name), ':')
	switch {
	case m.number != 0:
		return strconv.AppendInt(b, int64(m.number), 10), nil
	case m.other == nil:
		return appendText(b, m.text), nil
	}
	value, err := json.Marshal(m.other)
	return append(b, value...), err
}

// appendText writes plain text as it is, and leaves all other to encoding/json.
func appendText(b []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // text never fails
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
