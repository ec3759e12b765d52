package federation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// An oauthService is one that knows OAuth 2.0 and has its own way to say who somebody
// is.
type oauthService struct {
	authorize, token string // paths
	// api is where programs ask; given the issuer, for another installation of the same.
	api    func(issuer string) string
	issues func(issuer, iss string) bool // RFC 9207
	person func(ctx context.Context, a *asked) (Person, error)
}

// oauthProtocol asks such a service.
type oauthProtocol struct {
	p *Provider
	e endpoints
}

func newOAuth(p *Provider) *oauthProtocol {
	s, base := p.preset.oauth, strings.TrimSuffix(p.config.Issuer, "/")
	tokens := base
	if s == facebook {
		tokens = s.api(base)
	}
	return &oauthProtocol{p, endpoints{
		Endpoint: oauth2.Endpoint{AuthURL: base + s.authorize, TokenURL: tokens + s.token, AuthStyle: oauth2.AuthStyleInParams},
		isIssuer: func(iss string) bool { return iss == base || s.issues != nil && s.issues(base, iss) },
	}}
}

func (o *oauthProtocol) endpoints(context.Context) (*endpoints, error) { return &o.e, nil }

// person asks who the token is of. It came from the service itself, over TLS, for a code
// that only we could exchange.
func (o *oauthProtocol) person(ctx context.Context, t *oauth2.Token, _ *Attempt) (Person, error) {
	base := strings.TrimSuffix(o.p.config.Issuer, "/")
	who, err := o.p.preset.oauth.person(ctx, &asked{o.p, t, o.p.preset.oauth.api(base)})
	if err != nil {
		return Person{}, unavailable("asking who it is: %w", err)
	}
	who.Issuer = base
	return who, nil
}

// asked is one service, on behalf of one person.
type asked struct {
	p    *Provider
	t    *oauth2.Token
	base string
}

// get reads JSON.
func (a *asked) get(ctx context.Context, path string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return err
	}
	a.t.SetAuthHeader(r)
	r.Header.Set("Accept", "application/json")
	resp, err := a.p.client.Do(r)
	if err != nil {
		return withoutQuery(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("the answer is not what was expected: %w", err)
	}
	return nil
}

// withoutQuery keeps what proves that we may ask out of the log.
func withoutQuery(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// github knows several addresses of a person; the primary one counts if it is verified.
// An address in the profile says nothing: everybody writes there what they like.
var github = &oauthService{
	authorize: "/login/oauth/authorize", token: "/login/oauth/access_token",
	api: func(issuer string) string {
		if issuer == "https://github.com" {
			return "https://api.github.com"
		}
		return issuer + "/api/v3"
	},
	issues: func(issuer, iss string) bool { return iss == issuer+"/login/oauth" },
	person: func(ctx context.Context, a *asked) (Person, error) {
		var user struct {
			ID    int64  `json:"id"`
			Login string `json:"login"`
			Name  string `json:"name"`
		}
		if err := a.get(ctx, "/user", &user); err != nil {
			return Person{}, err
		}
		who := Person{Name: user.Name, Username: user.Login}
		if user.ID > 0 { // a login can be given up, and taken by somebody else
			who.Subject = strconv.FormatInt(user.ID, 10)
		}
		var emails []struct {
			Email    string `json:"email"`
			Primary  bool   `json:"primary"`
			Verified bool   `json:"verified"`
		}
		if err := a.get(ctx, "/user/emails", &emails); err != nil {
			return who, err
		}
		for _, e := range emails {
			if e.Primary {
				who.Email, who.EmailVerified = e.Email, e.Verified
			}
		}
		return who, nil
	},
}

var discord = &oauthService{
	authorize: "/oauth2/authorize", token: "/api/oauth2/token",
	api: func(issuer string) string { return issuer + "/api" },
	person: func(ctx context.Context, a *asked) (Person, error) {
		var user struct {
			ID       string `json:"id"`
			Username string `json:"username"`
			Name     string `json:"global_name"`
			Email    string `json:"email"`
			Verified bool   `json:"verified"`
		}
		err := a.get(ctx, "/users/@me", &user)
		return Person{Subject: user.ID, Email: user.Email, EmailVerified: user.Verified, Name: user.Name, Username: user.Username}, err
	},
}

// facebookVersion is the version of the Graph API that is asked.
const facebookVersion = "/v21.0"

// facebook does not say whether it has verified an address, so it has not.
var facebook = &oauthService{
	authorize: facebookVersion + "/dialog/oauth", token: facebookVersion + "/oauth/access_token",
	api: func(issuer string) string {
		if issuer == "https://www.facebook.com" {
			return "https://graph.facebook.com"
		}
		return issuer
	},
	person: func(ctx context.Context, a *asked) (Person, error) {
		// Proves to facebook that the token is not used by whom it leaked to.
		proof := hmac.New(sha256.New, []byte(a.p.config.ClientSecret))
		proof.Write([]byte(a.t.AccessToken))
		q := url.Values{"fields": {"id,name,email"}, "appsecret_proof": {hex.EncodeToString(proof.Sum(nil))}}
		var user struct {
			ID    string `json:"id"`
			Name  string `json:"name"`
			Email string `json:"email"`
		}
		err := a.get(ctx, facebookVersion+"/me?"+q.Encode(), &user)
		return Person{Subject: user.ID, Email: user.Email, Name: user.Name}, err
	},
}
