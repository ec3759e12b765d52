package storetest

import (
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
)

func (c *check) newCheckpoint(id string) importer.Checkpoint {
	p := importer.Checkpoint{
		ID: id, Source: "users.jsonl", Format: "jsonl", Entries: 7, Digest: importer.Digest{1, 2, 3}, StartedAt: c.now, UpdatedAt: c.now,
		Report: importer.Report{Entries: 7, Imported: 6, Formats: map[string]int{"bcrypt": 6}},
	}
	p.Report.Refuse(3, "email is not an e-mail address")
	return p
}

func (c *check) checkpoint(id string, change ...func(*importer.Checkpoint)) importer.Checkpoint {
	c.Helper()
	p := c.newCheckpoint(id)
	for _, f := range change {
		f(&p)
	}
	c.update(func(tx account.Tx) error { return tx.Imports.Put(c.Context(), p) })
	return p
}

func (c *check) unfinished(source, format string) (p importer.Checkpoint) {
	c.Helper()
	c.view(func(tx account.Tx) (err error) {
		p, err = tx.Imports.Unfinished(c.Context(), source, format)
		return err
	})
	return p
}

var imports = []promise{
	{"an unfinished import is found by source and format", func(c *check) {
		equal(c, "none yet", c.unfinished("users.jsonl", "jsonl"), importer.Checkpoint{})
		p := c.checkpoint("imp_1")
		equal(c, "found", c.unfinished("users.jsonl", "jsonl"), p)
		equal(c, "of another source", c.unfinished("others.jsonl", "jsonl"), importer.Checkpoint{})
		equal(c, "of another format", c.unfinished("users.jsonl", "csv"), importer.Checkpoint{})
	}},

	{"the newest unfinished import counts", func(c *check) {
		c.checkpoint("imp_1")
		newest := c.checkpoint("imp_2")
		c.checkpoint("imp_3", func(p *importer.Checkpoint) { p.FinishedAt = c.now })
		equal(c, "newest", c.unfinished("users.jsonl", "jsonl"), newest)
	}},

	{"Put replaces how far it is, and keeps what it is of", func(c *check) {
		p := c.checkpoint("imp_1")
		later := c.checkpoint("imp_1", func(q *importer.Checkpoint) {
			q.Entries, q.Digest[0], q.UpdatedAt, q.Source = 500, 9, c.now.Add(time.Second), "renamed"
			q.Report.Refuse(400, strings.Repeat("x", 4000))
		})
		later.Source = p.Source
		equal(c, "replaced", c.unfinished("users.jsonl", "jsonl"), later)
		c.checkpoint("imp_1", func(q *importer.Checkpoint) { q.FinishedAt = c.now })
		equal(c, "finished", c.unfinished("users.jsonl", "jsonl"), importer.Checkpoint{})
	}},

	{"imports that were left go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.checkpoint("imp_"+string(rune('0'+i)), func(p *importer.Checkpoint) {
				p.UpdatedAt = expires.Add(-importer.Retention)
			})
		})
		equal(c, "left", c.unfinished("users.jsonl", "jsonl").ID, "imp_5")
	}},
}
