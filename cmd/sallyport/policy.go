package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/pelletier/go-toml/v2"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// policyPaths are what commands about a policy in files take.
type policyPaths struct {
	Paths  []string `arg:"" optional:"" name:"path" help:"Folder with *.cedar and one *.cedarschema, or such files. Default: this folder."`
	Schema string   `placeholder:"FILE" help:"Schema, in place of the *.cedarschema beside the policy."`
	Roles  string   `placeholder:"FILE" help:"Definitions of roles (TOML, YAML or JSON), in place of roles.toml beside the policy."`
}

// roleFiles are where the definitions of roles stand beside a policy.
var roleFiles = []string{"roles.toml", "roles.yaml", "roles.yml", "roles.json"}

// A draft is a policy in files. Rules are called by the base names of their files,
// and findings by their paths.
type draft struct {
	lint.Source
	paths   map[string]string // by base name
	folders []string
}

// draft reads the files.
func (c *policyPaths) draft() (*draft, error) {
	d := &draft{paths: map[string]string{}}
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		if err := d.add(path); err != nil {
			return nil, err
		}
	}
	if c.Schema != "" {
		d.Source.Schema = rule.File{}
		if err := d.read(c.Schema, ".cedarschema"); err != nil {
			return nil, err
		}
	}
	if len(d.Files) == 0 {
		return nil, misused("there is no file *.cedar in %s", strings.Join(paths, ", "))
	}
	return d, d.roles(c.Roles)
}

func (d *draft) add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return misused("%v", err)
	}
	if !info.IsDir() {
		return d.read(path, filepath.Ext(path))
	}
	d.folders = append(d.folders, path)
	entries, err := os.ReadDir(path)
	if err != nil {
		return misused("%v", err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".cedar" || ext == ".cedarschema") {
			if err := d.read(filepath.Join(path, e.Name()), ext); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *draft) read(path, ext string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return misused("%v", err)
	}
	f := rule.File{Name: filepath.Base(path), Text: string(text)}
	if other, twice := d.paths[f.Name]; twice {
		return misused("%s and %s have the same name, by which their rules are called", other, path)
	}
	d.paths[f.Name] = path
	switch {
	case ext == ".cedar":
		d.Files = append(d.Files, f)
	case ext != ".cedarschema":
		return misused("%s is neither *.cedar nor *.cedarschema", path)
	case d.Source.Schema.Name != "":
		return misused("there are two schemas, %s and %s", d.paths[d.Source.Schema.Name], path)
	default:
		f.Text = cmp.Or(f.Text, "\n")
		d.Source.Schema = f
	}
	return nil
}

// roles reads the definitions of roles, if there are any.
func (d *draft) roles(path string) error {
	if path == "" {
		for _, folder := range d.folders {
			for _, name := range roleFiles {
				if _, err := os.Stat(filepath.Join(folder, name)); err == nil && path == "" {
					path = filepath.Join(folder, name)
				}
			}
		}
	}
	if path == "" {
		return nil
	}
	var in struct {
		Roles map[string]lint.Role `json:"roles" toml:"roles" yaml:"roles"`
		Items []shown.Role         `json:"items" toml:"items" yaml:"items"` // as “role list --json” writes them
	}
	text, err := readTable(path, &in)
	if err != nil {
		return err
	}
	d.Source.Roles = lint.Define(in.Roles)
	for _, r := range in.Items {
		d.Source.Roles = append(d.Source.Roles, authz.Role{Name: r.Name, Permissions: r.Permissions, Inherits: r.Inherits})
	}
	d.Home = rule.File{Name: filepath.Base(path), Text: text}
	d.paths[d.Home.Name] = path
	return nil
}

// readTable reads a TOML, YAML or JSON file, in which every name must be known,
// and returns its text.
func readTable(path string, into any) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", misused("%v", err)
	}
	switch filepath.Ext(path) {
	case ".toml":
		err = readTOML(data, into)
	case ".yaml", ".yml":
		err = readYAML(data, into)
	case ".json":
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(into)
	default:
		err = errors.New("it is none of *.toml, *.yaml and *.json")
	}
	if err != nil {
		return "", misused("%s:%s", path, strings.TrimPrefix(" "+err.Error(), " :"))
	}
	return string(data), nil
}

// readTOML and readYAML return errors that begin with ":line:column: ".
func readTOML(data []byte, into any) error {
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	err := d.Decode(into)
	if e, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(e.Errors) > 0 {
		line, column := e.Errors[0].Position()
		return fmt.Errorf(":%d:%d: unknown key %s", line, column, strings.Join(e.Errors[0].Key(), "."))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		return fmt.Errorf(":%d:%d: %s", line, column, strings.TrimPrefix(e.Error(), "toml: "))
	}
	return err
}

func readYAML(data []byte, into any) error {
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if e, ok := err.(yaml.Error); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return fmt.Errorf(":%d:%d: %s", at.Line, at.Column, e.GetMessage())
	}
	return err
}

// shown returns findings with the paths of their files.
func (d *draft) shown(found []lint.Finding) []lint.Finding {
	out := slices.Clone(found)
	for i, f := range out {
		if path, ok := d.paths[f.File]; ok {
			out[i].File = path
		}
	}
	return out
}

// policy returns the policy, which must be good.
func (d *draft) policy() (*lint.Policy, error) {
	p, found := lint.Read(d.Source)
	if p == nil {
		return nil, faultyPolicy(d.shown(found))
	}
	return p, nil
}

// faultyPolicy is an error of what was found.
func faultyPolicy(found []lint.Finding) *faultyError {
	e := &faultyError{code: failed}
	for _, f := range found {
		e.problems = append(e.problems, f.String())
	}
	return e
}

// A chosen is a policy that was named on the command line: a folder or a version.
type chosen struct {
	*lint.Policy
	title  string
	number int64 // of a version; 0 = it is in files
}

// isVersion reports whether a name is a version's.
func isVersion(name string) bool {
	_, err := strconv.ParseInt(name, 10, 64)
	_, missing := os.Stat(name)
	return name == "current" || err == nil && errors.Is(missing, fs.ErrNotExist)
}

// choose reads the policy of that name. in may be nil if it is no version's.
func (in *installation) choose(ctx context.Context, name string) (*chosen, error) {
	if isVersion(name) {
		v, err := in.version(ctx, name)
		if err != nil {
			return nil, err
		}
		p, err := in.policyOf(ctx, v)
		return &chosen{p, "version " + strconv.FormatInt(v.Number, 10), v.Number}, err
	}
	d, err := (&policyPaths{Paths: []string{name}}).draft()
	if err != nil {
		return nil, err
	}
	if d.Source.Roles == nil && in != nil {
		if d.Source.Roles, err = in.Accounts.Roles(ctx); err != nil {
			return nil, err
		}
	}
	p, err := d.policy()
	return &chosen{p, name, 0}, err
}

// version returns a version by its number, or the one in force by "current".
func (in *installation) version(ctx context.Context, name string) (authz.Version, error) {
	if name == "current" {
		return in.Accounts.CurrentPolicy(ctx)
	}
	number, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return authz.Version{}, misused("%q is not the number of a version", name)
	}
	v, err := in.Accounts.PolicyVersion(ctx, number)
	if errors.Is(err, authz.ErrNoVersion) {
		return v, fmt.Errorf("there is no version %d of the policy: “sallyport policy history” lists them", number)
	}
	return v, err
}

// policyOf compiles a version, with the roles of the installation.
func (in *installation) policyOf(ctx context.Context, v authz.Version) (*lint.Policy, error) {
	roles, err := in.Accounts.Roles(ctx)
	if err != nil {
		return nil, err
	}
	p, found := lint.Read(lint.Source{Files: v.Files, Schema: schemaFile(v), Roles: roles})
	if p == nil {
		wrong := faultyPolicy(found)
		wrong.problems = append([]string{fmt.Sprintf("version %d of the policy cannot be in force:", v.Number)}, wrong.problems...)
		return nil, wrong
	}
	return p, nil
}

// schemaFile is the schema of a version as a file.
func schemaFile(v authz.Version) rule.File {
	return rule.File{Name: rulebook.SchemaFile, Text: v.Schema}
}
