package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A PolicyVersion is how a version of the policy is shown.
type PolicyVersion struct {
	Number       int64        `json:"number"`
	Comment      string       `json:"comment"`
	CreatedBy    string       `json:"created_by"`
	CreatedAt    time.Time    `json:"created_at,omitzero"` // left out: it was not published
	RolledBackTo int64        `json:"rolled_back_to,omitempty"`
	Schema       string       `json:"schema,omitempty"` // left out in lists, as are the files
	Files        []PolicyFile `json:"files,omitempty"`
}

// A PolicyFile is how a file of the policy is shown.
type PolicyFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// NewPolicyVersion shows v, with its schema and files as far as it has them.
func NewPolicyVersion(v authz.Version) PolicyVersion {
	out := PolicyVersion{
		Number: v.Number, Comment: v.Comment, CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt.UTC(),
		RolledBackTo: v.RolledBackTo, Schema: v.Schema,
	}
	for _, f := range v.Files {
		out.Files = append(out.Files, PolicyFile(f))
	}
	return out
}

// An Entity is how the name of an entity is shown.
type Entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// NewEntity shows u, nil for the zero UID.
func NewEntity(u sallyport.UID) *Entity {
	if u == (sallyport.UID{}) {
		return nil
	}
	return &Entity{u.Type, u.ID}
}

// A Need is how that is shown which alone is missing.
type Need struct {
	Scope  string   `json:"scope,omitempty"`
	ACR    []string `json:"acr_values,omitempty"`
	MaxAge int64    `json:"max_age,omitempty"` // seconds
}

// NewNeed shows n, which may be nil.
func NewNeed(n *sallyport.Need) *Need {
	if n == nil {
		return nil
	}
	return &Need{n.Scope, n.ACR, int64(n.MaxAge / time.Second)}
}

// A Decision is how an entry of the log of decisions is shown.
type Decision struct {
	ID            string    `json:"id"`
	At            time.Time `json:"at"`
	Allowed       bool      `json:"allowed"`
	Rule          string    `json:"rule,omitempty"`
	Source        string    `json:"source,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	Need          *Need     `json:"need,omitempty"`
	Subject       string    `json:"subject"` // empty: nobody was signed in
	Org           string    `json:"org,omitempty"`
	Action        string    `json:"action"`
	Resource      *Entity   `json:"resource"`
	PolicyVersion int64     `json:"policy_version"`
}

// NewDecision shows e.
func NewDecision(e authz.DecisionEntry) Decision {
	d := Decision{
		ID: e.ID, At: e.At.UTC(), Allowed: e.Allow, Rule: e.Rule, Source: e.Source, Reason: e.Reason, Need: NewNeed(e.Need),
		Subject: e.Subject(), Action: e.Action, Resource: NewEntity(e.Resource), PolicyVersion: e.PolicyVersion,
	}
	if e.Principal != nil {
		d.Org = e.Principal.Org
	}
	return d
}

// An Explanation is how the way to a decision is shown.
type Explanation struct {
	Allowed bool     `json:"allowed"`
	Rule    string   `json:"rule,omitempty"`
	Source  string   `json:"source,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Need    *Need    `json:"need,omitempty"`
	Steps   []Step   `json:"steps"`
	Rules   []Trace  `json:"rules"`
	Would   []string `json:"would"`
}

// A Step is how a question of door two is shown.
type Step struct {
	Question string       `json:"question"`
	Answer   authz.Answer `json:"answer"`
	By       string       `json:"by,omitempty"`
	Why      string       `json:"why,omitempty"`
}

// A Trace is how that is shown which a rule made of a query.
type Trace struct {
	Rule   string      `json:"rule"`
	Source string      `json:"source"`
	Effect string      `json:"effect"`
	Truth  string      `json:"truth"` // "true", "false" or "neither"
	Fires  bool        `json:"fires"`
	Steps  []TraceStep `json:"steps"`
}

// A TraceStep is how a part of a rule is shown, with the values that it saw.
type TraceStep struct {
	Condition string `json:"condition"`
	Truth     string `json:"truth"`
	Text      string `json:"text"`
}

// NewExplanation shows x.
func NewExplanation(x authz.Explanation) Explanation {
	d := x.Decision
	out := Explanation{
		Allowed: d.Allow, Rule: d.Rule, Source: d.Source, Reason: d.Reason, Need: NewNeed(d.Need),
		Steps: make([]Step, len(x.Steps)), Rules: make([]Trace, len(x.Rules)), Would: List(x.Would),
	}
	for i, s := range x.Steps {
		out.Steps[i] = Step(s)
	}
	for i, t := range x.Rules {
		out.Rules[i] = newTrace(t)
	}
	return out
}

func newTrace(t rule.Trace) Trace {
	out := Trace{t.Rule.ID, t.Rule.At(), t.Rule.Effect.String(), t.Truth.String(), t.Fires(), make([]TraceStep, len(t.Steps))}
	for i, s := range t.Steps {
		out.Steps[i] = TraceStep{s.Expr.String(), s.Truth().String(), s.String()}
	}
	return out
}
