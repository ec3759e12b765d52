package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type policyExplain struct {
	ID       string `arg:"" optional:"" name:"decision" help:"Id of a decision of the log, as the refusal names it."`
	User     string `placeholder:"USER" help:"Who asks: a user, with the roles of now. Without --user and --principal: nobody who is signed in."`
	Who      string `name:"principal" placeholder:"JSON" help:"Who asks, as cases write it: {\"subject\":\"u1\",\"roles\":[\"member\"],\"aal\":2}."`
	Action   string `placeholder:"ACTION" help:"What for, such as post:delete."`
	Resource string `placeholder:"JSON" help:"On what, as cases write it: {\"type\":\"Post\",\"id\":\"7\",\"author\":\"u1\"}; or TYPE:ID."`
	Context  string `placeholder:"JSON" help:"Under what circumstances: {\"time\":\"2026-01-31T12:00:00Z\",\"addr\":\"192.0.2.1\"}."`
	Number   string `name:"version" placeholder:"N" help:"By this version of the policy; a query is otherwise decided by the one in force."`
}

func (*policyExplain) Help() string {
	return "A decision of the log is made again, with what was recorded of who asked, of the object and of the circumstances: by the version that " +
		"was in force then, and by the one in force now. Roles are defined and grants given as they are now. Any other query is named by flags."
}

// An explained is an explanation by one version of the policy.
type explained struct {
	shown.Explanation
	Version int64 `json:"policy_version"`
	story   []string
}

func (c *policyExplain) Run(ctx context.Context, p *program) error {
	if (c.ID == "") == (c.Action == "") {
		return misused("name either the id of a decision, or --action and whatever else the query is about")
	}
	return p.manage(ctx, func(in *installation) (answer, error) {
		if c.ID != "" {
			return c.logged(ctx, in)
		}
		return c.asked(ctx, in)
	})
}

// logged explains a decision of the log.
func (c *policyExplain) logged(ctx context.Context, in *installation) (answer, error) {
	e, err := in.Accounts.Decision(ctx, c.ID)
	if errors.Is(err, authz.ErrNoDecision) {
		return answer{}, fmt.Errorf("there is no decision %q in the log; it keeps them for %d days", c.ID, int(authz.DecisionRetention.Hours()/24))
	}
	if err != nil {
		return answer{}, err
	}
	current, err := in.Accounts.CurrentPolicy(ctx)
	if err != nil {
		return answer{}, err
	}
	out := struct {
		shown.Decision
		Explanation *explained `json:"explanation"` // by the version then in force
		Now         *explained `json:"now"`         // by the one now in force; null if it is the same
	}{Decision: shown.NewDecision(e)}
	then := strconv.FormatInt(e.PolicyVersion, 10)
	if c.Number != "" {
		then = c.Number
	}
	if out.Explanation, err = in.replay(ctx, then, e.Query); err != nil {
		return answer{}, err
	}
	if current.Number != out.Explanation.Version {
		if out.Now, err = in.replay(ctx, "current", e.Query); err != nil {
			return answer{}, err
		}
	}
	return answer{out, func(w io.Writer) {
		fmt.Fprintf(w, "%s at %s: %s\n", e.ID, moment(e.At), printable(decidedAs(e.Allow, e.Rule)))
		fmt.Fprintf(w, "%s asked for %s%s\n", printable(asker(e.Principal)), printable(e.Action), onObject(e.Resource))
		out.Explanation.tell(w, "version "+strconv.FormatInt(out.Explanation.Version, 10))
		if out.Now != nil {
			out.Now.tell(w, "version "+strconv.FormatInt(out.Now.Version, 10)+", which is in force now")
		}
	}}, nil
}

func onObject(u sallyport.UID) string {
	if u == (sallyport.UID{}) {
		return ""
	}
	return printable(" on " + u.Type + ":" + u.ID)
}

func asker(p *sallyport.Principal) string {
	if p == nil || p.Kind == sallyport.Anonymous {
		return "nobody who was signed in"
	}
	return p.Kind.String() + " " + p.Subject
}

// replay explains a query by a version, with the roles and grants of now.
func (in *installation) replay(ctx context.Context, version string, query func(...sallyport.AnyType) sallyport.Query) (*explained, error) {
	v := authz.Version{} // before anything was published
	var err error
	if version != "0" {
		if v, err = in.version(ctx, version); err != nil {
			return nil, err
		}
	}
	p, err := in.policyOf(ctx, v)
	if err != nil {
		return nil, err
	}
	var types []sallyport.AnyType
	if p.Schema != nil {
		types = p.Schema.Types()
	}
	return in.explainBy(ctx, p, v.Number, query(types...))
}

func (in *installation) explainBy(ctx context.Context, p *lint.Policy, version int64, q sallyport.Query) (*explained, error) {
	x, err := p.Decider(in.Policy.Load(), in.Policy.Grants).Explain(ctx, q)
	if err != nil {
		return nil, err
	}
	return &explained{shown.NewExplanation(x), version, lint.Story(x)}, nil
}

func (x *explained) tell(w io.Writer, by string) {
	fmt.Fprintf(w, "\nby %s: %s\n", by, printable(decidedAs(x.Allowed, x.Rule)))
	for _, line := range x.story {
		fmt.Fprintf(w, "  %s\n", printable(line))
	}
}

// asked explains a query that flags name.
func (c *policyExplain) asked(ctx context.Context, in *installation) (answer, error) {
	if c.Number == "" {
		c.Number = "current"
	}
	v, err := in.version(ctx, c.Number)
	if err != nil {
		return answer{}, err
	}
	p, err := in.policyOf(ctx, v)
	if err != nil {
		return answer{}, err
	}
	query, err := c.query(ctx, in)
	if err != nil {
		return answer{}, err
	}
	q, err := p.Query(query)
	if err != nil {
		return answer{}, faulty(misuse, err)
	}
	x, err := in.explainBy(ctx, p, v.Number, q)
	if err != nil {
		return answer{}, err
	}
	return answer{x, func(w io.Writer) {
		fmt.Fprintf(w, "%s asks for %s%s\n", printable(asker(q.Principal)), printable(q.Action), onObject(q.Resource.UID()))
		x.tell(w, "version "+strconv.FormatInt(v.Number, 10))
	}}, nil
}

// query reads the flags as a case.
func (c *policyExplain) query(ctx context.Context, in *installation) (*lint.Case, error) {
	out := &lint.Case{Action: c.Action}
	switch {
	case c.User != "" && c.Who != "":
		return nil, misused("name either --user or --principal")
	case c.User != "":
		u, err := in.named(ctx, c.User)
		if err != nil {
			return nil, err
		}
		roles, err := in.Accounts.Assigned(ctx, u.ID, "")
		if err != nil {
			return nil, err
		}
		out.Who = &lint.Who{Subject: u.ID, Roles: roles}
	case c.Who != "":
		out.Who = new(lint.Who)
		if err := readJSON("--principal", c.Who, out.Who); err != nil {
			return nil, err
		}
	}
	if typ, id, ok := strings.Cut(c.Resource, ":"); ok && !strings.HasPrefix(c.Resource, "{") {
		out.Resource = map[string]any{"type": typ, "id": id}
	} else if err := readJSON("--resource", c.Resource, &out.Resource); err != nil {
		return nil, err
	}
	return out, readJSON("--context", c.Context, &out.Context)
}

// readJSON reads the object that a flag holds, if it holds any.
func readJSON(flag, text string, into any) error {
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return misused("%s: %v", flag, err)
	}
	if d.More() {
		return misused("%s: there is something behind the object", flag)
	}
	return nil
}
