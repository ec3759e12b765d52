package forward

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// The headers in which a proxy says what it was asked.
const (
	forwardedMethod = "X-Forwarded-Method" // Traefik, Caddy
	forwardedProto  = "X-Forwarded-Proto"
	forwardedHost   = "X-Forwarded-Host"
	forwardedURI    = "X-Forwarded-Uri"
	originalURL     = "X-Original-Url" // nginx
	originalMethod  = "X-Original-Method"
)

// An original is the request that a proxy asks about.
type original struct {
	method string
	scheme string // "" = the proxy does not say
	host   string // as it was written
	uri    string // path and query, as they were written
	nginx  bool   // whoever asks understands 200, 401 and 403, and nothing else
}

// readOriginal finds the request that r is about: in the path if the proxy is Envoy,
// else in the headers of nginx or in those of Traefik and Caddy. A proxy overwrites the
// headers of its own kind alone, so that those of the other kind would be the client's:
// both at once are refused.
func readOriginal(r *http.Request, envoy string) (o original, err error) {
	h := r.Header
	if path, ok := strings.CutPrefix(r.RequestURI, envoy); ok {
		o = original{method: r.Method, host: r.Host, uri: path}
		o.scheme, err = single(h, forwardedProto, false)
		return o, err
	}
	if _, ok := h[originalURL]; ok {
		if h[forwardedURI] != nil || h[forwardedMethod] != nil {
			o.nginx = true
			return o, unreadable("X-Original-URL is there beside X-Forwarded-Uri or X-Forwarded-Method, and only one of them can be the proxy's.")
		}
		return readNginx(h)
	}
	for _, part := range []struct {
		at     *string
		name   string
		needed bool
	}{
		{&o.method, forwardedMethod, true}, {&o.host, forwardedHost, true}, {&o.uri, forwardedURI, true}, {&o.scheme, forwardedProto, false},
	} {
		if *part.at, err = single(h, part.name, part.needed); err != nil {
			return o, err
		}
	}
	return o, nil
}

func readNginx(h http.Header) (o original, err error) {
	o.nginx = true
	if o.method, err = single(h, originalMethod, true); err != nil {
		return o, err
	}
	whole, err := single(h, originalURL, true)
	if err != nil {
		return o, err
	}
	scheme, rest, ok := strings.Cut(whole, "://")
	slash := strings.IndexByte(rest, '/')
	if !ok || slash < 0 {
		return o, unreadable("X-Original-URL must look like https://app.example.com/path.")
	}
	o.scheme, o.host, o.uri = scheme, rest[:slash], rest[slash:]
	return o, nil
}

// single returns the one value of a header. Of two, one is not the proxy's.
func single(h http.Header, name string, needed bool) (string, error) {
	switch values := h[name]; {
	case len(values) == 1 && values[0] != "":
		return values[0], nil
	case len(values) > 1:
		return "", unreadable("The header " + name + " is there twice.")
	case needed:
		return "", unreadable("The proxy must say in " + name + " what it was asked.")
	}
	return "", nil
}

// unreadable is the answer to a proxy that does not say clearly what it was asked.
func unreadable(detail string) error {
	return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: detail}
}

// check refuses what can be no request.
func (o *original) check() error {
	if o.method == "" || len(o.method) > 32 || strings.Trim(o.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return unreadable("The method of the original request is none.")
	}
	return nil
}

// speaks reports whether the original request came by that scheme, as proxies write it.
func (o *original) speaks(scheme string) bool {
	switch o.scheme {
	case "", scheme:
		return true
	case "ws":
		return scheme == "http"
	case "wss":
		return scheme == "https"
	}
	return false
}

// foldHost returns a host in small letters and without the port that its scheme has
// anyway; false if it is none.
func foldHost(host, scheme string) (string, bool) {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", false
		}
	}
	inner := name
	if v6, ok := strings.CutPrefix(name, "["); ok {
		if inner, ok = strings.CutSuffix(v6, "]"); !ok || !strings.Contains(inner, ":") || strings.Trim(inner, "0123456789abcdefABCDEF:.") != "" {
			return "", false
		}
	} else if !isName(name) {
		return "", false
	}
	name = strings.ToLower(name)
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return name, true
	}
	return name + ":" + port, true
}

// isName reports whether s can be a name of the DNS, or an address of IPv4.
func isName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return true
}
