package messages

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A DevHandler shows the messages that wait, with their links and codes, to whoever
// tries things out on this machine. It is mounted on loopback only, where nobody
// carries messages: anywhere else it would be everybody's way into every account.
type DevHandler struct {
	Base     string
	Store    account.Store
	Sealer   *secret.Sealer
	Renderer *Renderer
	Pages    *web.Pages
}

// Mount registers the route.
func (h *DevHandler) Mount(rt *sallyport.Routes) {
	rt.Func("GET "+h.Base+"/dev/mail", sallyport.Public().NoCookie(), h.list)
}

// A Shown is a message as the page shows it.
type Shown struct {
	ID        string    `json:"id"`
	Channel   string    `json:"channel"`
	Kind      string    `json:"kind"`
	To        string    `json:"to"`
	Lang      string    `json:"lang"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`
	Link      string    `json:"link,omitempty"`
	Code      string    `json:"code,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

const mostShown = 100

func (h *DevHandler) list(w http.ResponseWriter, r *http.Request) error {
	if !local(r) {
		return sallyport.ErrNotFound
	}
	to := r.URL.Query().Get("to")
	items := []Shown{}
	waiting, err := h.waiting(r.Context())
	if err != nil {
		return err
	}
	for _, m := range waiting {
		if m.Kind.Channel() == outbox.Clients { // nothing that people read
			continue
		}
		l, err := m.Open(h.Sealer)
		if err != nil || to != "" && l.To != to {
			continue
		}
		t, err := h.Renderer.Render(m.Kind, l, m.CreatedAt)
		if err != nil {
			return err
		}
		items = append(items, Shown{
			m.ID, string(m.Channel), string(m.Kind), l.To, t.Lang, t.Subject, t.Plain, l.Data["link"], l.Data["code"], m.CreatedAt.UTC(), m.ExpiresAt.UTC(),
		})
	}
	if sallyport.Navigation(r) {
		return h.Pages.Show(w, r, "dev_mail", items)
	}
	return exchange.JSON(w, http.StatusOK, exchange.List[Shown]{Items: items})
}

func (h *DevHandler) waiting(ctx context.Context) (all []outbox.Message, err error) {
	err = h.Store.View(ctx, func(tx account.Tx) (err error) {
		all, err = tx.Outbox.Waiting(ctx, mostShown)
		return err
	})
	return all, err
}

// local reports whether r comes from this machine and asks for it by such a name: a
// page of another site, whose name somebody points here, must not read it.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	asked := url.URL{Host: r.Host}
	return err == nil && from.Addr().Unmap().IsLoopback() && outbound.Loopback(asked.Hostname())
}
