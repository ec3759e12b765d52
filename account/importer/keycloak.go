package importer

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// keycloak reads an exported realm ("kc.sh export"), or the users of one.
func keycloak(v json.RawMessage, _ *Options) (*Record, error) {
	var u struct {
		ID            string               `json:"id"`
		Username      string               `json:"username"`
		Email         string               `json:"email"`
		EmailVerified bool                 `json:"emailVerified"`
		FirstName     string               `json:"firstName"`
		LastName      string               `json:"lastName"`
		Enabled       bool                 `json:"enabled"`
		CreatedAt     Time                 `json:"createdTimestamp"`
		Attributes    map[string][]string  `json:"attributes"`
		Roles         []string             `json:"realmRoles"`
		Credentials   []keycloakCredential `json:"credentials"`
		Service       string               `json:"serviceAccountClientId"`
		Federated     []struct {
			Provider string `json:"identityProvider"`
			UserID   string `json:"userId"`
			UserName string `json:"userName"`
		} `json:"federatedIdentities"`
	}
	if err := json.Unmarshal(v, &u); err != nil {
		return nil, err
	}
	if u.Service != "" {
		return nil, nil // a program, not a person
	}
	r := &Record{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified, DisplayName: name("", u.FirstName, u.LastName),
		Status: status(u.Enabled), CreatedAt: u.CreatedAt, Locale: only(u.Attributes["locale"]), Phone: only(u.Attributes["phoneNumber"]),
		PhoneVerified: only(u.Attributes["phoneNumberVerified"]) == "true",
	}
	for _, role := range u.Roles {
		if role != "offline_access" && role != "uma_authorization" && !strings.HasPrefix(role, "default-roles-") {
			r.Roles = append(r.Roles, role)
		}
	}
	for _, f := range u.Federated {
		if issuer := map[string]string{"google": google, "github": github}[f.Provider]; issuer != "" {
			r.Identities = append(r.Identities, Identity{Issuer: issuer, Subject: f.UserID, Name: f.UserName})
		}
	}
	for _, c := range u.Credentials {
		if err := c.put(r); err != nil {
			return nil, fmt.Errorf("credential of type %.20q: %w", c.Type, err)
		}
	}
	return r, nil
}

func only(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return ""
}

// A keycloakCredential keeps its parameters as JSON in texts.
type keycloakCredential struct {
	Type       string `json:"type"`
	Label      string `json:"userLabel"`
	Secret     string `json:"secretData"`
	Credential string `json:"credentialData"`
}

func (c *keycloakCredential) put(r *Record) error {
	switch c.Type {
	case "password":
		return c.password(r)
	case "otp":
		return c.otp(r)
	case "webauthn", "webauthn-passwordless":
		return c.passkey(r)
	}
	return nil
}

func (c *keycloakCredential) password(r *Record) error {
	var secret struct{ Value, Salt string }
	var data struct {
		Iterations int                 `json:"hashIterations"`
		Algorithm  string              `json:"algorithm"`
		More       map[string][]string `json:"additionalParameters"`
	}
	if json.Unmarshal([]byte(c.Secret), &secret) != nil || json.Unmarshal([]byte(c.Credential), &data) != nil {
		return errors.New("secretData or credentialData is not JSON")
	}
	switch data.Algorithm {
	case "pbkdf2", "pbkdf2-sha1":
		r.Password = &Password{Algorithm: "pbkdf2-sha1"}
	case "pbkdf2-sha256", "pbkdf2-sha512":
		r.Password = &Password{Algorithm: data.Algorithm}
	case "argon2":
		r.PasswordHash = fmt.Sprintf("$argon2%s$v=19$m=%s,t=%d,p=%s$%s$%s", only(data.More["type"]), only(data.More["memory"]), data.Iterations,
			only(data.More["parallelism"]), strings.TrimRight(secret.Salt, "="), strings.TrimRight(secret.Value, "="))
		return nil
	default:
		return errors.New("the algorithm is none of pbkdf2, pbkdf2-sha256, pbkdf2-sha512 and argon2")
	}
	r.Password.Hash, r.Password.Salt, r.Password.Iterations = secret.Value, secret.Salt, data.Iterations
	return nil
}

func (c *keycloakCredential) otp(r *Record) error {
	var secret struct{ Value string }
	var data struct {
		Kind      string `json:"subType"`
		Digits    int    `json:"digits"`
		Period    int    `json:"period"`
		Algorithm string `json:"algorithm"`
		Encoding  string `json:"secretEncoding"`
	}
	if json.Unmarshal([]byte(c.Secret), &secret) != nil || json.Unmarshal([]byte(c.Credential), &data) != nil {
		return errors.New("secretData or credentialData is not JSON")
	}
	if data.Kind != "totp" || r.TOTP != nil {
		return nil // codes by counter have no place here, and there is one app for each person
	}
	if data.Encoding != "BASE32" { // the characters are the key
		secret.Value = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secret.Value))
	}
	r.TOTP = &TOTP{Secret: secret.Value, Digits: data.Digits, Period: data.Period, Algorithm: strings.TrimPrefix(data.Algorithm, "Hmac")}
	return nil
}

func (c *keycloakCredential) passkey(r *Record) error {
	var data struct {
		AAGUID     string   `json:"aaguid"`
		ID         Bytes    `json:"credentialId"`
		Counter    uint32   `json:"counter"`
		Key        Bytes    `json:"credentialPublicKey"`
		Transports []string `json:"transports"`
	}
	if err := json.Unmarshal([]byte(c.Credential), &data); err != nil {
		return errors.New("credentialData is not JSON")
	}
	for i, t := range data.Transports {
		data.Transports[i] = strings.ToLower(t)
	}
	r.Passkeys = append(r.Passkeys, Passkey{
		CredentialID: data.ID, PublicKey: data.Key, UserHandle: Bytes(r.ID), SignCount: data.Counter,
		AAGUID: data.AAGUID, Transports: data.Transports, Name: c.Label,
	})
	return nil
}
