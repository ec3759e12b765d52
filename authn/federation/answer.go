package federation

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Answer is what a provider sends the browser back with: a code or an error
// (RFC 6749 §4.1.2). Nothing in it is proved.
type Answer struct {
	Code   string `json:"c,omitempty"`
	State  string `json:"s,omitempty"`
	Issuer string `json:"i,omitempty"` // RFC 9207; "" = it does not say
	Error  string `json:"e,omitempty"`
	Name   string `json:"n,omitempty"` // what the person calls themselves; apple says it once
}

// The longest values that make sense. With them an answer fits into a cookie.
const (
	maxCode  = 2048
	maxState = 64
	maxError = 64
	maxIss   = 255
	maxUser  = 4096
	maxName  = 100
)

// ParseAnswer reads the parameters of a callback, of its query or its form. It refuses
// what no provider would send: a parameter twice (RFC 6749 §3.1), both or neither of
// code and error, a value that is too long or no text.
func ParseAnswer(form url.Values) (Answer, error) {
	var in Answer
	for _, field := range []struct {
		name string
		most int
		to   *string
	}{
		{"code", maxCode, &in.Code}, {"state", maxState, &in.State}, {"iss", maxIss, &in.Issuer}, {"error", maxError, &in.Error},
	} {
		values := form[field.name]
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 {
			return Answer{}, refused("%s is there twice", field.name)
		}
		if len(values[0]) > field.most || strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' || r > '~' }) {
			return Answer{}, refused("%s is malformed", field.name)
		}
		*field.to = values[0]
	}
	if in.State == "" {
		return Answer{}, refused("state is missing")
	}
	if (in.Code == "") == (in.Error == "") {
		return Answer{}, refused("there must be a code or an error")
	}
	in.Name = callsThemselves(form.Get("user"))
	return in, nil
}

// callsThemselves reads the name out of apple's parameter user. Whoever posts it writes
// what they like, so an address in it counts for nothing and is not even read.
func callsThemselves(user string) string {
	var in struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if len(user) > maxUser || json.Unmarshal([]byte(user), &in) != nil {
		return ""
	}
	return strings.TrimSpace(clip(strings.TrimSpace(in.Name.First)+" "+strings.TrimSpace(in.Name.Last), maxName))
}

// denied is what an error of the provider means.
func denied(code string) error {
	switch code {
	case "server_error", "temporarily_unavailable":
		return unavailable("the provider answered %s", code)
	}
	return &DeniedError{code}
}

// clip makes text of somebody else's short and plain.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	runes := []rune(s)
	return string(runes[:min(len(runes), most)])
}

// check holds what a provider says against what can be kept.
func (p *Person) check() error {
	const most = 255
	switch {
	case p.Subject == "" || len(p.Subject) > most || clip(p.Subject, most) != p.Subject:
		return refused("the subject is malformed")
	case p.Issuer == "" || len(p.Issuer) > most:
		return refused("the issuer is malformed")
	}
	if len(p.Email) > 254 || clip(p.Email, 254) != p.Email || !strings.Contains(p.Email, "@") {
		p.Email = ""
	}
	p.EmailVerified = p.EmailVerified && p.Email != ""
	p.Name, p.Username = clip(p.Name, maxName), clip(p.Username, 64)
	return nil
}
