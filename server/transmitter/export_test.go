package transmitter

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/ssf"
)

// Configured is what a request makes of a new stream.
func (h *Handler) Configured(w http.ResponseWriter, r *http.Request) (ssf.Stream, error) {
	var in configuration
	st := ssf.Stream{ID: "stm_1", Owner: "usr_1"}
	if err := exchange.Read(w, r, &in); err != nil {
		return st, err
	}
	if err := h.matches(&in, &st); err != nil {
		return st, err
	}
	return st, h.apply(&in, &st)
}

// Polled is what a poll asks for.
func Polled(w http.ResponseWriter, r *http.Request) (most int, settled int, err error) {
	var in pollRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return 0, 0, err
	}
	return in.most(), len(in.Ack) + len(in.Errors), in.check()
}
