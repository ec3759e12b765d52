package memory

import (
	"context"
	"fmt"
	"maps"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

type auditLog struct{ *tx }

// auditIDs makes the ids of this process ascend even within a millisecond.
var auditIDs secret.Sequence

func (x auditLog) Append(_ context.Context, e audit.Entry) error {
	text := []string{e.ID, e.Actor, e.Action, e.Target, e.Org, e.Address, e.Trace, string(e.Outcome)}
	for name, value := range e.Detail {
		text = append(text, name, value)
	}
	err := x.write(text...)
	if err == nil && x.audit.has(e.ID) {
		err = errExists
	}
	if err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	if e.ID == "" {
		e.ID = auditIDs.Next("aud")
	}
	e.At, e.Detail = ms(e.At), maps.Clone(e.Detail)
	x.audit.put(e.ID, &e)
	return nil
}

func (x auditLog) List(_ context.Context, f audit.Filter) (all []audit.Entry, err error) {
	for _, e := range x.audit.before(f.Before) {
		if f.Limit > 0 && len(all) == f.Limit {
			break
		}
		if selects(&f, e) {
			c := *e
			c.Detail = maps.Clone(e.Detail)
			all = append(all, c)
		}
	}
	return all, nil
}

func selects(f *audit.Filter, e *audit.Entry) bool {
	return (f.Actor == "" || f.Actor == e.Actor) &&
		(f.Action == "" || f.Action == e.Action) &&
		(f.Target == "" || f.Target == e.Target)
}
