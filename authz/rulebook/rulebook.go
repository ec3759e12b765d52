// Package rulebook puts rules in force: the program's own, or the policy that was
// published last.
package rulebook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Book knows which rules are in force. Fill its fields before first use; it is
// then safe for concurrent use.
type Book struct {
	Policy *authz.Policy                                // decides by what the book puts in force
	Types  []sallyport.AnyType                          // of the program, for which no schema needs to be written
	Own    authz.Version                                // the program's own rules; if it has files, nothing can be published
	Latest func(context.Context) (authz.Version, error) // reads the version that was published last

	current atomic.Pointer[Edition]
	reading sync.Mutex // held from reading a version until it is in force
}

// An Edition is a policy that is good: read, checked against its schema, compiled.
type Edition struct {
	Version authz.Version
	Schema  *cedar.Schema // nil: nobody has written rules, nor declared types
	Set     *rule.Set
}

// ErrOwn means that the rules are part of the program: another one cannot be
// published.
var ErrOwn = errors.New("the rules are part of the program")

// Current returns the edition in force. It never returns nil.
func (b *Book) Current() *Edition {
	if e := b.current.Load(); e != nil {
		return e
	}
	return new(Edition)
}

// Fixed reports whether the rules are part of the program.
func (b *Book) Fixed() bool { return len(b.Own.Files) > 0 }

// Load puts in force what is to be in force now: the program's own rules, or else
// what was published last. On an error everything stays as it was. An older version
// never replaces a newer one, also if others load at the same time.
func (b *Book) Load(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	v := b.Own
	if !b.Fixed() {
		var err error
		if v, err = b.Latest(ctx); err != nil {
			return fmt.Errorf("reading the policy: %w", err)
		}
		if now := b.current.Load(); now != nil && now.Version.Number == v.Number {
			return nil // versions never change
		}
	}
	e, err := b.Check(v)
	if err != nil {
		return fmt.Errorf("policy version %d: %w", v.Number, err)
	}
	b.Policy.SwapRules(authz.Rules{Set: e.Set, Version: v.Number})
	b.current.Store(e)
	return nil
}

// Check returns the edition of v, or everything that is wrong with it. Rules need
// a schema: v's own, or else what follows from the program's types.
func (b *Book) Check(v authz.Version) (*Edition, error) {
	rules, err := cedar.Parse(v.Files...)
	if err != nil {
		return nil, err
	}
	s, err := b.schema(v, rules)
	if err != nil || s == nil {
		return &Edition{Version: v}, err
	}
	if err := s.Validate(v.Files...); err != nil {
		return nil, err
	}
	set, err := rule.Compile(rules, rule.Config{Actions: s.Actions()})
	return &Edition{v, s, set}, err
}

// ErrNoSchema means that there are rules and nothing to check them against.
var ErrNoSchema = errors.New("rules need a schema, which says what types, attributes and actions there are: add a file *.cedarschema")

func (b *Book) schema(v authz.Version, rules []rule.Rule) (*cedar.Schema, error) {
	switch {
	case v.Schema != "":
		return cedar.ParseSchema(rule.File{Name: SchemaFile, Text: v.Schema})
	case len(b.Types) > 0:
		return cedar.SchemaOf(b.Types, actionsOf(rules))
	case len(rules) > 0:
		return nil, ErrNoSchema
	}
	return nil, nil
}

// actionsOf returns the actions that rules name.
func actionsOf(rules []rule.Rule) []string {
	var found []string
	for _, r := range rules {
		for _, a := range r.Actions {
			if a.Type == sallyport.ActionType && !slices.Contains(found, a.ID) {
				found = append(found, a.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// SchemaFile is what a schema is called in messages.
const SchemaFile = "schema.cedarschema"

// Read returns the policy in files: every *.cedar, in the order of their paths,
// and the one *.cedarschema.
func Read(files fs.FS) (authz.Version, error) {
	var v authz.Version
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		ext := path.Ext(name)
		if err != nil || e.IsDir() || ext != ".cedar" && ext != ".cedarschema" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		switch {
		case err != nil:
			return err
		case ext == ".cedar":
			v.Files = append(v.Files, rule.File{Name: name, Text: string(text)})
		case v.Schema != "":
			return fmt.Errorf("%s: there is more than one schema", name)
		default:
			v.Schema = cmp.Or(string(text), "\n")
		}
		return nil
	})
	switch {
	case err != nil:
		return v, fmt.Errorf("reading the policy: %w", err)
	case len(v.Files) == 0:
		return v, errors.New("reading the policy: there is no file *.cedar")
	}
	return v, nil
}
