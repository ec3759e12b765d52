package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) clients(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r)
	if err != nil {
		return err
	}
	all, err := h.Accounts.Clients(r.Context(), cursor, limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.Client, 0, len(all))
	for _, c := range all {
		roles, err := h.Accounts.Assigned(r.Context(), c.ID, "")
		if err != nil {
			return exchange.Problem(err)
		}
		page = append(page, shown.NewClient(c, roles, ""))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(c shown.Client) string { return c.ID }))
}

func (h *Handler) client(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Accounts.Client(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	return h.showClient(w, r.Context(), http.StatusOK, c, "")
}

func (h *Handler) showClient(w http.ResponseWriter, ctx context.Context, status int, c oauth.Client, secret string) error {
	roles, err := h.Accounts.Assigned(ctx, c.ID, "")
	if err != nil {
		return exchange.Problem(err)
	}
	w.Header().Set("ETag", clientTag(c))
	return exchange.JSON(w, status, shown.NewClient(c, roles, secret))
}

// clientTag names a version of a client: every change moves its time on.
func clientTag(c oauth.Client) string {
	return tag([]any{c.ID, c.CreatedAt.UnixMilli(), c.UpdatedAt.UnixMilli()})
}

// A clientRequest is a client as it is to be. What is shown of one beside that is read,
// so that it can be sent back, and counts for nothing.
type clientRequest struct {
	oauth.Client
	Secret string   `json:"client_secret"`
	Roles  []string `json:"roles"`

	Secrets   json.RawMessage `json:"secrets"`
	By        json.RawMessage `json:"registered_by"`
	Hidden    struct{}        `json:"registered"` // nobody sets it
	CreatedAt json.RawMessage `json:"created_at"`
	UpdatedAt json.RawMessage `json:"updated_at"`
}

func (in *clientRequest) registration() account.ClientRegistration {
	return account.ClientRegistration{Client: in.Client, Secret: in.Secret, Roles: in.Roles}
}

func (h *Handler) addClient(w http.ResponseWriter, r *http.Request) error {
	var in clientRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	for _, role := range in.Roles {
		if err := h.mayGive(r, role); err != nil {
			return err
		}
	}
	c, secret, err := h.Accounts.AddClient(r.Context(), in.registration(), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.MakeKeys(r.Context())
	w.Header().Set("Location", h.Base+"/admin/api/clients/"+c.ID)
	return h.showClient(w, r.Context(), http.StatusCreated, c, secret)
}

// MakeKeys makes the key that ID tokens of a client are signed with, if it is the first
// one that wants such a key. The change itself stands: if this fails, the key is made a
// little later.
func (h *Handler) MakeKeys(ctx context.Context) {
	p, err := h.Keyring.Maintain(ctx)
	if err == nil {
		err = h.Accounts.CatchUp(ctx, p)
	}
	if err != nil {
		cmp.Or(h.Gate.Log, slog.Default()).ErrorContext(ctx, "making signing keys for a client failed", "err", err)
	}
}

func (h *Handler) putClient(w http.ResponseWriter, r *http.Request) error {
	var in clientRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	id := r.PathValue("id")
	if in.ID != "" && in.ID != id {
		return exchange.Invalid("The client_id in the body is not the one in the address.")
	}
	in.ID = id
	if err := h.mayRegive(r, id, in.Roles); err != nil {
		return err
	}
	unless := func(current oauth.Client) error { return matches(r, clientTag(current)) }
	c, err := h.Accounts.SetClient(r.Context(), in.registration(), unless, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.MakeKeys(r.Context())
	return h.showClient(w, r.Context(), http.StatusOK, c, "")
}

// mayRegive is mayGive for the roles that a client gets and for those that it loses;
// nil leaves them as they are.
func (h *Handler) mayRegive(r *http.Request, id string, roles []string) error {
	if roles == nil {
		return nil
	}
	held, err := h.Accounts.Assigned(r.Context(), id, "")
	if err != nil {
		return exchange.Problem(err)
	}
	for _, role := range slices.Concat(oauth.Beyond(roles, held), oauth.Beyond(held, roles)) {
		if err := h.mayGive(r, role); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) deleteClient(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.RemoveClient(r.Context(), r.PathValue("id"), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

const (
	keepSecret = 24 * time.Hour // the old one, unless the request says otherwise
	keepAtMost = 30 * 24 * time.Hour
)

type rotateSecret struct {
	Keep *int64 `json:"keep_seconds"`
}

func (h *Handler) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	var in rotateSecret
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	keep := keepSecret
	if in.Keep != nil {
		if *in.Keep < 0 || *in.Keep > int64(keepAtMost/time.Second) {
			return exchange.Invalid(fmt.Sprintf("The member keep_seconds is a number from 0 to %d.", int64(keepAtMost/time.Second)))
		}
		keep = time.Duration(*in.Keep) * time.Second
	}
	id := r.PathValue("id")
	secret, err := h.Accounts.RotateClientSecret(r.Context(), id, keep, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	c, err := h.Accounts.Client(r.Context(), id)
	if err != nil {
		return exchange.Problem(err)
	}
	return h.showClient(w, r.Context(), http.StatusOK, c, secret)
}

// applications lists the clients that a user has let in.
func (h *Handler) applications(w http.ResponseWriter, r *http.Request) error {
	u, err := h.Accounts.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	all, err := h.Accounts.Connections(r.Context(), u.ID)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.Application]{Items: make([]shown.Application, 0, len(all))}
	for _, c := range all {
		out.Items = append(out.Items, shown.NewApplication(c))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// withdraw takes back what a user has let a client do.
func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request) error {
	err := h.Accounts.Withdraw(r.Context(), r.PathValue("id"), r.PathValue("client"), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}
