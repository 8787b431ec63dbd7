package gate_test

import (
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

func rotated(cfg *gate.Config) {
	cfg.JWT.Keys = []gate.Key{must(gate.HMACKey(otherSecret, ""))}
	cfg.Anonymous = false
	cfg.Tokens = []gate.ServiceToken{{Name: "new", Token: blogToken2, Allow: []gate.Right{gate.Admin}}}
}

func TestReloadReplacesEverything(t *testing.T) {
	g := open(t, backendConfig)
	before := must(g.Caller("Bearer "+blogToken, nil))
	if err := g.Reload(config(rotated)); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, g, user("ann", nil))
	wantReason(t, err, fault.CredentialsInvalid)
	_, err = connect(t, g, sign(jwt.SigningMethodHS256, otherSecret, jwt.MapClaims{"sub": "ann"}))
	wantReason(t, err, "")
	_, err = g.Connect(t.Context(), gate.Credentials{})
	wantReason(t, err, fault.CredentialsRequired)
	_, err = g.Caller("Bearer "+blogToken, nil)
	wantReason(t, err, fault.CredentialsInvalid)
	_, err = g.Caller("", named([]string{"shop.internal"}))
	wantReason(t, err, fault.CredentialsInvalid)
	if caller := must(g.Caller("Bearer "+blogToken2, nil)); caller.Name() != "new" {
		t.Errorf("caller %q", caller.Name())
	}
	wantReason(t, before.May(gate.Broadcast, "blog.article.feed"), "")
}

func TestFailedReloadKeepsTheOldState(t *testing.T) {
	for name, edit := range map[string]func(*gate.Config){
		"keys":    func(cfg *gate.Config) { rotated(cfg); cfg.JWT.Keys = nil },
		"tokens":  func(cfg *gate.Config) { rotated(cfg); cfg.Tokens[0].Token = "short" },
		"clients": func(cfg *gate.Config) { rotated(cfg); cfg.Clients = []gate.ServiceClient{{}} },
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, backendConfig)
			if err := g.Reload(config(edit)); err == nil {
				t.Fatal("the broken configuration was taken")
			}
			_, err := connect(t, g, user("ann", nil))
			wantReason(t, err, "")
			_, err = g.Connect(t.Context(), gate.Credentials{})
			wantReason(t, err, "")
			_, err = g.Caller("Bearer "+blogToken, nil)
			wantReason(t, err, "")
		})
	}
}

// Config's slices are the caller's again after New.
func TestGateKeepsItsOwnCopy(t *testing.T) {
	cfg := config(backendConfig)
	g := must(gate.New(cfg))
	cfg.JWT.Keys[0] = must(gate.HMACKey(otherSecret, ""))
	cfg.Tokens[0].Channels[0] = "*"
	_, err := connect(t, g, user("ann", nil))
	wantReason(t, err, "")
	wantReason(t, must(g.Caller("Bearer "+blogToken, nil)).May(gate.Broadcast, "shop.order.paid"), fault.ScopeDenied)
}

// Run with -race. Each answer must be wholly of one configuration: the old one
// admits the old token and anonymous sessions, the new one neither.
func TestReloadIsSafeWhileAnswering(t *testing.T) {
	g := open(t, backendConfig)
	old, next := config(backendConfig), config(rotated)
	oldUser, newUser := user("ann", nil), sign(jwt.SigningMethodHS256, otherSecret, jwt.MapClaims{"sub": "bob"})
	var answering sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		answering.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if id, err := connect(t, g, oldUser); err == nil && id.UserID != "ann" {
					t.Errorf("admitted %q with ann's token", id.UserID)
				}
				if id, err := connect(t, g, newUser); err == nil && id.UserID != "bob" {
					t.Errorf("admitted %q with bob's token", id.UserID)
				}
				if caller, err := g.Caller("Bearer "+blogToken2, nil); err != nil || caller.Name() != "blog" && caller.Name() != "new" {
					t.Errorf("the token that both have gives %q, %v", caller.Name(), err)
				}
				if err := g.Allow(t.Context(), &gate.Identity{UserID: "ann"}, authenticated(), "a.b", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 300 {
		cfg := old
		if i%2 == 0 {
			cfg = next
		}
		if err := g.Reload(cfg); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	answering.Wait()
}
