package admin

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) certificates(w http.ResponseWriter, r *http.Request) error {
	u, err := h.Accounts.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	all, err := h.Accounts.Certificates(r.Context(), u.ID)
	if err != nil {
		return exchange.Problem(err)
	}
	out := exchange.List[shown.Certificate]{Items: make([]shown.Certificate, 0, len(all))}
	for _, m := range all {
		out.Items = append(out.Items, shown.NewCertificate(m))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

type newCertificate struct {
	Certificate string          `json:"certificate"` // PEM, in place of kind and value: this very one
	Kind        clientcert.Kind `json:"kind"`
	Value       string          `json:"value"`
	Name        string          `json:"name"`
	Service     bool            `json:"service"`
	ExpiresAt   *time.Time      `json:"expires_at"`
}

// want is what the request asks for. A certificate is mapped for as long as it
// lasts, unless the request says less.
func (in *newCertificate) want() (account.NewCertificate, error) {
	want := account.NewCertificate{Name: clientcert.Name{Kind: in.Kind, Value: in.Value}, Label: in.Name, Service: in.Service}
	if in.Certificate != "" {
		if in.Kind != "" || in.Value != "" {
			return want, exchange.Invalid("Send either a certificate, or kind and value.")
		}
		c, err := clientcert.ParsePEM([]byte(in.Certificate))
		if err != nil {
			return want, exchange.Invalid("The member certificate holds no certificate in PEM.")
		}
		want.Name, want.ExpiresAt = clientcert.Names(c)[0], c.NotAfter
	}
	if in.ExpiresAt != nil {
		want.ExpiresAt = *in.ExpiresAt
	}
	return want, nil
}

// addCertificate gives somebody a credential: whoever does must hold all that it
// opens.
func (h *Handler) addCertificate(w http.ResponseWriter, r *http.Request) error {
	var in newCertificate
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	user := r.PathValue("id")
	if err := h.mayTouch(r.Context(), r, user); err != nil {
		return err
	}
	want, err := in.want()
	if err != nil {
		return err
	}
	m, err := h.Accounts.AddCertificate(r.Context(), user, want, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, shown.NewCertificate(m))
}

func (h *Handler) removeCertificate(w http.ResponseWriter, r *http.Request) error {
	user := r.PathValue("id")
	if err := h.mayTouch(r.Context(), r, user); err != nil {
		return err
	}
	err := h.Accounts.RemoveCertificate(r.Context(), r.PathValue("certificate"), user, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}
