package web

import (
	"encoding/base64"
	"html/template"
	"net/url"
	"slices"
	"time"
)

// A Consent is what a client asks a person for.
type Consent struct {
	Client, Home, Policy, Terms string
	Leads                       string // origin to which the person is sent
	Account                     string // as whom they are signed in
	Switch                      string // address to sign in as somebody else
	Logo                        []byte // as PNG; nil = none
	Asks                        []Ask
	Request                     string // that the form sends back
}

// An Ask is what is asked for at one service.
type Ask struct {
	Service string // its name; "" = nobody has given it one
	URI     string // "" = this server
	Scopes  []ConsentScope
}

// A ConsentScope is one thing that is asked for.
type ConsentScope struct {
	Name string
	Says string // in the words of who defined it; "" = nobody did
	New  bool   // since the person was asked before
}

// ScopeWords says what a scope lets a client do, in words; "" if nobody has words for it.
func (v *view) ScopeWords(s ConsentScope) string {
	if key := "provider.scope_" + s.Name; s.Says == "" && v.locale.has(key) {
		return v.T(key)
	}
	return s.Says
}

// PNG writes a picture into the page itself, so that no browser asks anybody for it. It must
// be one that we have drawn ourselves.
func (v *view) PNG(image []byte) template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(image))
}

// An Application is a client that somebody has let in.
type Application struct {
	ID, Name    string // Name "" = the client is gone
	Since, Used time.Time
	Asks        []Ask
}

// A DeviceCode is a device that waits for an answer, or the question for its code.
type DeviceCode struct {
	Code    string
	Done    string // what was answered: "allow", "deny"; "" = nothing yet
	Client  string
	Home    string
	Address string
	Agent   string
	Asked   time.Time
	Logo    []byte // as PNG; nil = none
	Asks    []Ask
}

// A Logout is the question whether to sign out.
type Logout struct {
	Client  string // that asks for it; "" = nobody says
	Request string
}

// A FormPost leads a browser on to a client, with an answer that is in no address (OAuth
// 2.0 Form Post Response Mode).
type FormPost struct {
	Action string
	Fields url.Values
}

// A formField is one of them.
type formField struct{ Name, Value string }

// List returns the fields in order.
func (f FormPost) List() (all []formField) {
	for name := range f.Fields {
		all = append(all, formField{name, f.Fields.Get(name)})
	}
	slices.SortFunc(all, func(a, b formField) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}
