package importer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// auth0 reads what Auth0 hands out: the bulk export, the file with hashes that its support makes, and the schema of its own import.
func auth0(v json.RawMessage, _ *Options) (*Record, error) {
	var u struct {
		UserID        string `json:"user_id"`
		Email         string `json:"email"`
		EmailVerified bool   `json:"email_verified"`
		Username      string `json:"username"`
		Name          string `json:"name"`
		GivenName     string `json:"given_name"`
		FamilyName    string `json:"family_name"`
		PhoneNumber   string `json:"phone_number"`
		PhoneVerified bool   `json:"phone_verified"`
		Locale        string `json:"locale"`
		Blocked       bool   `json:"blocked"`
		CreatedAt     Time   `json:"created_at"`

		PasswordHash string      `json:"passwordHash"` // of the support's file
		ImportHash   string      `json:"password_hash"`
		CustomHash   *auth0Hash  `json:"custom_password_hash"`
		Factors      []auth0Seed `json:"mfa_factors"`

		Identities []struct {
			Provider string          `json:"provider"`
			UserID   json.RawMessage `json:"user_id"`
		} `json:"identities"`
	}
	if err := json.Unmarshal(v, &u); err != nil {
		return nil, err
	}
	r := &Record{
		ID: u.UserID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		Phone: u.PhoneNumber, PhoneVerified: u.PhoneVerified, DisplayName: name(u.Name, u.GivenName, u.FamilyName),
		Locale: u.Locale, Status: status(!u.Blocked), CreatedAt: u.CreatedAt, PasswordHash: first(u.PasswordHash, u.ImportHash),
	}
	if u.CustomHash != nil {
		if err := u.CustomHash.put(r); err != nil {
			return nil, fmt.Errorf("custom_password_hash: %w", err)
		}
	}
	for _, f := range u.Factors {
		if f.TOTP != nil {
			r.TOTP = &TOTP{Secret: f.TOTP.Secret}
		}
	}
	for _, i := range u.Identities {
		if issuer := auth0Issuers[i.Provider]; issuer != "" {
			r.Identities = append(r.Identities, Identity{Issuer: issuer, Subject: plain(i.UserID)})
		}
	}
	return r, nil
}

// auth0Issuers are those of providers whose subjects are the same for everybody. Those of Apple, Microsoft and Facebook belong to one client.
var auth0Issuers = map[string]string{"google-oauth2": google, "github": github, "discord": discord}

// Issuers as package federation names them.
const (
	google  = "https://accounts.google.com"
	github  = "https://github.com"
	discord = "https://discord.com"
)

type auth0Seed struct {
	TOTP *struct {
		Secret string `json:"secret"`
	} `json:"totp"`
}

type auth0Hash struct {
	Algorithm string `json:"algorithm"`
	Hash      struct {
		Value    string `json:"value"`
		Encoding string `json:"encoding"`
		Digest   string `json:"digest"`
		Key      struct {
			Value    string `json:"value"`
			Encoding string `json:"encoding"`
		} `json:"key"`
	} `json:"hash"`
	Salt struct {
		Value    string `json:"value"`
		Encoding string `json:"encoding"`
		Position string `json:"position"`
	} `json:"salt"`
	Password struct {
		Encoding string `json:"encoding"`
	} `json:"password"`
	Cost        int `json:"cost"`
	BlockSize   int `json:"blockSize"`
	Parallelism int `json:"parallelization"`
}

func (h *auth0Hash) put(r *Record) error {
	if h.Password.Encoding != "" && h.Password.Encoding != "utf8" {
		return errors.New("the password was not hashed as UTF-8")
	}
	switch h.Algorithm {
	case "argon2", "bcrypt", "pbkdf2", "ldap":
		r.PasswordHash = h.Hash.Value // a text of its own
		return nil
	case "hmac":
		return h.hmac(r)
	}
	r.Password = &Password{
		Algorithm: h.Algorithm, Hash: h.Hash.Value, Encoding: first(h.Hash.Encoding, "hex"),
		Salt: h.Salt.Value, SaltFormat: first(h.Salt.Encoding, "utf8"), SaltPosition: h.Salt.Position,
		N: h.Cost, R: h.BlockSize, P: h.Parallelism,
	}
	return nil
}

func (h *auth0Hash) hmac(r *Record) error {
	digest, err := decodeAs(first(h.Hash.Encoding, "hex"), h.Hash.Value)
	if err != nil {
		return err
	}
	key, err := decodeAs(first(h.Hash.Key.Encoding, "utf8"), h.Hash.Key.Value)
	if err != nil {
		return err
	}
	r.PasswordHash = fmt.Sprintf("$hmac-%s$%s$%s", h.Hash.Digest, b64([]byte(hex.EncodeToString(digest))), b64(key))
	return nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// name joins what systems keep apart.
func name(whole string, parts ...string) string {
	return strings.TrimSpace(first(whole, strings.Join(parts, " ")))
}

func status(active bool) string {
	if active {
		return "active"
	}
	return "disabled"
}
