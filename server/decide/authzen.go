package decide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// The Authorization API 1.0 of OpenID AuthZEN. Numbers of sections are those of its
// final specification of January 2026.
//
// A subject is a User, a Service or Anonymous. What its properties say counts for
// nothing, nor do those of the action: a caller cannot lend anybody a role. The
// properties of a resource are its attributes, and the context is the context; its
// "addr" is the address of the subject's client. A subject acts in the
// organization that the resource belongs to, if it is a member.
//
// A request that lacks what it needs is refused with 400 (§10.1.1). One about what
// nobody here knows, such as a type, is denied, and the decision's context says why.

// An evaluation is one question (§6.1), or a search with one part left open (§8).
type evaluation struct{ subject, action, resource, context map[string]any }

// A decision is the answer (§5.5).
type decision struct {
	Decision bool           `json:"decision"`
	Context  map[string]any `json:"context,omitempty"`
}

// body reads a request. What it does not know it ignores, as it must (§10.1.1).
func body(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	var raw json.RawMessage
	if err := exchange.Read(w, r, &raw); err != nil {
		return nil, err
	}
	if len(raw) > 0 && raw[0] != '{' {
		return nil, exchange.Invalid("The body must be a JSON object.")
	}
	return decode("body", raw)
}

// part returns a member that is an object, nil if it is not there.
func part(in map[string]any, where, name string) (map[string]any, error) {
	v, there := in[name]
	o, ok := v.(map[string]any)
	if there && !ok {
		return nil, exchange.Invalid(fmt.Sprintf("The member %q must be an object.", where+name))
	}
	return o, nil
}

// evaluationIn reads the parts of an evaluation. Those that are not there are taken
// from defaults.
func evaluationIn(in map[string]any, where string, defaults evaluation) (e evaluation, err error) {
	e = defaults
	for _, p := range []struct {
		name string
		to   *map[string]any
	}{{"subject", &e.subject}, {"action", &e.action}, {"resource", &e.resource}, {"context", &e.context}} {
		found, err := part(in, where, p.name)
		switch {
		case err != nil:
			return e, err
		case found != nil:
			*p.to = found
		}
	}
	return e, nil
}

// check returns an error if a part lacks what it needs: of the one that is searched
// for, only the type.
func (e *evaluation) check(where, searched string) error {
	for _, p := range []struct {
		name  string
		part  map[string]any
		needs []string
	}{
		{"subject", e.subject, []string{"type", "id"}}, {"action", e.action, []string{"name"}}, {"resource", e.resource, []string{"type", "id"}},
	} {
		if p.name == searched {
			p.needs = p.needs[:len(p.needs)-1] // §8.4.1, §8.5.1: the id is ignored; §8.6.1: there is no action
		}
		if p.part == nil && len(p.needs) > 0 {
			return exchange.Invalid(fmt.Sprintf("The member %q must be there.", where+p.name))
		}
		for _, member := range p.needs {
			if _, err := needText(p.part, where+p.name, member); err != nil {
				return err
			}
		}
		if _, err := part(p.part, where+p.name+".", "properties"); err != nil {
			return err
		}
	}
	return nil
}

func text(o map[string]any, name string) string { s, _ := o[name].(string); return s }

// object is the resource as a request describes it, with that id.
func (e *evaluation) object(id string) *object {
	properties, _ := e.resource["properties"].(map[string]any)
	return &object{where: "resource", typ: text(e.resource, "type"), id: id, attrs: properties, parents: e.resource["parents"], loose: true}
}

// query is what e asks of whoever may be its subject. The error about an action
// that nobody knows comes by itself: it may have been granted.
func (p *party) query(words *words, e *evaluation, id string) (q sallyport.Query, unknown, err error) {
	q = p.h.query(p.r, nil)
	q.Action = text(e.action, "name")
	if e.action != nil {
		if err := checkAction(q.Action); err != nil {
			return q, nil, err
		}
		unknown = p.h.unknownAction(words, q.Action)
	}
	if q.Resource, err = words.resource(e.object(id)); err != nil {
		return q, nil, err
	}
	if q.Context.Attrs, err = circumstances(e.context); err != nil {
		return q, nil, err
	}
	q.Context.Addr, err = address(e.context)
	return q, unknown, err
}

// who is the subject of e, who acts in the organization that the object of q
// belongs to.
func (p *party) who(e *evaluation, q sallyport.Query) (somebody, error) {
	org, _ := q.Resource.Organization()
	return p.meet(subject{Type: text(e.subject, "type"), ID: text(e.subject, "id"), Org: org})
}

// evaluate decides. An error means that nobody can tell.
func (p *party) evaluate(words *words, e *evaluation) (decision, error) {
	q, unknown, err := p.query(words, e, text(e.resource, "id"))
	if err != nil {
		return failed(err)
	}
	who, err := p.who(e, q)
	if err != nil {
		return failed(err)
	}
	q.Principal = who.principal
	d, err := p.h.decide(p.r.Context(), q, who.disabled, unknown)
	if err != nil {
		return failed(err)
	}
	return decision{d.Allow, contextOf(d)}, nil
}

// contextOf is what an answer tells beside yes or no (§5.5.1).
func contextOf(d sallyport.Decision) map[string]any {
	told := map[string]any{"decision_id": d.ID}
	if d.Reason != "" {
		told["reason"] = d.Reason
	}
	if n := d.Need; n != nil {
		if len(n.ACR) > 0 {
			told["acr_values"] = strings.Join(n.ACR, " ")
		}
		if n.MaxAge > 0 {
			told["max_age"] = int64(n.MaxAge.Seconds())
		}
	}
	return told
}

// failed denies what cannot be decided because of what it is about (§7.2.1). Any
// other error stays one.
func failed(err error) (decision, error) {
	told, err := fault(err)
	return decision{Context: told}, err
}

// fault is what is told of an error that is the question's.
func fault(err error) (map[string]any, error) {
	status, message := http.StatusNotFound, "There is no such subject."
	if p, ok := errors.AsType[*sallyport.Problem](err); ok && p.Status == http.StatusBadRequest {
		status, message = p.Status, p.Detail
	} else if !errors.Is(err, errNobody) {
		return nil, err
	}
	return map[string]any{"error": map[string]any{"status": status, "message": message}}, nil
}

func (h *Handler) evaluation(w http.ResponseWriter, r *http.Request) error {
	in, err := body(w, r)
	if err != nil {
		return err
	}
	d, err := h.party(r).single(in)
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, d)
}

func (p *party) single(in map[string]any) (decision, error) {
	e, err := evaluationIn(in, "", evaluation{})
	if err != nil {
		return decision{}, err
	}
	if err := e.check("", ""); err != nil {
		return decision{}, err
	}
	return p.evaluate(p.h.words(), &e)
}

// The semantics of several evaluations (§7.1.2.1), each with the decision after
// which no further one is made.
var semantics = map[string]func(allowed bool) (stop bool){
	"execute_all":            func(bool) bool { return false },
	"deny_on_first_deny":     func(allowed bool) bool { return !allowed },
	"permit_on_first_permit": func(allowed bool) bool { return allowed },
}

// evaluations answers several questions, which may share parts (§7.1.1). Without
// any it is as evaluation.
func (h *Handler) evaluations(w http.ResponseWriter, r *http.Request) error {
	in, err := body(w, r)
	if err != nil {
		return err
	}
	questions, stop, err := several(in)
	if err != nil {
		return err
	}
	p := h.party(r)
	if len(questions) == 0 {
		d, err := p.single(in)
		if err != nil {
			return err
		}
		return exchange.JSON(w, http.StatusOK, d)
	}
	decisions, err := p.evaluateAll(r.Context(), questions, stop)
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, map[string]any{"evaluations": decisions})
}

func (p *party) evaluateAll(ctx context.Context, questions []evaluation, stop func(bool) bool) ([]decision, error) {
	words := p.h.words()
	var decisions []decision
	for i := range questions {
		d, err := p.evaluate(words, &questions[i])
		if err != nil {
			return nil, err
		}
		decisions = append(decisions, d)
		if stop(d.Decision) || ctx.Err() != nil {
			break
		}
	}
	return decisions, ctx.Err()
}

// several reads the evaluations, and when to stop.
func several(in map[string]any) (questions []evaluation, stop func(bool) bool, err error) {
	options, err := part(in, "", "options")
	if err != nil {
		return nil, nil, err
	}
	semantic, there := options["evaluations_semantic"]
	if !there {
		semantic = "execute_all"
	}
	name, _ := semantic.(string)
	if stop = semantics[name]; stop == nil {
		return nil, nil, exchange.Invalid(`The member "options.evaluations_semantic" is execute_all, deny_on_first_deny or permit_on_first_permit.`)
	}
	list, ok := in["evaluations"].([]any)
	switch {
	case in["evaluations"] != nil && !ok:
		return nil, nil, exchange.Invalid(`The member "evaluations" must be a list.`)
	case len(list) > maxChecks:
		return nil, nil, exchange.Invalid(fmt.Sprintf("There are %d evaluations, at most %d are made at once.", len(list), maxChecks))
	}
	defaults, err := evaluationIn(in, "", evaluation{})
	if err != nil {
		return nil, nil, err
	}
	for i, item := range list {
		where := fmt.Sprintf("evaluations[%d].", i)
		o, ok := item.(map[string]any)
		if !ok {
			return nil, nil, exchange.Invalid(fmt.Sprintf("The member %q must be an object.", strings.TrimSuffix(where, ".")))
		}
		e, err := evaluationIn(o, where, defaults)
		if err != nil {
			return nil, nil, err
		}
		if err := e.check(where, ""); err != nil {
			return nil, nil, err
		}
		questions = append(questions, e)
	}
	return questions, stop, nil
}

// metadata says where what is (§9).
func (h *Handler) metadata(w http.ResponseWriter, r *http.Request) error {
	at := func(path string) string { return h.Issuer + "/access/v1/" + path }
	body, err := json.Marshal(map[string]string{
		"policy_decision_point":       h.Issuer,
		"access_evaluation_endpoint":  at("evaluation"),
		"access_evaluations_endpoint": at("evaluations"),
		"search_subject_endpoint":     at("search/subject"),
		"search_resource_endpoint":    at("search/resource"),
		"search_action_endpoint":      at("search/action"),
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=600")
	_, err = w.Write(body)
	return err
}

// RequestID repeats the identifier that the caller gave the request, so that the
// caller finds the answer to it (§10.1.3).
func RequestID(w http.ResponseWriter, r *http.Request) {
	const most = 256
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= most {
		w.Header().Set("X-Request-Id", id)
	}
}

func identified(next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		RequestID(w, r)
		return next(w, r)
	}
}
