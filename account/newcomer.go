package account

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// maxDisplayName is in code points.
const maxDisplayName = 200

// A newcomer is an entry of an import, checked as far as that goes without the store.
type newcomer struct {
	number  int
	problem string // why it is refused; "" = it is not

	user        User
	oldID       string // of the other system, if it is not kept
	phc         string
	format      string // of phc
	roles       []string
	memberships []importer.Membership
	totp        *otp.Key
	passkeys    []passkey.Passkey
	identities  []Identity
}

func (d *newcomer) allRoles() []string {
	roles := slices.Clone(d.roles)
	for _, m := range d.memberships {
		roles = append(roles, m.Roles...)
	}
	return roles
}

// draft checks an entry.
func (r *importing) draft(e *importer.Entry, now time.Time) newcomer {
	d := newcomer{number: e.Number}
	err := e.Err
	if err == nil {
		err = d.fill(e.Record, now)
	}
	if err != nil {
		d.problem = err.Error()
	}
	if r.WithoutRoles {
		d.roles, d.memberships = nil, nil
	}
	return d
}

func (d *newcomer) fill(rec *importer.Record, now time.Time) (err error) {
	u := User{Status: Status(rec.Status), DisplayName: strings.TrimSpace(rec.DisplayName), CreatedAt: age(rec.CreatedAt.Time, now), UpdatedAt: now}
	if u.Status == "" {
		u.Status = Active
	}
	u.ID, d.oldID = newID(rec.ID)
	switch {
	case rec.Username == "" && rec.Email == "":
		return errors.New("there is neither a user name nor an address")
	case u.Status != Active && u.Status != Disabled:
		return invalid("status", "is neither active nor disabled")
	case !plainText(u.DisplayName) || len([]rune(u.DisplayName)) > maxDisplayName:
		return invalid("display_name", "must be plain text of at most %d characters", maxDisplayName)
	}
	if rec.Username != "" {
		u.Username = rec.Username
		if u.UsernameNorm, err = foldUsername(rec.Username); err != nil {
			return err
		}
	}
	if rec.Email != "" {
		u.Email, u.EmailVerified = rec.Email, rec.EmailVerified
		if u.EmailNorm, err = foldEmail(rec.Email); err != nil {
			return err
		}
	}
	if rec.Phone != "" {
		if u.Phone, err = otp.ParsePhone(rec.Phone); err != nil {
			return invalid("phone", "is not a number with its country code, such as +4930123456")
		}
		u.PhoneVerified = rec.PhoneVerified
	}
	if rec.Locale != "" {
		tag, err := language.Parse(rec.Locale)
		if err != nil {
			return invalid("locale", "is not the tag of a language, such as de")
		}
		u.Locale = tag.String()
	}
	d.user, d.roles, d.memberships = u, sorted(rec.Roles), rec.Organizations
	return d.credentials(rec)
}

// newID keeps an id of ours, and the bits of a UUID; every other is replaced, and
// returned as the old one.
func newID(given string) (id, old string) {
	if secret.IsID(userPrefix, given) {
		return given, ""
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(given, "-", "")); err == nil && len(b) == 16 && len(given) == 36 {
		return secret.IDFromBytes(userPrefix, [16]byte(b)), given
	}
	return secret.NewID(userPrefix), given
}

// credentials reads what the newcomer signs in with.
func (d *newcomer) credentials(rec *importer.Record) (err error) {
	d.phc, d.format = rec.PasswordHash, "none"
	if d.phc != "" {
		if d.format, err = password.Format(d.phc); err != nil {
			return fmt.Errorf("password_hash: %w", err)
		}
	}
	if rec.TOTP != nil {
		k, err := otp.Parse(rec.TOTP.URI())
		if err != nil {
			return fmt.Errorf("totp: %w", err)
		}
		d.totp = &k
	}
	for i := range rec.Passkeys {
		k, err := d.passkey(&rec.Passkeys[i])
		if err != nil {
			return fmt.Errorf("passkey %d: %w", i+1, err)
		}
		d.passkeys = append(d.passkeys, k)
	}
	for _, i := range rec.Identities {
		if i.Issuer == "" || i.Subject == "" || !plainText(i.Issuer+i.Subject+i.Name+i.Email) {
			return errors.New("an identity needs an issuer and a subject, in plain text")
		}
		d.identities = append(d.identities, Identity{
			ID: secret.NewID("idn"), User: d.user.ID, Provider: i.Provider, Issuer: i.Issuer, Subject: i.Subject,
			Email: i.Email, Name: i.Name, CreatedAt: d.user.CreatedAt,
		})
	}
	return nil
}

// passkey checks a passkey. It goes on working under the domain that it was made for, with the handle that the device has.
func (d *newcomer) passkey(p *importer.Passkey) (passkey.Passkey, error) {
	aaguid, err := hex.DecodeString(strings.ReplaceAll(p.AAGUID, "-", ""))
	name := cmp.Or(strings.TrimSpace(p.Name), "Passkey")
	switch {
	case len(p.CredentialID) == 0 || len(p.CredentialID) > 1023:
		return passkey.Passkey{}, errors.New("the credential id has no size that one has")
	case len(p.UserHandle) == 0 || len(p.UserHandle) > 64:
		return passkey.Passkey{}, errors.New("the user handle has no size that one has")
	case err != nil || len(aaguid) != 0 && len(aaguid) != 16:
		return passkey.Passkey{}, errors.New("the AAGUID is none")
	case !plainText(name) || len([]rune(name)) > maxDisplayName || !plainText(strings.Join(p.Transports, "")) || len(p.Transports) > 8:
		return passkey.Passkey{}, errors.New("the name or the transports are no plain text, or too long")
	}
	if err := passkey.CheckKey(p.PublicKey); err != nil {
		return passkey.Passkey{}, errors.New("the public key is no COSE key of an algorithm that we know")
	}
	k := passkey.Passkey{
		ID: secret.NewID("pky"), User: d.user.ID, Handle: p.UserHandle, CredentialID: p.CredentialID, PublicKey: p.PublicKey,
		SignCount: p.SignCount, Transports: p.Transports, Name: name, CreatedAt: d.user.CreatedAt, BackedUp: p.BackedUp,
	}
	copy(k.AAGUID[:], aaguid)
	if k.Unseen = p.Synced == nil; !k.Unseen {
		k.Synced = *p.Synced
	}
	return k, nil
}

// importedBatch is one transaction of an import.
type importedBatch struct {
	*importing
	tx     Tx
	now    time.Time
	report *importer.Report

	roles         []authz.Role
	organizations map[string]org.Organization // by what they are named by; without an id: there is none
}

// put imports the drafts. In the lock order it makes all accounts, then the
// memberships by organization, then gives the roles by name.
func (b *importedBatch) put(ctx context.Context, drafts []newcomer) (err error) {
	if b.roles, err = b.tx.Roles.Roles(ctx); err != nil {
		return err
	}
	b.organizations = map[string]org.Organization{}
	var members []org.Member
	var given []gift
	for i := range drafts {
		d := &drafts[i]
		reason := d.problem
		if reason == "" {
			if reason, err = b.refuses(ctx, d); err != nil {
				return err
			}
		}
		if reason == "" && !b.DryRun {
			switch err := b.create(ctx, d); {
			case errors.Is(err, ErrTaken): // by somebody else, a moment ago
				reason = ErrTaken.Error()
			case err != nil:
				return fmt.Errorf("entry %d: %w", d.number, err)
			}
		}
		if reason != "" {
			b.report.Refuse(d.number, reason)
			continue
		}
		b.count(d)
		m, g := b.gifts(d)
		members, given = append(members, m...), append(given, g...)
	}
	if b.DryRun {
		return nil
	}
	return b.give(ctx, members, given)
}

func (b *importedBatch) count(d *newcomer) {
	b.report.Imported++
	b.report.Formats[d.format]++
	if d.totp != nil {
		b.report.TOTP++
	}
	b.report.Passkeys += len(d.passkeys)
	b.report.Identities += len(d.identities)
}

// refuses says why the store cannot take the newcomer; "" = it can.
func (b *importedBatch) refuses(ctx context.Context, d *newcomer) (reason string, err error) {
	checks := []func(context.Context, *newcomer) (string, error){b.taken, b.used, b.unknownRole, b.unknownOrganization}
	for _, check := range checks {
		if reason, err = check(ctx, d); reason != "" || err != nil {
			return reason, err
		}
	}
	return "", covers(ctx, b.tx, b.origin.Giver, "", d.roles)
}

// taken looks for another with the same id, name or verified address, also among those that a dry run would have imported.
func (b *importedBatch) taken(ctx context.Context, d *newcomer) (string, error) {
	u := &d.user
	if _, err := b.tx.Users.ByID(ctx, u.ID); !errors.Is(err, ErrNotFound) {
		return "the id is taken", err
	}
	if u.UsernameNorm != "" {
		if _, err := b.tx.Users.ByUsername(ctx, u.UsernameNorm); !errors.Is(err, ErrNotFound) {
			return ErrTaken.Error(), err
		}
	}
	if u.EmailVerified {
		others, err := b.tx.Users.ByEmail(ctx, u.EmailNorm)
		if err != nil {
			return "", err
		}
		if len(others) > 0 && others[0].EmailVerified {
			return "another account has this address, verified", nil
		}
	}
	if !b.DryRun {
		return "", nil
	}
	words := []string{"id " + u.ID}
	if u.UsernameNorm != "" {
		words = append(words, "name "+u.UsernameNorm)
	}
	if u.EmailVerified {
		words = append(words, "email "+u.EmailNorm)
	}
	if b.seen.has(words...) {
		return "the id, name or verified address is that of an earlier entry", nil
	}
	return "", nil
}

// used looks for another with the same passkey or identity.
func (b *importedBatch) used(ctx context.Context, d *newcomer) (string, error) {
	var words []string
	for _, k := range d.passkeys {
		if _, err := b.tx.Passkeys.ByCredential(ctx, k.CredentialID); !errors.Is(err, passkey.ErrNotFound) {
			return "another account has one of the passkeys", err
		}
		words = append(words, "passkey "+string(k.CredentialID))
	}
	for _, i := range d.identities {
		if _, err := b.tx.Identities.BySubject(ctx, i.Issuer, i.Subject); !errors.Is(err, ErrNotConnected) {
			return "another account has one of the identities", err
		}
		words = append(words, "identity "+i.Issuer+" "+i.Subject)
	}
	slices.Sort(words)
	if len(slices.Compact(words)) < len(d.passkeys)+len(d.identities) {
		return "a passkey or an identity is there twice", nil
	}
	if b.DryRun && b.seen.has(words...) {
		return "a passkey or an identity is that of an earlier entry", nil
	}
	return "", nil
}

func (b *importedBatch) unknownRole(_ context.Context, d *newcomer) (string, error) {
	for _, name := range d.allRoles() {
		if err := authz.CheckRoleName(name); err != nil {
			return err.Error(), nil
		}
		there := slices.ContainsFunc(b.roles, func(r authz.Role) bool { return r.Name == name })
		if !there && !(b.DryRun && b.CreateRoles) {
			return fmt.Sprintf("there is no role %q", name), nil
		}
	}
	return "", nil
}

func (b *importedBatch) unknownOrganization(ctx context.Context, d *newcomer) (string, error) {
	for _, m := range d.memberships {
		o, ok := b.organizations[m.Organization]
		if !ok {
			var err error
			o, err = organization(ctx, b.tx, m.Organization)
			if err != nil && !errors.Is(err, org.ErrNotFound) {
				return "", err
			}
			b.organizations[m.Organization] = o
		}
		if o.ID == "" && !(b.DryRun && b.CreateOrganizations) {
			return fmt.Sprintf("there is no organization %.80q", m.Organization), nil
		}
	}
	return "", nil
}

// create makes the account with what belongs to it alone.
func (b *importedBatch) create(ctx context.Context, d *newcomer) error {
	if err := b.tx.Users.Create(ctx, d.user); err != nil {
		return err
	}
	if d.phc != "" {
		if err := b.tx.Credentials.SetPassword(ctx, d.user.ID, d.phc, b.now); err != nil {
			return err
		}
	}
	e := b.origin.Entry("user.import", d.user.ID, b.now)
	e.Detail = map[string]string{"import": b.point.ID, "entry": fmt.Sprint(d.number), "password": d.format}
	if d.oldID != "" {
		e.Detail["old_id"] = clip(d.oldID)
	}
	if len(d.roles) > 0 {
		e.Detail["roles"] = strings.Join(d.roles, " ")
	}
	if d.totp != nil {
		e.Detail["totp"] = "yes"
		if err := b.app(ctx, d); err != nil {
			return err
		}
	}
	for _, k := range d.passkeys {
		e.Detail["passkeys"] = fmt.Sprint(len(d.passkeys))
		if err := b.tx.Passkeys.Create(ctx, k); err != nil {
			return err
		}
	}
	for _, i := range d.identities {
		e.Detail["identities"] = fmt.Sprint(len(d.identities))
		if err := b.tx.Identities.Create(ctx, i); err != nil {
			return err
		}
	}
	return b.tx.Audit.Append(ctx, e)
}

// app keeps the authenticator app, which its owner has used before: it counts at once.
func (b *importedBatch) app(ctx context.Context, d *newcomer) error {
	id := secret.NewID("fac")
	sealed := b.Sealer.Seal("totp", id, []byte(d.totp.URI("", "")))
	f := otp.Factor{ID: id, User: d.user.ID, Kind: otp.TOTP, KeySealed: sealed, ConfirmedAt: b.now, CreatedAt: b.now}
	return b.tx.Factors.Create(ctx, f)
}

// A gift is a role for a subject, in an organization or everywhere.
type gift struct{ role, subject, org string }

func (b *importedBatch) gifts(d *newcomer) (members []org.Member, given []gift) {
	for _, role := range d.roles {
		given = append(given, gift{role, d.user.ID, ""})
	}
	for _, m := range d.memberships {
		o := b.organizations[m.Organization]
		members = append(members, org.Member{Org: o.ID, User: d.user.ID, Status: org.Active, JoinedAt: b.now})
		for _, role := range m.Roles {
			given = append(given, gift{role, d.user.ID, o.ID})
		}
	}
	return members, given
}

// give adds members and gives roles. Nobody knows the newcomers yet, so no token or cache is to be told.
func (b *importedBatch) give(ctx context.Context, members []org.Member, given []gift) error {
	slices.SortStableFunc(members, func(x, y org.Member) int { return strings.Compare(x.Org, y.Org) })
	for _, m := range members {
		if _, err := b.tx.Organizations.Lock(ctx, m.Org); err != nil {
			return err
		}
		if _, err := b.tx.Members.Add(ctx, m); err != nil {
			return err
		}
		e := b.origin.Entry("member.add", m.User, b.now)
		e.Org = m.Org
		if err := b.tx.Audit.Append(ctx, e); err != nil {
			return err
		}
	}
	slices.SortStableFunc(given, func(x, y gift) int { return strings.Compare(x.role, y.role) })
	for _, g := range given {
		if _, err := b.tx.Roles.Assign(ctx, g.subject, g.role, g.org); err != nil {
			return err
		}
	}
	return nil
}

// ensureOrganization makes an organization of that slug, if there is none. One that cannot be made is missed by whoever is in it.
func (s *Service) ensureOrganization(ctx context.Context, slug string) error {
	var there bool
	err := s.Store.View(ctx, func(tx Tx) error {
		_, err := organization(ctx, tx, slug)
		there = err == nil
		if errors.Is(err, org.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil || there {
		return err
	}
	_, err = s.CreateOrganization(ctx, NewOrganization{Slug: slug}, Origin{})
	if _, bad := errors.AsType[*InvalidError](err); bad || errors.Is(err, org.ErrTaken) {
		return nil
	}
	return err
}

var hashSeed = maphash.MakeSeed()

func shortHash(s string) uint64 { return maphash.String(hashSeed, s) }
