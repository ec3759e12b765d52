package token

import (
	"fmt"
	"slices"
	"time"
)

// An Op is what a Change does to a row.
type Op string

const (
	Create Op = "create" // the row has no key yet: see Change.Generate
	Update Op = "update" // if the row is still in state Was
	Delete Op = "delete" // if the row is still in state Was
)

// A Change is one step of a plan. Update and Delete are to be written as compare-and-set on kid and state.
type Change struct {
	Op  Op
	Was State // the state that the row must still be in; empty for Create
	Key StoredKey
}

// Generate makes the key of a Create and fills in everything that depends on it. seal seals a private key for the row named kid.
func (c *Change) Generate(seal func(kid string, plain []byte) []byte) error {
	if c.Op != Create {
		return nil
	}
	k, err := Generate(c.Key.Alg)
	if err != nil {
		return err
	}
	private, err := k.PrivateJWK()
	if err != nil {
		return fmt.Errorf("generating key: %w", err)
	}
	c.Key.KID = k.ID()
	c.Key.PrivateSealed = seal(k.ID(), private)
	if k.Alg() != HS256 {
		if c.Key.PublicJWK, err = k.Public().MarshalJSON(); err != nil {
			return fmt.Errorf("generating key: %w", err)
		}
	}
	return nil
}

// Plan returns what has to change for the rows to follow the schedule at a time: keys to be made and published, activated, retired and
// deleted. It is a pure function of its arguments, whatever the order of rows; once its changes are applied it returns none. Read
// rows, plan and apply in one transaction. Should two nodes make a key at once all the same, the next plan keeps one of them.
func Plan(rows []StoredKey, now time.Time, s Schedule) []Change {
	p := newPlanner(rows, now, s)
	p.run()
	return p.changes
}

// Rotate returns the changes that replace the signing key of an audience (or, with "", of all without a key of their own) at once: by
// the next one if it is published, else by a new one. The old one goes on verifying. Verifiers elsewhere that have not seen the
// new key yet fetch the set when they meet it.
func Rotate(rows []StoredKey, now time.Time, s Schedule, audience string) []Change {
	p := newPlanner(rows, now, s)
	p.force(s.slot(audience))
	p.run()
	return p.changes
}

// Revoke returns the changes that end a compromised key at once and, if it was signing, put another in its place. Its private part is
// erased. It fails with ErrUnknownKey. The caller also appends a kill of the key to the revocation log, in the same transaction,
// for verifiers elsewhere.
func Revoke(rows []StoredKey, now time.Time, s Schedule, kid string) ([]Change, error) {
	p := newPlanner(rows, now, s)
	for i := range p.rows {
		r := &p.rows[i]
		if r.KID != kid {
			continue
		}
		if r.State != Revoked {
			was := r.State
			r.State, r.RetireAt, r.PrivateSealed = Revoked, p.now, nil
			p.changes = append(p.changes, Change{Op: Update, Was: was, Key: *r})
		}
		p.run()
		return p.changes, nil
	}
	return nil, ErrUnknownKey
}

// A planner works on its own copy of the rows, which it keeps as they will be after the changes.
type planner struct {
	rows    []StoredKey
	now     time.Time
	s       Schedule
	changes []Change
}

func newPlanner(rows []StoredKey, now time.Time, s Schedule) *planner {
	// Stores keep milliseconds; planning in anything finer would see a difference after each reading.
	return &planner{rows: sorted(rows), now: now.Truncate(time.Millisecond), s: s}
}

func (p *planner) run() {
	p.slot(Resource{Alg: p.s.alg()})
	for _, a := range p.s.Also {
		if a != p.s.alg() {
			p.slot(Resource{Alg: a})
		}
	}
	for _, r := range p.s.Resources {
		p.slot(r)
	}
	for i := range p.rows {
		r := &p.rows[i]
		if live(r) && !p.wanted(r) {
			p.retire(r)
		}
		if !live(r) && !p.now.Before(r.RetireAt.Add(p.s.verify())) {
			p.changes = append(p.changes, Change{Op: Delete, Was: r.State, Key: *r})
		}
	}
}

func live(r *StoredKey) bool { return r.State == Next || r.State == Active }

// wanted reports whether the schedule still has the key's slot.
func (p *planner) wanted(r *StoredKey) bool {
	own := p.s.slot(r.Resource) == Resource{Audience: r.Resource, Alg: r.Alg}
	return own || r.Resource == "" && slices.Contains(p.s.Also, r.Alg)
}

// slot brings one slot into order: exactly one active key, and a next one from Publish before its end.
func (p *planner) slot(slot Resource) {
	due, waiting := p.live(slot)
	if len(due) == 0 && len(waiting) > 0 { // the active key was revoked or rotated out: the next one steps in early
		due, waiting = waiting[:1], waiting[1:]
		due[0].NotBefore = p.now
	}
	if len(due) == 0 {
		p.create(slot, Active, p.now)
		return
	}
	current := due[len(due)-1]
	for _, r := range due[:len(due)-1] {
		p.retire(r)
	}
	if current.State == Next {
		current.State, current.RetireAt = Active, current.NotBefore.Add(p.s.active())
		p.changes = append(p.changes, Change{Op: Update, Was: Next, Key: *current})
	}
	if len(waiting) > 0 {
		for _, r := range waiting[1:] { // two nodes made one each
			p.retire(r)
		}
		return
	}
	if !p.now.Before(current.RetireAt.Add(-p.s.publish())) {
		start := current.RetireAt
		if soonest := p.now.Add(p.s.publish()); start.Before(soonest) { // nobody planned for a while
			start = soonest
		}
		p.create(slot, Next, start)
	}
}

// live returns the keys of a slot that sign (or whose time to sign has come) and those that wait, each in order of NotBefore.
func (p *planner) live(slot Resource) (due, waiting []*StoredKey) {
	for i := range p.rows {
		r := &p.rows[i]
		if r.Resource != slot.Audience || r.Alg != slot.Alg || !live(r) {
			continue
		}
		if r.State == Active || !r.NotBefore.After(p.now) {
			due = append(due, r)
		} else {
			waiting = append(waiting, r)
		}
	}
	return due, waiting
}

// force retires whatever signs in a slot; putting the slot into order then activates the waiting key or makes another.
func (p *planner) force(slot Resource) {
	due, _ := p.live(slot)
	for _, r := range due {
		p.retire(r)
	}
}

func (p *planner) retire(r *StoredKey) {
	was := r.State
	r.State, r.RetireAt = Retired, p.now
	p.changes = append(p.changes, Change{Op: Update, Was: was, Key: *r})
}

func (p *planner) create(slot Resource, state State, start time.Time) {
	p.changes = append(p.changes, Change{Op: Create, Key: StoredKey{
		Alg: slot.Alg, Use: "sig", Resource: slot.Audience, State: state,
		NotBefore: start, RetireAt: start.Add(p.s.active()), CreatedAt: p.now,
	}})
}
