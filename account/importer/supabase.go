package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// supabase reads the table auth.users, as CSV or JSON.
func supabase(v row) (*Record, error) {
	if v["id"] == "" {
		return nil, errors.New("there is no column id: export the table auth.users")
	}
	if v["deleted_at"] != "" {
		return nil, nil
	}
	var meta struct {
		Name     string `json:"name"`
		FullName string `json:"full_name"`
	}
	json.Unmarshal([]byte(v["raw_user_meta_data"]), &meta) // whatever the program keeps there
	r := &Record{
		ID: v["id"], Email: v["email"], EmailVerified: v["email_confirmed_at"] != "",
		Phone: e164(v["phone"]), PhoneVerified: v["phone_confirmed_at"] != "",
		DisplayName: first(meta.FullName, meta.Name), PasswordHash: v["encrypted_password"],
	}
	banned, err := parseTime(v["banned_until"])
	if err != nil {
		return nil, fmt.Errorf("banned_until: %w", err)
	}
	r.Status = status(banned.Before(time.Now()))
	if r.CreatedAt, err = parseTime(v["created_at"]); err != nil {
		return nil, fmt.Errorf("created_at: %w", err)
	}
	return r, nil
}

// e164 puts the plus sign back that Supabase leaves out.
func e164(phone string) string {
	if phone != "" && phone[0] != '+' {
		return "+" + phone
	}
	return phone
}

// laravel reads the table users, as CSV or JSON.
func laravel(v row) (*Record, error) {
	r := &Record{
		Username: v["username"], Email: v["email"], EmailVerified: v["email_verified_at"] != "",
		DisplayName: v["name"], PasswordHash: v["password"], ID: v["id"],
	}
	if v["deleted_at"] != "" {
		return nil, nil
	}
	var err error
	if r.CreatedAt, err = parseTime(v["created_at"]); err != nil {
		return nil, fmt.Errorf("created_at: %w", err)
	}
	return r, nil
}
