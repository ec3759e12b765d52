package account

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

const maxComment = 500

// AnyVersion is for who publishes over whatever version is in force.
const AnyVersion = -1

// PublishPolicy puts a new version of the policy in force, on every node, and
// returns it with its number. Of draft, schema, files and comment count. current
// is the version that the draft was made from, 0 for none: another one in force is
// [authz.ErrConflict], unless current is [AnyVersion]. check is asked before
// anything is written, and its error refuses: a policy that cannot be in force is
// never published. It must not be nil.
func (s *Service) PublishPolicy(ctx context.Context, draft authz.Version, current int64, check func(authz.Version) error, o Origin) (authz.Version, error) {
	draft = authz.Version{Schema: draft.Schema, Files: draft.Files, Comment: draft.Comment}
	return s.publish(ctx, "policy.publish", draft, current, check, o)
}

// RollbackPolicy puts the content of an earlier version in force again, as a new
// version. check is as for [Service.PublishPolicy]: what was in force once may not
// fit the types of today. [authz.ErrNoVersion] if there is no such version.
func (s *Service) RollbackPolicy(ctx context.Context, number int64, comment string, check func(authz.Version) error, o Origin) (authz.Version, error) {
	old, err := s.PolicyVersion(ctx, number)
	if err != nil {
		return authz.Version{}, err
	}
	draft := authz.Version{Schema: old.Schema, Files: old.Files, Comment: comment, RolledBackTo: number}
	return s.publish(ctx, "policy.rollback", draft, AnyVersion, check, o)
}

// publish asks check outside the transaction, because to compile a policy takes
// longer than anybody should wait for a lock.
func (s *Service) publish(ctx context.Context, action string, draft authz.Version, current int64, check func(authz.Version) error, o Origin) (v authz.Version, err error) {
	if err := checkDraft(&draft); err != nil {
		return authz.Version{}, err
	}
	if err := check(draft); err != nil {
		return authz.Version{}, err
	}
	draft.CreatedAt, draft.CreatedBy = present(), cmp.Or(o.Actor, "system")
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		newest, err := lockVersions(ctx, tx)
		if err != nil {
			return p, err
		}
		if current != AnyVersion {
			newest = current
		}
		if v, err = tx.Versions.Publish(ctx, draft, newest); err != nil {
			return p, err
		}
		number := strconv.FormatInt(v.Number, 10)
		e := o.Entry(action, "policy", v.CreatedAt)
		e.Detail = map[string]string{"version": number}
		if v.RolledBackTo > 0 {
			e.Detail["rolled_back_to"] = strconv.FormatInt(v.RolledBackTo, 10)
		}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Policy, "version "+number, v.CreatedAt))
	})
	if err != nil {
		return authz.Version{}, err
	}
	return v, nil
}

// lockVersions returns the number of the version in force, and keeps others from
// publishing.
func lockVersions(ctx context.Context, tx Tx) (int64, error) {
	if _, err := tx.Secrets.Create(ctx, "lock of policy versions", nil); err != nil {
		return 0, err
	}
	newest, err := tx.Versions.History(ctx, 0, 1)
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Number, nil
}

// checkDraft refuses what no store could keep.
func checkDraft(v *authz.Version) error {
	if !plainText(v.Comment) || utf8.RuneCountInString(v.Comment) > maxComment {
		return invalid("comment", "must be plain text of at most %d characters", maxComment)
	}
	if !policyText(v.Schema) {
		return invalid("schema", "is not UTF-8 text")
	}
	names := make(map[string]bool, len(v.Files))
	for _, f := range v.Files {
		switch {
		case f.Name == "" || !plainText(f.Name):
			return invalid("files", "need names of plain text")
		case names[f.Name]:
			return invalid("files", "has %q twice", f.Name)
		case !policyText(f.Text):
			return invalid("files", "has %q, which is not UTF-8 text", f.Name)
		}
		names[f.Name] = true
	}
	return nil
}

func policyText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// CurrentPolicy returns the version in force, the zero Version if none was
// published.
func (s *Service) CurrentPolicy(ctx context.Context) (v authz.Version, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { v, err = tx.Versions.Current(ctx); return err })
	return v, err
}

// PolicyVersion returns one version, or [authz.ErrNoVersion].
func (s *Service) PolicyVersion(ctx context.Context, number int64) (v authz.Version, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { v, err = tx.Versions.ByNumber(ctx, number); return err })
	return v, err
}

// PolicyHistory returns up to limit versions below a number (0 = from the newest),
// newest first, without schema and files.
func (s *Service) PolicyHistory(ctx context.Context, below int64, limit int) (vs []authz.Version, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { vs, err = tx.Versions.History(ctx, below, limit); return err })
	return vs, err
}
