package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseHashConfig reads the text that the console of Firebase shows, such as
//
//	hash_config {
//	  algorithm: SCRYPT,
//	  base64_signer_key: …,
//	  base64_salt_separator: Bw==,
//	  rounds: 8,
//	  mem_cost: 14,
//	}
func parseHashConfig(text string) (p Password, err error) {
	if strings.TrimSpace(text) == "" {
		return p, nil
	}
	p.Algorithm = "firebase-scrypt"
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(strings.TrimSpace(line), ","), ":")
		if !ok {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.TrimSpace(name) {
		case "algorithm":
			if value != "SCRYPT" {
				return p, fmt.Errorf("the parameters of the hashes: the algorithm is %.20q; only SCRYPT is Firebase's own", value)
			}
		case "base64_signer_key":
			p.SignerKey = value
		case "base64_salt_separator":
			p.SaltSeparator = value
		case "rounds":
			p.R, err = strconv.Atoi(value)
		case "mem_cost":
			p.N, err = strconv.Atoi(value)
		}
		if err != nil {
			return p, fmt.Errorf("the parameters of the hashes: %s is not a number", strings.TrimSpace(name))
		}
	}
	if p.SignerKey == "" || p.R == 0 || p.N == 0 {
		return p, errors.New("the parameters of the hashes lack base64_signer_key, rounds or mem_cost")
	}
	return p, nil
}

// firebase reads what "firebase auth:export --format=json" writes.
func firebase(v json.RawMessage, o *Options) (*Record, error) {
	var u struct {
		LocalID       string `json:"localId"`
		Email         string `json:"email"`
		EmailVerified bool   `json:"emailVerified"`
		DisplayName   string `json:"displayName"`
		Phone         string `json:"phoneNumber"`
		Disabled      bool   `json:"disabled"`
		CreatedAt     Time   `json:"createdAt"`
		PasswordHash  string `json:"passwordHash"`
		Salt          string `json:"salt"`
		Providers     []struct {
			ID      string `json:"providerId"`
			Subject string `json:"rawId"`
			Email   string `json:"email"`
			Name    string `json:"displayName"`
		} `json:"providerUserInfo"`
	}
	if err := json.Unmarshal(v, &u); err != nil {
		return nil, err
	}
	r := &Record{
		ID: u.LocalID, Email: u.Email, EmailVerified: u.EmailVerified, DisplayName: u.DisplayName, Status: status(!u.Disabled), CreatedAt: u.CreatedAt,
		Phone: u.Phone, PhoneVerified: u.Phone != "", // Firebase keeps no number without a code
	}
	for _, p := range u.Providers {
		if issuer := map[string]string{"google.com": google, "github.com": github}[p.ID]; issuer != "" {
			r.Identities = append(r.Identities, Identity{Issuer: issuer, Subject: p.Subject, Email: p.Email, Name: p.Name})
		}
	}
	if u.PasswordHash == "" {
		return r, nil
	}
	p, err := parseHashConfig(o.HashConfig)
	if err != nil {
		return nil, err
	}
	if p.Algorithm == "" {
		return nil, errors.New("there is a password, and nothing that says how it is hashed: give the parameters of the hashes that the console of Firebase shows")
	}
	p.Hash, p.Salt = u.PasswordHash, u.Salt
	r.Password = &p
	return r, nil
}
