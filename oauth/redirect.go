package oauth

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxURI bounds an address of a client.
const maxURI = 2000

// CheckRedirect says why an address cannot be one that browsers are sent to with a
// code; nil = it can. It must be absolute and whole, without fragment and user
// (RFC 6749 §3.1.2); of https, of http on loopback, or of a scheme that only one app
// has (RFC 8252 §7.1). It stands for itself alone: there are no wildcards.
func CheckRedirect(uri string) error {
	u, err := checkURI(uri)
	if err != nil {
		return err
	}
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && onLoopback(u):
		return nil
	case u.Scheme == "http":
		return errors.New("http is for loopback (127.0.0.1, [::1]) only; use https")
	case u.Scheme == "https":
		return errors.New("has no host")
	case !strings.Contains(u.Scheme, "."):
		return errors.New("the scheme of an app must be a domain name in reverse, such as com.example.app")
	case u.Host != "" && strings.Contains(u.Host, "*"):
		return errors.New("wildcards do not exist")
	}
	return nil
}

func checkURI(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs():
		return nil, errors.New("is no absolute URI")
	case len(uri) > maxURI:
		return nil, errors.New("is longer than 2000 bytes")
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\^{|}`+"`", r) }):
		return nil, errors.New("holds characters that a URI must encode")
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return nil, errors.New("has a fragment")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return nil, errors.New("has a user name")
	case strings.Contains(u.Host, "*"):
		return nil, errors.New("wildcards do not exist")
	case hasDots(u.Path):
		return nil, errors.New("has a path with . or .. in it")
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source":
		return nil, errors.New("is of a scheme that leads nowhere safe")
	}
	if uri[:len(u.Scheme)] != u.Scheme {
		return nil, errors.New("write the scheme in lower case")
	}
	return u, nil
}

// hasDots reports whether a browser would take the path for another one.
func hasDots(path string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// onLoopback reports whether it leads to the person's own machine, by number: a name
// may lead anywhere (RFC 8252 §8.3). localhost is let pass, because frameworks use it.
func onLoopback(u *url.URL) bool {
	host := u.Hostname()
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// sameRedirect reports whether what was asked for is what was registered: byte by
// byte, but for the port on loopback (RFC 8252 §7.3), which an app cannot choose
// before.
func sameRedirect(registered, asked string) bool {
	if registered == asked {
		return true
	}
	r, err := url.Parse(registered)
	if err != nil || r.Scheme != "http" || !onLoopback(r) || r.Hostname() == "localhost" {
		return false
	}
	a, err := checkURI(asked)
	if err != nil || a.Scheme != "http" || a.Hostname() != r.Hostname() {
		return false
	}
	rest := func(u *url.URL, whole string) string {
		return strings.TrimPrefix(whole, "http://"+u.Host)
	}
	return rest(r, registered) == rest(a, asked)
}

// Leads reports whether the address is one of the client's.
func (c *Client) Leads(redirect string) bool {
	return slices.ContainsFunc(c.Redirects, func(r string) bool { return sameRedirect(r, redirect) })
}

// Origin is where a redirect leads, as a source of a content security policy and for
// people to read: "https://app.example", or "com.example.app:" of an app.
func Origin(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
