package e2e_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// returned is what the page says when nothing is missing.
var returned = regexp.MustCompile(`^Back after (?:\d+|less than 1) s: (?:1 article|\d+ articles) replayed, none missing\.$`)

// loses is the switch; nobody is told, the tab knows.
func (b *tab) loses() {
	b.t.Helper()
	b.click("#tunnel")
	b.see("#tunnel[aria-checked=true]", "")
	b.see("#state[data-state=lost]", "No network")
	b.see("#return", "nothing reaches this tab")
	b.see("#session", "no session")
}

func (b *tab) finds() {
	b.t.Helper()
	b.click("#tunnel")
	b.see("#tunnel[aria-checked=false]", "")
	b.live()
}

// write publishes a few, and returns their titles as the list has them.
func (b *tab) write(number int, about string) []string {
	b.t.Helper()
	var titles []string
	for n := range number {
		titles = append([]string{fmt.Sprintf("%s %d", about, n)}, titles...)
		b.publish(titles[0])
	}
	return titles
}

// hasReplayed is that the titles are in the list, by the replay, each once and in order.
func (b *tab) hasReplayed(titles []string) {
	b.t.Helper()
	b.see(`#feed .replayed .title:text-is("`+titles[0]+`")`, "")
	b.see("#return", "none missing")
	marked := b.texts("#feed .replayed .title") // they are for a few seconds
	if said := b.text("#return"); !returned.MatchString(said) {
		b.t.Errorf("the page says %q", said)
	}
	among := func(all []string) []string {
		return slices.DeleteFunc(all, func(title string) bool { return !slices.Contains(titles, title) })
	}
	if got := among(slices.Clone(marked)); !slices.Equal(got, titles) {
		b.t.Errorf("marked are %q, missed were %q", marked, titles)
	}
	if got := among(b.texts("#feed .title")); !slices.Equal(got, titles) {
		b.t.Errorf("the list has %q, missed were %q", got, titles)
	}
}

// sameFeed is that both lists are equal from the title on: the backend writes on its
// own, and what came last may be in one of them alone.
func sameFeed(t *testing.T, from string, tabs ...*tab) {
	t.Helper()
	var lists [][]string
	for _, b := range tabs {
		b.see(article(from), "")
		list := b.texts("#feed .title")
		lists = append(lists, list[max(0, slices.Index(list, from)):])
	}
	shown := min(len(lists[0]), len(lists[1]))
	if shown == 0 || !slices.Equal(lists[0][:shown], lists[1][:shown]) {
		t.Errorf("one has %q, the other %q", lists[0], lists[1])
	}
}

func demoTunnel(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	away, here := d.opens(browser, "away", look{}), d.opens(browser, "here", look{width: 360})
	away.publish("Before the tunnel")
	away.click(article("Before the tunnel"))
	here.see(viewersIn("Before the tunnel"), "1")

	away.loses()
	titles := here.write(3, "In the tunnel")
	here.see(viewersIn("Before the tunnel"), "1") // a tunnel says no goodbye
	if list := strings.Join(away.texts("#feed .title"), "\n"); strings.Contains(list, "In the tunnel") {
		t.Errorf("there is a network in the tunnel: %s", list)
	}
	away.click("#publish .primary")
	away.see("#publish-answer .refusal", "NO_ANSWER")
	away.click(article("Before the tunnel"))
	away.see("#reading-answer .refusal", "lost the network")
	away.finds()
	away.hasReplayed(titles)
	sameFeed(t, titles[0], away, here)

	here.publish("After the tunnel")
	away.see(article("After the tunnel"), "")
	sameFeed(t, "After the tunnel", away, here)
	here.see(viewersIn("Before the tunnel"), "1") // the old session ended with the tunnel

	away.click("#pause") // a feed that was paused goes on in the same way
	away.see("#pause", "Resume")
	titles = here.write(2, "In the pause")
	away.click("#pause")
	away.hasReplayed(titles)

	away.loses()
	away.click("#people label:has-text('Eve')") // to be somebody else needs a network
	away.see("#state[data-state=lost]", "")
	titles = here.write(2, "For Eve")
	away.finds()
	away.see("#session", "of Eve")
	away.hasReplayed(titles)
	sameFeed(t, titles[0], away, here)
}

// Another hub has another history: what is on the page is the backend's state again.
func demoTunnelRestart(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	away, here := d.opens(browser, "away", look{}), d.opens(browser, "here", look{})
	here.publish("Of the old hub")
	away.see(article("Of the old hub"), "")
	away.loses()
	d.kill()
	here.see("#state[data-state=reconnecting]", "")
	d.start()
	here.live()
	here.see("#return", "EPOCH_CHANGED")
	titles := here.write(2, "Of the new hub")
	away.finds()
	away.see("#return", "not recovered (EPOCH_CHANGED)")
	away.see("#return", "The list was loaded anew from the backend")
	away.gone(article("Of the old hub"))
	if marked := away.texts("#feed .replayed .title"); len(marked) > 0 {
		t.Errorf("marked as replayed are %q", marked)
	}
	sameFeed(t, titles[0], away, here)
	away.loses() // and the new history is one to go on from
	titles = here.write(2, "In a second tunnel")
	away.finds()
	away.hasReplayed(titles)
	sameFeed(t, titles[0], away, here)
	here.clean("net::ERR_", "WebSocket connection to", "status of 503")
}

// flood is articles of a backend that does not wait; the page's own keeps none of them.
func (d *demo) flood(number int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	begin := time.Now()
	for n := range number {
		at := begin.Add(time.Duration(n) * time.Millisecond).UTC().Format(time.RFC3339Nano)
		one := fmt.Sprintf(`{"id":"flood-%d","slug":"flood","title":"Of a flood, %d","publishedAt":%q}`, n, n, at)
		if _, err := hubv1.NewBroadcastServiceClient(conn).Broadcast(ctx, onJSON("blog.article.feed", one)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// More than the list shows is replayed all the same; more than is kept is not, and said.
func demoFlood(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	away := d.opens(browser, "away", look{})
	away.loses()
	d.flood(60)
	away.finds()
	away.hasReplayed([]string{"Of a flood, 59", "Of a flood, 58"})
	if said := away.text("#return"); !strings.Contains(said, " s: 6") { // the backend may have written one or two itself
		t.Errorf("60 were missed, and the page says %q", said)
	}
	away.loses()
	d.flood(101)
	away.finds()
	away.see("#return", "not recovered (EXPIRED)")
	away.gone(article("Of a flood"))
	away.see(article0, "")
}

// Without the switch: the network itself.
func demoCable(t *testing.T, binary string, browser *driver) {
	d := startDemo(t, binary)
	line := plug(t, strings.TrimPrefix(d.url, "http://"))
	through := *d
	through.url = line.url
	away, here := through.opens(browser, "away", look{}), d.opens(browser, "here", look{})
	here.publish("Before the cut")
	away.see(article("Before the cut"), "")
	line.cut()
	away.see("#state[data-state=reconnecting]", "")
	titles := here.write(3, "After the cut")
	line.mend()
	away.live()
	away.hasReplayed(titles)
	sameFeed(t, titles[0], away, here)
	away.clean("net::ERR_", "WebSocket connection to")
}
