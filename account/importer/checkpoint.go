package importer

import (
	"context"
	"time"
)

// A Checkpoint is how far an import has come. It is written in the transaction of what it counts.
type Checkpoint struct {
	ID         string // "imp_…"
	Source     string // name of the file, without its folder; "-" = standard input
	Format     string
	Entries    int    // that are done
	Digest     Digest // over them
	Report     Report // of them
	StartedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt time.Time // zero: it stopped in the middle, or goes on
}

// Retention is how long a checkpoint is kept after its last change.
const Retention = 30 * 24 * time.Hour

// Checkpoints keeps them within one transaction.
type Checkpoints interface {
	// Put creates or replaces the checkpoint of that id.
	Put(ctx context.Context, c Checkpoint) error
	// Unfinished returns the newest one of that source and format that is not finished. The id is empty if there is none.
	Unfinished(ctx context.Context, source, format string) (Checkpoint, error)
}

// A Report is what became of the entries of a file.
type Report struct {
	Entries    int            `json:"entries"`  // that were read
	Imported   int            `json:"imported"` // in a dry run: that would be
	Refused    int            `json:"refused"`
	Formats    map[string]int `json:"hash_formats"` // of the passwords of those imported; "none" = without one
	TOTP       int            `json:"totp"`         // of those imported, who have an authenticator app
	Passkeys   int            `json:"passkeys"`
	Identities int            `json:"identities"`

	Problems []Problem `json:"problems"`   // the first MaxProblems of them
	LeftOut  int       `json:"left_out"`   // how many more there are
	Finished bool      `json:"finished"`   // the file was read to its end
	DryRun   bool      `json:"dry_run"`    // nothing was changed
	Resumed  int       `json:"resumed_at"` // entries that an earlier run had done; 0 = it began at the first
}

// A Problem is why an entry was refused.
type Problem struct {
	Number int    `json:"number"`
	Reason string `json:"reason"`
}

// MaxProblems is how many problems a report lists.
const MaxProblems = 1000

// Refuse counts a problem.
func (r *Report) Refuse(number int, reason string) {
	r.Refused++
	if len(r.Problems) == MaxProblems {
		r.LeftOut++
		return
	}
	r.Problems = append(r.Problems, Problem{number, reason})
}
