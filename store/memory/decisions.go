package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/authz"
)

// A decision is kept as JSON, as a database keeps it.
type decision struct {
	at              time.Time
	allow           bool
	subject, action string
	entry           []byte
}

type decisions struct{ *tx }

func (x decisions) Append(_ context.Context, entries ...authz.DecisionEntry) error {
	rows := make([]*decision, len(entries))
	for i, e := range entries {
		err := x.write(e.ID, e.Subject(), e.Action, e.Resource.Type, e.Resource.ID, e.Rule, e.Source, e.Reason)
		if err != nil {
			return fmt.Errorf("logging decision: %w", err)
		}
		e.At = ms(e.At)
		text, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("logging decision: %w", err)
		}
		rows[i] = &decision{e.At, e.Allow, e.Subject(), e.Action, text}
	}
	for i, e := range entries {
		if x.state.decisions.has(e.ID) {
			continue
		}
		x.state.decisions.put(e.ID, rows[i])
		x.decisionOrder.put(when(rows[i].at, e.ID), struct{}{})
	}
	return nil
}

func (x decisions) ByID(_ context.Context, id string) (e authz.DecisionEntry, err error) {
	d, ok := x.state.decisions.get(id)
	if !ok {
		return e, authz.ErrNoDecision
	}
	return e, json.Unmarshal(d.entry, &e)
}

func (x decisions) Recent(_ context.Context, f authz.DecisionFilter) (all []authz.DecisionEntry, err error) {
	before := ""
	if !f.Before.IsZero() {
		before = when(f.Before, f.BeforeID)
	}
	for member := range x.decisionOrder.before(before) {
		if f.Limit > 0 && len(all) == f.Limit {
			break
		}
		d, _ := x.state.decisions.get(member[len(number(0)):])
		if !d.selected(&f) {
			continue
		}
		var e authz.DecisionEntry
		if err := json.Unmarshal(d.entry, &e); err != nil {
			return nil, fmt.Errorf("reading decision: %w", err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (d *decision) selected(f *authz.DecisionFilter) bool {
	return (f.Subject == "" || f.Subject == d.subject) &&
		(f.Action == "" || f.Action == d.action) &&
		(f.Allow == nil || *f.Allow == d.allow)
}

// remove takes an entry out, once nobody keeps it any more.
func (x decisions) remove(id string) {
	d, ok := x.state.decisions.get(id)
	if !ok {
		return
	}
	x.state.decisions.remove(id)
	x.decisionOrder.drop(d.at, id)
}
