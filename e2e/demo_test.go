package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	vendored "github.com/realtime-hub/hub/third_party/socket.io-client"
)

// The page needs neither npm nor the network, and still has the client that the
// other tests have.
func TestTheVendoredClientIsTheOneThatIsTested(t *testing.T) {
	npm, err := os.ReadFile("node_modules/socket.io-client/dist/socket.io.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(npm, vendored.Script) {
		t.Error("third_party/socket.io-client/socket.io.min.js is not e2e/node_modules/socket.io-client/dist/socket.io.min.js; copy it")
	}
}

// `hub demo` as its visitors have it: the binary, a real browser, nothing else.
func TestChromiumDemo(t *testing.T) {
	chromium.get(t)
	binary := filepath.Join(t.TempDir(), "hub")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/hub").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	browser, err := startDriver(boot, "node", "driver/demo.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := browser.stop(); err != nil {
			t.Errorf("the browser ends with %v", err)
		}
	})
	for _, test := range []struct {
		name string
		run  func(t *testing.T, binary string, browser *driver)
	}{
		{"two tabs see each other", demoTabs},
		{"a user is notified, and nobody else", demoMail},
		{"who may not is told why", demoRefusals},
		{"what breaks the rules is told", demoRules},
		{"a paused feed, a reload", demoReload},
		{"the hub is killed and comes back", demoRestart},
		{"a tunnel loses nothing", demoTunnel},
		{"the hub is killed while one is in a tunnel", demoTunnelRestart},
		{"much is missed", demoFlood},
		{"a cable that breaks", demoCable},
		{"by the keyboard alone", demoKeyboard},
		{"pages of other origins", demoOrigins},
		{"pictures", demoPictures},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, binary, browser) })
	}
}

// publish writes an article in the tab, and waits until it shows there.
func (b *tab) publish(title string) {
	b.t.Helper()
	b.fill("#title", title)
	b.click("#publish .primary")
	b.see(article(title), "")
}

func article(title string) string { return fmt.Sprintf("#feed button:has-text(%q)", title) }

func viewersIn(title string) string { return fmt.Sprintf("#reading li:has-text(%q) .number", title) }

func demoTabs(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	eve, ivo := d.opens(browser, "eve", look{}), d.opens(browser, "ivo", look{width: 360})
	eve.signIn("Eve")
	ivo.signIn("Ivo")
	eve.publish("Seen by both")
	ivo.see(article("Seen by both"), "")

	eve.click(article("Seen by both"))
	eve.see(viewersIn("Seen by both"), "1")
	ivo.see(article("Seen by both")+" .badge", "1 reading")
	ivo.click("#reading button:has-text('Read it too')")
	eve.see(viewersIn("Seen by both"), "2")
	ivo.see(viewersIn("Seen by both"), "2")

	eve.see("#board[data-open=true]", "")
	ivo.see("#board[data-open=true]", "")
	ivo.hover("#board", 60, 90)
	eve.see(".cursor:not(.own)", "Ivo")
	eve.hover("#board", 10, 10)
	ivo.see(".cursor:not(.own)", "Eve")

	late := d.opens(browser, "late", look{}) // who comes later begins with the state
	late.see(viewersIn("Seen by both"), "2")
	ivo.close()
	eve.see(viewersIn("Seen by both"), "1")
	late.see(viewersIn("Seen by both"), "1")
}

func demoMail(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	desk, phone, eve := d.opens(browser, "desk", look{}), d.opens(browser, "phone", look{width: 360}), d.opens(browser, "eve", look{})
	desk.signIn("Ann")
	phone.signIn("Ann")
	eve.signIn("Eve")
	for _, b := range []*tab{desk, phone, eve} {
		b.see("#mail-tag", "joined")
	}
	desk.publish("For the list")
	desk.click(article("For the list"))
	for _, b := range []*tab{desk, phone} {
		b.see("#mail li", "“For the list” is on your reading list.")
	}
	eve.publish("Of her own")
	eve.click(article("Of her own"))
	eve.see("#mail li", "“Of her own” is on your reading list.")
	if n := string(eve.call("count", object{"selector": "#mail li"})); n != "1" {
		t.Errorf("eve has %s notifications", n)
	}
}

func demoRefusals(t *testing.T, binary string, browser *driver) {
	b := startDemo(t, binary).opens(browser, "tab", look{})
	for _, panel := range []string{"#mail-answer", "#board-answer"} {
		b.see(panel+" .refusal", "CREDENTIALS_REQUIRED")
	}
	b.signIn("Ann")
	b.see("#board-answer .refusal", "SCOPE_DENIED")
	b.see("#board-answer .refusal", "the channel is for sessions with one of the roles: editor")
	b.see("#mail-tag", "joined")
	b.click("#board-roles button:has-text('Eve')")
	b.see("#session", "of Eve")
	b.see("#board[data-open=true]", "")
	b.gone("#board-answer .refusal")
	b.click("#mail-other")
	b.see("#mail-answer .refusal", "SCOPE_DENIED")
	b.see("#mail-channel", "blog.notifications.user_1")
}

func demoRules(t *testing.T, binary string, browser *driver) {
	b := startDemo(t, binary).opens(browser, "tab", look{})
	b.click("#rules .primary")
	b.see("#rules-answer .refusal", "PAYLOAD_INVALID")
	if got := b.text("#rules-answer tbody tr"); got != "id\tstring.min_len\tmust be at least 1 characters" {
		t.Errorf("the violation is %q", got)
	}
	for payload, reason := range map[string]string{
		`{"id": "1", "admin": true}`: "PAYLOAD_MALFORMED",
		`[]`:                         "PAYLOAD_MALFORMED",
		`{"id": "article-0"}`:        "ARTICLE_UNKNOWN",
		`{"id": `:                    "NOT SENT",
	} {
		b.fill("#payload", payload)
		b.click("#rules .primary")
		b.see("#rules-answer .refusal", reason)
	}
	b.fill("#payload", `{"id": "article-1"}`)
	b.click("#rules .primary")
	b.see("#rules-answer .accepted", "a worker handled")

	b.fill("#title", "")
	b.click("#publish .primary") // a backend's message is checked, too
	b.see("#publish-answer tbody tr", "string.min_len")
	const attack = `<img src=x onerror="document.title='broken'"><b>bold</b>`
	b.fill("#title", attack)
	b.click("#publish .primary")
	b.see("#feed .title", attack)
	b.clean("Failed to load resource: the server responded with a status of 400") // the title that was refused
}

func demoReload(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	ann, other := d.opens(browser, "ann", look{}), d.opens(browser, "other", look{})
	ann.signIn("Ann")
	ann.publish("Before the reload")
	ann.click(article("Before the reload"))
	ann.see(viewersIn("Before the reload"), "1")
	ann.call("reload", nil)
	ann.see("#session", "of Ann")
	ann.live()
	ann.see(article("Before the reload"), "")
	other.see("#reading-empty", "Nobody has an article open")

	ann.click("#pause")
	ann.see("#pause", "Resume")
	other.publish("While it was paused")
	if n := string(ann.call("count", object{"selector": article("While it was paused")})); n != "0" {
		t.Error("a paused feed goes on")
	}
	ann.click("#pause")
	ann.see(article("While it was paused"), "")
}

func demoRestart(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	eve, ivo := d.opens(browser, "eve", look{}), d.opens(browser, "ivo", look{})
	eve.signIn("Eve")
	ivo.signIn("Ivo")
	eve.click(article("Hello")) // of the seed: the next hub has it, too
	eve.see(viewersIn("Hello"), "1")
	eve.publish("Lost with the hub")
	d.kill()
	for _, b := range []*tab{eve, ivo} {
		b.see("#state[data-state=reconnecting]", "")
		b.see("#session", "no session")
	}
	d.start()
	for b, name := range map[*tab]string{eve: "Eve", ivo: "Ivo"} {
		b.live()
		b.see("#session", "of "+name)
		b.see("#board[data-open=true]", "")
		b.see(viewersIn("Hello"), "1")
		b.gone(article("Lost with the hub"))
	}
	eve.publish("After the restart")
	ivo.see(article("After the restart"), "")
	ivo.hover("#board", 60, 90)
	eve.see(".cursor:not(.own)", "Ivo")
	for _, b := range []*tab{eve, ivo} { // what the browser says by itself of a hub that is not there
		b.clean("net::ERR_", "WebSocket connection to", "status of 503")
	}
}

func demoKeyboard(t *testing.T, binary string, browser *driver) {
	b := startDemo(t, binary).opens(browser, "tab", look{})
	b.reach("#people input")
	b.press("ArrowRight")
	b.press("ArrowRight")
	b.see("#session", "of Eve")
	b.live()
	b.reach("#title")
	b.press("Control+A")
	b.call("type", object{"text": "Typed"})
	b.press("Enter")
	b.see(article("Typed"), "")
	b.reach("#tunnel")
	b.press("Space")
	b.see("#tunnel[aria-checked=true]", "Lose the network")
	b.press("Enter")
	b.see("#return", "Back after")
	b.live()
	b.reach(article0)
	b.press("Enter")
	b.see("#reading li .number", "1")
	b.reach("#tab-viewers-0")
	b.press("ArrowRight")
	b.see("#code-viewers-1", "message ArticleViewers")
	b.gone("#code-viewers-0")
	b.reach("#board")
	b.press("ArrowLeft")
	b.see(".cursor.own", "you")
	b.reach("#rules .primary")
	b.press("Enter")
	b.see("#rules-answer .refusal", "PAYLOAD_INVALID")
}

// article0 is any article of the list: the newest may change at any time.
const article0 = "#feed button"

func demoOrigins(t *testing.T, binary string, browser *driver) {
	allowed, stranger := build(t), build(t)
	d := startDemo(t, binary, "--origin", allowed.url)
	page := allowed.open(t, d.url, modern, options{subscribe: []string{"blog.article.feed"}})
	page.ready()
	page.next(subscribed)
	here := d.opens(browser, "here", look{})
	here.publish("Heard elsewhere")
	for heard := ""; !strings.Contains(heard, "Heard elsewhere"); {
		heard = string(page.next("blog.article.feed").arg(0))
	}
	page.none(pageError, connectError)
	refused := stranger.open(t, d.url, modern, options{subscribe: []string{"blog.article.feed"}})
	refused.next(connectError)
	refused.none("hub:ready", connected, subscribed)

	// Neither of the two gets a token, whatever it sends.
	ask := func(b *tab, more map[string]any) string {
		more["method"], more["body"] = "POST", `{"person":"Eve"}`
		return b.string("fetch", object{"url": d.url + "/token", "options": more})
	}
	json := object{"Content-Type": "application/json"}
	if got := ask(here, object{"headers": json}); !strings.HasPrefix(got, `{"token":"`) {
		t.Errorf("the demo's own page gets %s", got)
	}
	for _, s := range []*site{allowed, stranger} {
		b := &tab{t: t, d: browser, name: t.Name() + s.url}
		b.call("open", object{"url": s.url + "/listen.mjs", "width": 1280})
		for _, more := range []map[string]any{{"headers": json}, {"credentials": "include"}, {"mode": "no-cors"}} {
			if got := ask(b, more); got != "" && !strings.HasPrefix(got, "failed: ") {
				t.Errorf("a page of %s gets %s", s.url, got)
			}
		}
		b.call("close", nil)
	}
}

// The pictures are for people to look at; that nothing sticks out is for the test.
func demoPictures(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	ivo := d.opens(browser, "ivo", look{})
	ivo.signIn("Ivo")
	ivo.see("#board[data-open=true]", "")
	for n, l := range []look{
		{360, "light", "reduce"}, {360, "dark", "reduce"}, {768, "light", "reduce"}, {1280, "light", "reduce"}, {1280, "dark", "reduce"},
	} {
		b := d.opens(browser, fmt.Sprint(l), l)
		b.see(article0, "")
		b.picture("nobody", l)
		b.signIn("Eve")
		title := fmt.Sprintf("What %d pixels show (%d)", l.width, n)
		b.publish(title)
		b.click(article(title))
		b.see("#mail li", title)
		ivo.click(article(title))
		b.see(viewersIn(title), "2")
		b.click("#rules .primary")
		b.see("#rules-answer tbody tr", "id")
		b.see("#board[data-open=true]", "")
		b.hover("#board", 70, 150)
		ivo.hover("#board", 150, 70)
		ivo.hover("#board", 230, 90)
		b.see(".cursor:not(.own)", "Ivo")
		b.picture("editor", l)
		b.click("#tunnel")
		b.see("#return", "No network since")
		ivo.publish(fmt.Sprintf("What %d pixels missed (%d)", l.width, n))
		b.picture("lost", l)
		b.click("#tunnel")
		b.see("#return", "none missing")
		b.picture("back", l)
		b.close()
	}
}

// picture keeps one, and fails where something sticks out of the page.
func (b *tab) picture(what string, l look) {
	b.t.Helper()
	name := fmt.Sprintf("demo-%s-%d-%s.png", what, l.width, l.scheme)
	b.call("shoot", object{"path": filepath.Join(artefacts(b.t), name)})
	if wide := b.lines("wide"); len(wide) > 0 {
		b.t.Errorf("%s: %v", name, wide)
	}
}
