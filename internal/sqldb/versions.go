package sqldb

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/store"
)

type versions struct{ *db }

// Publish leaves to the key that a number is given once: of two who saw the same
// version, the second waits for the first to commit and then inserts nothing.
func (s versions) Publish(ctx context.Context, v authz.Version, current int64) (authz.Version, error) {
	files, err := encodeFiles(v.Files)
	if err != nil {
		return authz.Version{}, err
	}
	v.Number, v.CreatedAt = current+1, at(ms(v.CreatedAt))
	// PostgreSQL must be told what a bare placeholder of a SELECT is.
	n, err := s.exec(ctx, `INSERT INTO sallyport_policies (number, schema_text, files, remark, created_by, created_at, rolled_back_to)
		SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT)
		WHERE COALESCE((SELECT MAX(number) FROM sallyport_policies), 0) = $8
		ON CONFLICT DO NOTHING`,
		v.Number, v.Schema, files, v.Comment, v.CreatedBy, ms(v.CreatedAt), v.RolledBackTo, current)
	if err == nil && n == 0 {
		err = authz.ErrConflict
	}
	if err != nil {
		return authz.Version{}, err
	}
	return v, nil
}

// A file is a rule.File as it is stored.
type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func encodeFiles(files []rule.File) (string, error) {
	stored := make([]file, 0, len(files))
	for _, f := range files {
		if !storable(f.Name) || !storable(f.Text) {
			return "", fmt.Errorf("%w: in file %.40q", store.ErrText, f.Name)
		}
		stored = append(stored, file(f))
	}
	b, err := json.Marshal(stored)
	return string(b), err
}

func decodeFiles(text string) ([]rule.File, error) {
	var stored []file
	if err := decode("files", text, &stored); err != nil {
		return nil, err
	}
	var files []rule.File
	for _, f := range stored {
		files = append(files, rule.File(f))
	}
	return files, nil
}

const versionColumns = `number, schema_text, files, remark, created_by, created_at, rolled_back_to`

func scanVersion(r scanner) (v authz.Version, err error) {
	var files string
	var created int64
	if err := r.Scan(&v.Number, &v.Schema, &files, &v.Comment, &v.CreatedBy, &created, &v.RolledBackTo); err != nil {
		return v, err
	}
	v.CreatedAt = at(created)
	v.Files, err = decodeFiles(files)
	return v, err
}

func (s versions) Current(ctx context.Context) (authz.Version, error) {
	return get(ctx, s.db, nil, scanVersion, `SELECT `+versionColumns+` FROM sallyport_policies ORDER BY number DESC LIMIT 1`)
}

func (s versions) ByNumber(ctx context.Context, number int64) (authz.Version, error) {
	return get(ctx, s.db, authz.ErrNoVersion, scanVersion, `SELECT `+versionColumns+` FROM sallyport_policies WHERE number = $1`, number)
}

func (s versions) History(ctx context.Context, below int64, limit int) ([]authz.Version, error) {
	if limit <= 0 {
		return nil, nil
	}
	var w where
	if below > 0 {
		w.and("number < ?", below)
	}
	return list(ctx, s.db, scanVersion,
		`SELECT number, '', '[]', remark, created_by, created_at, rolled_back_to FROM sallyport_policies`+w.String()+
			` ORDER BY number DESC`+w.limit(limit), w.args...)
}
