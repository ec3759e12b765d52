package importer

import (
	"encoding/hex"
	"encoding/json"
	"strings"
)

// kratos reads identities as the admin API of Ory Kratos lists them, with include_credential for each kind that should come along.
// Traits have the names of its usual schemas.
func kratos(v json.RawMessage, _ *Options) (*Record, error) {
	var u struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		Traits struct {
			Email    string          `json:"email"`
			Username string          `json:"username"`
			Phone    string          `json:"phone"`
			Name     json.RawMessage `json:"name"`
		} `json:"traits"`
		Addresses []struct {
			Value    string `json:"value"`
			Via      string `json:"via"`
			Verified bool   `json:"verified"`
		} `json:"verifiable_addresses"`
		CreatedAt   Time `json:"created_at"`
		Credentials map[string]struct {
			Config kratosConfig `json:"config"`
		} `json:"credentials"`
	}
	if err := json.Unmarshal(v, &u); err != nil {
		return nil, err
	}
	r := &Record{
		ID: u.ID, Username: u.Traits.Username, Email: u.Traits.Email, Phone: u.Traits.Phone,
		DisplayName: kratosName(u.Traits.Name), Status: status(u.State != "inactive"), CreatedAt: u.CreatedAt,
	}
	for _, a := range u.Addresses {
		r.EmailVerified = r.EmailVerified || a.Verified && a.Via == "email" && strings.EqualFold(a.Value, r.Email)
		r.PhoneVerified = r.PhoneVerified || a.Verified && a.Via == "sms" && a.Value == r.Phone
	}
	r.PasswordHash = u.Credentials["password"].Config.Hash
	if address := u.Credentials["totp"].Config.TOTP; address != "" {
		var err error
		if r.TOTP, err = parseTOTP(address); err != nil {
			return nil, err
		}
	}
	for _, p := range u.Credentials["oidc"].Config.Providers {
		if issuer := map[string]string{"google": google, "github": github, "discord": discord}[p.Provider]; issuer != "" {
			r.Identities = append(r.Identities, Identity{Issuer: issuer, Subject: p.Subject})
		}
	}
	for _, kind := range []string{"passkey", "webauthn"} {
		c := u.Credentials[kind].Config
		for _, k := range c.Keys {
			aaguid := k.Device.AAGUID
			r.Passkeys = append(r.Passkeys, Passkey{
				CredentialID: k.ID, PublicKey: k.Key, UserHandle: c.Handle, SignCount: k.Device.Count,
				AAGUID: hex.EncodeToString(aaguid), Name: k.Name, Synced: k.Flags.Synced, BackedUp: k.Flags.BackedUp,
			})
		}
	}
	return r, nil
}

type kratosConfig struct {
	Hash      string `json:"hashed_password"`
	TOTP      string `json:"totp_url"`
	Providers []struct {
		Provider string `json:"provider"`
		Subject  string `json:"subject"`
	} `json:"providers"`
	Handle Bytes `json:"user_handle"`
	Keys   []struct {
		ID     Bytes  `json:"id"`
		Key    Bytes  `json:"public_key"`
		Name   string `json:"display_name"`
		Device struct {
			AAGUID Bytes  `json:"aaguid"`
			Count  uint32 `json:"sign_count"`
		} `json:"authenticator"`
		Flags struct {
			Synced   *bool `json:"backup_eligible"`
			BackedUp bool  `json:"backup_state"`
		} `json:"flags"`
	} `json:"credentials"`
}

// kratosName is a text, or first and last.
func kratosName(v json.RawMessage) string {
	var whole string
	if json.Unmarshal(v, &whole) == nil {
		return whole
	}
	var parts struct{ First, Last string }
	if json.Unmarshal(v, &parts) == nil {
		return name("", parts.First, parts.Last)
	}
	return ""
}
