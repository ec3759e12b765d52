package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// grants are one row for each permission, under the key that a database would
// have. The index by grantee has the rest of the key.
type grants struct{ *tx }

func granteeKey(g authz.Grantee) string { return pair(string(g.Kind), g.ID) }

func resourceKey(r sallyport.UID) string { return pair(r.Type, r.ID) }

// grantKey is where a permission is; permission is the last part.
func grantKey(r sallyport.UID, g authz.Grantee, permission string) string {
	return strings.Join(append(parts(r, g), permission), "\x00")
}

func parts(r sallyport.UID, g authz.Grantee) []string {
	return []string{r.Type, r.ID, string(g.Kind), g.ID}
}

func (x grants) Put(_ context.Context, g authz.Grant) error {
	if err := x.write(append(parts(g.Resource, g.Grantee), g.Permissions...)...); err != nil {
		return fmt.Errorf("putting grant: %w", err)
	}
	for _, p := range g.Permissions {
		one := g
		one.Permissions, one.CreatedAt = []string{p}, ms(g.CreatedAt)
		if !g.ExpiresAt.IsZero() {
			one.ExpiresAt = ms(g.ExpiresAt)
		}
		key := grantKey(g.Resource, g.Grantee, p)
		x.remove(key)
		x.state.grants.put(key, &one)
		x.grantsOf.add(granteeKey(g.Grantee), grantedOn(g.Resource, p))
		x.grantExpiry.add(one.ExpiresAt, key)
	}
	return nil
}

// grantedOn is the member of the index by grantee.
func grantedOn(r sallyport.UID, permission string) string {
	return resourceKey(r) + "\x00" + permission
}

// remove takes the row out of every index and reports whether it was there.
func (x grants) remove(key string) bool {
	g, ok := x.state.grants.get(key)
	if !ok {
		return false
	}
	x.state.grants.remove(key)
	x.grantsOf.drop(granteeKey(g.Grantee), grantedOn(g.Resource, g.Permissions[0]))
	x.grantExpiry.drop(g.ExpiresAt, key)
	return true
}

func (x grants) sweep(key string) { x.remove(key) }

func (x grants) Remove(_ context.Context, g authz.Grantee, r sallyport.UID, permissions ...string) (n int, err error) {
	if err := x.write(append(parts(r, g), permissions...)...); err != nil {
		return 0, fmt.Errorf("removing grant: %w", err)
	}
	keys := x.under(grantKey(r, g, ""))
	for _, key := range keys {
		if p := key[strings.LastIndexByte(key, 0)+1:]; len(permissions) == 0 || slices.Contains(permissions, p) {
			x.remove(key)
			n++
		}
	}
	return n, nil
}

// under returns the keys that begin with prefix.
func (x grants) under(prefix string) (keys []string) {
	for key := range x.state.grants.from(prefix) {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		keys = append(keys, key)
	}
	return keys
}

func (x grants) RemoveAllOf(_ context.Context, g authz.Grantee) error {
	if err := x.write(string(g.Kind), g.ID); err != nil {
		return fmt.Errorf("removing grants: %w", err)
	}
	for _, on := range x.grantsOf.members(granteeKey(g), "") {
		x.remove(x.keyOf(g, on))
	}
	return nil
}

// keyOf turns a member of the index by grantee into a key.
func (x grants) keyOf(g authz.Grantee, on string) string {
	part := strings.SplitN(on, "\x00", 3)
	return grantKey(sallyport.UID{Type: part[0], ID: part[1]}, g, part[2])
}

func (x grants) On(_ context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) (all []authz.Grant, err error) {
	for _, r := range unique(resources) {
		for _, g := range unique(grantees) {
			for _, key := range x.under(grantKey(r, g, "")) {
				all = x.appendLive(all, key, now)
			}
		}
	}
	return all, nil
}

// unique returns each once.
func unique[T comparable](all []T) (once []T) {
	for _, v := range all {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}

func (x grants) appendLive(all []authz.Grant, key string, now time.Time) []authz.Grant {
	g, _ := x.state.grants.get(key)
	if !g.Live(ms(now)) {
		return all
	}
	c := *g
	c.Permissions = slices.Clone(g.Permissions)
	return append(all, c)
}

func (x grants) Of(_ context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) (all []authz.Grant, err error) {
	if strings.Contains(resourceType, "\x00") { // which is in no row, and would look like an object here
		return nil, nil
	}
	for _, g := range unique(grantees) {
		for _, on := range x.grantsOf.members(granteeKey(g), pair(resourceType, "")) {
			if len(all) >= limit {
				return all, nil
			}
			all = x.appendLive(all, x.keyOf(g, on), now)
		}
	}
	return all, nil
}

func (x grants) List(_ context.Context, f authz.GrantFilter, now time.Time) (all []authz.Grant, err error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	if strings.Contains(f.Resource.Type+f.Resource.ID, "\x00") {
		return nil, nil
	}
	after := keyAfter(f.After)
	for key, g := range x.state.grants.from(max(after, prefixOf(f.Resource))) {
		if f.Limit > 0 && len(all) == f.Limit || !strings.HasPrefix(key, prefixOf(f.Resource)) {
			break
		}
		if key != after && (f.Grantee == authz.Grantee{} || f.Grantee == g.Grantee) {
			all = x.appendLive(all, key, now)
		}
	}
	return all, nil
}

// keyAfter is the key of the last grant of the page before, "" for none.
func keyAfter(g authz.Grant) string {
	if g.Resource == (sallyport.UID{}) {
		return ""
	}
	last := ""
	if n := len(g.Permissions); n > 0 {
		last = g.Permissions[n-1]
	}
	return grantKey(g.Resource, g.Grantee, last)
}

// prefixOf is what the keys of grants on the resource begin with.
func prefixOf(r sallyport.UID) string {
	switch {
	case r.ID != "":
		return resourceKey(r) + "\x00"
	case r.Type != "":
		return pair(r.Type, "")
	}
	return ""
}
