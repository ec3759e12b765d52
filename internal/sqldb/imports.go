package sqldb

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-auth/sallyport/account/importer"
)

type imports struct{ *db }

const importColumns = `id, source, format, entries, digest, report, started_at, updated_at, finished_at`

func (s imports) Put(ctx context.Context, c importer.Checkpoint) error {
	report, err := json.Marshal(c.Report)
	if err != nil {
		return fmt.Errorf("writing the report of an import: %w", err)
	}
	_, err = s.exec(ctx, `INSERT INTO sallyport_imports (`+importColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET entries = excluded.entries, digest = excluded.digest, report = excluded.report,
			updated_at = excluded.updated_at, finished_at = excluded.finished_at`,
		c.ID, c.Source, c.Format, int64(c.Entries), bytes(c.Digest[:]), string(report), ms(c.StartedAt), ms(c.UpdatedAt), ms(c.FinishedAt))
	return err
}

// Unfinished looks at all: there are few, because they are swept.
func (s imports) Unfinished(ctx context.Context, source, format string) (c importer.Checkpoint, err error) {
	var entries, started, updated int64
	var digest []byte
	var report string
	found, err := s.one(ctx, `SELECT id, entries, digest, report, started_at, updated_at FROM sallyport_imports
		WHERE source = $1 AND format = $2 AND finished_at = 0 ORDER BY id DESC LIMIT 1`, []any{source, format},
		&c.ID, &entries, &digest, &report, &started, &updated)
	if err != nil || !found {
		return importer.Checkpoint{}, err
	}
	if err := json.Unmarshal([]byte(report), &c.Report); err != nil || len(digest) != len(c.Digest) {
		return importer.Checkpoint{}, fmt.Errorf("the checkpoint of import %s is damaged", c.ID)
	}
	c.Source, c.Format, c.Entries, c.Digest = source, format, int(entries), importer.Digest(digest)
	c.StartedAt, c.UpdatedAt = at(started), at(updated)
	return c, nil
}
