package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/ssf"
)

// What is done to accounts is told, in order, with whoever did it; what fails is not.
func TestWhatIsToldOfAChange(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.must(h.Store.Update(ctx, func(tx account.Tx) error {
			return tx.Streams.Create(ctx, ssf.Stream{ID: "stm_1", Owner: "usr_receiver", Method: ssf.Poll, Status: ssf.Enabled})
		}))
		var cursor int64
		told := func() (all []string) {
			t.Helper()
			h.must(h.Store.View(ctx, func(tx account.Tx) error {
				signals, err := tx.Signals.Read(ctx, cursor, 100)
				all = nil
				for _, s := range signals {
					cursor = max(cursor, s.Seq)
					all = append(all, strings.TrimSpace(fmt.Sprintln(s.Event[strings.LastIndexByte(s.Event, '/')+1:],
						s.Credential, s.Change, s.Name, s.By, s.Session != "", s.Org != "", s.Roles, s.Reason)))
				}
				return err
			}))
			return all
		}
		m := h.member()
		told()
		other := h.again(m.User, true)
		self, boss := origin(m.User.ID), origin("usr_boss")
		in, err := h.CreateOrganization(ctx, account.NewOrganization{Slug: "signals"}, boss)
		h.must(err)
		var key string
		var k passkey.Passkey
		for _, step := range []struct {
			name string
			do   func() error
			want []string
		}{
			{"a sign-in", func() error { h.again(m.User, true); return nil }, nil},
			{"a session ends", func() error { return h.EndSession(ctx, other.Session.ID, m.User.ID, self) },
				[]string{"session-revoked    user true false [] "}},
			{"it ends again", func() error { h.EndSession(ctx, other.Session.ID, m.User.ID, self); return nil }, nil},
			{"a role is given", func() error { return h.Assign(ctx, m.User.ID, "moderator", "", boss) },
				[]string{"token-claims-change    admin false false [member moderator] "}},
			{"it is given again", func() error { return h.Assign(ctx, m.User.ID, "moderator", "", boss) }, nil},
			{"a member joins", func() error { return h.AddMember(ctx, in.ID, m.User.ID, origin("")) },
				[]string{"token-claims-change    system false true [] joined the organization"}},
			{"a member leaves", func() error { return h.RemoveMember(ctx, in.ID, m.User.ID, boss) },
				[]string{"session-revoked    admin false true [] left the organization"}},
			{"an API key is made", func() error {
				k, _, err := h.CreateKey(ctx, m.User.ID, account.NewKey{Name: "CI", Scopes: []string{"post:read"}}, self)
				key = k.ID
				return err
			}, []string{"credential-change api-key create CI user false false [] "}},
			{"an API key is revoked", func() error { return h.RevokeKey(ctx, key, "", boss) },
				[]string{"credential-change api-key revoke CI admin false false [] "}},
			{"a passkey is added", func() error { k = h.withPasskey(m, device()); return nil },
				[]string{"credential-change fido2-roaming create Passkey user false false [] passkey added"}},
			{"a passkey is removed", func() error { _, err := h.RemovePasskey(ctx, by(m), k.ID, self); return err },
				[]string{"credential-change fido2-roaming revoke Passkey user false false [] passkey removed"}},
			{"a password is changed", func() error {
				_, _, err := h.ChangePassword(ctx, by(m), pass, pass2, self)
				return err
			}, []string{"session-revoked    user true false [] password changed", "credential-change password update  user false false [] password changed"}},
			{"a password is set", func() error { return h.SetPassword(ctx, m.User.ID, pass, boss) },
				[]string{"session-revoked    admin false false [] password set", "credential-change password update  admin false false [] password set"}},
			{"a user is disabled", func() error { return h.Disable(ctx, m.User.ID, boss) },
				[]string{"session-revoked    admin false false [] user disabled"}},
			{"an organization ends", func() error { return h.DeleteOrganization(ctx, in.ID, boss) },
				[]string{"session-revoked    admin false true [] organization deleted"}},
			{"nobody is disabled", func() error { h.Disable(ctx, "usr_nobody", boss); return nil }, nil},
			{"a user is deleted", func() error { return h.Delete(ctx, m.User.ID, boss) },
				[]string{"session-revoked    admin false false [] user deleted"}},
		} {
			h.must(step.do())
			if got := told(); strings.Join(got, "\n") != strings.TrimRight(strings.Join(trimmed(step.want), "\n"), " ") {
				t.Errorf("%s: told %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func trimmed(all []string) (out []string) {
	for _, s := range all {
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

func TestStreamsGoWithTheirOwner(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		m := h.member()
		h.must(h.Store.Update(ctx, func(tx account.Tx) error {
			return tx.Streams.Create(ctx, ssf.Stream{ID: "stm_1", Owner: m.User.ID, Method: ssf.Poll, Status: ssf.Enabled})
		}))
		h.must(h.Delete(ctx, m.User.ID, origin("")))
		h.must(h.Store.View(ctx, func(tx account.Tx) error {
			all, err := tx.Streams.Of(ctx, m.User.ID)
			if len(all) > 0 {
				t.Error("a stream is left")
			}
			return err
		}))
	})
}
