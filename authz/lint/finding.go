package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the policy cannot be in force
	Warning Severity = "warning" // it can, but hardly means what was meant
	Note    Severity = "note"    // worth knowing
)

// A Finding is one thing that is wrong with a policy, or looks so.
type Finding struct {
	Severity   Severity `json:"severity"`
	Rule       string   `json:"rule"` // of this package, such as "shadowed": see [Rules]
	File       string   `json:"file,omitempty"`
	Line       int      `json:"line,omitempty"` // from 1; 0 = the file as a whole
	Column     int      `json:"column,omitempty"`
	About      string   `json:"about,omitempty"` // id of the policy's rule, or name of the role or action
	Text       string   `json:"text"`
	Suggestion string   `json:"suggestion,omitempty"` // what to write, or to do
}

// String returns `posts.cedar:12:1: warning: text (shadowed)` with the suggestion.
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", f.Severity, f.Text)
	if f.Suggestion != "" {
		b.WriteString("; " + f.Suggestion)
	}
	fmt.Fprintf(&b, " (%s)", f.Rule)
	return b.String()
}

// Rules are the names of what is looked for, and what each means. A rule of a
// policy that is meant as it is says so with @nolint("shadowed"), with several
// names between spaces.
var Rules = map[string]string{
	"parse":        "the file cannot be read",
	"schema":       "the schema cannot be read",
	"validate":     "the rule does not fit the schema",
	"roles":        "the definitions of roles make no sense",
	"no-schema":    "there is no schema to hold the rules to; publishing needs one",
	"always-true":  "a condition, or a part of one, always holds",
	"never-true":   "a condition, or a part of one, never holds",
	"shadowed":     "a rule changes nothing, because another one does as much or forbids as much",
	"contradicted": "a permit and a forbid cover exactly the same",
	"unheld":       "a permission that nobody holds",
	"unknown-role": "a rule names a role that is not defined",
	"idle-role":    "a role that can do nothing",
	"unknown":      "a role has a permission for an action that is not in the schema",
	"unlistable":   "lists cannot be filtered by the rule in a database",
	"many":         "there are too many rules to hold each to each",
}

// Worst returns the gravest severity among the findings, "" for none.
func Worst(findings []Finding) Severity {
	worst := Severity("")
	for _, f := range findings {
		if worst == "" || grave(f.Severity) < grave(worst) {
			worst = f.Severity
		}
	}
	return worst
}

func grave(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// arrange puts findings in the order of files as given, and of places in them.
func arrange(findings []Finding, files []string) []Finding {
	at := func(f Finding) int {
		if i := slices.Index(files, f.File); i >= 0 {
			return i
		}
		return len(files)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return findings
}

// failures turns an error of the readers of Cedar into findings, one for each
// error that it joins.
func failures(name string, err error) []Finding {
	var found []Finding
	for _, e := range leaves(err) {
		f := Finding{Severity: Error, Rule: name, Text: e.Error()}
		if c, ok := errors.AsType[*cedar.Error](e); ok {
			f.File, f.Line, f.Column, f.Text = c.File, c.Line, c.Column, c.Reason
			if c.Suggestion != "" {
				f.Suggestion = "did you mean " + c.Suggestion + "?"
			}
		}
		found = append(found, f)
	}
	return found
}

// leaves returns the errors that an error joins.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var found []error
		for _, e := range joined.Unwrap() {
			found = append(found, leaves(e)...)
		}
		return found
	}
	return []error{err}
}

// about is a finding at a rule of the policy.
func about(r *rule.Rule, s Severity, name, format string, args ...any) Finding {
	return Finding{
		Severity: s, Rule: name, About: r.ID, Text: fmt.Sprintf(format, args...),
		File: r.Source.File, Line: r.Source.Line, Column: r.Source.Column,
	}
}

// meant reports whether a rule says that it is meant as it is.
func meant(r *rule.Rule, name string) bool {
	return slices.Contains(strings.FieldsFunc(r.Annotations["nolint"], func(c rune) bool { return c == ' ' || c == ',' }), name)
}
