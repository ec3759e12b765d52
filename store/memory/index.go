package memory

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A set is a sorted set of texts.
type set = tree[struct{}]

// An index has a set of members for each key.
type index struct{ tree[set] }

func (x *index) add(key, member string) {
	s, _ := x.get(key)
	s.put(member, struct{}{})
	x.put(key, s)
}

// drop takes one member away and reports whether it was there.
func (x *index) drop(key, member string) bool {
	s, _ := x.get(key)
	if !s.remove(member) {
		return false
	}
	if s.root == nil {
		x.remove(key)
	} else {
		x.put(key, s)
	}
	return true
}

// members returns the members of key that begin with prefix, in order.
func (x index) members(key, prefix string) (all []string) {
	s, _ := x.get(key)
	for member := range s.from(prefix) {
		if !strings.HasPrefix(member, prefix) {
			break
		}
		all = append(all, member)
	}
	return all
}

// An expiry has the keys of rows in order of the time when they expire.
type expiry struct{ set }

// when is the member for a key that expires at a time.
func when(t time.Time, key string) string { return number(t.UnixMilli()) + key }

// add notes that key expires at t; the zero time is never.
func (e *expiry) add(t time.Time, key string) {
	if !t.IsZero() {
		e.put(when(t, key), struct{}{})
	}
}

func (e *expiry) drop(t time.Time, key string) { e.remove(when(t, key)) }

// expired returns up to limit keys that have expired by now, the oldest first.
func (e *expiry) expired(now time.Time, limit int) (keys []string) {
	end := number(now.UnixMilli())
	for member := range e.from("") {
		if len(keys) >= limit || member[:len(end)] > end {
			break
		}
		keys = append(keys, member[len(end):])
	}
	return keys
}

// sweep deletes up to limit expired rows of each kind and returns how many.
func (x *tx) sweep(now time.Time, limit int) int {
	return each(x.sessionExpiry.expired(now, limit), sessions{x}.remove) +
		each(x.familyExpiry.expired(now, limit), families{x}.remove) +
		each(x.keyExpiry.expired(now, limit), apiKeys{x}.remove) +
		each(x.deviceExpiry.expired(now, limit), devices{x}.remove) +
		each(x.certificateExpiry.expired(now, limit), certificates{x}.remove) +
		each(x.failureBy.expired(now, limit), failures{x}.remove) +
		each(x.invitationExpiry.expired(now, limit), invitations{x}.remove) +
		each(x.oneTimeExpiry.expired(now, limit), oneTimeTokens{x}.remove) +
		each(x.grantExpiry.expired(now, limit), grants{x}.sweep) +
		each(x.factorWaiting.expired(now.Add(-otp.PendingLife), limit), factors{x}.drop) +
		each(x.spentExpiry.expired(now, limit), identities{x}.forget) +
		each(x.clientGrantExpiry.expired(now, limit), clientGrants{x}.remove) +
		each(x.deviceCodeExpiry.expired(now, limit), deviceCodes{x}.remove) +
		each(x.initialTokenExpiry.expired(now, limit), initialTokens{x}.remove) +
		each(x.decisionOrder.expired(now.Add(-authz.DecisionRetention), limit), decisions{x}.remove) +
		each(x.messageExpiry.expired(now.Add(-outbox.Retention), limit), outboxMessages{x}.remove) +
		each(x.importUpdated.expired(now.Add(-importer.Retention), limit), imports{x}.remove) +
		each(signals{x}.done(now.Add(-ssf.Retention), limit), signals{x}.remove) +
		each(x.entryExpiry.expired(now, limit), revocations{x}.prune)
}

// each calls f for every key and returns how many there were.
func each(keys []string, f func(string)) int {
	for _, key := range keys {
		f(key)
	}
	return len(keys)
}

// newestFirst sorts rows by the time of creation, and those of one moment by id.
func newestFirst[R any](rows []R, created func(R) (time.Time, string)) {
	slices.SortFunc(rows, func(a, b R) int {
		at, aid := created(a)
		bt, bid := created(b)
		if order := bt.Compare(at); order != 0 {
			return order
		}
		return strings.Compare(bid, aid)
	})
}
