package token

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A State is a station in the life of a signing key: next → active → retired → gone. A key that is gone has no row any more.
type State string

const (
	Next    State = "next"    // published, so that every verifier knows it before it signs
	Active  State = "active"  // signs
	Retired State = "retired" // verifies what it signed
	Revoked State = "revoked" // compromised: does nothing, at once; the row remains so that nobody brings it back
)

// A StoredKey is a signing key as the store keeps it.
type StoredKey struct {
	KID           string
	Alg           Alg
	Use           string // always "sig"
	Resource      string // the audience that the key is for; "" = every audience without a key of its own
	PrivateSealed []byte // private JWK, sealed with KID as record id; empty once revoked
	PublicJWK     []byte // for people and other tools: verifying relies on PrivateSealed alone. Empty for HS256
	State         State
	NotBefore     time.Time // becomes active
	RetireAt      time.Time // stops signing; gone when Schedule.Verify has passed since
	CreatedAt     time.Time
}

// A Resource is an audience whose tokens are signed with an algorithm of its own choice and with keys that sign for nobody else.
type Resource struct {
	Audience string
	Alg      Alg
}

// A Schedule says which keys there are and how they rotate. The zero Schedule is the default: one EdDSA key for everybody.
type Schedule struct {
	Alg       Alg           // of audiences not among Resources. If empty, EdDSA
	Resources []Resource    // at most one per audience
	Also      []Alg         // that ID tokens and tokens for single resources are signed with, beside Alg
	Active    time.Duration // how long a key signs. If zero, 90 days
	Publish   time.Duration // how long it is published before; longer than verifiers cache key sets. If zero, 7 days
	Verify    time.Duration // how long it verifies after; longer than tokens live. If zero, 30 days
}

const day = 24 * time.Hour

func (s *Schedule) alg() Alg               { return cmp.Or(s.Alg, EdDSA) }
func (s *Schedule) active() time.Duration  { return cmp.Or(s.Active, 90*day) }
func (s *Schedule) publish() time.Duration { return cmp.Or(s.Publish, 7*day) }
func (s *Schedule) verify() time.Duration  { return cmp.Or(s.Verify, 30*day) }

// Check reports every mistake in the schedule, joined.
func (s *Schedule) Check() error {
	var errs []error
	if !s.alg().supported() || s.alg() == HS256 {
		errs = append(errs, fmt.Errorf("the default algorithm cannot be %q: HS256 and unknown ones are for single resources or for none", s.Alg))
	}
	for _, a := range s.Also {
		if !a.supported() || a == HS256 {
			errs = append(errs, fmt.Errorf("nothing for everybody to verify can be signed with %q", a))
		}
	}
	for i, r := range s.Resources {
		if r.Audience == "" || !r.Alg.supported() {
			errs = append(errs, fmt.Errorf("resource %d (%q): needs an audience and one of EdDSA, ES256, RS256, PS256, HS256", i+1, r.Audience))
		}
		if slices.ContainsFunc(s.Resources[:i], func(o Resource) bool { return o.Audience == r.Audience }) {
			errs = append(errs, fmt.Errorf("resource %q is given twice", r.Audience))
		}
	}
	if s.active() <= 0 || s.publish() < 0 || s.verify() < 0 || s.publish() >= s.active() {
		errs = append(errs, errors.New("durations must be positive, and keys published for less time than they are active"))
	}
	return errors.Join(errs...)
}

// slot returns the resource whose keys sign for an audience.
func (s *Schedule) slot(audience string) Resource {
	for _, r := range s.Resources {
		if r.Audience == audience {
			return r
		}
	}
	return Resource{Alg: s.alg()}
}

// For returns whose keys sign for an audience: its own, or else those of an algorithm for everybody, "" = s.Alg.
func (s *Schedule) For(audience string, alg Alg) Resource {
	r := s.slot(audience)
	if r.Audience == "" && alg != "" {
		r.Alg = alg
	}
	return r
}

// A KeySet is an immutable snapshot of all signing keys. It is a KeySource.
type KeySet struct {
	schedule Schedule
	entries  []entry // sorted by slot and NotBefore
	byID     map[string]*entry
}

type entry struct {
	StoredKey
	key *SigningKey // nil if revoked
}

// NewKeySet builds the snapshot. open unseals a private key. A row that does not open, or is not the key it claims to be, fails the
// whole set: a key that somebody wrote into the database without having the sealing key must never sign or verify anything.
func NewKeySet(rows []StoredKey, s Schedule, open func(kid string, sealed []byte) ([]byte, error)) (*KeySet, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	set := &KeySet{schedule: s, entries: make([]entry, len(rows)), byID: make(map[string]*entry, len(rows))}
	for i, row := range sorted(rows) {
		e := &set.entries[i]
		e.StoredKey = row
		if err := e.open(open); err != nil {
			return nil, fmt.Errorf("signing key %q: %w", row.KID, err)
		}
		if set.byID[row.KID] != nil {
			return nil, fmt.Errorf("signing key %q: stored twice", row.KID)
		}
		set.byID[row.KID] = e
	}
	return set, nil
}

func (e *entry) open(open func(string, []byte) ([]byte, error)) error {
	if e.State == Revoked {
		return nil
	}
	if e.State != Next && e.State != Active && e.State != Retired {
		return fmt.Errorf("unknown state %q", e.State)
	}
	plain, err := open(e.KID, e.PrivateSealed)
	if err != nil {
		return err
	}
	k, err := ParseSigningKey(plain)
	if err != nil {
		return err
	}
	if k.ID() != e.KID || k.Alg() != e.Alg {
		return badKey("row and sealed key differ")
	}
	e.key = k
	if e.Resource != "" {
		e.key = k.forAudience(e.Resource)
	}
	return nil
}

// Key returns the verification key with this id while it verifies: not if it is revoked or gone. It never returns any error but
// ErrUnknownKey. A key that is next verifies too, because another node's clock may be ahead.
func (s *KeySet) Key(_ context.Context, kid string) (*Key, error) {
	if e := s.byID[kid]; e != nil && e.verifies(time.Now(), &s.schedule) {
		return e.key.Public(), nil
	}
	return nil, ErrUnknownKey
}

func (e *entry) verifies(now time.Time, s *Schedule) bool {
	return e.key != nil && (e.State != Retired || now.Before(e.RetireAt.Add(s.verify())))
}

// Signing returns the key that signs tokens for an audience now, or ErrKeysUnavailable. Times decide, not only states: a key whose
// time has come signs even if nobody has carried out the plan yet.
func (s *KeySet) Signing(audience string, now time.Time) (*SigningKey, error) {
	return s.signing(s.schedule.slot(audience), now)
}

func (s *KeySet) signing(slot Resource, now time.Time) (*SigningKey, error) {
	var found *entry
	for i := range s.entries { // in order of NotBefore, so the last one found is the newest
		e := &s.entries[i]
		if e.Resource == slot.Audience && e.Alg == slot.Alg && e.signs(now) {
			found = e
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no active %s key", ErrKeysUnavailable, slot.Alg)
	}
	return found.key, nil
}

func (e *entry) signs(now time.Time) bool {
	return e.State == Active || e.State == Next && !e.NotBefore.After(now)
}

// JWKS returns the published set: every key that verifies now, except secrets. Equal sets have equal bytes.
func (s *KeySet) JWKS(now time.Time) ([]byte, error) {
	set := &JWKS{byID: map[string]*Key{}}
	for i := range s.entries {
		e := &s.entries[i]
		if e.Alg == HS256 || !e.verifies(now, &s.schedule) {
			continue
		}
		if err := set.add(e.key.Public()); err != nil {
			return nil, err
		}
	}
	return set.MarshalJSON()
}

// Rows returns the stored keys, without their sealed private parts, for a list.
func (s *KeySet) Rows() []StoredKey {
	rows := make([]StoredKey, len(s.entries))
	for i := range s.entries {
		rows[i] = s.entries[i].StoredKey
		rows[i].PrivateSealed = nil
		rows[i].PublicJWK = bytes.Clone(rows[i].PublicJWK)
	}
	return rows
}

// sorted returns a copy in the order of slot, NotBefore and id, whatever order the store used.
func sorted(rows []StoredKey) []StoredKey {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b StoredKey) int {
		return cmp.Or(strings.Compare(a.Resource, b.Resource), strings.Compare(string(a.Alg), string(b.Alg)),
			a.NotBefore.Compare(b.NotBefore), strings.Compare(a.KID, b.KID))
	})
	return rows
}

// Keys holds the current KeySet; a new snapshot replaces it in one step, and requests under way finish with the one they have. It is a
// KeySource, safe for concurrent use. The zero Keys holds none and fails with ErrKeysUnavailable.
type Keys struct {
	set atomic.Pointer[KeySet]
}

// Load returns the current snapshot, nil if there is none yet.
func (k *Keys) Load() *KeySet { return k.set.Load() }

// Store replaces the snapshot.
func (k *Keys) Store(s *KeySet) { k.set.Store(s) }

// Key asks the current snapshot.
func (k *Keys) Key(ctx context.Context, kid string) (*Key, error) {
	s := k.set.Load()
	if s == nil {
		return nil, ErrKeysUnavailable
	}
	return s.Key(ctx, kid)
}

// AccessToken signs the claims with the active key of their first audience. All audiences must share that key: a token for two
// resources with keys of their own could be accepted by neither or, worse, be forged by one for the other.
func (k *Keys) AccessToken(c *Claims) (string, error) {
	s := k.set.Load()
	if s == nil {
		return "", ErrKeysUnavailable
	}
	if len(c.Audience) == 0 {
		return "", fmt.Errorf("signing: %w", errIncomplete)
	}
	slot := s.schedule.For(c.Audience[0], c.SignWith)
	for _, a := range c.Audience[1:] {
		if s.schedule.For(a, c.SignWith) != slot {
			return "", errors.New("signing: audiences with different keys")
		}
	}
	key, err := s.signing(slot, time.Now())
	if err != nil {
		return "", err
	}
	return key.AccessToken(c)
}

// Sign signs something other than an access token, such as an ID token, with the active key of an algorithm: one of the schedule's, or
// it fails with ErrKeysUnavailable. typ says what it is, "" that it says nothing of it.
func (k *Keys) Sign(alg Alg, typ string, payload []byte) (string, error) {
	s := k.set.Load()
	if s == nil {
		return "", ErrKeysUnavailable
	}
	if typ == TypAccessToken {
		return "", errors.New("signing: access tokens are made of claims")
	}
	key, err := s.signing(Resource{Alg: alg}, time.Now())
	if err != nil {
		return "", err
	}
	return key.Sign(typ, payload)
}
