package factors

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// A sentCode says that a code is on its way, and when another can be asked for.
type sentCode struct {
	Channel   otp.Kind  `json:"channel"`
	To        string    `json:"to"`
	ExpiresAt time.Time `json:"expires_at"`
	ResendIn  int       `json:"resend_in"` // seconds
}

func newSentCode(s account.SentCode) sentCode {
	return sentCode{s.Channel, s.To, s.ExpiresAt, int(math.Ceil(s.Again.Seconds()))}
}

// send sends a code to a factor: for a sign-in with a ticket, or to confirm who it is
// within a session.
func (h *Handler) send(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Ticket   string   `json:"ticket"`
		Channel  otp.Kind `json:"channel"`
		ReturnTo string   `json:"return_to"` // of the page that confirms
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := checkChannel(in.Channel); err != nil {
		return err
	}
	who := account.Enroller{Principal: sallyport.From(r.Context())}
	if in.Ticket != "" || who.Principal.Subject == "" {
		who = account.Enroller{Ticket: h.Answer.TicketOf(r, in.Ticket)}
		if who.Ticket == "" {
			return sallyport.ErrNoCredential
		}
	}
	sent, err := h.Accounts.SendCode(r.Context(), who, in.Channel, h.origin(r))
	if exchange.IsForm(r) {
		return h.askForCode(w, r, who, in.Channel, in.ReturnTo, sent, err)
	}
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusAccepted, newSentCode(sent))
}

// askForCode leads to the page that asks for the code. It says the same whether one
// was sent now or just before.
func (h *Handler) askForCode(w http.ResponseWriter, r *http.Request, who account.Enroller, channel otp.Kind, returnTo string, sent account.SentCode, err error) error {
	if e, ok := errors.AsType[*account.TooSoonError](err); ok {
		sent.Again, err = e.Wait, nil
	}
	switch {
	case errors.Is(err, account.ErrTicket):
		return h.Answer.Expired(w, r)
	case err != nil:
		return exchange.Problem(err)
	}
	page, q := h.Base+"/mfa", url.Values{"method": {string(channel)}, "sent": {strconv.Itoa(newSentCode(sent).ResendIn)}}
	if who.Ticket == "" {
		page = h.Base + "/step-up"
		if returnTo != "" {
			q.Set("return_to", returnTo)
		}
	}
	http.Redirect(w, r, page+"?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// A codePage is what the page that sets up codes by mail or telephone shows.
type codePage struct {
	Ticket  bool // it is for a sign-in
	Channel otp.Kind
	Phone   string    // as typed
	Sent    *sentCode // nil: none was sent yet
}

func (h *Handler) codePage(w http.ResponseWriter, r *http.Request) error {
	channel, err := channelOf(r)
	if err != nil {
		return sallyport.ErrNotFound
	}
	return h.enroller(w, r, "", func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		return h.Pages.Show(w, r, "sentcode", codePage{Ticket: who.Ticket != "", Channel: channel})
	})
}

func (h *Handler) beginCode(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Ticket  string   `json:"ticket"`
		Channel otp.Kind `json:"channel"`
		Phone   string   `json:"phone"`
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := checkChannel(in.Channel); err != nil {
		return err
	}
	page := codePage{Channel: in.Channel, Phone: in.Phone}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		page.Ticket = who.Ticket != ""
		sent, err := h.Accounts.EnrolCode(r.Context(), who, in.Channel, in.Phone, h.origin(r))
		if e, ok := errors.AsType[*account.TooSoonError](err); ok {
			page.Sent = &sentCode{ResendIn: newSentCode(account.SentCode{Again: e.Wait}).ResendIn} // the one before is on its way
		}
		if err != nil {
			return h.refused(w, r, "sentcode", err, page)
		}
		answer := newSentCode(sent)
		if page.Sent = &answer; exchange.IsForm(r) {
			return h.Pages.Show(w, r, "sentcode", page)
		}
		return exchange.JSON(w, http.StatusAccepted, answer)
	})
}

func (h *Handler) confirmCode(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Ticket  string   `json:"ticket"`
		Channel otp.Kind `json:"channel"`
		Code    string   `json:"code"`

		Phone string `json:"phone"` // of the page, to ask for another code
		To    string `json:"to"`    // the same
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := checkChannel(in.Channel); err != nil {
		return err
	}
	page := codePage{Channel: in.Channel, Phone: in.Phone, Sent: &sentCode{To: in.To}}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		done, err := h.Accounts.ConfirmCode(r.Context(), who, in.Channel, in.Code, h.origin(r))
		if err != nil {
			page.Ticket = who.Ticket != ""
			return h.refused(w, r, "sentcode", err, page)
		}
		return h.enrolled(w, r, done)
	})
}
