package me

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) dataPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "data", nil)
}

// An export is everything that is kept of a person, without what is secret.
type export struct {
	ExportedAt    time.Time           `json:"exported_at"`
	User          exportedUser        `json:"user"`
	Organizations []shown.Membership  `json:"organizations"`
	Sessions      []shown.OwnSession  `json:"sessions"`
	APIKeys       []shown.APIKey      `json:"api_keys"`
	Passkeys      []exportedPasskey   `json:"passkeys"`
	Factors       []exportedFactor    `json:"factors"`
	RecoveryCodes int                 `json:"recovery_codes_left"`
	Identities    []exportedIdentity  `json:"identities"`
	Certificates  []shown.Certificate `json:"certificates"`
	Activity      []event             `json:"activity"`
}

type exportedUser struct {
	shown.User
	DisplayName   string `json:"display_name"`
	Locale        string `json:"locale"`
	Phone         string `json:"phone"`
	PhoneVerified bool   `json:"phone_verified"`
}

type exportedPasskey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Synced     bool       `json:"synced"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

type exportedFactor struct {
	Kind       string     `json:"kind"`
	Confirmed  bool       `json:"confirmed"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

type exportedIdentity struct {
	Provider   string     `json:"provider"`
	Issuer     string     `json:"issuer"`
	Subject    string     `json:"subject"`
	Email      string     `json:"email"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// export gives a person everything that is kept of them, as a file.
func (h *Handler) export(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	held, err := h.Accounts.Held(r.Context(), p.Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	w.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	return exchange.JSON(w, http.StatusOK, newExport(held, p, time.Now()))
}

func newExport(held account.Held, p *sallyport.Principal, now time.Time) export {
	u := held.User
	out := export{
		ExportedAt: now.UTC().Truncate(time.Second), RecoveryCodes: held.RecoveryCodes,
		User:          exportedUser{shown.NewUser(u, held.Roles), u.DisplayName, u.Locale, u.Phone, u.PhoneVerified},
		Organizations: []shown.Membership{}, Sessions: []shown.OwnSession{}, APIKeys: []shown.APIKey{}, Passkeys: []exportedPasskey{},
		Factors: []exportedFactor{}, Identities: []exportedIdentity{}, Certificates: []shown.Certificate{}, Activity: []event{},
	}
	for _, m := range held.Organizations {
		out.Organizations = append(out.Organizations, shown.NewMembership(m, p.Org))
	}
	for _, s := range held.Sessions {
		out.Sessions = append(out.Sessions, shown.NewOwnSession(s, p.Session))
	}
	for _, k := range held.APIKeys {
		out.APIKeys = append(out.APIKeys, shown.NewAPIKey(k, ""))
	}
	for _, k := range held.Passkeys {
		out.Passkeys = append(out.Passkeys, exportedPasskey{k.ID, k.Name, k.Synced, k.CreatedAt.UTC(), shown.Moment(k.LastUsedAt)})
	}
	for _, f := range held.Factors {
		out.Factors = append(out.Factors, exportedFactor{string(f.Kind), !f.ConfirmedAt.IsZero(), f.CreatedAt.UTC(), shown.Moment(f.LastUsedAt)})
	}
	for _, i := range held.Identities {
		out.Identities = append(out.Identities, exportedIdentity{
			i.Provider, i.Issuer, i.Subject, i.Email, i.Name, i.CreatedAt.UTC(), shown.Moment(i.LastUsedAt),
		})
	}
	for _, c := range held.Certificates {
		out.Certificates = append(out.Certificates, shown.NewCertificate(c))
	}
	for _, e := range held.Activity {
		out.Activity = append(out.Activity, newEvent(e, p.Subject))
	}
	return out
}
