package federation

// A preset is what there is to know of a service before it is asked.
type preset struct {
	name        string
	issuer      string
	scopes      []string
	needsSecret bool
	formPost    bool              // answers are posted, across sites
	again       map[string]string // parameters that make the person prove who they are again

	// trusts narrows what the service says of an address. nil: email_verified counts.
	trusts func(c *claims) bool
	// subject is who somebody is. nil: claim sub.
	subject func(c *claims) string

	oauth *oauthService // nil: OpenID Connect
}

var presets = map[string]preset{
	"google": {
		name: "Google", issuer: "https://accounts.google.com", scopes: []string{"openid", "profile", "email"}, needsSecret: true,
		again: map[string]string{"prompt": "select_account"}, trusts: googleOwns,
	},
	"microsoft": {
		name: "Microsoft", issuer: "https://login.microsoftonline.com/common/v2.0", scopes: []string{"openid", "profile", "email"},
		needsSecret: true, again: map[string]string{"prompt": "login"}, trusts: tenantOwns, subject: microsoftSubject,
	},
	"apple": {
		name: "Apple", issuer: "https://appleid.apple.com", scopes: []string{"openid", "name", "email"}, needsSecret: true, formPost: true,
	},
	"gitlab": {
		name: "GitLab", issuer: "https://gitlab.com", scopes: []string{"openid", "profile", "email"}, needsSecret: true,
		again: map[string]string{"prompt": "login", "max_age": "0"},
	},
	"github": {
		name: "GitHub", issuer: "https://github.com", scopes: []string{"read:user", "user:email"}, needsSecret: true,
		again: map[string]string{"prompt": "select_account"}, oauth: github,
	},
	"discord": {
		name: "Discord", issuer: "https://discord.com", scopes: []string{"identify", "email"}, needsSecret: true,
		again: map[string]string{"prompt": "consent"}, oauth: discord,
	},
	"facebook": {
		name: "Facebook", issuer: "https://www.facebook.com", scopes: []string{"public_profile", "email"}, needsSecret: true,
		again: map[string]string{"auth_type": "reauthenticate"}, oauth: facebook,
	},
}
