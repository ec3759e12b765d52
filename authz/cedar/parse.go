package cedar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// The annotations that mean something to us.
const (
	annotationID      = "id"
	annotationMessage = "message"
)

// Parse returns the rules of policy files, in the order of the files and of the
// text. A rule is called by its annotation @id, or else by the name of its file
// and its number there, counted from 1: "posts.cedar#3". Two rules with one name
// are an error.
func Parse(files ...rule.File) ([]rule.Rule, error) {
	var found []rule.Rule
	var wrong problems
	for _, f := range files {
		parsed, errs := parse(f)
		wrong.add(errs...)
		for _, p := range parsed {
			found = append(found, p.rule)
		}
	}
	wrong.add(duplicates(found)...)
	if len(wrong) > 0 {
		return nil, wrong.err()
	}
	return found, nil
}

// A parsed is a policy in cedar-go's words and ours.
type parsed struct {
	policy *cedar.Policy
	rule   rule.Rule
	code   []token
}

// parse returns the policies of one file, or what is wrong with it.
func parse(f rule.File) ([]parsed, []*Error) {
	if err := readable(f); err != nil {
		return nil, []*Error{err}
	}
	all := code(tokens(f.Text))
	if err := shallow(f, all); err != nil {
		return nil, []*Error{err}
	}
	list, err := cedar.NewPolicyListFromBytes(f.Name, []byte(f.Text))
	if err != nil {
		if found := explain(f, all); len(found) > 0 {
			return nil, found
		}
		return nil, []*Error{plain(f, err)}
	}
	texts := split(all)
	if len(texts) != len(list) {
		return nil, []*Error{{File: f.Name, Reason: fmt.Sprintf("%d rules end, but %d were read", len(texts), len(list))}}
	}
	found := make([]parsed, len(list))
	var wrong problems
	for i, p := range list {
		found[i] = parsed{policy: p, code: texts[i]}
		found[i].rule, err = newRule(f, p, texts[i], i+1)
		if err != nil {
			wrong.add(point(f, texts[i][0], err.Error()))
		}
	}
	return found, wrong
}

// split cuts the code of a file into its policies, each with its semicolon.
func split(code []token) [][]token {
	var found [][]token
	first := 0
	for i, t := range code {
		if t.is(";") {
			found = append(found, code[first:i+1])
			first = i + 1
		}
	}
	return found
}

// newRule returns the rule that a policy is, the nth of its file.
func newRule(f rule.File, p *cedar.Policy, code []token, n int) (rule.Rule, error) {
	first, last := code[0], code[len(code)-1]
	r := rule.Rule{
		ID:          f.Name + "#" + strconv.Itoa(n),
		Source:      rule.Position{File: f.Name, Line: first.line, Column: first.column},
		Text:        f.Text[first.at:last.end()],
		Annotations: map[string]string{},
	}
	for name, v := range p.Annotations() {
		r.Annotations[string(name)] = string(v)
	}
	if id := r.Annotations[annotationID]; id != "" {
		r.ID = id
	}
	r.Message = r.Annotations[annotationMessage]
	return r, translate(&r, p)
}

// duplicates complains about rules that are called as one before.
func duplicates(rules []rule.Rule) []*Error {
	first := map[string]rule.Position{}
	var found []*Error
	for _, r := range rules {
		before, twice := first[r.ID]
		if !twice {
			first[r.ID] = r.Source
			continue
		}
		found = append(found, &Error{
			File: r.Source.File, Line: r.Source.Line, Column: r.Source.Column,
			Reason: fmt.Sprintf("a rule %q stands at %s:%d:%d already", r.ID, before.File, before.Line, before.Column),
		})
	}
	return found
}

// position is how cedar-go's messages name a place in a policy.
var position = regexp.MustCompile(`<input>:(\d+):(\d+)`)

// plain turns cedar-go's message into an error, for what [explain] accepts.
func plain(f rule.File, err error) *Error {
	e := &Error{File: f.Name, Reason: strings.TrimPrefix(err.Error(), "parser error: ")}
	if m := position.FindStringSubmatchIndex(e.Reason); m != nil {
		e.Line, _ = strconv.Atoi(e.Reason[m[2]:m[3]])
		e.Column, _ = strconv.Atoi(e.Reason[m[4]:m[5]])
		e.Reason = strings.TrimLeft(e.Reason[:m[0]]+e.Reason[m[1]:], ": ")
	}
	return e
}
