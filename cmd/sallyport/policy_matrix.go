package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type policyMatrix struct {
	policyPaths
	Number   string `name:"version" placeholder:"N" help:"A published version, with the roles of the installation."`
	Markdown bool   `help:"Write a table in Markdown, with a column for each role."`
}

func (*policyMatrix) Help() string {
	return "For each type of objects and each action: what a role alone permits, never, always, or when what holds. " +
		"Without a path it is about the policy in force. Grants on single objects are not in it."
}

func (c *policyMatrix) Run(ctx context.Context, p *program) error {
	if len(c.Paths) > 0 {
		d, err := c.draft()
		if err != nil {
			return err
		}
		policy, err := d.policy()
		if err != nil {
			return err
		}
		if policy.Roles == nil {
			p.note("sallyport: no roles are known: define them in roles.toml beside the policy, or name a file with --roles")
		}
		a, err := c.answer(policy)
		if err != nil {
			return err
		}
		return p.print(a)
	}
	if c.Number == "" {
		c.Number = "current"
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		chosen, err := in.choose(ctx, c.Number)
		if err != nil {
			return answer{}, err
		}
		return c.answer(chosen.Policy)
	})
}

func (c *policyMatrix) answer(p *lint.Policy) (answer, error) {
	m, err := p.Matrix()
	if err != nil {
		return answer{}, err
	}
	v := struct {
		Cells lint.Matrix `json:"cells"`
	}{m}
	if c.Markdown {
		return answer{v, func(w io.Writer) { writeMarkdown(w, m) }}, nil
	}
	return answer{v, func(w io.Writer) { writeMatrix(w, m) }}, nil
}

const inOrganizations = "* only in the organization that the object belongs to, where the role may be held as well"

// cellText is what a cell says, with a mark if it holds in an organization only.
func cellText(c *lint.Cell) string {
	if c == nil {
		return "-"
	}
	if c.Organization {
		return c.Text() + " *"
	}
	return c.Text()
}

func marked(m lint.Matrix) bool {
	return slices.ContainsFunc(m, func(c lint.Cell) bool { return c.Organization })
}

func writeMatrix(w io.Writer, m lint.Matrix) {
	if len(m) == 0 {
		fmt.Fprintln(w, "the schema has no actions on any type")
		return
	}
	var rows [][]string
	var typ, action string
	for _, c := range m {
		row := []string{c.Type, c.Action, c.Role, cellText(&c)}
		if c.Type == typ && c.Action == action {
			row[0], row[1] = "", ""
		}
		typ, action = c.Type, c.Action
		rows = append(rows, row)
	}
	writeTable(w, []string{"TYPE", "ACTION", "WHO", "MAY"}, rows)
	if marked(m) {
		fmt.Fprintln(w, inOrganizations)
	}
}

// writeMarkdown writes a row for each type and action, and a column for each role.
func writeMarkdown(w io.Writer, m lint.Matrix) {
	var roles []string
	for _, c := range m {
		if !slices.Contains(roles, c.Role) {
			roles = append(roles, c.Role)
		}
	}
	cell := func(s string) string { return strings.ReplaceAll(printable(s), "|", "\\|") }
	fmt.Fprintf(w, "| Type | Action |")
	for _, r := range roles {
		fmt.Fprintf(w, " %s |", cell(r))
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---|", len(roles)))
	for i := 0; i < len(m); i += len(roles) {
		fmt.Fprintf(w, "| %s | %s |", cell(m[i].Type), cell(m[i].Action))
		for j := range roles {
			text := cellText(&m[i+j])
			if c := m[i+j]; c.May == lint.When {
				text = "when `" + c.When + "`" + strings.TrimPrefix(text, c.Text())
			}
			fmt.Fprintf(w, " %s |", cell(text))
		}
		fmt.Fprintln(w)
	}
	if marked(m) {
		fmt.Fprintf(w, "\n\\%s\n", inOrganizations)
	}
}

type policyDiff struct {
	Old   string `arg:"" help:"Folder or number of a version; “current” is the one in force."`
	New   string `arg:"" help:"Likewise."`
	Log   bool   `help:"Decide the log of decisions again as well, and show which would be others."`
	Limit int    `default:"10000" help:"Of decisions, the newest first."`
}

// A shownFlip is a decision of the log that would be another one.
type shownFlip struct {
	shown.Decision
	Was string `json:"was"` // by the old policy, and the roles and grants of now
	Is  string `json:"is"`
}

type shownDiff struct {
	Changes []lint.Change `json:"changes"`
	Flips   []shownFlip   `json:"flips,omitempty"`
	Decided int           `json:"decided,omitempty"` // entries of the log
}

func (c *policyDiff) Run(ctx context.Context, p *program) error {
	if c.Limit < 1 {
		return misused("--limit: name a number from 1")
	}
	if !c.Log && !isVersion(c.Old) && !isVersion(c.New) {
		a, err := c.compare(ctx, nil)
		if err != nil {
			return err
		}
		return p.print(a)
	}
	return p.manage(ctx, func(in *installation) (answer, error) { return c.compare(ctx, in) })
}

func (c *policyDiff) compare(ctx context.Context, in *installation) (answer, error) {
	before, err := in.choose(ctx, c.Old)
	if err != nil {
		return answer{}, err
	}
	after, err := in.choose(ctx, c.New)
	if err != nil {
		return answer{}, err
	}
	var out shownDiff
	if out.Changes, err = changes(before.Policy, after.Policy); err != nil {
		return answer{}, err
	}
	if c.Log {
		if err := c.replay(ctx, in, before.Policy, after.Policy, &out); err != nil {
			return answer{}, err
		}
	}
	return answer{out, func(w io.Writer) { c.tell(w, &out) }}, nil
}

// changes are the cells of the matrix that change. A policy without rules and
// schema has none.
func changes(before, after *lint.Policy) ([]lint.Change, error) {
	var matrices [2]lint.Matrix
	for i, p := range []*lint.Policy{before, after} {
		if p.Schema == nil && len(p.Rules) == 0 {
			continue
		}
		var err error
		if matrices[i], err = p.Matrix(); err != nil {
			return nil, err
		}
	}
	return lint.Diff(matrices[0], matrices[1]), nil
}

// replay decides the log by both policies, with the roles and grants of now.
func (c *policyDiff) replay(ctx context.Context, in *installation, before, after *lint.Policy, out *shownDiff) error {
	entries, err := in.Accounts.Decisions(ctx, authz.DecisionFilter{Limit: c.Limit})
	if err != nil {
		return err
	}
	types := before.Source.Types
	if after.Schema != nil {
		types = after.Schema.Types()
	}
	roles := in.Policy.Load()
	flips, err := lint.Flips(ctx, entries, before.Decider(roles, in.Policy.Grants), after.Decider(roles, in.Policy.Grants), types)
	if err != nil {
		return err
	}
	out.Decided, out.Flips = len(entries), []shownFlip{}
	for _, f := range flips {
		out.Flips = append(out.Flips, shownFlip{shown.NewDecision(f.Entry), decidedAs(f.Old.Allow, f.Old.Rule), decidedAs(f.New.Allow, f.New.Rule)})
	}
	return nil
}

func decidedAs(allow bool, by string) string {
	text := "deny"
	if allow {
		text = "allow"
	}
	if by != "" {
		return text + " by " + by
	}
	return text
}

func (c *policyDiff) tell(w io.Writer, d *shownDiff) {
	if len(d.Changes) == 0 {
		fmt.Fprintln(w, "no role may do more or less")
	} else {
		var rows [][]string
		for _, ch := range d.Changes {
			of := ch.Cell()
			rows = append(rows, []string{of.Type, of.Action, of.Role, cellText(ch.Old), cellText(ch.New)})
		}
		writeTable(w, []string{"TYPE", "ACTION", "WHO", "OLD", "NEW"}, rows)
	}
	if !c.Log {
		return
	}
	fmt.Fprintf(w, "%d of %d decisions of the log would be others\n", len(d.Flips), d.Decided)
	var rows [][]string
	for _, f := range d.Flips {
		rows = append(rows, []string{f.ID, moment(f.At), orDash(f.Subject), f.Action, entityText(f.Resource), f.Was, f.Is})
	}
	if len(rows) > 0 {
		writeTable(w, []string{"DECISION", "AT", "SUBJECT", "ACTION", "RESOURCE", "OLD", "NEW"}, rows)
	}
}

func entityText(e *shown.Entity) string {
	if e == nil {
		return "-"
	}
	return e.Type + ":" + e.ID
}
