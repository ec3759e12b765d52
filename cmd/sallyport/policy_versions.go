package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type policyPublish struct {
	policyPaths
	Comment  string `placeholder:"TEXT" help:"What changes, for the history."`
	Expected *int64 `placeholder:"N" help:"The version that this one was made from, 0 for none: another one in force refuses it."`
}

func (*policyPublish) Help() string {
	return "The policy needs a schema and is held to it strictly. One that is not good is refused, and the one in force stays."
}

func (c *policyPublish) Run(ctx context.Context, p *program) error {
	d, err := c.draft()
	if err != nil {
		return err
	}
	v := authz.Version{Schema: d.Source.Schema.Text, Files: d.Files, Comment: c.Comment}
	expected := int64(account.AnyVersion)
	if c.Expected != nil {
		if expected = *c.Expected; expected < 0 {
			return misused("--expected: name the number of a version, or 0 for none")
		}
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if d.Source.Roles == nil {
			if d.Source.Roles, err = in.Accounts.Roles(ctx); err != nil {
				return answer{}, err
			}
		}
		good, found := lint.Check(d.Source)
		if good == nil {
			return answer{}, faultyPolicy(d.shown(found))
		}
		for _, f := range d.shown(found) {
			if f.Severity == lint.Warning && f.Rule != "no-schema" {
				p.note("%s", printable(f.String()))
			}
		}
		v, err := in.Accounts.PublishPolicy(ctx, v, expected, in.fit, origin)
		if errors.Is(err, authz.ErrConflict) {
			return answer{}, in.conflict(ctx, expected)
		}
		return published(v, err)
	})
}

// fit refuses what cannot be in force.
func (in *installation) fit(v authz.Version) error {
	_, err := in.Rules.Check(v)
	if err == nil || errors.Is(err, rulebook.ErrNoSchema) {
		return err
	}
	return faulty(failed, err)
}

// conflict says which version is in force, and how to go on.
func (in *installation) conflict(ctx context.Context, expected int64) error {
	current, err := in.Accounts.CurrentPolicy(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("version %d is in force, not %d: look at it with “sallyport policy show %d”, and publish again with --expected %d",
		current.Number, expected, current.Number, current.Number)
}

func published(v authz.Version, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	out := shown.NewPolicyVersion(authz.Version{
		Number: v.Number, Comment: v.Comment, CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt, RolledBackTo: v.RolledBackTo,
	})
	if v.RolledBackTo > 0 {
		return say(out, "version %d is in force, which is version %d again", v.Number, v.RolledBackTo), nil
	}
	return say(out, "version %d is in force", v.Number), nil
}

type policyRollback struct {
	Number  int64  `arg:"" help:"Number of the version."`
	Comment string `placeholder:"TEXT" help:"Why, for the history."`
}

func (*policyRollback) Help() string {
	return "What the version says is published again, as a new version. It works even if the version in force can no longer be read."
}

func (c *policyRollback) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		v, err := in.Accounts.RollbackPolicy(ctx, c.Number, c.Comment, in.fit, origin)
		if errors.Is(err, authz.ErrNoVersion) {
			return answer{}, fmt.Errorf("there is no version %d of the policy: “sallyport policy history” lists them", c.Number)
		}
		return published(v, err)
	})
}

type policyHistory struct {
	Limit int `default:"50" help:"How many, the newest first."`
}

func (c *policyHistory) Run(ctx context.Context, p *program) error {
	if c.Limit < 1 {
		return misused("--limit: name a number from 1")
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		versions, err := in.Accounts.PolicyHistory(ctx, 0, c.Limit)
		if err != nil {
			return answer{}, err
		}
		out := exchange.List[shown.PolicyVersion]{Items: make([]shown.PolicyVersion, 0, len(versions))}
		var rows [][]string
		for _, v := range versions {
			out.Items = append(out.Items, shown.NewPolicyVersion(v))
			comment := v.Comment
			if v.RolledBackTo > 0 {
				comment = fmt.Sprintf("(version %d again) %s", v.RolledBackTo, comment)
			}
			rows = append(rows, []string{strconv.FormatInt(v.Number, 10), moment(v.CreatedAt), orDash(v.CreatedBy), orDash(comment)})
		}
		return table(out, "no policy was published yet", []string{"VERSION", "PUBLISHED", "BY", "COMMENT"}, rows), nil
	})
}

type policyShow struct {
	Number string `arg:"" optional:"" default:"current" name:"version" help:"Number of the version. Default: the one in force."`
	To     string `placeholder:"FOLDER" help:"Write its files there, to work on them."`
}

func (c *policyShow) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		v, err := in.version(ctx, c.Number)
		switch {
		case err != nil:
			return answer{}, err
		case v.Number == 0:
			return answer{}, errors.New("no policy was published yet: “sallyport policy publish FOLDER” does")
		case c.To != "":
			return c.write(v)
		}
		return answer{shown.NewPolicyVersion(v), func(w io.Writer) {
			fmt.Fprintf(w, "// version %d, published %s by %s\n", v.Number, moment(v.CreatedAt), printable(v.CreatedBy))
			for _, f := range v.Files {
				fmt.Fprintf(w, "\n// %s\n%s", printable(f.Name), f.Text)
			}
			if v.Schema != "" {
				fmt.Fprintf(w, "\n// %s\n%s", rulebook.SchemaFile, v.Schema)
			}
		}}, nil
	})
}

// write writes the files of a version. It replaces none.
func (c *policyShow) write(v authz.Version) (answer, error) {
	if err := os.MkdirAll(c.To, 0o755); err != nil {
		return answer{}, misused("--to: %v", err)
	}
	files := v.Files
	if v.Schema != "" {
		files = append(files[:len(files):len(files)], schemaFile(v))
	}
	for _, f := range files {
		if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) {
			return answer{}, fmt.Errorf("the file %q of version %d would not be in that folder", f.Name, v.Number)
		}
		out, err := os.OpenFile(filepath.Join(c.To, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return answer{}, misused("--to: %v", err)
		}
		_, err = io.WriteString(out, f.Text)
		if err = errors.Join(err, out.Close()); err != nil {
			return answer{}, err
		}
	}
	return say(shown.NewPolicyVersion(v), "version %d: %d files in %s", v.Number, len(files), escape(c.To)), nil
}
