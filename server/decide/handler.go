// Package decide is door two over HTTP: whether somebody may do something, what a
// browser may know of that beforehand, and the same for other services by
// AuthZEN 1.0.
//
// Whoever is signed in may ask about themselves; then their own credential counts,
// with its scopes. To ask about somebody else takes the permission
// "decision:check", and to be told the way to such a decision "decision:explain".
// Of somebody else count the roles, the organization and the plan that the store
// knows at this moment, whatever the request says about them.
//
// What a request says about an object is taken as it is, so an answer is about the
// object as described. What guards an object is the door in the program that has
// loaded it.
package decide

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
)

// A Handler serves the questions below Base, and those of AuthZEN. Fill its fields
// before Mount.
type Handler struct {
	Base     string // "/auth"
	Issuer   string // "https://example.com"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Policy   *authz.Policy // that Gate decides by
	Rules    *rulebook.Book

	routes *sallyport.Routes
	cached atomic.Pointer[words] // of the edition that was in force last
}

// The permissions to ask about others.
const (
	checkOthers   = "decision:check"
	explainOthers = "decision:explain"
)

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	h.routes = rt
	own, pep := sallyport.SignedIn(), sallyport.May(checkOthers)
	rt.Func("POST "+h.Base+"/check", own, h.check)
	rt.Func("POST "+h.Base+"/checks", own, h.checks)
	rt.Func("GET "+h.Base+"/abilities", own, h.abilities)
	rt.Func("POST /access/v1/evaluation", pep, identified(h.evaluation))
	rt.Func("POST /access/v1/evaluations", pep, identified(h.evaluations))
	rt.Func("POST /access/v1/search/subject", pep, identified(h.searchSubject))
	rt.Func("POST /access/v1/search/resource", pep, identified(h.searchResource))
	rt.Func("POST /access/v1/search/action", pep, identified(h.searchAction))
	rt.Func("GET /.well-known/authzen-configuration", sallyport.Public().NoCookie(), h.metadata)
}

// decide answers q, and keeps the answer as [sallyport.Gate.Check] does. The query
// is about somebody whose account may be disabled: they may do nothing.
func (h *Handler) decide(ctx context.Context, q sallyport.Query, disabled bool, unknown error) (sallyport.Decision, error) {
	if disabled {
		return h.record(ctx, q, sallyport.Decision{Rule: "subject", Reason: isDisabled}), nil
	}
	d, err := h.Policy.Decide(ctx, q)
	if err == nil {
		err = grantedOr(unknown, d)
	}
	if err != nil {
		return sallyport.Decision{}, err
	}
	return h.record(ctx, q, d), nil
}

const isDisabled = "The account is disabled."

// record gives the decision its ID, and puts it where the gate puts its own.
func (h *Handler) record(ctx context.Context, q sallyport.Query, d sallyport.Decision) sallyport.Decision {
	d.ID = sallyport.NewDecisionID()
	if h.Gate.Record != nil && (!d.Allow || h.Gate.RecordAll) {
		h.Gate.Record(ctx, q, d)
	}
	if !h.Gate.ShowReason && d.Rule != "subject" {
		d.Reason = "" // it is in the log
	}
	return d
}

// query is what r asks on behalf of p, now.
func (h *Handler) query(r *http.Request, p *sallyport.Principal) sallyport.Query {
	q := sallyport.Query{Principal: p, Context: sallyport.Context{Time: time.Now()}}
	if p == sallyport.From(r.Context()) {
		q.Context.Addr = h.Gate.Addr(r)
	}
	return q
}
