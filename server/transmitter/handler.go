package transmitter

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A Handler serves the streams of a Transmitter below Base.
type Handler struct {
	Base        string // "/auth"
	Issuer      string // "https://example.com"
	Gate        *sallyport.Gate
	Transmitter *Transmitter
}

// Mount registers the routes. No cookie counts: receivers are programs.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("GET /.well-known/ssf-configuration", sallyport.Public().NoCookie(), h.discovery)
	door := sallyport.May(Permission).NoCookie()
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET " + h.Base + "/ssf/stream":         h.read,
		"POST " + h.Base + "/ssf/stream":        h.create,
		"PATCH " + h.Base + "/ssf/stream":       h.update,
		"PUT " + h.Base + "/ssf/stream":         h.replace,
		"DELETE " + h.Base + "/ssf/stream":      h.delete,
		"GET " + h.Base + "/ssf/status":         h.status,
		"POST " + h.Base + "/ssf/status":        h.setStatus,
		"POST " + h.Base + "/ssf/verification":  h.verify,
		"POST " + h.Base + "/ssf/poll/{stream}": h.poll,
	} {
		rt.Func(pattern, door, f)
	}
}

// Resource is the audience whose signing key signs the tokens of all streams, if the
// installation has named one: that is how it chooses RS256, which CAEP's profile for
// interoperability asks for. No access token is ever for this audience.
func Resource(issuer, base string) string { return issuer + base + "/ssf" }

// A discovery is the configuration metadata (SSF 1.0 §7.1). Subjects can be neither
// added nor removed: a stream carries them all.
type discovery struct {
	SpecVersion   string       `json:"spec_version"`
	Issuer        string       `json:"issuer"`
	Keys          string       `json:"jwks_uri"`
	Methods       []ssf.Method `json:"delivery_methods_supported"`
	Configuration string       `json:"configuration_endpoint"`
	Status        string       `json:"status_endpoint"`
	Verification  string       `json:"verification_endpoint"`
	Schemes       []scheme     `json:"authorization_schemes"`
	Subjects      string       `json:"default_subjects"`
}

type scheme struct {
	Spec string `json:"spec_urn"`
}

func (h *Handler) discovery(w http.ResponseWriter, _ *http.Request) error {
	at := h.Issuer + h.Base + "/ssf"
	err := exchange.JSON(w, http.StatusOK, discovery{
		SpecVersion: "1_0", Issuer: h.Issuer, Keys: h.Issuer + "/.well-known/jwks.json", Methods: []ssf.Method{ssf.Push, ssf.Poll},
		Configuration: at + "/stream", Status: at + "/status", Verification: at + "/verification",
		Schemes: []scheme{{"urn:ietf:rfc:6750"}}, Subjects: "ALL",
	})
	return err
}

// owner is the receiver that a request comes from: the subject of its credential.
func owner(r *http.Request) string { return sallyport.From(r.Context()).Subject }

// named returns the parameter stream_id, "" if there is none, and refuses others.
func named(r *http.Request) (string, error) {
	q := r.URL.Query()
	for name, values := range q {
		if name != "stream_id" || len(values) != 1 || values[0] == "" {
			return "", exchange.Invalid("There is one parameter, stream_id.")
		}
	}
	return q.Get("stream_id"), nil
}

// one returns the stream that the query names. It must name one.
func (h *Handler) one(r *http.Request) (ssf.Stream, error) {
	id, err := named(r)
	if err == nil && id == "" {
		err = exchange.Invalid("The parameter stream_id is missing.")
	}
	if err != nil {
		return ssf.Stream{}, err
	}
	return h.Transmitter.stream(r.Context(), id, owner(r))
}
