package revoke

import (
	"context"
	"errors"
	"fmt"
)

// pageSize is how many entries one transaction reads.
const pageSize = 1000

// errReplaced means that the log is not the one read so far, or that part of it
// was pruned unread: what was derived from it must be read anew.
var errReplaced = errors.New("revocation log was replaced or pruned unread")

// errWentBack is an errReplaced of a log that still has its name: a database that
// was put back to an earlier state. Positions of it mean two things.
var errWentBack = fmt.Errorf("%w: the database was put back to an earlier state", errReplaced)

// A page is the head and what follows a cursor, read in this order in one
// transaction. The order of sequence numbers is that of commits, so nothing up to
// the head was invisible.
type page struct {
	head    Head
	entries []Entry
	more    bool // the page was full
}

// readPage reads what follows v's cursor, and checks that it does follow. It also
// reads the entry at the cursor itself: a database that lost its latest commits
// and then grew past the cursor is known by its nonce only.
func readPage(ctx context.Context, c *Config, v *view) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, c.bound())
	defer cancel()
	var p page
	err := c.Read(ctx, func(l Log) (err error) {
		if p.head, err = l.Head(ctx); err != nil {
			return fmt.Errorf("reading the head: %w", err)
		}
		if p.entries, err = l.Read(ctx, max(v.mark.seq()-1, 0), pageSize); err != nil {
			return fmt.Errorf("reading entries: %w", err)
		}
		return nil
	})
	if err != nil {
		return page{}, err
	}
	p.more = len(p.entries) >= pageSize
	return p, p.check(v)
}

// check reports whether p continues v, and takes the entry at the cursor off.
func (p *page) check(v *view) error {
	cursor := v.mark.seq()
	if p.head.Log == "" || p.head.Seq > maxSeq {
		return fmt.Errorf("malformed head %q", p.head.Position)
	}
	if v.log != "" && p.head.Log != v.log {
		return fmt.Errorf("%w: %s where %s was", errReplaced, p.head.Log, v.log)
	}
	if p.head.Seq < cursor {
		return fmt.Errorf("%w: head went back from %d to %d", errWentBack, cursor, p.head.Seq)
	}
	if err := p.dropCursor(cursor, v.nonce); err != nil {
		return err
	}
	for _, e := range p.entries {
		if e.Seq <= cursor || e.Seq > maxSeq {
			return fmt.Errorf("entry %d out of order after %d", e.Seq, cursor)
		}
		cursor = e.Seq
	}
	return nil
}

func (p *page) dropCursor(cursor int64, nonce string) error {
	if cursor > 0 && len(p.entries) > 0 && p.entries[0].Seq == cursor {
		got := p.entries[0].Nonce
		p.entries = p.entries[1:]
		if nonce != "" && got != nonce {
			return fmt.Errorf("%w: another entry %d", errWentBack, cursor)
		}
		return nil
	}
	if nonce != "" && p.head.Floor < cursor {
		return fmt.Errorf("%w: entry %d vanished", errWentBack, cursor)
	}
	return nil
}

// unbroken reports whether no entry between cursor and head is missing. Numbers
// are given without holes, so a missing one was pruned before it was read.
func (p *page) unbroken(cursor int64) bool {
	read := cursor + int64(len(p.entries))
	if len(p.entries) > 0 && p.entries[len(p.entries)-1].Seq != read {
		return false
	}
	return p.more || read >= p.head.Seq
}

// until drops the entries past end, and reports whether there were any.
func (p *page) until(end int64) bool {
	for i := range p.entries {
		if p.entries[i].Seq > end {
			p.entries, p.more = p.entries[:i], true
			return true
		}
	}
	return false
}
