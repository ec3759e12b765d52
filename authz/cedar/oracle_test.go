package cedar_test

import (
	"fmt"
	"slices"

	oracle "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A tb is a [testing.T] or a one of rapid's.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// A trial is one policy over one set of entities, in our words and in those of
// cedar-go, which is the oracle.
type trial struct {
	rules    *rule.Set
	numbers  map[string]int // of a rule in its file, by its id
	store    *cedar.EntityStore
	policies oracle.PolicyList
	entities types.EntityMap
}

func newTrial(t tb, text string, store *cedar.EntityStore, entities types.EntityMap) *trial {
	t.Helper()
	policies, err := oracle.NewPolicyListFromBytes("", []byte(text))
	if err != nil {
		t.Fatalf("cedar-go: %v", err)
	}
	rules, err := cedar.Parse(rule.File{Name: "policy", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != len(policies) {
		t.Fatalf("%d rules, but %d policies", len(rules), len(policies))
	}
	set, err := rule.Compile(rules, rule.Config{Actions: store.Actions()})
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{set, map[string]int{}, store, policies, entities}
	for i, r := range rules {
		tr.numbers[r.ID] = i
	}
	return tr
}

// verdicts counts how requests went.
type verdicts struct{ requests, allowed, erred, stricter int }

func (v verdicts) String() string {
	return fmt.Sprintf("%d requests, of which %d are allowed; in %d a policy erred, and in %d of these we are stricter",
		v.requests, v.allowed, v.erred, v.stricter)
}

// ask compares our answer with the oracle's. Where no policy errs, decision and
// reasons agree. Where one errs, both know which; ours differs only in that a
// forbid that errs forbids.
func (tr *trial) ask(t tb, v *verdicts, request cedar.Request, asked oracle.Request) {
	t.Helper()
	theirs := tr.oracle(asked)
	env := cedar.NewEnv(tr.store, request)
	result := tr.rules.Evaluate(env)
	ours := answer{allow: result.Allow, reasons: tr.numbered(result.Reasons)}
	for _, f := range result.Errors {
		ours.errors = append(ours.errors, tr.numbers[f.Rule.ID])
	}
	slices.Sort(ours.errors)

	v.requests++
	if theirs.allow {
		v.allowed++
	}
	want := theirs
	if len(theirs.errors) > 0 {
		v.erred++
		want = tr.stricter(theirs)
		if want.allow != theirs.allow {
			v.stricter++
		}
	}
	if fmt.Sprint(ours) != fmt.Sprint(want) {
		t.Errorf("%+v\nours   %+v\ncedar-go %+v\nwanted %+v", asked, ours, theirs, want)
	}
	forbidden, permitted := tr.rules.Forbidden(env), tr.rules.Permitted(env)
	if allow := forbidden == nil && permitted != nil; allow != ours.allow {
		t.Errorf("%+v: compiled %v, evaluated %v", asked, allow, ours.allow)
	}
}

// An answer names policies by their number in the file.
type answer struct {
	allow           bool
	reasons, errors []int
}

func (tr *trial) oracle(asked oracle.Request) answer {
	set := oracle.NewPolicySet()
	for i, p := range tr.policies {
		set.Add(oracle.PolicyID(fmt.Sprintf("%08d", i)), p)
	}
	decision, diagnostic := oracle.Authorize(set, tr.entities, asked)
	a := answer{allow: decision == oracle.Allow}
	for _, r := range diagnostic.Reasons {
		a.reasons = append(a.reasons, number(string(r.PolicyID)))
	}
	for _, e := range diagnostic.Errors {
		a.errors = append(a.errors, number(string(e.PolicyID)))
	}
	slices.Sort(a.reasons)
	slices.Sort(a.errors)
	return a
}

func number(id string) int {
	var n int
	fmt.Sscanf(id, "%d", &n)
	return n
}

// stricter returns the oracle's answer if a forbid that errs forbids.
func (tr *trial) stricter(a answer) answer {
	var erring []int
	for _, n := range a.errors {
		if tr.policies[n].Effect() == oracle.Forbid {
			erring = append(erring, n)
		}
	}
	if len(erring) == 0 {
		return a
	}
	if !a.allow {
		erring = append(erring, a.reasons...)
	}
	slices.Sort(erring)
	return answer{reasons: erring, errors: a.errors}
}

func (tr *trial) numbered(rules []*rule.Rule) []int {
	var found []int
	for _, r := range rules {
		found = append(found, tr.numbers[r.ID])
	}
	slices.Sort(found)
	return found
}

// asOracle returns a request in cedar-go's words.
func asOracle(principal, action, resource types.EntityUID, context types.Record) oracle.Request {
	return oracle.Request{Principal: principal, Action: action, Resource: resource, Context: context}
}
