package decide

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

const (
	// maxTypes bounds the types of one document.
	maxTypes = 100
	// abilityStep is how long a document stays the same, unless something changes.
	abilityStep = 30 * time.Second
)

// abilities answers with what is left of the policy for the caller.
func (h *Handler) abilities(w http.ResponseWriter, r *http.Request) error {
	words := h.words()
	types, err := words.named(r)
	if err != nil {
		return err
	}
	q := h.query(r, sallyport.From(r.Context()))
	q.Context.Time = q.Context.Time.Truncate(abilityStep)
	d, err := h.Policy.Abilities(r.Context(), q, types, slices.Collect(maps.Keys(words.actions))...)
	if err != nil {
		return err
	}
	body, err := encode(d)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "private, no-cache") // a role that was taken away is gone with the next look
	header.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // answers If-None-Match
	return nil
}

// named returns the types that r asks about: those in the query, or all of the
// schema's that are objects.
func (w *words) named(r *http.Request) ([]sallyport.AnyType, error) {
	query := r.URL.Query()
	for name := range query {
		if name != "types" {
			return nil, exchange.Invalid(fmt.Sprintf("The parameter %.40q is not known here.", name))
		}
	}
	var wanted []string
	if s := query.Get("types"); s != "" {
		wanted = strings.Split(s, ",")
	} else {
		wanted = slices.DeleteFunc(slices.Collect(maps.Keys(w.types)), func(name string) bool { return slices.Contains(principals, name) })
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if len(wanted) > maxTypes {
		return nil, exchange.Invalid(fmt.Sprintf("There are %d types, at most %d are answered at once: name some in the parameter types.", len(wanted), maxTypes))
	}
	types := make([]sallyport.AnyType, len(wanted))
	for i, name := range wanted {
		if name == "" {
			return nil, exchange.Invalid("The parameter types is a list of names, separated by commas.")
		}
		t, err := w.typ(name)
		if err != nil {
			return nil, err
		}
		types[i] = t
	}
	return types, nil
}

// encode writes d, with an epoch that follows from all that d says but its time.
func encode(d *ability.Document) ([]byte, error) {
	expires := d.Expires
	d.Epoch, d.Expires = 0, time.Time{}
	body, err := d.Encode()
	if err != nil {
		return nil, exchange.Invalid("The answer would be too long. Ask about fewer types.")
	}
	sum := sha256.Sum256(body)
	d.Epoch, d.Expires = int64(binary.BigEndian.Uint64(sum[:])>>11), expires // 53 bits, which JavaScript holds
	return d.Encode()
}
