package sqldb

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/revoke"
)

type revocation struct{ *db }

func (s revocation) Head(ctx context.Context) (h revoke.Head, err error) {
	found, err := s.one(ctx, `SELECT log_id, seq, floor FROM sallyport_log_head WHERE one = 1`, nil, &h.Log, &h.Seq, &h.Floor)
	if err == nil && !found {
		err = errNoHead
	}
	return h, err
}

// Renew compares and sets in one statement: of two nodes that want to renew the
// same log, the second waits for the row and then finds another name there.
func (s revocation) Renew(ctx context.Context, old string) (p revoke.Position, err error) {
	found, err := s.one(ctx, `UPDATE sallyport_log_head SET log_id = $2 WHERE one = 1 AND log_id = $1 RETURNING log_id, seq`,
		[]any{old, newLogID()}, &p.Log, &p.Seq)
	if err == nil && !found {
		err = revoke.ErrRenewed
	}
	return p, err
}

// newLogID has no dot, which separates id and number in a position.
func newLogID() string { return strings.ToLower(rand.Text()[:16]) }

var errNoHead = errors.New("the log has no head: the row of sallyport_log_head is missing")

// Append holds the counter row until commit, so whoever gets the next numbers
// commits later: a reader that has seen a number has seen all below it. Entries
// are looked at before a number is taken, or a refused one would leave a hole.
func (s revocation) Append(ctx context.Context, entries ...revoke.Entry) (revoke.Position, error) {
	if len(entries) == 0 {
		h, err := s.Head(ctx)
		return h.Position, err
	}
	args, err := entryArgs(entries)
	if err != nil {
		return revoke.Position{}, err
	}
	var p revoke.Position
	found, err := s.one(ctx, `UPDATE sallyport_log_head SET seq = seq + $1 WHERE one = 1 RETURNING log_id, seq`,
		[]any{int64(len(entries))}, &p.Log, &p.Seq)
	if err == nil && !found {
		err = errNoHead
	}
	if err != nil {
		return revoke.Position{}, err
	}
	for i := range entries {
		args[i*entryColumns] = p.Seq - int64(len(entries)-1-i)
	}
	for chunk := range slices.Chunk(args, maxChunk*entryColumns) {
		if _, err := s.exec(ctx, insertEntries(len(chunk)/entryColumns), chunk...); err != nil {
			return revoke.Position{}, err
		}
	}
	return p, nil
}

// maxChunk is how many entries one statement inserts at most. One or maxChunk
// are the usual cases.
const maxChunk = 64

// entryArgs returns the values of all entries one after the other, seq open.
func entryArgs(entries []revoke.Entry) ([]any, error) {
	args := make([]any, 0, len(entries)*entryColumns)
	for _, e := range entries {
		overlay, err := encodeList(e.Overlay)
		if err != nil {
			return nil, err
		}
		args = append(args, nil, string(e.Effect), string(e.Kind), e.ID, e.Org, nonce(), overlay, ms(e.CreatedAt), ms(e.ExpiresAt))
	}
	return args, checkText(args)
}

const entryColumns = 9

const entryNames = `seq, effect, kind, id, org_id, nonce, overlay, created_at, expires_at`

// insertEntries returns the statement that inserts n rows.
func insertEntries(n int) string {
	switch n {
	case 1:
		return insertOne
	case maxChunk:
		return insertMany
	}
	return insertRows(n)
}

var insertOne, insertMany = insertRows(1), insertRows(maxChunk)

func insertRows(n int) string {
	return `INSERT INTO sallyport_revocation (` + entryNames + `) VALUES ` + tuples(n, entryColumns)
}

// nonce returns 96 random bits.
func nonce() string {
	var b [12]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s revocation) Read(ctx context.Context, after int64, limit int) ([]revoke.Entry, error) {
	if limit <= 0 {
		return nil, nil
	}
	return list(ctx, s.db, scanEntry, `SELECT `+entryNames+` FROM sallyport_revocation WHERE seq > $1 ORDER BY seq LIMIT $2`, after, int64(limit))
}

func scanEntry(r scanner) (e revoke.Entry, err error) {
	var overlay string
	var created, expires int64
	if err := r.Scan(&e.Seq, &e.Effect, &e.Kind, &e.ID, &e.Org, &e.Nonce, &overlay, &created, &expires); err != nil {
		return e, err
	}
	e.CreatedAt, e.ExpiresAt = at(created), at(expires)
	return e, decodeList("overlay", overlay, &e.Overlay)
}
