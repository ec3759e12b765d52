package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) decisions(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r, "subject", "action", "allowed")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := authz.DecisionFilter{Subject: q.Get("subject"), Action: q.Get("action"), Limit: limit + 1}
	if f.Allow, err = truth(r, "allowed"); err != nil {
		return err
	}
	if f.Before, f.BeforeID, err = readMoment(cursor); err != nil {
		return err
	}
	found, err := h.Accounts.Decisions(r.Context(), f)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.Decision, 0, len(found))
	for _, e := range found {
		page = append(page, shown.NewDecision(e))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(d shown.Decision) string {
		return strconv.FormatInt(d.At.UnixMilli(), 10) + "." + d.ID
	}))
}

// truth reads a parameter that is true or false; nil if it is not there.
func truth(r *http.Request, name string) (*bool, error) {
	switch s := r.URL.Query().Get(name); s {
	case "":
		return nil, nil
	case "true", "false":
		is := s == "true"
		return &is, nil
	}
	return nil, exchange.Invalid("The parameter " + name + " is true or false.")
}

func readMoment(cursor string) (at time.Time, id string, err error) {
	if cursor == "" {
		return at, "", nil
	}
	ms, id, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || id == "" {
		return at, "", errCursor
	}
	return time.UnixMilli(n), id, nil
}

type shownDecision struct {
	shown.Decision
	Query       shown.DecisionQuery `json:"query"`
	Explanation *explained          `json:"explanation,omitempty"`
}

// explained is the way to the decision, taken again.
type explained struct {
	shown.Explanation
	PolicyVersion int64 `json:"policy_version"`
}

// decision shows one entry, and for those who may know the policy, why it was
// decided so.
func (h *Handler) decision(w http.ResponseWriter, r *http.Request) error {
	explain, err := truth(r, "explain")
	if err != nil {
		return err
	}
	if explain != nil && *explain {
		if err := h.Gate.Check(r.Context(), "decision:explain", sallyport.Resource{}); err != nil {
			return err
		}
	}
	e, err := h.Accounts.Decision(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	out := shownDecision{Decision: shown.NewDecision(e)}
	if out.Query, err = shown.NewDecisionQuery(e); err != nil {
		return err
	}
	if explain != nil && *explain {
		if out.Explanation, err = h.explain(r.Context(), &e); err != nil {
			return err
		}
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// explain decides again, by the rules of then and the roles and grants of now.
func (h *Handler) explain(ctx context.Context, e *authz.DecisionEntry) (*explained, error) {
	policy, version, err := h.policyOf(ctx, e.PolicyVersion)
	if err != nil {
		return nil, err
	}
	x, err := policy.Explain(ctx, e.Query(h.types(h.Rules.Current())...))
	if err != nil {
		return nil, fmt.Errorf("explaining decision %s: %w", e.ID, err)
	}
	return &explained{shown.NewExplanation(x), version}, nil
}

// policyOf returns the policy with the rules of a version. Rules that are not kept,
// or do not fit the types of today, are those in force.
func (h *Handler) policyOf(ctx context.Context, version int64) (*authz.Policy, int64, error) {
	now := h.Policy.LoadRules().Version
	if version == now || h.Rules.Fixed() {
		return h.Policy, now, nil
	}
	var then authz.Version
	if version > 0 {
		var err error
		then, err = h.Accounts.PolicyVersion(ctx, version)
		if errors.Is(err, authz.ErrNoVersion) {
			return h.Policy, now, nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
	e, err := h.Rules.Check(then)
	if err != nil {
		return h.Policy, now, nil
	}
	return h.with(authz.Rules{Set: e.Set, Version: version}), version, nil
}

// with returns the policy with other rules than those in force.
func (h *Handler) with(rules authz.Rules) *authz.Policy {
	p := authz.New(h.GoRules...)
	p.Grants = h.Policy.Grants
	p.Swap(h.Policy.Load())
	p.SwapRules(rules)
	return p
}
