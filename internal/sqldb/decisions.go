package sqldb

import (
	"context"
	"slices"

	"github.com/sallyport-auth/sallyport/authz"
)

type decisions struct{ *db }

const decisionColumns = 6

func (s decisions) Append(ctx context.Context, entries ...authz.DecisionEntry) error {
	args := make([]any, 0, len(entries)*decisionColumns)
	for _, e := range entries {
		// JSON would hide what is wrong with these.
		if err := checkText([]any{e.Resource.Type, e.Resource.ID, e.Rule, e.Source, e.Reason}); err != nil {
			return err
		}
		e.At = at(ms(e.At))
		text, err := e.MarshalJSON() // json.Marshal would read it all once more
		if err != nil {
			return err
		}
		args = append(args, e.ID, ms(e.At), flag(e.Allow), e.Subject(), e.Action, string(text))
	}
	if err := checkText(args); err != nil {
		return err
	}
	for chunk := range slices.Chunk(args, maxChunk*decisionColumns) {
		_, err := s.exec(ctx, `INSERT INTO sallyport_decisions (id, at, allow, subject, action, entry) VALUES `+
			tuples(len(chunk)/decisionColumns, decisionColumns)+` ON CONFLICT DO NOTHING`, chunk...)
		if err != nil {
			return err
		}
	}
	return nil
}

func scanDecision(r scanner) (e authz.DecisionEntry, err error) {
	var text string
	if err := r.Scan(&text); err != nil {
		return e, err
	}
	return e, decode("entry", text, &e)
}

func (s decisions) ByID(ctx context.Context, id string) (authz.DecisionEntry, error) {
	return get(ctx, s.db, authz.ErrNoDecision, scanDecision, `SELECT entry FROM sallyport_decisions WHERE id = $1`, id)
}

func (s decisions) Recent(ctx context.Context, f authz.DecisionFilter) ([]authz.DecisionEntry, error) {
	var w where
	if f.Subject != "" {
		w.and("subject = ?", f.Subject)
	}
	if f.Action != "" {
		w.and("action = ?", f.Action)
	}
	if f.Allow != nil {
		w.and("allow = ?", flag(*f.Allow))
	}
	if !f.Before.IsZero() {
		w.terms = append(w.terms, "(at, id) < ("+w.arg(ms(f.Before))+", "+w.arg(f.BeforeID)+")")
	}
	return list(ctx, s.db, scanDecision,
		`SELECT entry FROM sallyport_decisions`+w.String()+` ORDER BY at DESC, id DESC`+w.limit(f.Limit), w.args...)
}
