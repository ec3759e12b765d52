package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
)

// A Client is how a client is shown to administrators. What it has besides the members
// of [oauth.Client] takes the place of theirs.
type Client struct {
	oauth.Client
	Secret          string         `json:"client_secret,omitempty"` // once, when it is made
	Redirects       []string       `json:"redirect_uris"`
	LogoutRedirects []string       `json:"post_logout_redirect_uris"`
	Resources       []string       `json:"resources"`
	Roles           []string       `json:"roles"`                   // when it acts for itself
	Secrets         []ClientSecret `json:"secrets"`                 // the newest first
	Registered      string         `json:"registered_by,omitempty"` // id of the initial access token; "" = by an administrator
	CreatedAt       time.Time      `json:"created_at"`
	UpdatedAt       time.Time      `json:"updated_at"`
}

// A ClientSecret is what is shown of a secret: when it works.
type ClientSecret struct {
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// NewClient shows c; secret is what it was just given, and otherwise empty.
func NewClient(c oauth.Client, roles []string, secret string) Client {
	out := Client{
		Client: c, Secret: secret, Redirects: List(c.Redirects), LogoutRedirects: List(c.LogoutRedirects),
		Resources: List(c.Resources), Roles: List(roles), Secrets: []ClientSecret{},
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	for _, s := range c.Secrets {
		out.Secrets = append(out.Secrets, ClientSecret{s.CreatedAt.UTC(), Moment(s.ExpiresAt)})
	}
	if c.Registered != nil {
		out.Registered = c.Registered.By
	}
	out.Client.Secrets, out.Client.Registered = nil, nil // no hash goes further than here
	return out
}

// An Application is a client as whoever has let it in sees it.
type Application struct {
	ID        string    `json:"client_id"`
	Name      string    `json:"name,omitempty"` // "" = the client is gone
	Home      string    `json:"client_uri,omitempty"`
	Scopes    []string  `json:"scopes"`
	Resources []string  `json:"resources"` // for which
	Since     time.Time `json:"since"`
	Used      time.Time `json:"used"`
}

// NewApplication shows c.
func NewApplication(c account.Connection) Application {
	return Application{c.Client.ID, c.Client.Name, c.Client.Home, List(c.Scope), List(c.Resources), c.Since.UTC(), c.Used.UTC()}
}

// An InitialToken is how a token is shown by which programs register themselves.
type InitialToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Token     string    `json:"token,omitempty"` // once, when it is made
	Scopes    []string  `json:"scopes"`
	Uses      int       `json:"uses"` // that are left
	By        string    `json:"created_by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewInitialToken shows t; plain is its value if it was just made, and otherwise empty.
func NewInitialToken(t oauth.InitialToken, plain string) InitialToken {
	return InitialToken{t.ID, t.Name, plain, List(t.Scopes), t.Uses, t.By, t.CreatedAt.UTC(), t.ExpiresAt.UTC()}
}
