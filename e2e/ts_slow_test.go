//go:build linux

package e2e_test

import (
	"net"
	"testing"
	"time"
)

// A page that stood still for a while has everything, in order: what the hub
// dropped meanwhile the client reads from the history.
func TestTypeScriptFillsItsGaps(t *testing.T) {
	needsClient(t)
	ts, err := startDriver(boot, "node", "driver/ts.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ts.stop(); err != nil {
			t.Errorf("the driver ends with %v", err)
		}
	})
	h := narrowHub(t)
	network := brew(t, h.addresses.HTTP, time.Second, net.Dialer{Control: narrow})
	network.calm()
	story := "e2e.leaky." + unique()
	c := dialBy(t, ts, network.url, modern, options{}, nil)
	c.listen(story, nil)
	c.listen(story, object{"as": "unfilled", "fill": false})
	h.subscriptions(t, story, 1)
	thaw := network.freeze(t)
	last := h.flood(t, story, "drop")
	thaw()
	c.hears(story, 1, last+1)
	h.tell(t, story, last+1, last+10)
	c.hears(story, last+1, last+10)
	if reason := c.told(gapTold, "unfilled"); reason != "SLOW" {
		t.Errorf("told %s", reason)
	}
	c.none(gapTold)
	if !h.has(t, `hub_requests_total{event="hub:history",outcome="OK"}`) {
		t.Error("the history was not asked")
	}
}
