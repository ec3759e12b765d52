package rule

import (
	"slices"

	"github.com/sallyport-auth/sallyport"
)

// Groups are [Entities] that know of each action which groups it is in, at any
// depth, and nothing else: for conditions such as action in Action::"writing".
// Make them with [GroupsOf]. They are immutable and safe for concurrent use; the
// nil Groups know no action.
type Groups map[sallyport.UID]Entity

// GroupsOf returns the entities of actions with the groups that each is in: see
// [Config].
func GroupsOf(actions map[sallyport.UID][]sallyport.UID) Groups {
	g := make(Groups, len(actions))
	for a, groups := range actions {
		g[a] = grouped{a, groups}
	}
	return g
}

// Entity implements [Entities].
func (g Groups) Entity(u sallyport.UID) Entity { return g[u] }

// A grouped is an action, which has neither attributes nor tags.
type grouped struct {
	uid    sallyport.UID
	groups []sallyport.UID
}

func (a grouped) UID() sallyport.UID          { return a.uid }
func (a grouped) Attr(string) sallyport.Value { return sallyport.AbsentValue() }
func (a grouped) Tag(string) sallyport.Value  { return sallyport.AbsentValue() }
func (a grouped) Ancestors() []sallyport.UID  { return a.groups }

func (a grouped) In(ancestor sallyport.UID) Truth {
	return truth(slices.Contains(a.groups, ancestor))
}
