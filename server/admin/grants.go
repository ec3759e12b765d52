package admin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// grants lists grants. A page has up to limit permissions, those of one grantee on
// one object together.
func (h *Handler) grants(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r, "subject", "role", "organization", "resource_type", "resource_id")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := authz.GrantFilter{Resource: sallyport.UID{Type: q.Get("resource_type"), ID: q.Get("resource_id")}, Limit: limit + 1}
	if f.Grantee, err = grantee(q.Get("subject"), q.Get("role"), q.Get("organization")); err != nil {
		return err
	}
	if f.After, err = readPlace(cursor); err != nil {
		return err
	}
	found, err := h.Accounts.Grants(r.Context(), f)
	if err != nil {
		return exchange.Problem(err)
	}
	page := exchange.NewPage(found, limit, place)
	out := exchange.List[shown.Grant]{Items: make([]shown.Grant, 0, len(page.Items)), NextCursor: page.NextCursor}
	for _, g := range authz.JoinGrants(page.Items) {
		out.Items = append(out.Items, shown.NewGrant(g))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// grantee is the one that is named, the zero Grantee if none is.
func grantee(subject, role, organization string) (authz.Grantee, error) {
	var found authz.Grantee
	for _, g := range []authz.Grantee{
		{Kind: authz.SubjectGrantee, ID: subject}, {Kind: authz.RoleGrantee, ID: role}, {Kind: authz.OrganizationGrantee, ID: organization},
	} {
		switch {
		case g.ID == "":
		case found != authz.Grantee{}:
			return found, exchange.Invalid("Name one of subject, role and organization, not several.")
		default:
			found = g
		}
	}
	return found, nil
}

// place is where a grant stands in the list.
func place(g authz.Grant) string {
	text, _ := json.Marshal([]string{g.Resource.Type, g.Resource.ID, string(g.Grantee.Kind), g.Grantee.ID, g.Permissions[0]}) // texts: cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// readPlace reads what place wrote; "" is the zero Grant.
func readPlace(cursor string) (g authz.Grant, err error) {
	if cursor == "" {
		return g, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var parts []string
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 5 {
		return g, errCursor
	}
	g.Resource = sallyport.UID{Type: parts[0], ID: parts[1]}
	g.Grantee = authz.Grantee{Kind: authz.GranteeKind(parts[2]), ID: parts[3]}
	g.Permissions = parts[4:]
	return g, nil
}

type grantRequest struct {
	Subject      string       `json:"subject"`
	Role         string       `json:"role"`
	Organization string       `json:"organization"`
	Resource     shown.Entity `json:"resource"`
	Permissions  []string     `json:"permissions"`
	ExpiresAt    *time.Time   `json:"expires_at"`
}

// readGrant reads what is to be given or taken.
func readGrant(w http.ResponseWriter, r *http.Request) (g authz.Grant, err error) {
	var in grantRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return g, err
	}
	g = authz.Grant{Resource: sallyport.UID{Type: in.Resource.Type, ID: in.Resource.ID}, Permissions: in.Permissions}
	if in.ExpiresAt != nil {
		g.ExpiresAt = *in.ExpiresAt
	}
	if g.Grantee, err = grantee(in.Subject, in.Role, in.Organization); err == nil && g.Grantee == (authz.Grantee{}) {
		err = exchange.Invalid("Name one of subject, role and organization.")
	}
	return g, err
}

func (h *Handler) putGrant(w http.ResponseWriter, r *http.Request) error {
	g, err := readGrant(w, r)
	if err != nil {
		return err
	}
	if err := h.Accounts.Grant(r.Context(), g, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

// deleteGrant takes the permissions that are named, or all that the grantee has on
// the object.
func (h *Handler) deleteGrant(w http.ResponseWriter, r *http.Request) error {
	g, err := readGrant(w, r)
	switch {
	case err != nil:
		return err
	case g.Resource.Type == "" || g.Resource.ID == "":
		return exchange.Invalid("Name the resource, with type and id.")
	case !g.ExpiresAt.IsZero():
		return exchange.Invalid("What is taken does not expire: leave expires_at out.")
	}
	if err := h.Accounts.Ungrant(r.Context(), g.Grantee, g.Resource, g.Permissions, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}
