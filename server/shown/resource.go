package shown

import (
	"time"

	"github.com/sallyport-auth/sallyport/oauth"
)

// A Resource is how the definition of one is shown to administrators. What it has besides
// the members of [oauth.Resource] takes the place of theirs.
type Resource struct {
	oauth.Resource
	Scopes    []oauth.Scope `json:"scopes"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// NewResource shows r.
func NewResource(r oauth.Resource) Resource {
	return Resource{r, List(r.Scopes), r.CreatedAt.UTC(), r.UpdatedAt.UTC()}
}
