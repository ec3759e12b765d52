package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/lint"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// A draft is a policy that somebody works on.
type draft struct {
	Schema string             `json:"schema"`
	Files  []shown.PolicyFile `json:"files"`
}

func (d *draft) version() authz.Version {
	v := authz.Version{Schema: d.Schema, Files: make([]rule.File, len(d.Files))}
	for i, f := range d.Files {
		v.Files[i] = rule.File(f)
	}
	return v
}

// source is a version with the program's types and the roles of now.
func (h *Handler) source(ctx context.Context, v authz.Version) (lint.Source, error) {
	roles, err := h.Accounts.Roles(ctx)
	s := lint.Source{Files: v.Files, Types: h.Rules.Types, Roles: roles}
	if v.Schema != "" {
		s.Schema = rule.File{Name: rulebook.SchemaFile, Text: v.Schema}
	}
	return s, err
}

// A studied policy could be in force.
type studied struct {
	*lint.Policy
	edition *rulebook.Edition
}

// study reads a draft, or if it has no files, the policy in force.
func (h *Handler) study(ctx context.Context, d *draft) (*studied, error) {
	v := d.version()
	if len(v.Files) == 0 {
		v = h.Rules.Current().Version
	}
	e, err := h.Rules.Check(v)
	if err != nil {
		return nil, invalidPolicy(err)
	}
	s, err := h.source(ctx, v)
	if err != nil {
		return nil, exchange.Problem(err)
	}
	p, found := lint.Read(s)
	if p == nil { // which cannot be, because it was read a moment ago
		return nil, fmt.Errorf("reading the policy: %s", found[0])
	}
	return &studied{p, e}, nil
}

// checkPolicy says what publishing would say, and what else looks wrong.
func (h *Handler) checkPolicy(w http.ResponseWriter, r *http.Request) error {
	var in draft
	if err := exchange.ReadPolicy(w, r, &in); err != nil {
		return err
	}
	v := in.version()
	s, err := h.source(r.Context(), v)
	if err != nil {
		return exchange.Problem(err)
	}
	_, found := lint.Check(s)
	_, refused := h.Rules.Check(v)
	return exchange.JSON(w, http.StatusOK, struct {
		OK       bool           `json:"ok"`
		Findings []lint.Finding `json:"findings"`
	}{refused == nil, append([]lint.Finding{}, found...)})
}

type testRequest struct {
	draft
	Suite json.RawMessage `json:"suite"`
}

// testPolicy runs a table of cases.
func (h *Handler) testPolicy(w http.ResponseWriter, r *http.Request) error {
	var in testRequest
	if err := exchange.ReadPolicy(w, r, &in); err != nil {
		return err
	}
	suite := new(lint.Suite)
	d := json.NewDecoder(bytes.NewReader(in.Suite))
	d.DisallowUnknownFields()
	d.UseNumber() // an integer of 64 bits is no float
	if err := d.Decode(suite); err != nil {
		return exchange.Invalid("The member suite is not a table of cases: " + err.Error() + ".")
	}
	p, err := h.study(r.Context(), &in.draft)
	if err != nil {
		return err
	}
	results, err := p.Test(r.Context(), "suite", suite)
	if err != nil {
		return exchange.Invalid("The cases cannot be run: " + err.Error() + ".")
	}
	failed := slices.DeleteFunc(slices.Clone(results), func(c lint.Result) bool { return c.Passed })
	return exchange.JSON(w, http.StatusOK, struct {
		Passed int           `json:"passed"`
		Failed int           `json:"failed"`
		Cases  []lint.Result `json:"cases"`
	}{len(results) - len(failed), len(failed), append([]lint.Result{}, results...)})
}

// policyMatrix shows who may do what.
func (h *Handler) policyMatrix(w http.ResponseWriter, r *http.Request) error {
	var in draft
	if err := exchange.ReadPolicy(w, r, &in); err != nil {
		return err
	}
	p, err := h.study(r.Context(), &in)
	if err != nil {
		return err
	}
	m, err := p.matrix()
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, struct {
		Cells lint.Matrix `json:"cells"`
	}{m})
}

// matrix is empty where nothing is written, and so no type is known.
func (p *studied) matrix() (lint.Matrix, error) {
	if p.Schema == nil {
		return lint.Matrix{}, nil
	}
	m, err := p.Matrix()
	if errors.Is(err, lint.ErrTooLarge) {
		return nil, exchange.Invalid("Who may do what is too much to show: there are too many types, actions, roles and rules about them.")
	}
	return m, err
}

// maxReplayed is how many decisions are decided again for one request.
const maxReplayed = 1000

type diffRequest struct {
	draft
	Decisions int `json:"decisions"` // of the log, the newest, that are decided again
}

type flip struct {
	shown.Decision
	Was decidedAs `json:"was"` // by the policy in force, and the roles and grants of now
	Is  decidedAs `json:"is"`
}

type decidedAs struct {
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule,omitempty"`
}

// diffPolicy shows what a draft would change.
func (h *Handler) diffPolicy(w http.ResponseWriter, r *http.Request) error {
	var in diffRequest
	if err := exchange.ReadPolicy(w, r, &in); err != nil {
		return err
	}
	switch {
	case len(in.Files) == 0:
		return exchange.Invalid("Name at least one file.")
	case in.Decisions < 0 || in.Decisions > maxReplayed:
		return exchange.Invalid("The member decisions is a number from 0 to 1000.")
	case in.Decisions > 0:
		if err := h.Gate.Check(r.Context(), "decision:read", sallyport.Resource{}); err != nil {
			return err
		}
	}
	before, err := h.study(r.Context(), new(draft))
	if err != nil {
		return err
	}
	after, err := h.study(r.Context(), &in.draft)
	if err != nil {
		return err
	}
	old, err := before.matrix()
	if err != nil {
		return err
	}
	changed, err := after.matrix()
	if err != nil {
		return err
	}
	flips, decided, err := h.flips(r.Context(), after.edition, in.Decisions)
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, struct {
		Changes []lint.Change `json:"changes"`
		Flips   []flip        `json:"flips"`
		Decided int           `json:"decided"`
	}{lint.Diff(old, changed), flips, decided})
}

// flips decides the newest decisions of the log again, and returns those that would
// be others, and how many there were.
func (h *Handler) flips(ctx context.Context, e *rulebook.Edition, newest int) (found []flip, decided int, err error) {
	found = []flip{}
	if newest == 0 {
		return found, 0, nil
	}
	entries, err := h.Accounts.Decisions(ctx, authz.DecisionFilter{Limit: newest})
	if err != nil {
		return nil, 0, exchange.Problem(err)
	}
	flipped, err := lint.Flips(ctx, entries, h.Policy, h.with(authz.Rules{Set: e.Set}), h.types(e))
	if err != nil {
		return nil, 0, err
	}
	for _, f := range flipped {
		found = append(found, flip{shown.NewDecision(f.Entry), decidedAs{f.Old.Allow, f.Old.Rule}, decidedAs{f.New.Allow, f.New.Rule}})
	}
	return found, len(entries), nil
}

// types is what is known of types of objects.
func (h *Handler) types(e *rulebook.Edition) []sallyport.AnyType {
	types := h.Rules.Types
	if e.Schema != nil {
		types = append(types[:len(types):len(types)], e.Schema.Types()...)
	}
	return types
}
