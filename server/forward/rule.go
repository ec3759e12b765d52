package forward

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// A Rule says who may reach the addresses of one host that begin with a path. Of the
// rules of a host the one with the longest path counts; where there is none, nobody may.
type Rule struct {
	Host    string // "app.example.com", with its port unless that is the scheme's own
	Path    string // "/reports": this and what is below it; "" = everything
	Require string // "signed_in", "public", or a permission such as "report:read"
	Token   bool   // the program behind the proxy gets an access token of the session, whose audience is the origin of the host
}

// What a rule may require beside permissions.
const (
	SignedIn = "signed_in"
	Public   = "public"
)

// enter is what the scope of a limited credential must reach for where a rule asks for
// no permission.
const enter = "forward:enter"

// Check reports everything that is wrong with the rules, joined. issuer is where people
// sign in.
func Check(issuer string, rules []Rule) error {
	_, err := compile(issuer, rules)
	return err
}

// A site is one guarded host.
type site struct {
	host   string // as it is looked up: in small letters, without the scheme's own port
	origin string
	own    bool     // people sign in at this very host
	lanes  []*lane  // longest path first
	folded []string // of lanes
}

// A lane is a rule, ready to be asked.
type lane struct {
	Rule
	path    string // without a slash at its end
	pattern string // for logs
	door    sallyport.Door
	public  bool
}

// compile makes sites of rules, by host.
func compile(issuer string, rules []Rule) (map[string]*site, error) {
	var errs []error
	base, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	own, _ := foldHost(base.Host, base.Scheme)
	sites := map[string]*site{}
	for i, r := range rules {
		host, l, err := compileRule(base.Scheme, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %d (%s%s): %w", i+1, r.Host, r.Path, err))
			continue
		}
		if r.Token && host == own {
			errs = append(errs, fmt.Errorf("rule %d (%s%s): here people sign in, and a token for this host would be good for everything", i+1, r.Host, r.Path))
			continue
		}
		s := sites[host]
		if s == nil {
			s = &site{host: host, origin: base.Scheme + "://" + host, own: host == own}
			sites[host] = s
		}
		if slices.ContainsFunc(s.lanes, func(other *lane) bool { return fold(other.path) == fold(l.path) }) {
			errs = append(errs, fmt.Errorf("rule %d (%s%s): there is a rule for this host and path already", i+1, r.Host, r.Path))
			continue
		}
		s.lanes = append(s.lanes, l)
	}
	for _, s := range sites {
		slices.SortFunc(s.lanes, func(a, b *lane) int { return cmp.Compare(len(b.path), len(a.path)) })
		for _, l := range s.lanes {
			s.folded = append(s.folded, fold(l.path))
		}
	}
	return sites, errors.Join(errs...)
}

func compileRule(scheme string, r Rule) (host string, l *lane, err error) {
	host, ok := foldHost(r.Host, scheme)
	if !ok {
		return "", nil, errors.New("the host must look like app.example.com")
	}
	l = &lane{Rule: r, path: strings.TrimSuffix(r.Path, "/")}
	l.pattern = host + l.path + "/"
	if l.path != "" {
		read, ok := readPath((&url.URL{Path: l.path}).EscapedPath())
		if !ok || read.exact != l.path || read.loose != fold(l.path) || strings.HasSuffix(l.path, "/") || strings.ContainsAny(l.path, "%*") {
			return "", nil, errors.New("the path must look like /reports: as it is, not encoded, and without patterns")
		}
	}
	switch r.Require {
	case SignedIn:
		l.door = sallyport.SignedIn()
	case Public:
		l.door, l.public = sallyport.Public(), true
	default:
		p, err := authz.ParsePermission(r.Require)
		if err != nil || strings.Contains(r.Require, "*") || p.String() != r.Require {
			return "", nil, fmt.Errorf("%q must be signed_in, public or a permission such as report:read", r.Require)
		}
		l.door = sallyport.May(r.Require)
	}
	return host, l, nil
}

// find returns the rule for a path, nil if there is none. It reports whether every
// program that may stand behind the proxy takes the path for one of that rule.
func (s *site) find(r reading) (l *lane, sure bool) {
	exact := slices.IndexFunc(s.lanes, func(l *lane) bool { return within(r.exact, l.path) })
	loose := slices.IndexFunc(s.folded, func(path string) bool { return within(r.loose, path) })
	if exact != loose {
		return nil, false
	}
	if exact < 0 {
		return nil, true
	}
	return s.lanes[exact], true
}
