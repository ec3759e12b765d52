package importer

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
)

// maxDocument bounds a file that must be read whole.
const maxDocument = 512 << 20

type betterAuthAccount struct {
	UserID   string `json:"userId"`
	Provider string `json:"providerId"`
	ID       string `json:"accountId"`
	Password string `json:"password"`
}

type betterAuthPasskey struct {
	UserID     string `json:"userId"`
	Name       string `json:"name"`
	ID         Bytes  `json:"credentialID"`
	Key        Bytes  `json:"publicKey"`
	Counter    uint32 `json:"counter"`
	DeviceType string `json:"deviceType"`
	BackedUp   bool   `json:"backedUp"`
	Transports string `json:"transports"`
	AAGUID     string `json:"aaguid"`
}

// readBetterAuth reads one JSON object with the tables user, account and, if there are any, passkey, each an array of its rows. The rows of
// a person lie in several tables, so it keeps the file in memory.
func readBetterAuth(r *bufio.Reader, _ *Options) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		var tables struct {
			User    []json.RawMessage   `json:"user"`
			Account []betterAuthAccount `json:"account"`
			Passkey []betterAuthPasskey `json:"passkey"`
		}
		if err := json.NewDecoder(io.LimitReader(r, maxDocument)).Decode(&tables); err != nil {
			yield(Entry{Number: 1, Err: plainly(err), Fatal: true})
			return
		}
		if tables.User == nil {
			yield(Entry{Number: 1, Err: errors.New("there is no table user: write one JSON object with the arrays user, account and passkey"), Fatal: true})
			return
		}
		accounts, passkeys := map[string][]betterAuthAccount{}, map[string][]betterAuthPasskey{}
		for _, a := range tables.Account {
			accounts[a.UserID] = append(accounts[a.UserID], a)
		}
		for _, k := range tables.Passkey {
			passkeys[k.UserID] = append(passkeys[k.UserID], k)
		}
		for i, v := range tables.User {
			e := Entry{Number: i + 1, raw: v}
			if e.Err = checkLine(v); e.Err == nil {
				e.Record, e.Err = betterAuthUser(v, accounts, passkeys)
			}
			if !yield(e) {
				return
			}
		}
	}
}

func betterAuthUser(v json.RawMessage, accounts map[string][]betterAuthAccount, passkeys map[string][]betterAuthPasskey) (*Record, error) {
	var u struct {
		ID            string `json:"id"`
		Name          string `json:"name"`
		Email         string `json:"email"`
		EmailVerified flag   `json:"emailVerified"`
		Username      string `json:"username"`
		Phone         string `json:"phoneNumber"`
		PhoneVerified flag   `json:"phoneNumberVerified"`
		Banned        flag   `json:"banned"`
		Role          string `json:"role"`
		CreatedAt     Time   `json:"createdAt"`
	}
	if err := json.Unmarshal(v, &u); err != nil {
		return nil, plainly(err)
	}
	r := &Record{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: bool(u.EmailVerified), Phone: u.Phone, PhoneVerified: bool(u.PhoneVerified),
		DisplayName: u.Name, Status: status(!bool(u.Banned)), CreatedAt: u.CreatedAt,
	}
	for _, role := range strings.Split(u.Role, ",") {
		if role = strings.TrimSpace(role); role != "" && role != "user" {
			r.Roles = append(r.Roles, role)
		}
	}
	for _, a := range accounts[u.ID] {
		issuer := map[string]string{"google": google, "github": github, "discord": discord}[a.Provider]
		switch {
		case a.Provider == "credential":
			r.PasswordHash = betterAuthHash(a.Password)
		case issuer != "":
			r.Identities = append(r.Identities, Identity{Issuer: issuer, Subject: a.ID})
		}
	}
	for _, k := range passkeys[u.ID] {
		synced := k.DeviceType == "multiDevice"
		r.Passkeys = append(r.Passkeys, Passkey{
			CredentialID: k.ID, PublicKey: k.Key, UserHandle: Bytes(u.ID), SignCount: k.Counter, AAGUID: k.AAGUID, Name: k.Name,
			Transports: strings.FieldsFunc(k.Transports, func(c rune) bool { return c == ',' }), Synced: &synced, BackedUp: k.BackedUp,
		})
	}
	return r, nil
}

// betterAuthHash: its own scrypt hash is "salt:key" in hexadecimal, and the characters of the salt are what is used. Others have a text of
// their own.
func betterAuthHash(stored string) string {
	salt, key, ok := strings.Cut(stored, ":")
	if !ok || len(salt) != 32 || len(key) != 128 {
		return stored
	}
	text, err := (&Password{Algorithm: "scrypt", N: 1 << 14, R: 16, P: 1, Salt: salt, SaltFormat: "utf8", Hash: key, Encoding: "hex"}).text()
	if err != nil {
		return stored
	}
	return text
}

// A flag is a boolean that SQLite writes as 0 or 1.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", "1":
		*f = true
	case "false", "0", "null":
	default:
		return errors.New("a flag is neither true nor false")
	}
	return nil
}
