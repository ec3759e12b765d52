package sqldb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

type grants struct{ *db }

const grantColumns = `resource_type, resource_id, subject_type, subject_id, permission, created_at, expires_at`

func scanGrant(r scanner) (g authz.Grant, err error) {
	var permission string
	var created, expires int64
	err = r.Scan(&g.Resource.Type, &g.Resource.ID, &g.Grantee.Kind, &g.Grantee.ID, &permission, &created, &expires)
	g.Permissions, g.CreatedAt, g.ExpiresAt = []string{permission}, at(created), at(expires)
	return g, err
}

// Put writes permissions in order, so that two of us never wait for each other.
func (s grants) Put(ctx context.Context, g authz.Grant) error {
	permissions := slices.Compact(slices.Sorted(slices.Values(g.Permissions)))
	if len(permissions) == 0 {
		return nil
	}
	args := make([]any, 0, len(permissions)*7)
	for _, p := range permissions {
		args = append(args, g.Resource.Type, g.Resource.ID, string(g.Grantee.Kind), g.Grantee.ID, p, ms(g.CreatedAt), ms(g.ExpiresAt))
	}
	_, err := s.exec(ctx, `INSERT INTO sallyport_grants (`+grantColumns+`) VALUES `+tuples(len(permissions), 7)+`
		ON CONFLICT (resource_type, resource_id, subject_type, subject_id, permission)
		DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at`, args...)
	return err
}

func (s grants) Remove(ctx context.Context, g authz.Grantee, r sallyport.UID, permissions ...string) (int, error) {
	var w where
	w.resource(r)
	w.grantee(g)
	if len(permissions) > 0 {
		w.in("permission", permissions)
	}
	n, err := s.exec(ctx, `DELETE FROM sallyport_grants`+w.String(), w.args...)
	return int(n), err
}

func (s grants) RemoveAllOf(ctx context.Context, g authz.Grantee) error {
	var w where
	w.grantee(g)
	_, err := s.exec(ctx, `DELETE FROM sallyport_grants`+w.String(), w.args...)
	return err
}

func (w *where) resource(r sallyport.UID) {
	w.and("resource_type = ?", r.Type)
	w.and("resource_id = ?", r.ID)
}

func (w *where) grantee(g authz.Grantee) {
	w.and("subject_type = ?", string(g.Kind))
	w.and("subject_id = ?", g.ID)
}

// in adds that the column is one of values, of which there is at least one.
func (w *where) in(column string, values []string) {
	if len(values) == 1 {
		w.and(column+" = ?", values[0])
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = w.arg(v)
	}
	w.terms = append(w.terms, column+" IN ("+strings.Join(places, ", ")+")")
}

// On asks for each resource and each kind of grantee by the whole key but the
// permission, all in one statement. Which of the few rows have expired is seen
// here: to ask for it would cost as much as one more part of the key.
func (s grants) On(ctx context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) ([]authz.Grant, error) {
	q := &lookup{byID: true, places: distinct(resources)}
	q.sortOut(grantees)
	return q.run(ctx, s.db, now, 0)
}

func (s grants) Of(ctx context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) ([]authz.Grant, error) {
	if limit <= 0 || !storable(resourceType) {
		return nil, nil
	}
	q := &lookup{places: []sallyport.UID{{Type: resourceType}}}
	q.sortOut(grantees)
	return q.run(ctx, s.db, now, limit)
}

// distinct returns the resources that may be in a row, each once. It changes
// nothing, and copies only where it leaves something out.
func distinct(resources []sallyport.UID) []sallyport.UID {
	counts := func(i int) bool {
		r := resources[i]
		return storable(r.Type) && storable(r.ID) && !slices.Contains(resources[:i], r)
	}
	for i := range resources {
		if counts(i) {
			continue
		}
		found := slices.Clone(resources[:i])
		for j := i + 1; j < len(resources); j++ {
			if counts(j) {
				found = append(found, resources[j])
			}
		}
		return found
	}
	return resources
}

// A kind is the grantees of one kind, by id.
type kind struct {
	name authz.GranteeKind
	ids  []string
}

// A lookup asks for live grants in several places at once, each a range of an
// index: neither database finds its way through an OR of them all.
type lookup struct {
	byID   bool            // places are objects, not types
	places []sallyport.UID // of one type, if not byID
	kinds  []kind

	room struct { // for the commonest: a principal, an organization and some roles
		kinds [3]kind
		ids   [1]string
	}
	row  struct{ text, resource, grantee string } // that is scanned
	dest [3]any                                   // into row
}

// sortOut sorts grantees out by kind. Text that cannot be stored is in no row. The
// number of ids of a kind is a power of two, with one of them repeated: few
// statements are enough for all numbers, because each connection keeps those that
// it has seen.
func (q *lookup) sortOut(grantees []authz.Grantee) {
	q.kinds = q.room.kinds[:0]
	for _, g := range grantees {
		if !storable(g.ID) || !storable(string(g.Kind)) {
			continue
		}
		i := slices.IndexFunc(q.kinds, func(k kind) bool { return k.name == g.Kind })
		if i < 0 {
			i, q.kinds = len(q.kinds), append(q.kinds, kind{name: g.Kind})
		}
		if i == 0 && q.kinds[0].ids == nil {
			q.kinds[0].ids = q.room.ids[:0]
		}
		q.kinds[i].ids = append(q.kinds[i].ids, g.ID)
	}
	for i := range q.kinds {
		ids := &q.kinds[i].ids
		for n := len(*ids); n&(n-1) != 0; n++ {
			*ids = append(*ids, (*ids)[0])
		}
	}
}

// run returns at most limit grants, 0 = all.
func (q *lookup) run(ctx context.Context, d *db, now time.Time, limit int) (found []authz.Grant, err error) {
	if len(q.places) == 0 || len(q.kinds) == 0 {
		return nil, nil
	}
	to := q.into()
	err = d.each(ctx, q.text(), q.args(now, limit), func(r scanner) error {
		if err := r.Scan(to...); err != nil {
			return err
		}
		g, err := q.grant()
		if err == nil && g.Live(now) {
			found = append(found, g)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// args are the places and the kinds, each value once; and if what is asked for is
// limited, now and the limit.
func (q *lookup) args(now time.Time, limit int) []any {
	n := 2*len(q.places) + 2
	for _, k := range q.kinds {
		n += 1 + len(k.ids)
	}
	args := make([]any, 0, n)
	for _, r := range q.places {
		args = append(args, r.Type)
		if q.byID {
			args = append(args, r.ID)
		}
	}
	for _, k := range q.kinds {
		args = append(args, string(k.name))
		for _, id := range k.ids {
			args = append(args, id)
		}
	}
	if !q.byID {
		args = append(args, ms(now), int64(limit))
	}
	return args
}

// A shape is all that the text of a lookup depends on.
type shape struct {
	byID   bool
	places int
	ids    [3]int // of each kind
}

// texts are those of shapes that were asked for, copied to add one.
var (
	texts       atomic.Pointer[map[shape]string]
	addingTexts sync.Mutex
)

// text returns the statement, of which there is one for each shape of a lookup.
func (q *lookup) text() string {
	s := shape{byID: q.byID, places: len(q.places)}
	if s.places > 8 || len(q.kinds) > len(s.ids) {
		return q.write()
	}
	for i, k := range q.kinds {
		s.ids[i] = len(k.ids)
	}
	if known := texts.Load(); known != nil {
		if text, ok := (*known)[s]; ok {
			return text
		}
	}
	addingTexts.Lock()
	defer addingTexts.Unlock()
	text, more := q.write(), map[shape]string{}
	if known := texts.Load(); known != nil {
		maps.Copy(more, *known)
	}
	more[s] = text
	texts.Store(&more)
	return text
}

// write writes an arm for each place and kind. What an arm knows anyway is in no
// column: a number says which arm it was. All that is not text is one column with
// the permission, because each column costs as much as a part of the key.
func (q *lookup) write() string {
	columns, width := `%d || ' ' || created_at || ' ' || expires_at || ' ' || permission AS g`, 1
	if q.byID {
		width = 2
	} else {
		columns += `, resource_id`
	}
	if !q.alone() {
		columns += `, subject_id`
	}
	first := 1 + len(q.places)*width // of the kinds
	now := first
	for _, k := range q.kinds {
		now += 1 + len(k.ids)
	}
	var arms []string
	for i := range q.places {
		place, arg := fmt.Sprintf(`resource_type = $%d`, 1+i*width), first
		if q.byID {
			place += fmt.Sprintf(` AND resource_id = $%d`, 2+i*width)
		}
		for _, k := range q.kinds {
			arm := fmt.Sprintf(`SELECT `+columns+` FROM sallyport_grants WHERE %s AND subject_type = $%d AND subject_id %s`,
				len(arms), place, arg, among(arg+1, len(k.ids)))
			if !q.byID {
				arm += fmt.Sprintf(` AND (expires_at = 0 OR expires_at > $%d)`, now)
			}
			arms = append(arms, arm)
			arg += 1 + len(k.ids)
		}
	}
	text := strings.Join(arms, ` UNION ALL `)
	if !q.byID {
		text += fmt.Sprintf(` LIMIT $%d`, now+1)
	}
	return text
}

// among compares with n arguments from first.
func among(first, n int) string {
	if n == 1 {
		return "= $" + strconv.Itoa(first)
	}
	places := make([]string, n)
	for i := range places {
		places[i] = "$" + strconv.Itoa(first+i)
	}
	return "IN (" + strings.Join(places, ", ") + ")"
}

// into returns where the columns of a row go.
func (q *lookup) into() []any {
	to := append(q.dest[:0], &q.row.text)
	if !q.byID {
		to = append(to, &q.row.resource)
	}
	if !q.alone() {
		to = append(to, &q.row.grantee)
	}
	return to
}

// grant returns the grant of the row that was scanned.
func (q *lookup) grant() (g authz.Grant, err error) {
	text := q.row.text
	var numbers [3]int64 // of the arm, and when it was created and expires
	for i := range numbers {
		var number string
		number, text, _ = strings.Cut(text, " ")
		if numbers[i], err = strconv.ParseInt(number, 10, 64); err != nil {
			return g, err
		}
	}
	arm := int(numbers[0])
	k := &q.kinds[arm%len(q.kinds)]
	g.Resource, g.Grantee = q.places[arm/len(q.kinds)], authz.Grantee{Kind: k.name, ID: k.ids[0]}
	if !q.byID {
		g.Resource.ID = q.row.resource
	}
	if !q.alone() {
		g.Grantee.ID = q.row.grantee
	}
	g.CreatedAt, g.ExpiresAt, g.Permissions = at(numbers[1]), at(numbers[2]), []string{text}
	return g, nil
}

// alone reports whether only one grantee is asked about in one place, so that no
// column has to say which it is.
func (q *lookup) alone() bool {
	return len(q.places) == 1 && len(q.kinds) == 1 && len(q.kinds[0].ids) == 1
}

func (w *where) live(now time.Time) { w.and("(expires_at = 0 OR expires_at > ?)", ms(now)) }

func (s grants) List(ctx context.Context, f authz.GrantFilter, now time.Time) ([]authz.Grant, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	var w where
	switch {
	case f.Resource.ID != "":
		w.resource(f.Resource)
	case f.Resource.Type != "":
		w.and("resource_type = ?", f.Resource.Type)
	}
	if f.Grantee != (authz.Grantee{}) {
		w.grantee(f.Grantee)
	}
	w.past(f.After)
	w.live(now)
	return list(ctx, s.db, scanGrant, `SELECT `+grantColumns+` FROM sallyport_grants`+w.String()+
		` ORDER BY resource_type, resource_id, subject_type, subject_id, permission`+w.limit(f.Limit), w.args...)
}

// past adds that rows sort after the last grant of the page before.
func (w *where) past(g authz.Grant) {
	if g.Resource == (sallyport.UID{}) {
		return
	}
	last := ""
	if n := len(g.Permissions); n > 0 {
		last = g.Permissions[n-1]
	}
	places := make([]string, 0, 5)
	for _, s := range []string{g.Resource.Type, g.Resource.ID, string(g.Grantee.Kind), g.Grantee.ID, last} {
		places = append(places, w.arg(s))
	}
	w.terms = append(w.terms, `(resource_type, resource_id, subject_type, subject_id, permission) > (`+strings.Join(places, ", ")+`)`)
}
