package gate_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

const (
	blogToken  = "blog-0123456789abcdef"
	blogToken2 = "blog-fedcba9876543210"
	opsToken   = "ops--0123456789abcdef"
)

func backendConfig(cfg *gate.Config) {
	cfg.Tokens = []gate.ServiceToken{
		{Name: "blog", Token: blogToken, Allow: []gate.Right{gate.Broadcast, gate.Handle}, Channels: []string{"blog.*"}},
		{Name: "blog", Token: blogToken2, Allow: []gate.Right{gate.Broadcast}, Channels: []string{"blog.article.feed"}},
		{Name: "ops", Token: opsToken, Allow: []gate.Right{gate.Admin}},
	}
	cfg.Clients = []gate.ServiceClient{
		{Name: "shop", SAN: "shop.internal", Allow: []gate.Right{gate.Broadcast}, Channels: []string{"*"}},
		{Name: "mesh", SAN: "spiffe://example/ns/mesh", Allow: []gate.Right{gate.Handle}},
		{Name: "star", SAN: "*.internal", Allow: []gate.Right{gate.Handle}},
	}
}

func named(dns []string, uris ...string) *x509.Certificate {
	return certificate(p256Key(), func(c *x509.Certificate) {
		c.DNSNames = dns
		for _, uri := range uris {
			c.URIs = append(c.URIs, must(url.Parse(uri)))
		}
	})
}

func TestCallerIsKnownByTokenOrCertificate(t *testing.T) {
	g := open(t, backendConfig)
	shop := named([]string{"x.internal", "shop.internal"})
	for _, test := range []struct {
		name          string
		authorization string
		peer          *x509.Certificate
		want          string
		reason        fault.Reason
	}{
		{"token", "Bearer " + blogToken, nil, "blog", ""},
		{"token of the same name", "bearer " + blogToken2, nil, "blog", ""},
		{"last token", "Bearer " + opsToken, nil, "ops", ""},
		{"token before certificate", "Bearer " + opsToken, shop, "ops", ""},
		{"unknown token does not fall through", "Bearer " + blogToken + "x", shop, "", fault.CredentialsInvalid},
		{"prefix of a token", "Bearer " + blogToken[:20], nil, "", fault.CredentialsInvalid},
		{"token in another case", "Bearer " + strings.ToUpper(blogToken), nil, "", fault.CredentialsInvalid},
		{"token without its scheme", blogToken, nil, "", fault.CredentialsRequired},
		{"nothing", "", nil, "", fault.CredentialsRequired},
		{"empty bearer", "Bearer ", nil, "", fault.CredentialsRequired},
		{"certificate by DNS", "", shop, "shop", ""},
		{"certificate beside another scheme", "Basic YTpi", shop, "shop", ""},
		{"certificate by URI", "", named(nil, "spiffe://example/ns/mesh"), "mesh", ""},
		{"another certificate", "", named([]string{"evil.internal"}), "", fault.CredentialsInvalid},
		{"a name below", "", named([]string{"a.shop.internal"}), "", fault.CredentialsInvalid},
		{"a URI below", "", named(nil, "spiffe://example/ns/mesh/x"), "", fault.CredentialsInvalid},
		{"a wildcard is only its text", "", named([]string{"y.internal"}), "", fault.CredentialsInvalid},
		{"a DNS name as URI", "", named(nil, "shop.internal"), "", fault.CredentialsInvalid},
		{"the common name does not count", "", certificate(p256Key(), func(c *x509.Certificate) { c.Subject.CommonName = "shop.internal" }), "", fault.CredentialsInvalid},
		{"an address does not count", "", certificate(p256Key(), func(c *x509.Certificate) { c.EmailAddresses = []string{"shop.internal"} }), "", fault.CredentialsInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := g.Caller(test.authorization, test.peer)
			wantReason(t, err, test.reason)
			if caller.Name() != test.want {
				t.Errorf("caller %q; want %q", caller.Name(), test.want)
			}
			if err != nil {
				tellsNothing(t, err, strings.TrimPrefix(test.authorization, "Bearer "))
			}
		})
	}
}

func TestWithoutTokensAndClientsAnyoneMayDoAll(t *testing.T) {
	g := open(t, nil)
	for _, authorization := range []string{"", "Bearer " + blogToken} {
		caller, err := g.Caller(authorization, nil)
		wantReason(t, err, "")
		for _, right := range []gate.Right{gate.Broadcast, gate.Handle, gate.Authenticate, gate.Authorize, gate.Register, gate.Admin} {
			wantReason(t, caller.May(right, "blog.article.feed"), "")
			wantReason(t, caller.May(right, ""), "")
		}
		wantReason(t, caller.May(0, ""), fault.ScopeDenied)
		wantReason(t, caller.May(7, ""), fault.ScopeDenied)
		wantReason(t, caller.May(255, ""), fault.ScopeDenied)
	}
}

func TestOneKindOfCredentialsClosesTheDoor(t *testing.T) {
	for name, edit := range map[string]func(*gate.Config){
		"tokens":  func(cfg *gate.Config) { backendConfig(cfg); cfg.Clients = nil },
		"clients": func(cfg *gate.Config) { backendConfig(cfg); cfg.Tokens = nil },
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, edit)
			_, err := g.Caller("", nil)
			wantReason(t, err, fault.CredentialsRequired)
			_, err = g.Caller("Bearer unknown-0123456789", nil)
			wantReason(t, err, fault.CredentialsInvalid)
		})
	}
}

func TestCallerMayWhatItsPatternsCover(t *testing.T) {
	for _, test := range []struct {
		channels []string
		declared string
		may      bool
	}{
		{[]string{"*"}, "blog.article.feed", true},
		{[]string{"*"}, "notifications.user.{user_id}", true},
		{[]string{"blog.*"}, "blog.article.feed", true},
		{[]string{"blog.*"}, "blog.feed", true},
		{[]string{"blog.*"}, "blog.{id}", true},
		{[]string{"blog.*"}, "blogger.feed", false},
		{[]string{"blog.*"}, "blog", false},
		{[]string{"blog.*"}, "blog.", false},
		{[]string{"blog.*"}, "my.blog.feed", false},
		{[]string{"blog.article.*"}, "blog.article.feed", true},
		{[]string{"blog.article.*"}, "blog.feed", false},
		{[]string{"blog.article.feed"}, "blog.article.feed", true},
		{[]string{"blog.article.feed"}, "blog.article.feed.x", false},
		{[]string{"blog.article.feed"}, "blog.article", false},
		{[]string{"notifications.user.{user_id}"}, "notifications.user.{user_id}", true},
		{[]string{"notifications.user.{user_id}"}, "notifications.user.{id}", false},
		{[]string{"shop.*", "blog.*"}, "blog.article.feed", true},
		{nil, "blog.article.feed", false},
		{nil, "", true},
		{[]string{"blog.*"}, "", true},
	} {
		t.Run(fmt.Sprint(test.channels, " on ", test.declared), func(t *testing.T) {
			g := open(t, func(cfg *gate.Config) {
				cfg.Tokens = []gate.ServiceToken{{Name: "it", Token: blogToken, Allow: []gate.Right{gate.Broadcast}, Channels: test.channels}}
			})
			caller := must(g.Caller("Bearer "+blogToken, nil))
			err := caller.May(gate.Broadcast, test.declared)
			if test.may {
				wantReason(t, err, "")
			} else {
				wantReason(t, err, fault.ScopeDenied)
			}
			// Whatever the channels are, they give no other right.
			for _, right := range []gate.Right{gate.Handle, gate.Authenticate, gate.Authorize, gate.Register, gate.Admin} {
				wantReason(t, caller.May(right, test.declared), fault.ScopeDenied)
			}
		})
	}
}

func TestRefusalNamesCallerRightAndChannel(t *testing.T) {
	caller := must(open(t, backendConfig).Caller("Bearer "+blogToken, nil))
	for _, err := range []error{caller.May(gate.Register, "blog.article.feed"), caller.May(gate.Handle, "shop.order.paid")} {
		wantReason(t, err, fault.ScopeDenied)
	}
	for want, err := range map[string]error{
		"blog may not REGISTER on blog.article.feed": caller.May(gate.Register, "blog.article.feed"),
		"blog may not HANDLE on shop.order.paid":     caller.May(gate.Handle, "shop.order.paid"),
		"blog may not ADMIN:":                        caller.May(gate.Admin, ""),
	} {
		if message := fault.Of(err).Message; !strings.Contains(message, want) {
			t.Errorf("message %q; want %q", message, want)
		}
	}
	var nobody *gate.Caller
	wantReason(t, nobody.May(gate.Broadcast, ""), fault.ScopeDenied)
}

func TestUnfitBackendsAreRefused(t *testing.T) {
	token := func(edit func(*gate.ServiceToken)) func(*gate.Config) {
		return func(cfg *gate.Config) { backendConfig(cfg); edit(&cfg.Tokens[1]) }
	}
	client := func(edit func(*gate.ServiceClient)) func(*gate.Config) {
		return func(cfg *gate.Config) { backendConfig(cfg); edit(&cfg.Clients[1]) }
	}
	for _, test := range []struct {
		want string
		edit func(*gate.Config)
	}{
		{`grpc.tokens[1] (""): name`, token(func(s *gate.ServiceToken) { s.Name = "" })},
		{"at least 16", token(func(s *gate.ServiceToken) { s.Token = "hunter2hunter2x" })},
		{"at least 16", token(func(s *gate.ServiceToken) { s.Token = "" })},
		{"white space", token(func(s *gate.ServiceToken) { s.Token = "hunter2hunter2hunter2\n" })},
		{"white space", token(func(s *gate.ServiceToken) { s.Token = "hunter2hunter2hünter2" })},
		{"that of grpc.tokens[0]", token(func(s *gate.ServiceToken) { s.Token = blogToken })},
		{"at least one right", token(func(s *gate.ServiceToken) { s.Allow = nil })},
		{"no right", token(func(s *gate.ServiceToken) { s.Allow = []gate.Right{0} })},
		{"no right", token(func(s *gate.ServiceToken) { s.Allow = []gate.Right{7} })},
		{`"blog*" is neither`, token(func(s *gate.ServiceToken) { s.Channels = []string{"blog*"} })},
		{`"*.feed" is neither`, token(func(s *gate.ServiceToken) { s.Channels = []string{"*.feed"} })},
		{`"" is neither`, token(func(s *gate.ServiceToken) { s.Channels = []string{""} })},
		{"grpc.clients[1]", client(func(s *gate.ServiceClient) { s.Name = strings.Repeat("n", 129) })},
		{"san: the", client(func(s *gate.ServiceClient) { s.SAN = "" })},
		{"san: another", client(func(s *gate.ServiceClient) { s.SAN = "shop.internal" })},
		{"at least one right", client(func(s *gate.ServiceClient) { s.Allow = nil })},
	} {
		_, err := gate.New(config(test.edit))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v; want %q", err, test.want)
			continue
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, blogToken) {
			t.Errorf("the error tells a token: %s", text)
		}
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	_, err := gate.New(config(func(cfg *gate.Config) {
		backendConfig(cfg)
		cfg.JWT.Keys = nil
		cfg.Tokens[0].Allow, cfg.Clients[2].SAN = nil, ""
	}))
	for _, want := range []string{"auth.jwt.keys", "grpc.tokens[0]", "grpc.clients[2]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

func TestServiceTokensAreNotPrinted(t *testing.T) {
	cfg := config(backendConfig)
	token := cfg.Tokens[0]
	g := open(t, backendConfig)
	caller := must(g.Caller("Bearer "+blogToken, nil))
	text := fmt.Sprintf("%v %+v %#v %x %v %+v %#v %v %+v %+v", token, token, token, token, cfg, cfg, cfg, token.LogValue(), g, caller) + string(must(json.Marshal(token)))
	if strings.Contains(text, blogToken) || strings.Contains(text, fmt.Sprintf("%x", blogToken)) {
		t.Errorf("printed %s", text)
	}
}
