package rulebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A bundle is all that another service needs to decide as this one does: role
// definitions, and the rules in force with the schema that they were checked
// against. Rules in Go and grants are not in it.
type bundle struct {
	Version int64        `json:"version"` // of the rules, 0 = a program's own
	Roles   []bundleRole `json:"roles"`
	Schema  string       `json:"schema,omitempty"`
	Files   []bundleFile `json:"files,omitempty"`
}

type bundleRole struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Inherits    []string `json:"inherits,omitempty"`
}

type bundleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Bundle writes down what is in force here, as JSON without line breaks.
func (b *Book) Bundle() ([]byte, error) {
	e := b.Current()
	out := bundle{Version: e.Version.Number}
	for _, r := range b.Policy.Load().Roles() {
		out.Roles = append(out.Roles, bundleRole(r))
	}
	if e.Schema != nil {
		out.Schema = e.Schema.Text()
	}
	for _, f := range e.Version.Files {
		out.Files = append(out.Files, bundleFile{f.Name, f.Text})
	}
	return json.Marshal(out)
}

var errEmptyBundle = errors.New("a policy without roles")

// Take puts in force what [Book.Bundle] wrote elsewhere: roles and rules together,
// or, if something in it is not good, nothing.
func (b *Book) Take(_ context.Context, text []byte) error {
	var in bundle
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	if len(in.Roles) == 0 { // there is always an administrator's
		return errEmptyBundle
	}
	var roles []authz.Role
	for _, r := range in.Roles {
		roles = append(roles, authz.Role(r))
	}
	definitions, err := authz.Compile(roles)
	if err != nil {
		return fmt.Errorf("compiling role definitions: %w", err)
	}
	v := authz.Version{Number: in.Version, Schema: in.Schema}
	for _, f := range in.Files {
		v.Files = append(v.Files, rule.File{Name: f.Name, Text: f.Text})
	}
	b.reading.Lock()
	defer b.reading.Unlock()
	e, err := b.Check(v)
	if err != nil {
		return fmt.Errorf("policy version %d: %w", v.Number, err)
	}
	b.Policy.Swap(definitions)
	b.Policy.SwapRules(authz.Rules{Set: e.Set, Version: v.Number})
	b.current.Store(e)
	return nil
}
