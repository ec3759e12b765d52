package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// importBatch is how many entries one transaction imports.
const importBatch = 500

// Importing says how an import goes about it.
type Importing struct {
	Source string // name of the file; with Format, what Resume finds the import by
	Format string

	DryRun              bool // change nothing, and report what would be
	Resume              bool // go on where an import of that source stopped
	CreateRoles         bool // make roles that do not exist, without permissions
	CreateOrganizations bool // make organizations that do not exist
	WithoutRoles        bool // leave roles and organizations out

	// Progress is told after every batch; nil = nobody is.
	Progress func(importer.Report)
}

// What an import to be resumed may meet.
var (
	// ErrNoImport means that no import of that source and format stopped in the middle.
	ErrNoImport = errors.New("no import of this file stopped in the middle")
	// ErrOtherFile means that the file does not begin with what has been imported.
	ErrOtherFile = errors.New("this is not the file that was being imported: it begins otherwise")
)

// Import imports people, in batches: the accounts of one, their audit entries and the checkpoint commit in one transaction. An entry
// that cannot be imported is in the report, and changes nothing. An import that was cut short, by a crash too, leaves a checkpoint, from
// which Resume goes on: nothing is done twice, nothing left out, and the report is that of an import in one go. Nobody is told of anything by mail. Errors besides those of the store: [ErrNoImport],
// [ErrOtherFile].
func (s *Service) Import(ctx context.Context, entries iter.Seq[importer.Entry], in Importing, o Origin) (importer.Report, error) {
	run := &importing{Service: s, Importing: in, origin: o}
	if err := run.begin(ctx); err != nil {
		return importer.Report{}, err
	}
	next, stop := iter.Pull(entries)
	defer stop()
	if err := run.skip(next); err != nil {
		return run.point.Report, err
	}
	for more := true; more; {
		var batch []importer.Entry
		if batch, more = run.collect(next); len(batch) > 0 {
			if err := run.commit(ctx, batch); err != nil {
				return run.point.Report, fmt.Errorf("importing from entry %d on: %w", batch[0].Number, err)
			}
			if in.Progress != nil {
				in.Progress(run.point.Report)
			}
		}
	}
	return run.end(ctx)
}

// Unfinished returns the newest import of that source and format that stopped in the middle; its id is empty if there is none.
func (s *Service) Unfinished(ctx context.Context, source, format string) (c importer.Checkpoint, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		c, err = tx.Imports.Unfinished(ctx, source, format)
		return err
	})
	return c, err
}

// importing is one run of an import.
type importing struct {
	*Service
	Importing
	origin Origin

	point importer.Checkpoint
	fatal *importer.Entry // behind which nothing can be read
	seen  seen            // by a dry run, which has no store to ask
}

// begin finds the checkpoint to go on from, or makes one.
func (r *importing) begin(ctx context.Context) error {
	now := present()
	r.point = importer.Checkpoint{ID: secret.NewID("imp"), Source: r.Source, Format: r.Format, StartedAt: now}
	r.point.Report = importer.Report{Formats: map[string]int{}, Problems: []importer.Problem{}, DryRun: r.DryRun}
	if r.DryRun {
		r.seen = seen{}
	}
	if !r.Resume {
		return nil
	}
	old, err := r.Unfinished(ctx, r.Source, r.Format)
	if err != nil {
		return fmt.Errorf("looking for the import: %w", err)
	}
	if old.ID == "" {
		return ErrNoImport
	}
	r.point = old
	r.point.Report.Resumed = old.Entries
	return nil
}

// skip reads what has been done, and makes sure that it is the same.
func (r *importing) skip(next func() (importer.Entry, bool)) error {
	var d importer.Digest
	for range r.point.Entries {
		e, ok := next()
		if !ok || e.Fatal {
			return ErrOtherFile
		}
		d = d.Next(&e)
	}
	if d != r.point.Digest {
		return ErrOtherFile
	}
	return nil
}

// collect reads a batch, and reports whether there may be another.
func (r *importing) collect(next func() (importer.Entry, bool)) (batch []importer.Entry, more bool) {
	for len(batch) < importBatch {
		e, ok := next()
		if !ok {
			return batch, false
		}
		if e.Fatal {
			r.fatal = &e
			return batch, false
		}
		batch = append(batch, e)
	}
	return batch, true
}

// commit imports a batch. What takes time is done before the transaction.
func (r *importing) commit(ctx context.Context, batch []importer.Entry) error {
	now := present()
	drafts := make([]newcomer, len(batch))
	for i := range batch {
		drafts[i] = r.draft(&batch[i], now)
	}
	if err := r.make(ctx, drafts); err != nil {
		return err
	}
	done := r.point
	done.Entries += len(batch)
	for i := range batch {
		done.Digest = done.Digest.Next(&batch[i])
	}
	done.UpdatedAt = now
	transaction := r.Store.Update
	if r.DryRun {
		transaction = r.Store.View
	}
	err := transaction(ctx, func(tx Tx) error {
		done.Report = clone(r.point.Report) // this may run more than once
		done.Report.Entries += len(batch)
		b := &importedBatch{importing: r, tx: tx, now: now, report: &done.Report}
		if err := b.put(ctx, drafts); err != nil || r.DryRun {
			return err
		}
		return tx.Imports.Put(ctx, done)
	})
	if err == nil {
		r.point = done
	}
	return err
}

func clone(r importer.Report) importer.Report {
	r.Formats, r.Problems = maps.Clone(r.Formats), slices.Clone(r.Problems)
	if r.Formats == nil {
		r.Formats = map[string]int{}
	}
	return r
}

// make makes the roles and organizations that the drafts name and that do not exist, if that is asked for.
func (r *importing) make(ctx context.Context, drafts []newcomer) error {
	if r.DryRun {
		return nil
	}
	var roles []authz.Role
	slugs := map[string]bool{}
	for _, d := range drafts {
		if d.problem != "" {
			continue
		}
		for _, name := range d.allRoles() {
			roles = append(roles, authz.Role{Name: name})
		}
		for _, m := range d.memberships {
			slugs[m.Organization] = true
		}
	}
	if r.CreateRoles && len(roles) > 0 {
		slices.SortFunc(roles, func(a, b authz.Role) int { return cmp.Compare(a.Name, b.Name) })
		roles = slices.CompactFunc(roles, func(a, b authz.Role) bool { return a.Name == b.Name })
		if err := r.EnsureRoles(ctx, roles); err != nil {
			return err
		}
	}
	if !r.CreateOrganizations {
		return nil
	}
	for _, slug := range slices.Sorted(maps.Keys(slugs)) {
		if err := r.ensureOrganization(ctx, slug); err != nil {
			return err
		}
	}
	return nil
}

// end closes the checkpoint.
func (r *importing) end(ctx context.Context) (importer.Report, error) {
	report := clone(r.point.Report)
	if r.fatal != nil {
		report.Refuse(r.fatal.Number, r.fatal.Err.Error()+"; nothing behind it was read")
		return report, nil
	}
	report.Finished = true
	if r.DryRun {
		return report, nil
	}
	now := present()
	done := r.point
	done.Report, done.UpdatedAt, done.FinishedAt = report, now, now
	err := r.Store.Update(ctx, func(tx Tx) error {
		e := r.origin.Entry("user.import_finished", done.ID, now)
		e.Detail = map[string]string{"imported": fmt.Sprint(report.Imported), "refused": fmt.Sprint(report.Refused), "format": r.Format}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return err
		}
		return tx.Imports.Put(ctx, done)
	})
	if err != nil {
		return report, fmt.Errorf("finishing the import: %w", err)
	}
	return report, nil
}

// seen is what names and addresses a dry run has met, by a hash of each: exact enough for a report, and small.
type seen map[uint64]struct{}

// has reports whether one of the words was there before, and remembers them all.
func (s seen) has(words ...string) bool {
	before := false
	for _, w := range words {
		h := shortHash(w)
		if _, ok := s[h]; ok {
			before = true
		}
		s[h] = struct{}{}
	}
	return before
}

// age is when the account began in the old system, if that can be.
func age(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) || t.Before(time.UnixMilli(0)) {
		return now
	}
	return t.Truncate(time.Millisecond)
}
