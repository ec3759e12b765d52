package sqldb

import (
	"context"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

type auditLog struct{ *db }

const auditColumns = `id, at, actor, action, target, org_id, address, trace_id, outcome, detail`

func scanAudit(r scanner) (e audit.Entry, err error) {
	var when int64
	var detail string
	if err := r.Scan(&e.ID, &when, &e.Actor, &e.Action, &e.Target, &e.Org, &e.Address, &e.Trace, &e.Outcome, &detail); err != nil {
		return e, err
	}
	e.At = at(when)
	return e, decodeMap("detail", detail, &e.Detail)
}

func (s auditLog) Append(ctx context.Context, e audit.Entry) error {
	detail, err := encodeMap(e.Detail)
	if err != nil {
		return err
	}
	if e.ID == "" {
		e.ID = auditIDs.Next("aud")
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_audit_log (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.ID, ms(e.At), e.Actor, e.Action, e.Target, e.Org, e.Address, e.Trace, string(e.Outcome), detail)
	return err
}

func (s auditLog) List(ctx context.Context, f audit.Filter) ([]audit.Entry, error) {
	var w where
	for _, t := range [...]struct{ term, value string }{
		{"actor = ?", f.Actor}, {"action = ?", f.Action}, {"target = ?", f.Target}, {"id < ?", f.Before},
	} {
		if t.value != "" {
			w.and(t.term, t.value)
		}
	}
	return list(ctx, s.db, scanAudit,
		`SELECT `+auditColumns+` FROM sallyport_audit_log`+w.String()+` ORDER BY id DESC`+w.limit(f.Limit), w.args...)
}

// auditIDs makes the ids of this process ascend even within a millisecond: what
// happened in one transaction is listed in the order in which it happened.
var auditIDs secret.Sequence
