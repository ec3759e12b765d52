package oauth

import (
	"encoding/json"
	"slices"
)

// Claims are what an authorization request asks for by name (OpenID Connect Core 1.0
// §5.5), beside what its scopes stand for.
type Claims struct {
	UserInfo []string `json:"userinfo,omitempty"` // names
	IDToken  []string `json:"id_token,omitempty"`
	Subject  string   `json:"sub,omitempty"` // that it must be; "" = any
	ACR      []string `json:"acr,omitempty"` // of which the sign-in must be one; nil = any
}

// maxClaims bounds what one request can ask for.
const maxClaims = 50

// ParseClaims reads the parameter claims. Members that are not known are ignored, and so
// are values and languages, but for the subject and the class of the sign-in.
func ParseClaims(s string) (c Claims, err error) {
	type asked struct {
		Essential bool              `json:"essential"`
		Value     json.RawMessage   `json:"value"`
		Values    []json.RawMessage `json:"values"`
	}
	var in struct {
		UserInfo map[string]*asked `json:"userinfo"`
		IDToken  map[string]*asked `json:"id_token"`
	}
	bad := Refuse(InvalidRequest, "The claims are malformed.")
	if json.Unmarshal([]byte(s), &in) != nil || len(in.UserInfo)+len(in.IDToken) > maxClaims {
		return c, bad
	}
	names := func(m map[string]*asked) (out []string) {
		for name := range m {
			out = append(out, name)
		}
		slices.Sort(out)
		return out
	}
	c.UserInfo, c.IDToken = names(in.UserInfo), names(in.IDToken)
	for _, m := range []map[string]*asked{in.IDToken, in.UserInfo} {
		if sub := m["sub"]; sub != nil && sub.Value != nil {
			if json.Unmarshal(sub.Value, &c.Subject) != nil || c.Subject == "" {
				return c, bad
			}
		}
	}
	acr := in.IDToken["acr"]
	if acr == nil || !acr.Essential {
		return c, nil
	}
	values := acr.Values
	if acr.Value != nil {
		values = append(values, acr.Value)
	}
	for _, v := range values {
		var class string
		if json.Unmarshal(v, &class) != nil {
			return c, bad
		}
		c.ACR = append(c.ACR, class)
	}
	return c, nil
}

// byScope is what the scopes of OpenID Connect Core 1.0 §5.4 stand for.
var byScope = map[string][]string{
	Profile: {"name", "preferred_username", "locale", "updated_at"},
	Email:   {"email", "email_verified"},
	Phone:   {"phone_number", "phone_number_verified"},
	Address: {"address"},
}

// Names returns the claims about a person that a grant lets the client know at the
// userinfo endpoint; with ID tokens, those that were asked for there.
func Names(scope, asked []string) (names []string) {
	for _, s := range scope {
		names = append(names, byScope[s]...)
	}
	for _, a := range asked {
		if known(a) && !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names
}

func known(claim string) bool {
	for _, names := range byScope {
		if slices.Contains(names, claim) {
			return true
		}
	}
	return false
}

// Known are the claims about a person that there are.
func Known() (names []string) {
	for _, s := range []string{Profile, Email, Phone, Address} {
		names = append(names, byScope[s]...)
	}
	return names
}
