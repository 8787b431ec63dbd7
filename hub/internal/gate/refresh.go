package gate

import (
	"context"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// Refresh is gate 1 again for a session that is open: who does the new token say
// its user is? It is looked at as at Connect. A session is its user's for life: a
// token of another user, or of one where there was none, is CREDENTIALS_INVALID.
func (g *Gate) Refresh(ctx context.Context, id *Identity, c Credentials) (Identity, error) {
	admission, err := g.Connect(ctx, c)
	switch {
	case err != nil:
		return Identity{}, err
	case id.Anonymous():
		return Identity{}, fault.New(fault.CredentialsInvalid, "the session is anonymous; connect again to sign in")
	case admission.Identity.UserID != id.UserID:
		return Identity{}, fault.New(fault.CredentialsInvalid, "the token is not of the session's user; connect again to become another one")
	}
	return admission.Identity, nil
}

// Keeps is gate 2 again for a session that is in the channel: may it stay, being who
// it is now? What a worker decided holds as long as it said, and is not asked again.
func (g *Gate) Keeps(ctx context.Context, id *Identity, m schema.Match) error {
	if m.Channel != nil && m.Channel.Options.GetScope().GetHandler() != nil && !id.Anonymous() {
		return nil
	}
	_, err := g.Join(ctx, id, m)
	return err
}
