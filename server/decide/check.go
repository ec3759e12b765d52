package decide

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// maxChecks bounds the questions of one request.
const maxChecks = 100

// A question is whether somebody may do something.
type question struct {
	Action   string          `json:"action"`
	Resource json.RawMessage `json:"resource"`
	Context  json.RawMessage `json:"context"`
	Subject  *subject        `json:"subject"` // nil: the caller
}

// An answer is the decision.
type answer struct {
	Allowed     bool         `json:"allowed"`
	Reason      string       `json:"reason"` // public; often empty
	DecisionID  string       `json:"decision_id"`
	Need        *shown.Need  `json:"need,omitempty"` // what alone is missing
	Explanation *explanation `json:"explanation,omitempty"`
}

// An explanation is the whole way to a decision, by a version of the policy.
type explanation struct {
	shown.Explanation
	PolicyVersion int64 `json:"policy_version"`
}

func (h *Handler) check(w http.ResponseWriter, r *http.Request) error {
	explain, err := explains(r)
	if err != nil {
		return err
	}
	var in question
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	a, err := h.party(r).answer(in, explain)
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, a)
}

// A list is questions or answers in one object.
type list[T any] struct {
	Checks []T `json:"checks"`
}

// checks takes a list of questions, bare or in an object, and answers likewise.
func (h *Handler) checks(w http.ResponseWriter, r *http.Request) error {
	explain, err := explains(r)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := exchange.Read(w, r, &raw); err != nil {
		return err
	}
	questions, bare, err := readQuestions(raw)
	if err != nil {
		return err
	}
	p, answers := h.party(r), make([]answer, len(questions))
	for i, q := range questions {
		if answers[i], err = p.answer(q, explain); err != nil {
			return numbered(i, err)
		}
	}
	if bare {
		return exchange.JSON(w, http.StatusOK, answers)
	}
	return exchange.JSON(w, http.StatusOK, list[answer]{answers})
}

func readQuestions(raw json.RawMessage) (questions []question, bare bool, err error) {
	if bare = len(raw) > 0 && raw[0] == '['; bare {
		raw = append(append([]byte(`{"checks":`), raw...), '}')
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var in list[question]
	if err := d.Decode(&in); err != nil || in.Checks == nil {
		return nil, bare, exchange.Invalid(`The body must be a list of checks, each with "action", and if need be "resource", "context" and "subject".`)
	}
	if len(in.Checks) > maxChecks {
		return nil, bare, exchange.Invalid(fmt.Sprintf("There are %d checks, at most %d are answered at once.", len(in.Checks), maxChecks))
	}
	return in.Checks, bare, nil
}

// numbered says which of several checks err is about.
func numbered(i int, err error) error {
	p, ok := errors.AsType[*sallyport.Problem](err)
	if !ok || p.Status != http.StatusBadRequest {
		return err
	}
	return exchange.Invalid(fmt.Sprintf("Check %d: %s", i+1, p.Detail))
}

// explains reads whether the way to the decision is asked for.
func explains(r *http.Request) (bool, error) {
	query := r.URL.Query()
	for name := range query {
		if name != "explain" {
			return false, exchange.Invalid(fmt.Sprintf("The parameter %.40q is not known here.", name))
		}
	}
	switch query.Get("explain") {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, exchange.Invalid("The parameter explain is true or false.")
}

// answer decides one question.
func (p *party) answer(in question, explain bool) (answer, error) {
	words := p.h.words()
	q, disabled, err := p.ask(words, in, explain)
	if err != nil {
		return answer{}, err
	}
	unknown := p.h.unknownAction(words, in.Action)
	d, err := p.h.decide(p.r.Context(), q, disabled, unknown)
	if err != nil {
		return answer{}, err
	}
	out := answer{Allowed: d.Allow, Reason: d.Reason, DecisionID: d.ID, Need: shown.NewNeed(d.Need)}
	if explain && !disabled {
		x, err := p.h.Policy.Explain(p.r.Context(), q)
		if err != nil {
			return answer{}, err
		}
		out.Explanation = &explanation{shown.NewExplanation(x), p.h.Policy.LoadRules().Version}
	}
	return out, nil
}

// ask turns a question into a query, if the caller may ask it.
func (p *party) ask(words *words, in question, explain bool) (q sallyport.Query, disabled bool, err error) {
	if err := checkAction(in.Action); err != nil {
		return q, false, err
	}
	described, err := described(in.Resource)
	if err != nil {
		return q, false, err
	}
	res, err := words.resource(described)
	if err != nil {
		return q, false, err
	}
	said, err := decode("context", in.Context)
	if err != nil {
		return q, false, err
	}
	attrs, err := circumstances(said)
	if err != nil {
		return q, false, err
	}
	if in.Subject != nil {
		in.Subject.Type = cmp.Or(in.Subject.Type, sallyport.UserType)
	}
	who := somebody{principal: sallyport.From(p.r.Context())}
	if !p.self(in.Subject) {
		if who, err = p.other(*in.Subject, res, explain); err != nil {
			return q, false, err
		}
	}
	q = p.h.query(p.r, who.principal)
	q.Action, q.Resource, q.Context.Attrs = in.Action, res, attrs
	if !p.self(in.Subject) {
		q.Context.Addr, err = address(said)
	}
	return q, who.disabled, err
}

// other returns somebody else, if the caller may ask about them.
func (p *party) other(s subject, on sallyport.Resource, explain bool) (somebody, error) {
	if s.Org == "" {
		s.Org, _ = on.Organization()
	}
	if err := p.may(checkOthers, s, on); err != nil {
		return somebody{}, err
	}
	if explain {
		if err := p.may(explainOthers, s, on); err != nil {
			return somebody{}, err
		}
	}
	if _, ok := kindOf(s.Type); !ok {
		return somebody{}, exchange.Invalid(`The member "subject.type" is User, Service or Anonymous.`)
	}
	found, err := p.meet(s)
	strange := false
	if err == nil {
		strange, err = p.stranger(found, s, on)
	}
	if strange || errors.Is(err, errNobody) {
		return somebody{}, exchange.Invalid("There is no such subject.")
	}
	return found, err
}

// address is that of somebody else's client, as far as the request says.
func address(context map[string]any) (netip.Addr, error) {
	text, ok := context["addr"].(string)
	if !ok {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, exchange.Invalid(`The member "context.addr" must be an IP address.`)
	}
	return a.Unmap(), nil
}
