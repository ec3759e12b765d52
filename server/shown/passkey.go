package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/authn/passkey"
)

// A Passkey is how a passkey is shown to whose it is.
type Passkey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Synced     bool       `json:"synced"`    // its device may copy it to others
	BackedUp   bool       `json:"backed_up"` // and has
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// NewPasskey shows k.
func NewPasskey(k passkey.Passkey) Passkey {
	return Passkey{k.ID, k.Name, k.Synced, k.BackedUp, k.CreatedAt.UTC(), Moment(k.LastUsedAt)}
}
